//! Failures in, bans out. Pure: no clock, no file, no thread.
//!
//! | file | what it does |
//! |---|---|
//! | `connections.rs` | says how many failures a line is: of one ssh connection |
//! | `window.rs` | holds the failures of one address together |
//! | `address_state.rs` | one address under one rule: takes a failure, fills the window |
//! | `address_table.rs` | a row for each address, found by the address |
//! | `allow_list.rs` | the addresses that are never banned |
//! | `decide.rs` | follows every address of a rule through its logs |
//! | `what_if.rs` | the same failures under other thresholds |

mod address_state;
mod address_table;
mod allow_list;
mod connections;
mod decide;
mod what_if;
mod window;

pub use address_state::{AddressState, FilledWindow};
pub use address_table::{AddressRow, AddressTable};
pub use allow_list::AllowList;
pub use connections::{Connections, Counts};
pub use decide::{ChangedAddresses, Decision, Judge, Judged};
pub use what_if::{Trial, TrialFailure, TrialOutcome};
pub use window::{Kept, Pushed, Window};
