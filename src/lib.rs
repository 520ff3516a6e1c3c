//! pyfilter reads logs, finds who fails too often, and bans them.
//!
//! ```text
//! log bytes -> plan -> read -> match -> count -> decide -> commit -> apply -> tell
//!            resume   blocks   rules  windows  decide    store   firewall  report
//! ```
pub mod app;
pub mod cli;
pub mod config;
pub mod firewall;
pub mod judge;
pub mod logs;
pub mod model;
pub mod report;
pub mod rules;
pub mod store;
pub mod system;
