//! The program in a kernel of its own: what it decides is what packets meet.
//!
//! | file | asks |
//! |---|---|
//! | `blocking` | who gets through, and who does not |
//! | `never` | who is never banned, and for how long the others are |
//! | `editor` | what people do to the blacklist |
//! | `repair` | what reboots and other programs do to our chain |
//! | `owners` | whose chain it is |
//! | `switch` | iptables that becomes the other variant |
//! | `backends` | (nothing: the three ways to block, for tests that run for each) |
//! | `nftables` | what only a table of our own in nftables has |
//! | `settings` | other chains, other hooks, nothing compared, no firewall |
//! | `refusals` | iptables that is not there, may not, or has to wait |
//! | `untouched` | what is not listed, since nobody has changed it |
//! | `killed` | what is left of a run that dies |
//! | `advice` | what `check`, `explain` and `unban` tell of other people's rules |

use serde_json::{Value, json};

use crate::kit::{Sandbox, failures};
use crate::netns::{PATH, PROGRAMS, Programs};

mod advice;
mod backends;
mod blocking;
mod editor;
mod killed;
mod never;
mod nftables;
mod owners;
mod refusals;
mod repair;
mod settings;
mod switch;
mod untouched;

/// A pyfilter on the host that these programs belong to, with an empty log.
pub(crate) fn pyfilter(programs: &Programs<'_>) -> Sandbox {
    Sandbox::new()
        .log("auth.log", "")
        .behind(&["ip", "netns", "exec", programs.namespace()])
        .env("PATH", PATH)
        .set(
            "/settings/firewall",
            json!({ "programs": programs.directory() }),
        )
}

/// The same, with a log in which each address failed five times.
fn attacked(programs: &Programs<'_>, addresses: &[&str]) -> Sandbox {
    let log: String = addresses
        .iter()
        .map(|address| failures(address, 5))
        .collect();
    pyfilter(programs).log("auth.log", log)
}

/// The addresses that the kernel drops or rejects in `chain` and its children, in its
/// order, IPv4 first.
fn blocked_in(programs: &Programs<'_>, chain: &str) -> Vec<String> {
    let children = format!("{chain}/");
    let everything = programs.everything();
    let rules = everything.iter().filter_map(|line| {
        let (name, rule) = line.split_once("-A ")?.1.split_once(" -s ")?;
        let (address, rest) = rule.split_once('/')?;
        let denies = rest.contains(" -j DROP") || rest.contains(" -j REJECT");
        (denies && (name == chain || name.starts_with(&children))).then(|| address.to_owned())
    });
    rules.collect()
}

/// The addresses that the kernel drops or rejects in our chain.
pub(crate) fn blocked(programs: &Programs<'_>) -> Vec<String> {
    blocked_in(programs, "PYFILTER")
}

/// Expects exactly these in force: in the store, and in the kernel.
#[track_caller]
fn in_force(pyfilter: &Sandbox, programs: &Programs<'_>, addresses: &[&str]) {
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    let expected = sorted(addresses.iter().map(|&text| text.to_owned()).collect());
    assert_eq!(sorted(pyfilter.banned()), expected, "in the store");
    assert_eq!(sorted(blocked(programs)), expected, "in the kernel");
}

/// What a row of a report's array says under `key`.
fn column(rows: &Value, key: &str) -> Vec<String> {
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| row[key].as_str().unwrap().to_owned())
        .collect()
}

/// Lets every program note that it was called.
fn watch(programs: &Programs<'_>) {
    let calls = programs.directory().join("calls");
    for name in PROGRAMS {
        let noted = format!("echo {name} >> {}\n", calls.display());
        programs.script(name, &(noted + &programs.enter("", name)));
    }
}

/// What was called since [`watch`], or since this was asked last.
fn calls(programs: &Programs<'_>) -> Vec<String> {
    let path = programs.directory().join("calls");
    let calls = std::fs::read_to_string(&path).unwrap_or_default();
    let _ = std::fs::remove_file(path);
    calls.lines().map(str::to_owned).collect()
}
