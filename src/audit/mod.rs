//! Failures → what happened: who failed, when, from where, who would be banned.
//! Pure: the same code decides as in a run, and nothing is asked of the host.
//!
//! | file | what |
//! |---|---|
//! | `fold` | failures go in one after the other |
//! | `addresses`, `names`, `histogram` | what is kept of them, in bounded memory |
//! | `trials` | the same failures under other thresholds |
//! | `timeline` | columns, hours of the week, gaps |
//! | `findings` | what came of it, the worst first |

mod addresses;
mod findings;
mod fold;
mod histogram;
mod names;
mod timeline;
mod trials;

pub use findings::{
    CountryTotals, Decided, FailedAddress, FailedUser, Findings, Future, Network, RuleSeen, Totals,
    TrialRow,
};
pub use fold::{AuditSettings, Fold, Period, Was};
pub use timeline::{Gap, Timeline, TimelineColumn, Week};
