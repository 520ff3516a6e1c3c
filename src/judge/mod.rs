//! Failures in, bans out. Pure: no clock, no file, no thread.
//!
//! | file | what it does |
//! |---|---|
//! | `connections.rs` | says how many failures a line is: of one ssh connection |
//! | `window.rs` | holds the failures of one subject together |
//! | `subject_state.rs` | one subject under one rule: takes a failure, fills the window |
//! | `address_table.rs` | a row for each address or network, found by its first address |
//! | `allow_list.rs` | the addresses that are never banned |
//! | `known_subject.rs` | a subject and what is known of it |
//! | `decide.rs` | follows every subject of a rule through its logs |
//! | `aggregate.rs` | bans within a network → a ban of the network |
//! | `what_if.rs` | the same failures under other thresholds |

mod address_table;
mod aggregate;
mod allow_list;
mod connections;
mod decide;
mod known_subject;
mod subject_state;
mod what_if;
mod window;

pub use address_table::{AddressRow, AddressTable};
pub use aggregate::{Aggregator, NetworkDecision, NetworkState};
pub use allow_list::AllowList;
pub use connections::{Connections, Counts};
pub use decide::{Decision, Judge, Judged};
pub use known_subject::ChangedSubjects;
pub use subject_state::{FilledWindow, SubjectPast, SubjectState};
pub use what_if::{Trial, TrialFailure, TrialOutcome};
pub use window::{Kept, Pushed, Window};
