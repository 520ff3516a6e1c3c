//! What a journal is called, and why one can not be read.

use std::io;
use std::path::Path;

use crate::rules::journal_senders;

/// An entry of more bytes than this is left out.
pub(super) const LONGEST_ENTRY: u64 = 8 << 20;

/// The journal of some units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// What it is called in reports and in the store: `journal:ssh.service`.
    pub name: String,
    /// The units.
    pub units: Vec<String>,
}

/// Why the journal can not be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is no `journalctl`.
    #[error(
        "journalctl is neither in /usr/bin nor in /bin: let rsyslog write a file and name it in log_files"
    )]
    Missing,
    /// It could not be started.
    #[error("journalctl can not be started: {0}")]
    NotStarted(io::Error),
}

impl Journal {
    /// The journal of the units of one service, as distributions call them; none if there
    /// is none. It is named after the first.
    #[must_use]
    pub fn of_units(units: &[&str]) -> Option<Self> {
        let first = units.first()?;
        Some(Journal {
            name: format!("journal:{first}"),
            units: units.iter().map(|unit| (*unit).to_owned()).collect(),
        })
    }
}

/// The journal of that name, as [`discover`](fn@crate::logs::discover) calls it; none
/// if it is the name of a file.
#[must_use]
pub fn journal_named(name: &Path) -> Option<Journal> {
    let name = name.to_str()?;
    let unit = name.strip_prefix("journal:")?;
    let known = journal_senders(unit).and_then(|senders| Journal::of_units(senders.units));
    let known = known.filter(|journal| journal.name == name);
    Some(known.unwrap_or_else(|| Journal {
        name: name.to_owned(),
        units: vec![unit.to_owned()],
    }))
}
