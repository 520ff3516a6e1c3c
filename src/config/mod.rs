//! The JSON file → a checked [`Config`].
//!
//! | file | what it does |
//! |---|---|
//! | `file.rs` | which file is read |
//! | `text.rs` | its bytes → text |
//! | `conf_d.rs` | reads the files of `conf.d` |
//! | `raw.rs` | text → values that know where they stand; they can be wrong |
//! | `layers.rs` | lays the files of `conf.d` over the values |
//! | `keys.rs` | which keys there are, and the right one for a wrong one |
//! | `check.rs`, `fault.rs`, `shown.rs` | a value with its path; the faults found so far |
//! | `top.rs` | the sections → [`Config`], all but the following |
//! | `firewall.rs`, `rule.rs`, `pattern.rs`, `values.rs` | these sections and values |
//! | `unused.rs` | settings of a rule that have no effect on it |
//! | `checked.rs` | the result |
//! | `named.rs` | which rule a name is |
//!
//! All faults are told at once.

mod check;
mod checked;
mod conf_d;
mod fault;
mod file;
mod firewall;
mod keys;
mod layers;
mod named;
mod pattern;
mod raw;
mod rule;
mod shown;
#[cfg(test)]
mod tests;
mod text;
mod top;
mod unused;
mod values;

pub use checked::{Config, Database, FirstContact};
pub use conf_d::{ConfD, ConfFile, LeftOut};
pub use fault::{Fault, Faults, TextPosition};
pub use file::{DEFAULT_FILE, check_named, chosen};
pub use keys::{key_paths, keys};
