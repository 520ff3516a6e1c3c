//! Failures in, bans out. Pure: no clock, no file, no thread.
//!
//! `connections` says how many failures a line is, `window` holds one address's failures
//! together, `standing` says what the next one comes to, `ignore` knows who is never banned, `decide` follows every
//! address of a rule through a log, and `what_if` tries other thresholds.

mod address_state;
mod allow_list;
mod connections;
mod decide;
mod what_if;
mod window;

pub use address_state::{AddressState, FilledWindow};
pub use allow_list::AllowList;
pub use connections::{Connections, Counts};
pub use decide::{ChangedAddresses, Decision, Judge, Judged};
pub use what_if::{Trial, TrialFailure, TrialOutcome};
pub use window::{Kept, Pushed, Window};
