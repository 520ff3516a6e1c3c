//! Failures in, bans out. Pure: no clock, no file, no thread.
//!
//! `connections` says how many failures a line is, `window` holds one address's failures
//! together, `standing` says what the next one comes to, `ignore` knows who is never banned, `decide` follows every
//! address of a rule through a log, and `what_if` tries other thresholds.

mod connections;
mod decide;
mod ignore;
mod standing;
mod what_if;
mod window;

pub use connections::{Connections, Counts};
pub use decide::{ChangedAddresses, Decision, Judge, Judged};
pub use ignore::NeverBanned;
pub use standing::{Filled, Standing};
pub use what_if::{Beat, Outcome, Trial};
pub use window::{Kept, Pushed, Window};
