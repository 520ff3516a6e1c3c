//! What should be + what is there -> the restore text that makes it so. Pure.
//!
//! A text is one `*filter … COMMIT` for `--noflush`: all of it or none of it,
//! and nothing in it names a rule or a chain that is not ours. Since a `-D` of a
//! rule that is not there makes the whole text fail, only what the listing shows
//! is deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::firewall::InstalledChain;
use crate::firewall::listing::Listing;
use crate::firewall::owner;
use crate::firewall::rule::{ListedRule, whole_mask};
use crate::model::{Address, Deny, Firewall};

mod contents;
#[cfg(test)]
mod tests;

pub use contents::amendment;
use contents::{Change, Contents};

/// What our part of the filter table should be.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The id of the store whose bans they are.
    pub store: &'a str,
    /// Our chain.
    pub chain: &'a str,
    /// The chains that jump to it.
    pub hooks: &'a [String],
    /// What happens to a packet of a banned address.
    pub deny: Deny,
    /// Who is banned, of both families.
    pub addresses: &'a BTreeSet<Address>,
    /// Whether to write the whole chain without comparing it.
    pub whole: bool,
}

impl<'a> Wanted<'a> {
    /// What the configuration wants for these bans.
    #[must_use]
    pub fn of(firewall: &'a Firewall, store: &'a str, addresses: &'a BTreeSet<Address>) -> Self {
        Wanted {
            store,
            chain: &firewall.chain,
            hooks: &firewall.hooks,
            deny: firewall.deny,
            addresses,
            whole: !firewall.compare,
        }
    }
}

/// What is to be done in one family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RulesetPlan {
    /// The restore text; none when all is as it should be.
    pub text: Option<String>,
    /// The rule of the text that carries the store's id as a comment, and the
    /// chain that does it where the kernel has no such match.
    pub comment: Option<Comment>,
    /// The id of the store from which the chain was taken over.
    pub taken_from: Option<String>,
    /// Hooks of the configuration that do not exist.
    pub missing_hooks: Vec<String>,
    /// What a person should know, a sentence each.
    pub warnings: Vec<String>,
}

/// How a text carries the store's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    rule: String,
    chain: String,
}

impl RulesetPlan {
    /// The same text without a comment: an empty chain carries the id.
    #[must_use]
    pub fn without_comment(&self) -> Option<String> {
        let Comment { rule, chain } = self.comment.as_ref()?;
        let body = self.text.as_ref()?.strip_prefix("*filter\n")?;
        let body = body.replacen(rule.as_str(), &format!("-j {chain}"), 1);
        Some(format!("*filter\n:{chain} - [0:0]\n{body}"))
    }
}

/// What makes `listing` hold what is wanted: our chain the store's id and exactly
/// the addresses of its family, one jump from each hook, and nothing of `former`
/// that the configuration no longer names. Total: whatever the listing shows is
/// repaired.
#[must_use]
pub fn plan(wanted: &Wanted<'_>, former: &[InstalledChain], listing: &Listing) -> RulesetPlan {
    let mut draft = Draft::default();
    let former = of_table(former, listing);
    let former = former.as_slice();
    draft.chain(wanted, former, listing);
    let hooks: BTreeSet<&str> = wanted.hooks.iter().map(String::as_str).collect();
    for hook in hooks {
        if hook == wanted.chain || !listing.has(hook) {
            draft.plan.missing_hooks.push(hook.to_owned());
        } else {
            draft.hook(hook, wanted.chain, listing);
        }
    }
    draft.without(former, Some(wanted), Some(wanted.store), listing);
    draft.finish()
}

/// What takes all of `made` out of `listing`: jumps, rules and chains of ours,
/// and nothing else. A chain that carries the id of another store than `store`
/// is left to that one.
#[must_use]
pub fn removal(made: &[InstalledChain], store: Option<&str>, listing: &Listing) -> RulesetPlan {
    let mut draft = Draft::default();
    draft.without(&of_table(made, listing), None, store, listing);
    draft.finish()
}

/// What of `made` may stand in the table that is listed.
fn of_table(made: &[InstalledChain], listing: &Listing) -> Vec<InstalledChain> {
    let place = listing.place();
    let there = made.iter().filter(|made| made.may_stand_in(place));
    there.cloned().collect()
}

