use std::path::PathBuf;

/// What opening a store has changed, and what is left to do.
#[derive(Debug, Default)]
pub struct OpenOutcome {
    /// What was taken over from a PyFilter database.
    pub takeover: Option<Takeover>,
    /// Why rows of an older version are left: the store is used as it is, and
    /// the next run goes on.
    pub unfinished: Option<Unfinished>,
    /// What was mended because the clock had gone back.
    pub mended: Option<Mended>,
}

/// What was taken over from a PyFilter database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Takeover {
    /// The copy of the old database.
    pub copy: PathBuf,
    /// How many addresses are bans now.
    pub bans: usize,
    /// How many went to the history, because no blacklist held them any more.
    pub history: usize,
    /// The entries of the old table that are no addresses.
    pub refused: Vec<String>,
}

/// Why rows of an older version are left in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished {
    /// The disk is full.
    NoRoom,
    /// It takes longer than a run takes for it.
    NoTime,
}

/// What was mended because the clock had been ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mended {
    /// By how many seconds, at least.
    pub ahead: i64,
    /// How many bans are in force again.
    pub bans: usize,
}
