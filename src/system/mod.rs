//! The host: what time it is, what it is called, which addresses it has, and
//! that only one run is at work.

mod host;
mod lock;
mod terminal;

pub use host::{host_name, login_address, now, own_addresses};
pub use lock::{Lock, LockError};
pub use terminal::{Output, stderr_width, stdout, width};
