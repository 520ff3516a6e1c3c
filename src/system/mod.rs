//! The host: what time it is, what it is called, which addresses it has, how
//! many files may be open, and that only one run is at work; who is logged in;
//! and its programs.
//!
//! | file | knows |
//! |---|---|
//! | `host` | the time, the host's name and addresses, whether the user is root |
//! | `limits` | how many files may be open, how much memory there is |
//! | `lock` | that only one run is at work |
//! | `program` | how to ask one of the host's programs |
//! | `sessions` | who is logged in, from where |
//! | `terminal` | the terminal: colors and width |

mod host;
mod limits;
mod lock;
mod program;
mod sessions;
mod terminal;

pub use host::{
    has_ipv6_address, host_name, is_journal_on_stdout, is_root, kernel_has_ipv6, login_address,
    now, own_addresses, processes_in,
};
pub use limits::{allow_open_files, memory_room};
pub use lock::{Exclusive, Lock, LockError, last_scan};
pub use program::{
    ProgramError, ProgramOutput, RunFailure, ask_program, run_program, run_with_input,
};
pub use sessions::sessions;
pub use terminal::{Output, stderr_width, stdout, width};
