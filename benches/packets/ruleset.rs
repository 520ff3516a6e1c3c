//! How many rules a packet passes, counted from the ruleset (pure).
//!
//! ```text
//! :INPUT ACCEPT [0:0]
//! -A INPUT -j PYFILTER                  1   everybody passes this one
//! -A PYFILTER -s 11.0.0.0/8 -g CHILD    2   a packet of 12.0.0.1 passes it and
//! -A PYFILTER -s 12.0.0.9/32 -j DROP    3   this one, then INPUT goes on
//! ```

use std::collections::HashMap;
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, bail, ensure};

/// The filter table of IPv4, as `iptables-save` prints it.
#[derive(Debug)]
pub(crate) struct Ruleset {
    chains: Vec<Vec<Rule>>,
    input: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct Rule {
    /// A packet whose source has these bits under this mask matches.
    bits: u32,
    mask: u32,
    then: Then,
}

#[derive(Debug, PartialEq, Eq)]
enum Then {
    /// `-j CHAIN`: what stands behind this rule comes after the chain.
    Jump(usize),
    /// `-g CHAIN`: what stands behind this rule is left out.
    Goto(usize),
    Block,
    Accept,
    Return,
    /// A rule without a target, which holds a comment.
    GoOn,
}

/// The way of one packet through INPUT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Way {
    /// How many rules were compared with it.
    pub(crate) rules: u32,
    pub(crate) blocked: bool,
}

impl Ruleset {
    /// # Errors
    /// A line has something that this can not judge: then a count would be wrong.
    pub(crate) fn parse(saved: &str) -> Result<Self> {
        let names: HashMap<&str, usize> = saved
            .lines()
            .filter_map(|line| line.strip_prefix(':')?.split(' ').next())
            .zip(0..)
            .collect();
        let mut chains: Vec<Vec<Rule>> = Vec::new();
        chains.resize_with(names.len(), Vec::new);
        for line in saved.lines() {
            let Some(rule) = line.strip_prefix("-A ") else {
                continue;
            };
            let words = words(rule);
            let (chain, rest) = words.split_first().context("a rule without a chain")?;
            let chain = *names.get(chain).with_context(|| format!("{line}: chain"))?;
            chains[chain].push(Rule::parse(rest, &names).with_context(|| line.to_owned())?);
        }
        Ok(Ruleset {
            chains,
            input: *names.get("INPUT").context("no chain INPUT is listed")?,
        })
    }

    /// The way of a packet from `source`, of which nothing else matters.
    pub(crate) fn way(&self, source: Ipv4Addr) -> Way {
        let mut way = Way::default();
        way.blocked = self.pass(self.input, source.to_bits(), &mut way.rules) == Some(true);
        way
    }

    /// Whether the packet is blocked (`Some(true)`) or accepted in `chain`; none if
    /// the chain is left at its end. The kernel refuses chains that jump in a circle.
    fn pass(&self, chain: usize, source: u32, rules: &mut u32) -> Option<bool> {
        for rule in &self.chains[chain] {
            *rules += 1;
            if source & rule.mask != rule.bits {
                continue;
            }
            match rule.then {
                Then::Jump(to) => {
                    if let Some(blocked) = self.pass(to, source, rules) {
                        return Some(blocked);
                    }
                }
                Then::Goto(to) => return self.pass(to, source, rules),
                Then::Block => return Some(true),
                Then::Accept => return Some(false),
                Then::Return => return None,
                Then::GoOn => {}
            }
        }
        None
    }

    pub(crate) fn chains(&self) -> usize {
        self.chains.len()
    }
}

impl Rule {
    fn parse(words: &[&str], names: &HashMap<&str, usize>) -> Result<Self> {
        let (mut bits, mut mask, mut then) = (0, 0, Then::GoOn);
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            let value = *after.first().with_context(|| format!("{word}: no value"))?;
            rest = &after[1..];
            match *word {
                "-s" => (bits, mask) = prefix(value)?,
                // What follows a target belongs to it.
                "-j" => (then, rest) = (Then::target(value, names)?, &[]),
                "-g" => {
                    let chain = names.get(value).with_context(|| format!("-g {value}"))?;
                    then = Then::Goto(*chain);
                }
                "-m" if value == "comment" => {}
                "--comment" => {}
                other => bail!("`{other}` is not known here"),
            }
        }
        Ok(Rule { bits, mask, then })
    }
}

impl Then {
    fn target(name: &str, names: &HashMap<&str, usize>) -> Result<Self> {
        Ok(match (name, names.get(name)) {
            (_, Some(chain)) => Then::Jump(*chain),
            ("DROP" | "REJECT", None) => Then::Block,
            ("ACCEPT", None) => Then::Accept,
            ("RETURN", None) => Then::Return,
            _ => bail!("the target {name} is not known here"),
        })
    }
}

/// `203.0.113.0/24` as bits and mask.
fn prefix(text: &str) -> Result<(u32, u32)> {
    let (address, length) = text.split_once('/').unwrap_or((text, "32"));
    let length: u32 = length.parse()?;
    ensure!(length <= 32, "/{length} is no prefix of IPv4");
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    Ok((address.parse::<Ipv4Addr>()?.to_bits() & mask, mask))
}

