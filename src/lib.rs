//! pyfilter reads logs, finds who fails too often, and bans them.
//!
//! ```text
//! log bytes -> plan -> read -> match -> count -> decide -> commit -> apply -> tell
//!            follow   blocks   rules  windows  decide    store   firewall  report
//! ```
//!
//! | room | what enters → what leaves | begin with |
//! |---|---|---|
//! | [`cli`] | arguments → commands | `cli.rs` |
//! | [`app`] | the order of things: what a run and each command do | `app/run.rs`: ONE run |
//! | [`config`] | the JSON file → a checked `Config` | `config/raw.rs` |
//! | [`model`] | the words of the program as types | `model/mod.rs` |
//! | [`logs`] | paths → generations → blocks of lines → failures | `logs/mod.rs` |
//! | [`rules`] | lines → failures; pure | `rules/library/mod.rs`, `rules/matcher.rs` |
//! | [`judge`] | failures → bans; pure | `judge/window.rs`, `judge/decide.rs` |
//! | [`audit`] | failures → what happened in whole logs; pure | `audit/fold.rs` |
//! | [`store`] | what is remembered: one commit a run | `store/schema/1.sql` |
//! | [`firewall`] | bans → the kernel's table, and the blacklist files | `firewall/mod.rs` |
//! | [`sync`] | bans ↔ the other servers, through Redis | `sync/mod.rs` |
//! | [`geo`] | addresses → countries | `geo/countries.rs` |
//! | [`report`] | what was done → text, JSON, event log | `report/text.rs` |
//! | [`system`] | the host: clock, lock, addresses | `system/lock.rs` |
//!
//! A line becomes a failure in `rules/matcher.rs`. Several lines of one login count once by
//! `judge/connections.rs`. A failure becomes a ban in `judge/decide.rs`, whose end is chosen in
//! `judge/subject_state.rs`, and a ban becomes a rule of the kernel in the backends of
//! `firewall/mod.rs`. Each room's module has the map of its files, and
//! `.github/CONTRIBUTING.md` says which files a task touches.
pub mod app;
pub mod audit;
pub mod cli;
pub mod config;
pub mod firewall;
pub mod geo;
pub mod judge;
pub mod logs;
pub mod model;
pub mod report;
pub mod rules;
pub mod store;
pub mod sync;
pub mod system;
