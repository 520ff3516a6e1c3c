//! Failures → what happened: which addresses failed, when, from where, and which would
//! be banned. Pure: the same code decides as in a run, and the host is not asked.
//!
//! | file | what it does |
//! |---|---|
//! | `fold.rs` | takes the failures one after the other, rule by rule |
//! | `subjects.rs` | as whom they are counted: as an address, or as a network |
//! | `addresses.rs`, `names.rs`, `histogram.rs` | what is kept of them, in bounded memory |
//! | `trials.rs` | the same failures under other thresholds |
//! | `timeline.rs` | columns, hours of the week, gaps |
//! | `findings.rs`, `locate.rs` | the result, the worst first, and where it is from |

mod addresses;
mod findings;
mod fold;
mod histogram;
mod locate;
mod names;
mod subjects;
mod timeline;
mod trials;

pub use findings::{
    CountryTotals, FailedAddress, Findings, Future, Network, RuleSeen, Totals, TrialRow,
};
pub use fold::{AuditSettings, Decided, Fold, Period, Was};
pub use names::FailedUser;
pub use timeline::{Gap, Timeline, TimelineColumn, Week};
