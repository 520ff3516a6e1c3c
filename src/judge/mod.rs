//! Failures in, bans out. Pure: no clock, no file, no thread.
//!
//! `window` holds one address's failures together, `ignore` knows who is
//! never banned, `decide` follows every address of a rule through a log.

mod decide;
mod ignore;
mod window;

pub use decide::{Decision, Judge, Standing};
pub use ignore::NeverBanned;
pub use window::Window;
