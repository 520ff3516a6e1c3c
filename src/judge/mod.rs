//! Failures in, bans out. Pure: no clock, no file, no thread.
//!
//! `window` holds one address's failures together, `standing` says what the
//! next one comes to, `ignore` knows who is never banned, `decide` follows every
//! address of a rule through a log, and `what_if` tries other thresholds.

mod decide;
mod ignore;
mod standing;
mod what_if;
mod window;

pub use decide::{Decision, Judge};
pub use ignore::NeverBanned;
pub use standing::{Filled, Standing};
pub use what_if::{Beat, Outcome, Trial};
pub use window::{Kept, Pushed, Window};
