//! `nft` in place of the nft variant of iptables, where the host has not got that: its
//! tables are `ip filter` and `ip6 filter`, which `nft` changes like any other table. The
//! kernel tells over netlink what is in them.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::error::FirewallError;
use super::owner;
use super::tree::is_child;
use crate::firewall::netlink::{Expression, KernelRule, NetlinkSocket, RuleVerdict, TablePath};
use crate::firewall::nft_program::{FROM_STDIN, NFT, NftProgram};
use crate::firewall::programs::summary;
use crate::model::{Family, InstalledChain};

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
/// A chain with the id of another store than `store` is left to that store.
pub(super) fn remove(
    family: Family,
    made: &[InstalledChain],
    store: Option<&str>,
    chains: &[String],
    directory: Option<&Path>,
) -> Result<Removed, FirewallError> {
    let located = NftProgram::locate_anywhere(directory);
    let nft = located.map_err(|looked| FirewallError::NoNft { looked })?;
    let names = made
        .iter()
        .flat_map(|made| made.hooks.iter().chain([&made.chain]));
    if let Some(name) = names.into_iter().find(|name| !is_name(name)) {
        return Err(FirewallError::BadNameForNft(name.clone()));
    }
    let mut removed = Removed::default();
    let texts = Removal::plan(family, made, store, chains, &mut removed.warnings);
    let texts = texts.map_err(|error| FirewallError::Failed {
        program: NFT,
        status: -1,
        said: format!("the kernel does not tell what is in nf_tables: {error}"),
    })?;
    if texts.emptied.is_empty() {
        return Ok(removed);
    }
    removed.commits = 1;
    if give(&nft, &(texts.emptied.clone() + &texts.deleted)).is_err() {
        give(&nft, &texts.emptied)?;
        let chains = texts.chains.join(" and ");
        removed.warnings.push(format!(
            "chain {chains} is emptied but could not be deleted: a rule still names it"
        ));
    }
    Ok(removed)
}

/// What `nft` is given.
#[derive(Default)]
struct Removal<'m> {
    /// Ours of the chains that are removed, without their children.
    chains: Vec<&'m str>,
    /// What takes the jumps and the rules away.
    emptied: String,
    /// What takes the chains away then.
    deleted: String,
}

impl<'m> Removal<'m> {
    fn plan(
        family: Family,
        made: &'m [InstalledChain],
        store: Option<&str>,
        chains: &[String],
        warnings: &mut Vec<String>,
    ) -> io::Result<Self> {
        let path = TablePath::filter(family);
        let table = match family {
            Family::V4 => "ip filter",
            Family::V6 => "ip6 filter",
        };
        let mut socket = NetlinkSocket::open()?;
        let mut texts = Removal::default();
        let mut named = HashSet::new();
        for InstalledChain { chain, hooks, .. } in made {
            let ours = socket.rules(path, chain)?;
            let ids: Vec<String> = ours.iter().filter_map(id_of).collect();
            let other = ids
                .iter()
                .find(|id| store.is_some_and(|store| store != **id));
            if let Some(other) = other {
                warnings.push(format!(
                    "chain {chain} is left as it is: it carries the id of another store, {other}"
                ));
                continue;
            }
            for hook in hooks {
                let rules = socket.rules(path, hook)?;
                for KernelRule { handle, .. } in rules.iter().filter(|rule| jumps_to(rule, chain)) {
                    let _ = writeln!(texts.emptied, "delete rule {table} {hook} handle {handle}");
                }
            }
            texts.chains.push(chain);
            let named_after: Vec<String> = ids.iter().map(|id| owner::chain_of(id)).collect();
            let is_ours = |name: &&String| {
                **name == *chain || is_child(chain, name) || named_after.contains(name)
            };
            for name in chains.iter().filter(is_ours) {
                if named.insert(name) {
                    let _ = writeln!(texts.emptied, "flush chain {table} {name}");
                    let _ = writeln!(texts.deleted, "delete chain {table} {name}");
                }
            }
        }
        Ok(texts)
    }
}