/// Says why `chain` can not be the name of our chain or hook, if so: in a
/// restore text a name with a blank or a newline would be a command.
///
/// # Errors
/// A half sentence that fits behind the name.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("is empty"),
        _ if name.len() > 28 => Err("is longer than the 28 bytes that iptables allows"),
        _ if name.starts_with(['-', '!', ':', '#', '*', '[']) => {
            Err("begins with a character that means something to iptables")
        }
        _ if !name.bytes().all(|b| b.is_ascii_graphic()) => {
            Err("holds a blank, a control character or a letter beyond ASCII")
        }
        _ if name.contains(['"', '\'', '\\']) => Err("holds a quote or a backslash"),
        _ => Ok(()),
    }
}

/// Names that can not be a chain of our own: the kernel's chains, and targets.
pub const NOT_FOR_US: [&str; 8] = [
    "INPUT", "FORWARD", "OUTPUT", "ACCEPT", "DROP", "REJECT", "RETURN", "QUEUE",
];

/// A plan while it is written.
#[derive(Default)]
struct Draft {
    body: String,
    plan: RulesetPlan,
}

impl Draft {
    fn chain(&mut self, wanted: &Wanted<'_>, former: &[InstalledChain], listing: &Listing) {
        let Wanted { store, chain, .. } = *wanted;
        let addresses: BTreeSet<Address> = wanted
            .addresses
            .iter()
            .copied()
            .filter(|address| address.family() == listing.family)
            .collect();
        let there = Contents::of(wanted, listing);
        self.tell_of(&there, wanted, former);
        let named = owner::chain_of(store);
        // Once it stands it is used: a kernel without the comment match has none later.
        let by_chain = listing.chain(&named);
        let id = match by_chain {
            Some(_) => format!("-j {named}"),
            None => owner::as_comment(store),
        };
        let mut change = Change::between(&addresses, &there.addresses);
        let all = wanted.whole
            || !there.as_we_leave_it
            || by_chain.is_some_and(|chain| !chain.rules.is_empty())
            || change.costs_more_than_all(listing.variant(), &addresses, &there);
        if all {
            let _ = writeln!(self.body, ":{chain} - [0:0]");
            if by_chain.is_some() {
                let _ = writeln!(self.body, ":{named} - [0:0]");
            }
            let _ = writeln!(self.body, "-A {chain} {id}");
            change = Change::between(&addresses, &BTreeSet::new());
        } else if there.ids.is_empty() {
            let _ = writeln!(self.body, "-I {chain} 1 {id}");
        }
        if (all || there.ids.is_empty()) && by_chain.is_none() {
            self.plan.comment = Some(Comment {
                rule: id,
                chain: named,
            });
        }
        let commands = [('D', change.gone), ('A', change.new)];
        for (command, addresses) in commands {
            for address in addresses {
                let rule = rule_text(address, wanted.deny);
                let _ = writeln!(self.body, "-{command} {chain} {rule}");
            }
        }
        for id in there.ids.iter().filter(|id| *id != store) {
            self.delete_chain_of(id, &[chain], listing);
        }
    }

    /// What a person should know of what stands in our chain.
    fn tell_of(&mut self, there: &Contents<'_>, wanted: &Wanted<'_>, former: &[InstalledChain]) {
        let Wanted { store, chain, .. } = *wanted;
        if there.strangers > 0 {
            self.plan.warnings.push(format!(
                "chain {chain}: {} that pyfilter did not write {} replaced, the first was `-A {chain} {}`",
                count(there.strangers, "rule"),
                if there.strangers == 1 { "is" } else { "are" },
                there.first_stranger,
            ));
        }
        self.plan.taken_from = there.ids.iter().find(|id| *id != store).cloned();
        let own = former.iter().any(|made| made.chain == chain);
        if there.ids.is_empty() && !own && !there.addresses.is_empty() {
            self.plan.warnings.push(format!(
                "chain {chain} held {} of a pyfilter that wrote no store's id into it; it now \
                 holds those of this store, {store}",
                count(there.addresses.len(), "ban"),
            ));
        }
    }

    /// Deletes the empty chain that is named after `id`, unless a rule outside
    /// the chains that are `flushed` names it.
    fn delete_chain_of(&mut self, id: &str, flushed: &[&str], listing: &Listing) {
        let name = owner::chain_of(id);
        let empty = listing
            .chain(&name)
            .is_some_and(|chain| chain.rules.is_empty());
        let used = || {
            let mut others = listing
                .chains()
                .filter(|(chain, _)| !flushed.contains(chain));
            let names = |rule: &ListedRule| rule.target().as_deref() == Some(&name);
            others.any(|(_, chain)| chain.rules.iter().any(names))
        };
        let line = format!("-X {name}\n");
        if empty && !self.body.contains(&line) && !used() {
            self.body.push_str(&line);
        }
    }

