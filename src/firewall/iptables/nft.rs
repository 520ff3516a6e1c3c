//! `nft` in place of the nft variant of iptables, where the host has not got that: its
//! tables are `ip filter` and `ip6 filter`, which `nft` changes like any other table.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::error::FirewallError;
use super::tree::is_child;
use crate::firewall::programs::{self, PLACES, summary};
use crate::model::{Family, InstalledChain};
use crate::system::ProgramOutput;

const NAME: &str = "nft";

/// The arguments with which it reads a text.
const STDIN: [&str; 2] = ["-f", "-"];

/// It lists a hook, or empties a chain of a million rules.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was removed.
#[derive(Debug, Default)]
pub(super) struct Removed {
    /// How many commits to the kernel's tables that took.
    pub(super) commits: u32,
    /// What a person should know.
    pub(super) warnings: Vec<String>,
}

/// Takes `made` out of the filter table of `family`: the jumps, the rules, and the
/// chains, unless somebody else's rule still names one. `chains` are those of the table.
pub(super) fn remove(
    family: Family,
    made: &[InstalledChain],
    chains: &[String],
    directory: Option<&Path>,
) -> Result<Removed, FirewallError> {
    let nft = find(directory)?;
    let table = match family {
        Family::V4 => "ip filter",
        Family::V6 => "ip6 filter",
    };
    let names = made
        .iter()
        .flat_map(|made| made.hooks.iter().chain([&made.chain]));
    if let Some(name) = names.into_iter().find(|name| !is_name(name)) {
        return Err(FirewallError::BadNameForNft(name.clone()));
    }
    let mut emptied = String::new();
    for InstalledChain { chain, hooks, .. } in made {
        for hook in hooks {
            // A chain that is not there has no jump.
            let list = format!("list chain {table} {hook}");
            let list = run(&nft, &["-j", "-a", &list], "");
            let listed = list.map_or_else(|_| Vec::new(), |done| jumps(&done.stdout, hook, chain));
            for handle in listed {
                let _ = writeln!(emptied, "delete rule {table} {hook} handle {handle}");
            }
        }
    }
    let is_ours = |name: &&String| {
        let mut made = made.iter();
        made.any(|made| made.chain == **name || is_child(&made.chain, name))
    };
    let ours: Vec<&String> = chains.iter().filter(is_ours).collect();
    for name in &ours {
        let _ = writeln!(emptied, "flush chain {table} {name}");
    }
    let mut all = emptied.clone();
    for name in &ours {
        let _ = writeln!(all, "delete chain {table} {name}");
    }
    let mut removed = Removed {
        commits: 1,
        ..Removed::default()
    };
    if run(&nft, &STDIN, &all).is_err() {
        run(&nft, &STDIN, &emptied)?;
        let chains: Vec<&str> = made.iter().map(|made| made.chain.as_str()).collect();
        let chains = chains.join(" and ");
        removed.warnings.push(format!(
            "chain {chains} is emptied but could not be deleted: a rule still names it"
        ));
    }
    Ok(removed)
}

/// The handles of the rules in `hook` that send every packet to `chain`, of what
/// `nft -j -a list chain` prints.
fn jumps(listed: &[u8], hook: &str, chain: &str) -> Vec<u64> {
    let Ok(listed) = serde_json::from_slice::<Value>(listed) else {
        return Vec::new();
    };
    let rules = listed["nftables"].as_array().into_iter().flatten();
    let rules = rules.map(|object| &object["rule"]);
    let ours = rules.filter(|rule| {
        let parts = rule["expr"].as_array().into_iter().flatten();
        let mut parts = parts.filter(|part| part.get("counter").is_none());
        let jump = parts.next().map(|part| &part["jump"]["target"]);
        rule["chain"] == hook
            && jump.is_some_and(|target| target == chain)
            && parts.next().is_none()
    });
    ours.filter_map(|rule| rule["handle"].as_u64()).collect()
}

fn find(directory: Option<&Path>) -> Result<PathBuf, FirewallError> {
    let usual = PLACES.iter().map(Path::new);
    let places: Vec<&Path> = directory.into_iter().chain(usual).collect();
    programs::find(NAME, &places).map_err(|looked| FirewallError::NoNft { looked })
}

/// Whether `nft` reads it as one name.
fn is_name(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b"/-_.".contains(&b);
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.bytes().all(letter)
}

/// Runs `nft`; of a text it takes all or nothing.
fn run(nft: &Path, arguments: &[&str], text: &str) -> Result<ProgramOutput, FirewallError> {
    let done = programs::run(nft, NAME, arguments, text, PATIENCE)?;
    if done.status.success() {
        return Ok(done);
    }
    Err(FirewallError::Failed {
        program: NAME,
        status: done.status.code().unwrap_or(-1),
        said: summary(&done.stderr),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of nft 1.0.6, for `-j PYFILTER`, `-p tcp -j PYFILTER` and `-j OTHER`.
    const LISTED: &str = r#"{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
{"chain": {"family": "ip", "table": "filter", "name": "INPUT", "handle": 3, "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}},
{"rule": {"family": "ip", "table": "filter", "chain": "INPUT", "handle": 4, "expr": [{"counter": {"packets": 0, "bytes": 0}}, {"jump": {"target": "PYFILTER"}}]}},
{"rule": {"family": "ip", "table": "filter", "chain": "INPUT", "handle": 5, "expr": [{"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "tcp"}}, {"counter": {"packets": 0, "bytes": 0}}, {"jump": {"target": "PYFILTER"}}]}},
{"rule": {"family": "ip", "table": "filter", "chain": "INPUT", "handle": 6, "expr": [{"counter": {"packets": 0, "bytes": 0}}, {"jump": {"target": "OTHER"}}]}}]}"#;

    #[test]
    fn only_jumps_of_every_packet_are_ours() {
        assert_eq!(jumps(LISTED.as_bytes(), "INPUT", "PYFILTER"), [4]);
        assert_eq!(jumps(LISTED.as_bytes(), "INPUT", "OTHER"), [6]);
        assert_eq!(jumps(LISTED.as_bytes(), "FORWARD", "PYFILTER"), [0; 0]);
        assert!(is_name("DOCKER-USER") && is_name("f2b-sshd.1"));
        assert!(!is_name("A;flush") && !is_name("-a") && !is_name(""));
        assert_eq!(jumps(b"Error: No such file", "INPUT", "PYFILTER"), [0; 0]);
    }
}
