//! What a rule met in lines, besides the failures themselves.

use crate::model::Stamp;
use crate::rules::MatchTotals;

/// What a rule met in lines.
#[derive(Debug, Clone, Default)]
pub struct MatchedTotals {
    /// How many failures there were; a repeated line counts as often. Those of
    /// connections are not in it: the sink that counts them adds them.
    pub failures: u64,
    /// The newest stamp of the failures.
    pub newest: Option<Stamp>,
    /// What else was met.
    pub tally: MatchTotals,
}

impl MatchedTotals {
    /// Adds what was met in further lines.
    pub(super) fn add(&mut self, more: &MatchedTotals) {
        self.tally.add(&more.tally);
        self.failures += more.failures;
        self.newest = self.newest.max(more.newest);
    }
}
