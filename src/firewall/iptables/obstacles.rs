//! Other people's rules that make a ban idle, or the lifting of one: for `check`,
//! `explain` and `unban`. Pure.

use std::collections::BTreeSet;

use super::listing::Listing;
use super::rule::ListedRule;
use super::tree::is_child;
use crate::firewall::rule_text::{deny, single_address};
use crate::model::{Address, Family, Subject};

/// Something before our hook that may let a banned address through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// A rule that accepts new connections, or leads to one that does.
    Accepts {
        /// `-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT`
        rule: String,
    },
    /// A chain of a firewall manager, which may put its rules first again.
    Manager {
        /// `ufw` or `firewalld`.
        name: &'static str,
        /// `-A INPUT -j ufw-before-input`
        rule: String,
    },
}

/// The obstacles in `hook` before its jump to `chain`; none where there is no jump.
pub(super) fn before_hook(listing: &Listing, hook: &str, chain: &str) -> Vec<Obstacle> {
    let Some(&(place, _)) = listing.jumps(hook, chain).first() else {
        return Vec::new();
    };
    let rules = listing.chain(hook).map_or(&[][..], |hook| &hook.rules);
    let mut obstacles = Vec::new();
    for rule in &rules[..place - 1] {
        let text = || format!("-A {hook} {}", rule.spec());
        if let Some(name) = rule.target().as_deref().and_then(manager) {
            obstacles.push(Obstacle::Manager { name, rule: text() });
        } else if accepts(listing, rule, &mut BTreeSet::new()) {
            obstacles.push(Obstacle::Accepts { rule: text() });
        }
    }
    obstacles
}

/// The commands that remove the rules outside `chain` by which `address` alone is still
/// blocked. PyFilter and people put such rules into INPUT; we never remove them.
pub(super) fn still_blocking(listing: &Listing, address: Address, chain: &str) -> Vec<String> {
    if address.family() != listing.family {
        return Vec::new();
    }
    let program = match listing.family {
        Family::V4 => "iptables",
        Family::V6 => "ip6tables",
    };
    let mut commands = Vec::new();
    let others = listing.chains();
    for (name, other) in others.filter(|(name, _)| *name != chain && !is_child(chain, name)) {
        let rules = other.rules.iter();
        for rule in rules.filter(|rule| blocks(rule, address, listing.family)) {
            commands.push(format!("{program} -D {name} {}", rule.for_shell()));
        }
    }
    commands
}

fn blocks(rule: &ListedRule, address: Address, family: Family) -> bool {
    match rule {
        ListedRule::Ban { subject, .. } => return *subject == Subject::from(address),
        ListedRule::Goto { .. } => return false,
        ListedRule::Other(_) => {}
    }
    let words = rule.words();
    let source = words.iter().position(|word| word == "-s");
    source.is_some_and(|at| {
        (at == 0 || words[at - 1] != "!")
            && words
                .get(at + 1)
                .is_some_and(|text| single_address(text, family) == Some(address))
    }) && rule.target().as_deref().and_then(deny).is_some()
}

fn manager(target: &str) -> Option<&'static str> {
    if target.starts_with("ufw-") || target.starts_with("ufw6-") {
        Some("ufw")
    } else if ["_direct", "_ZONES", "_ZONES_SOURCE"]
        .iter()
        .any(|end| target.ends_with(end))
    {
        Some("firewalld")
    } else {
        None
    }
}

fn accepts(listing: &Listing, rule: &ListedRule, seen: &mut BTreeSet<String>) -> bool {
    let Some(target) = rule.target().filter(|_| may_match_a_new_connection(rule)) else {
        return false;
    };
    if target == "ACCEPT" {
        return true;
    }
    let Some(chain) = listing.chain(&target) else {
        return false;
    };
    // Each chain is looked into once, however many jumps lead to it.
    seen.insert(target.into_owned()) && chain.rules.iter().any(|rule| accepts(listing, rule, seen))
}

/// False for what every sound rule set accepts first: loopback, packets of connections
/// that are established, ICMP.
fn may_match_a_new_connection(rule: &ListedRule) -> bool {
    let words = rule.words();
    let mut before = "";
    for pair in words.windows(2) {
        let harmless = match pair[0].as_str() {
            "-i" => pair[1] == "lo",
            "-p" => matches!(pair[1].as_str(), "icmp" | "icmpv6" | "ipv6-icmp"),
            "--ctstate" | "--state" => pair[1].split(',').all(|state| state != "NEW"),
            _ => false,
        };
        if harmless && before != "!" {
            return false;
        }
        before = &pair[0];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(rules: &str) -> Listing {
        let text = format!("*filter\n:INPUT DROP [0:0]\n{rules}\nCOMMIT\n");
        Listing::parse(Family::V4, text.as_bytes()).unwrap()
    }

    #[test]
    fn an_accepting_rule_before_the_hook_is_an_obstacle() {
        let listing = listing(
            "-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -m conntrack ! --ctstate INVALID -j ACCEPT
-A INPUT -j allowed
-A INPUT -j f2b-sshd
-A INPUT -j ufw-before-input
-A INPUT -j PYFILTER
-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT
-A allowed -j nested
-A nested -j allowed
-A nested -s 10.0.0.0/8 -j ACCEPT
-A f2b-sshd -s 203.0.113.1/32 -j DROP
-A f2b-sshd -j RETURN",
        );
        let accepts = |rule: &str| Obstacle::Accepts { rule: rule.into() };
        assert_eq!(
            before_hook(&listing, "INPUT", "PYFILTER"),
            [
                accepts("-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"),
                accepts("-A INPUT -m conntrack ! --ctstate INVALID -j ACCEPT"),
                accepts("-A INPUT -j allowed"),
                Obstacle::Manager {
                    name: "ufw",
                    rule: "-A INPUT -j ufw-before-input".into()
                },
            ]
        );
        assert_eq!(before_hook(&listing, "FORWARD", "PYFILTER"), []);
    }

    #[test]
    fn what_still_blocks_an_unbanned_address_comes_with_its_command() {
        let listing = listing(
            r#"-A INPUT -s 203.0.113.13/32 -j DROP
-A INPUT -s 203.0.113.14/32 -j DROP
-A INPUT ! -s 203.0.113.13/32 -j DROP
-A INPUT -s 203.0.113.13/32 -j ACCEPT
-A INPUT -s 203.0.113.0/24 -j DROP
-A f2b-sshd -s 203.0.113.13/32 -p tcp -m comment --comment "`id`" -j REJECT --reject-with icmp-port-unreachable
-A PYFILTER -s 203.0.113.13/32 -j DROP"#,
        );
        let address = Address::parse(b"203.0.113.13").unwrap();
        assert_eq!(
            still_blocking(&listing, address, "PYFILTER"),
            [
                "iptables -D INPUT -s 203.0.113.13/32 -j DROP",
                "iptables -D f2b-sshd -s 203.0.113.13/32 -p tcp -m comment --comment '`id`' \
                 -j REJECT --reject-with icmp-port-unreachable",
            ]
        );
        let other = Address::parse(b"2001:db8::1").unwrap();
        assert!(still_blocking(&listing, other, "PYFILTER").is_empty());
    }
}
