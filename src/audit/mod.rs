//! Failures → what happened: who failed, when, from where, who would be banned.
//! Pure: the same code decides as in a run, and nothing is asked of the host.
//!
//! | file | what it does |
//! |---|---|
//! | `fold.rs` | takes the failures one after the other, rule by rule |
//! | `addresses.rs`, `names.rs`, `histogram.rs` | what is kept of them, in bounded memory |
//! | `trials.rs` | the same failures under other thresholds |
//! | `timeline.rs` | columns, hours of the week, gaps |
//! | `findings.rs` | the result, the worst first |

mod addresses;
mod findings;
mod fold;
mod histogram;
mod names;
mod timeline;
mod trials;

pub use findings::{
    CountryTotals, FailedAddress, Findings, Future, Network, RuleSeen, Totals, TrialRow,
};
pub use fold::{AuditSettings, Decided, Fold, Period, Was};
pub use names::FailedUser;
pub use timeline::{Gap, Timeline, TimelineColumn, Week};