/// The words of a rule; a comment in quotes is one, with its backslashes.
fn words(rule: &str) -> Vec<&str> {
    let (mut words, mut begin) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in rule.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b' ' if !quoted => {
                words.push(&rule[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    words.push(&rule[begin..]);
    words.retain(|word| !word.is_empty());
    words
}

/// How many rules a packet for this host can pass at most in a table that `nft -j list`
/// has printed: those of the base chains that it comes through, and those of all chains
/// that can be jumped to.
pub(crate) fn rules_of_nft_table(json: &str) -> Result<u32> {
    let listing: serde_json::Value = serde_json::from_str(json)?;
    let objects = listing["nftables"].as_array().context("no list of nft")?;
    let passed_on = |chain: &serde_json::Value| {
        ["forward", "output", "postrouting"].contains(&chain["hook"].as_str().unwrap_or(""))
    };
    let elsewhere: Vec<&serde_json::Value> = objects
        .iter()
        .map(|object| &object["chain"])
        .filter(|chain| passed_on(chain))
        .map(|chain| &chain["name"])
        .collect();
    let rules = objects.iter().filter_map(|object| object.get("rule"));
    let passed = rules.filter(|rule| !elsewhere.contains(&&rule["chain"]));
    Ok(u32::try_from(passed.count())?)
}

/// How many elements all sets have together that `nft -j list` has printed.
pub(crate) fn elements_of_nft_sets(json: &str) -> Result<usize> {
    let listing: serde_json::Value = serde_json::from_str(json)?;
    let objects = listing["nftables"].as_array().context("no list of nft")?;
    let sets = objects.iter().filter_map(|object| object.get("set"));
    Ok(sets
        .filter_map(|set| Some(set["elem"].as_array()?.len()))
        .sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(saved: &str, source: &str) -> (u32, bool) {
        let way = Ruleset::parse(saved).unwrap().way(source.parse().unwrap());
        (way.rules, way.blocked)
    }

    const TREE: &str = "\
# Generated by iptables-save
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:PYFILTER - [0:0]
:PYFILTER-11 - [0:0]
-A INPUT -j PYFILTER
-A INPUT -s 12.0.0.7/32 -j ACCEPT
-A INPUT -s 12.0.0.7/32 -j DROP
-A PYFILTER -m comment --comment \"store 3f \\\"9c\\\" -j\"
-A PYFILTER -s 11.0.0.0/8 -g PYFILTER-11
-A PYFILTER -s 12.0.0.9/32 -j REJECT --reject-with icmp-port-unreachable
-A PYFILTER-11 -s 11.2.3.4/32 -j DROP
-A PYFILTER-11 -s 11.2.3.5/32 -j DROP
COMMIT
";

    #[test]
    fn a_goto_leaves_out_what_stands_behind_it_and_a_jump_does_not() {
        assert_eq!(way(TREE, "11.2.3.4"), (4, true), "jump, comment, goto, it");
        assert_eq!(way(TREE, "11.2.3.5"), (5, true));
        assert_eq!(way(TREE, "11.9.9.9"), (7, false), "and the rest of INPUT");
        assert_eq!(way(TREE, "12.0.0.9"), (4, true));
        assert_eq!(way(TREE, "12.0.0.7"), (5, false), "accepted");
        assert_eq!(way(TREE, "13.0.0.1"), (6, false));
    }

    #[test]
    fn a_list_is_passed_to_its_end() {
        let list = "\
:INPUT ACCEPT [0:0]
:P - [0:0]
-A INPUT -j P
-A P -s 1.2.3.4/32 -j DROP
-A P -s 1.2.0.0/16 -j RETURN
-A P -s 1.2.3.5/32 -j DROP
";
        assert_eq!(way(list, "9.9.9.9"), (4, false));
        assert_eq!(way(list, "1.2.3.5"), (3, false));
        assert_eq!(way(":INPUT ACCEPT [0:0]\n", "9.9.9.9"), (0, false));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for rule in [
            "-p tcp -j DROP",
            "-j LOG",
            "-g NOWHERE",
            "-s 1.2.3.4/33 -j DROP",
            "! -s 1.2.3.4/32 -j DROP",
            "-s",
        ] {
            let saved = format!(":INPUT ACCEPT [0:0]\n-A INPUT {rule}\n");
            assert!(Ruleset::parse(&saved).is_err(), "{rule}");
        }
        assert!(Ruleset::parse("").is_err());
    }

    #[test]
    fn a_list_of_nft_is_counted_without_what_is_for_others() {
        let json = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}},
            {"table": {"family": "inet", "name": "pyfilter"}},
            {"set": {"name": "v4", "elem": ["1.2.3.4", {"elem": {"val": "1.2.3.5"}}]}},
            {"set": {"name": "v6"}},
            {"chain": {"name": "input", "hook": "input", "prio": -10}},
            {"chain": {"name": "forward", "hook": "forward", "prio": -10}},
            {"chain": {"name": "bans"}},
            {"rule": {"chain": "input", "expr": []}},
            {"rule": {"chain": "forward", "expr": []}},
            {"rule": {"chain": "bans", "expr": []}},
            {"rule": {"chain": "bans", "expr": []}}]}"#;
        assert_eq!(rules_of_nft_table(json).unwrap(), 3);
        assert_eq!(elements_of_nft_sets(json).unwrap(), 2);
        assert!(rules_of_nft_table("{}").is_err() && elements_of_nft_sets("{}").is_err());
    }
}