/// What a rule does with every packet that reaches it. A comment is no match.
fn always(rule: &KernelRule) -> Option<&Expression> {
    let mut parts = rule.expressions.iter().filter(|part| match part {
        Expression::Counter { .. } => false,
        Expression::Match { name, .. } => name != "comment",
        _ => true,
    });
    parts.next().filter(|_| parts.next().is_none())
}

/// Whether every packet that reaches the rule goes to `chain` and comes back.
fn jumps_to(rule: &KernelRule, chain: &str) -> bool {
    let does = always(rule);
    matches!(does, Some(Expression::Verdict(RuleVerdict::Jump(to))) if to == chain)
}

/// The id of a store that the rule carries, in a comment or as the name of a chain.
fn id_of(rule: &KernelRule) -> Option<String> {
    if let Some(Expression::Verdict(RuleVerdict::Jump(chain))) = always(rule) {
        return owner::id_of_chain(chain).map(str::to_owned);
    }
    rule.expressions.iter().find_map(|part| match part {
        Expression::Match { name, info } if name == "comment" => {
            let text = info.split(|byte| *byte == 0).next()?;
            let id = owner::id_in_comment(std::str::from_utf8(text).ok()?)?;
            Some(id.to_owned())
        }
        _ => None,
    })
}

/// Whether `nft` reads it as one name.
fn is_name(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b"/-_.".contains(&b);
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.bytes().all(letter)
}

/// Gives a text to the kernel: all of it or none of it.
fn give(nft: &NftProgram, text: &str) -> Result<(), FirewallError> {
    let done = nft.run(&FROM_STDIN, text)?;
    if done.status.success() {
        return Ok(());
    }
    Err(FirewallError::Failed {
        program: NFT,
        status: done.status.code().unwrap_or(-1),
        said: summary(&done.stderr),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(expressions: Vec<Expression>) -> KernelRule {
        KernelRule {
            handle: 4,
            expressions,
            has_comment: false,
        }
    }

    fn counter() -> Expression {
        Expression::Counter {
            packets: 0,
            bytes: 0,
        }
    }

    fn jump(chain: &str) -> Expression {
        Expression::Verdict(RuleVerdict::Jump(chain.to_owned()))
    }

    fn comment(text: &str) -> Expression {
        let mut info = text.as_bytes().to_vec();
        info.resize(256, 0);
        let name = "comment".to_owned();
        Expression::Match { name, info }
    }

    #[test]
    fn only_jumps_of_every_packet_are_ours() {
        let of_all = rule(vec![counter(), jump("PYFILTER")]);
        assert!(jumps_to(&of_all, "PYFILTER") && !jumps_to(&of_all, "OTHER"));
        let told = rule(vec![comment("the bans"), counter(), jump("PYFILTER")]);
        assert!(jumps_to(&told, "PYFILTER"));
        let protocol = [Expression::Meta(16), Expression::Equal(vec![6])];
        let of_some = [&protocol[..], &[counter(), jump("PYFILTER")]].concat();
        assert!(!jumps_to(&rule(of_some), "PYFILTER"));
        assert!(is_name("DOCKER-USER") && is_name("f2b-sshd.1"));
        assert!(!is_name("A;flush") && !is_name("-a") && !is_name(""));
    }

    #[test]
    fn an_id_is_known_in_both_forms() {
        let id = "3f9c2a0011223344";
        let told = rule(vec![comment(&format!("pyfilter store {id}")), counter()]);
        assert_eq!(id_of(&told).as_deref(), Some(id));
        let named = rule(vec![counter(), jump(&owner::chain_of(id))]);
        assert_eq!(id_of(&named).as_deref(), Some(id));
        for other in [
            vec![comment("pyfilter store"), counter()],
            vec![counter(), jump("PYFILTER")],
            vec![counter()],
        ] {
            assert_eq!(id_of(&rule(other)), None);
        }
    }
}
