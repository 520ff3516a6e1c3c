//! Patterns: which lines of a log are failures of a rule. Pure: bytes in, failures out.
//!
//! | file | what it does |
//! |---|---|
//! | `library/` | the built-in rules, one file each |
//! | `matcher.rs` | what a line is to a rule |
//! | `matcher_set.rs` | finds the failures of rules in a block of lines |
//! | `ignored.rs` | the lines that are no failures though a pattern matches them |
//! | `literal.rs` | which bytes stand in every match of a pattern |
//! | `prefilter.rs` | where these bytes are in a block |
//! | `pattern.rs` | one pattern: its expression and its groups |
//! | `patterns.rs` | the patterns of a rule: which one matches a line first |
//! | `program.rs` | several patterns compiled together |
//! | `automaton.rs` | runs a program over a line |
//! | `repeated.rs` | a line that stands for several |
//! | `requests.rs`, `request_target.rs` | which page a web server was asked for |
//! | `posts.rs` | which pages were asked for where nothing counts |
//! | `sshd_connection.rs` | which connection of sshd a line is of |
//! | `stamp.rs` | the time of a line |
//! | `users.rs` | the user names of failures |
//! | `validate.rs` | what is wrong with a user's own pattern |

mod automaton;
mod ignored;
mod library;
mod literal;
mod matcher;
mod matcher_set;
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

pub use ignored::IgnoredLines;
pub use library::{
    BuiltinPattern, BuiltinRule, DEFAULT_RULE, Forgeable, ForgeableLogs, GROUPS, JournalSenders,
    KNOWN_FORMATS, LOGIN_PAGES, Offer, Proof, REFUSED, RuleGroup, ServiceOptions, WebServer, Wrote,
    all, builtin, builtin_of, journal_senders, names, names_in_words,
};
pub use matcher::{Matcher, Verdict};
pub use matcher_set::{MatchTotals, MatcherSet};
pub use posts::{Asked, PostsSeen};
pub use sshd_connection::ConnectionMessage;
pub use stamp::{Clock, FormatError, Formats, Zone};
pub use users::Users;
pub use validate::{check_ignore_pattern, check_pattern};
