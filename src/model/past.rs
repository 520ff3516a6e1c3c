use super::{Ban, KeptFailure, Unban};

/// A ban of an address, running or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastBan {
    /// The ban.
    pub ban: Ban,
    /// How it was lifted, if it was.
    pub lifted: Option<Unban>,
    /// The failures that filled its window.
    pub failures: Vec<KeptFailure>,
}

/// An open window of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenWindow {
    /// The rule.
    pub rule: String,
    /// Its failures.
    pub failures: Vec<KeptFailure>,
}
