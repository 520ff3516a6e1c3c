//! Patterns: which lines of a log are failures of a rule.
//!
//! `builtin` has the shipped rules as data, `matcher` finds the failures of a
//! rule in a block of lines, with `literal` (which bytes must be there),
//! `pattern` (one expression and its groups), `repeated` (a line that stands
//! for several) and `stamp` (time) as its parts; `validate` says what is wrong
//! with a user's. Pure: bytes in, failures out.

mod builtin;
mod literal;
mod matcher;
mod pattern;
mod repeated;
mod stamp;
mod validate;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod logins;
#[cfg(test)]
mod samples;

pub use builtin::{Builtin, NAMES, builtin};
pub use matcher::{Matcher, Tally, Verdict};
pub use stamp::{Clock, FormatError, Formats, Zone};
pub use validate::check_pattern;
