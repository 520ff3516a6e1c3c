//! Patterns: which lines of a log are failures of a rule.
//!
//! `builtin` has the shipped rules as data, `matcher` finds the failures of a
//! rule in a block of lines. Its parts: `literal` (which bytes must be there)
//! and `prefilter` (where they are), `patterns` (which of them match first) with
//! `pattern` (one expression and its groups), `program` (several compiled) and
//! `automaton` (the walk over a line), `requests` with `request_target` (which
//! page a web server was asked for), `posts` (which pages were, where nothing
//! counts), `repeated` (a line that stands for several),
//! `login` (which connection of ssh a line is of),
//! `stamp` (time) and `users` (who somebody tried to be). `validate` says what is
//! wrong with a user's.
//! Pure: bytes in, failures out.

mod automaton;
mod library;
mod literal;
mod matcher;
mod pattern;
mod patterns;
mod posts;
mod prefilter;
mod program;
mod repeated;
mod request_target;
mod requests;
mod sshd_connection;
mod stamp;
mod users;
mod validate;

#[cfg(test)]
mod tests;

pub use library::{
    BuiltinPattern, BuiltinRule, DEFAULT_RULE, Forgeable, JournalSenders, LOGIN_PAGES, Offer,
    REFUSED, RULES, ServiceOptions, WebServer, Wrote, builtin, journal_senders, names,
    names_in_words,
};
pub use matcher::{MatchTotals, Matcher, Verdict};
pub use posts::{Asked, PostsSeen};
pub use sshd_connection::ConnectionMessage;
pub use stamp::{Clock, FormatError, Formats, Zone};
pub use users::Users;
pub use validate::check_pattern;
