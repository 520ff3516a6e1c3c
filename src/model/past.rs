use super::{Ban, KeptFailure, Subject, Unban};

/// A ban, running or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastBan {
    /// The ban.
    pub ban: Ban,
    /// How it was lifted, if it was.
    pub lifted: Option<Unban>,
    /// The failures that filled its window.
    pub failures: Vec<KeptFailure>,
}

/// An open window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenWindow {
    /// The address or network that is counted in it.
    pub subject: Subject,
    /// The rule.
    pub rule: String,
    /// Its failures.
    pub failures: Vec<KeptFailure>,
}