    fn hook(&mut self, hook: &str, chain: &str, listing: &Listing) {
        let jumps = listing.jumps(hook, chain);
        match jumps[..] {
            [] => {
                let _ = writeln!(self.body, "-I {hook} 1 -j {chain}");
            }
            [_] => {}
            // `-D` takes the first that matches, and the first is the one to
            // keep: all of them go, and the first comes back to its place.
            // Deleting by number instead could hit somebody else's rule.
            [(place, first), ..] => {
                self.unhook(hook, &jumps);
                let _ = writeln!(self.body, "-I {hook} {place} {}", first.spec());
            }
        }
    }

    fn unhook(&mut self, hook: &str, jumps: &[(usize, &ListedRule)]) {
        for (_, rule) in jumps {
            let _ = writeln!(self.body, "-D {hook} {}", rule.spec());
        }
    }

    /// Takes out what was made and is no longer wanted.
    fn without(
        &mut self,
        made: &[InstalledChain],
        wanted: Option<&Wanted<'_>>,
        store: Option<&str>,
        listing: &Listing,
    ) {
        let mut by_chain: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for made in made {
            let hooks = made.hooks.iter().map(String::as_str);
            by_chain.entry(&made.chain).or_default().extend(hooks);
        }
        let still_wanted = |name: &str| wanted.is_some_and(|w| w.hooks.iter().any(|h| h == name));
        let mut leaving = Vec::new();
        for (chain, hooks) in by_chain {
            let stays = wanted.is_some_and(|wanted| wanted.chain == chain);
            let other = store.and_then(|store| owner::other_than(store, chain, listing));
            if let (false, Some(other)) = (stays, other) {
                self.plan.warnings.push(format!(
                    "chain {chain} is left as it is: it carries the id of another store, {other}"
                ));
                continue;
            }
            for hook in hooks {
                if !(stays && still_wanted(hook)) {
                    self.unhook(hook, &listing.jumps(hook, chain));
                }
            }
            let there = listing.chain(chain).is_some_and(|chain| !chain.builtin);
            if !stays && there && !still_wanted(chain) {
                leaving.push((chain, made));
            }
        }
        self.delete_chains(&leaving, listing);
        let gone: Vec<&str> = leaving.iter().map(|(chain, _)| *chain).collect();
        for chain in gone.iter().filter_map(|chain| listing.chain(chain)) {
            for id in owner::ids(chain).filter(|id| wanted.is_none_or(|w| w.store != id)) {
                self.delete_chain_of(&id, &gone, listing);
            }
        }
    }

    /// A chain that somebody else's rule still names can not be deleted, and
    /// trying would make the whole text fail: it is left empty.
    fn delete_chains(&mut self, leaving: &[(&str, &[InstalledChain])], listing: &Listing) {
        for (chain, _) in leaving {
            if listing
                .chain(chain)
                .is_some_and(|chain| !chain.rules.is_empty())
            {
                let _ = writeln!(self.body, "-F {chain}");
            }
        }
        for (chain, made) in leaving {
            let user = listing
                .chains()
                .filter(|(name, _)| !leaving.iter().any(|(gone, _)| gone == name))
                .flat_map(|(name, chain)| chain.rules.iter().map(move |rule| (name, rule)))
                .find(|(name, rule)| {
                    rule.target().as_deref() == Some(chain)
                        && !(rule.always_jumps_to(chain) && is_our_hook(made, chain, name))
                });
            match user {
                None => {
                    let _ = writeln!(self.body, "-X {chain}");
                }
                Some((name, rule)) => self.plan.warnings.push(format!(
                    "chain {chain} is emptied but can not be deleted: \
                     the rule `-A {name} {}` still names it",
                    rule.spec()
                )),
            }
        }
    }

    fn finish(mut self) -> RulesetPlan {
        if !self.body.is_empty() {
            self.plan.text = Some(format!("*filter\n{}COMMIT\n", self.body));
        }
        self.plan
    }
}

fn is_our_hook(made: &[InstalledChain], chain: &str, hook: &str) -> bool {
    made.iter()
        .any(|made| made.chain == chain && made.hooks.iter().any(|h| h == hook))
}

/// `-s 203.0.113.13/32 -j DROP`
pub(super) fn rule_text(address: Address, deny: Deny) -> String {
    let mask = whole_mask(address.family());
    format!("-s {address}{mask} -j {}", deny.as_str())
}

/// `1 rule`, `2 rules`
pub(super) fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}
