//! Whole-program tests. Those named `kernel_…` need root, iptables and network
//! namespaces; they are run by `cargo test --test pyfilter -- --ignored kernel_`.
#![allow(
    clippy::unwrap_used,
    reason = "in a test a panic with its place is the report"
)]

mod audit;
mod bad_input;
mod bounds;
mod bugs;
mod check;
mod clock;
mod conf_d;
mod explain;
mod faults;
mod firewall_kernel;
mod first_contact;
mod geo;
mod help;
mod install;
mod invariance;
mod journal;
mod kernel;
mod kit;
mod library;
mod logins;
mod mariadb;
mod metrics;
mod netns;
mod networks;
mod package;
mod progress;
mod readme;
mod redis;
mod rooms;
mod rotation;
mod rows;
mod scan;
mod store;
mod summary;
mod units;
mod web;
mod web_logins;
mod world;
mod years;
