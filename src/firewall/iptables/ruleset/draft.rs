//! The lines of a restore text, one part of our rules after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::contents::Contents;
use super::cost::Change;
use super::wanted::{Comment, RulesetPlan, Wanted};
use crate::firewall::iptables::listing::Listing;
use crate::firewall::iptables::owner;
use crate::firewall::iptables::rule::ListedRule;
use crate::firewall::rule_text::rule_text;
use crate::model::{InstalledChain, Subject, plural};

/// A plan while it is written.
#[derive(Default)]
pub(super) struct Draft {
    body: String,
    pub(super) plan: RulesetPlan,
}

impl Draft {
    /// Our chain: its id, and exactly the wanted addresses of the family. It is written
    /// whole, or as the difference; see the example at [`super`].
    pub(super) fn chain(
        &mut self,
        wanted: &Wanted<'_>,
        former: &[InstalledChain],
        listing: &Listing,
    ) {
        let Wanted { store, chain, .. } = *wanted;
        let addresses: BTreeSet<Subject> = wanted
            .addresses
            .iter()
            .copied()
            .filter(|address| address.family() == listing.family)
            .collect();
        let there = Contents::of(wanted, listing);
        self.tell_of(&there, wanted, former);
        let named = owner::chain_of(store);
        // An earlier run found no comment match and made this chain, so it is used again.
        let by_chain = listing.chain(&named);
        let id = match by_chain {
            Some(_) => format!("-j {named}"),
            None => owner::as_comment(store),
        };
        let mut change = Change::between(&addresses, &there.addresses);
        let all = wanted.whole
            || !there.as_we_leave_it
            || by_chain.is_some_and(|chain| !chain.rules.is_empty())
            || change.costs_more_than_all(
                listing.variant(),
                addresses.len(),
                there.addresses.len(),
            );
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

    /// What a person should know of the rules in our chain.
    fn tell_of(&mut self, there: &Contents<'_>, wanted: &Wanted<'_>, former: &[InstalledChain]) {
        let Wanted { store, chain, .. } = *wanted;
        if there.foreign > 0 {
            self.plan.warnings.push(format!(
                "chain {chain}: {} that pyfilter did not write {} replaced, the first was `-A {chain} {}`",
                plural(there.foreign, "rule", "rules"),
                if there.foreign == 1 { "is" } else { "are" },
                there.first_foreign,
            ));
        }
        self.plan.taken_from = there.ids.iter().find(|id| *id != store).cloned();
        let own = former.iter().any(|made| made.chain == chain);
        if there.ids.is_empty() && !own && !there.addresses.is_empty() {
            self.plan.warnings.push(format!(
                "chain {chain} held {} of a pyfilter that wrote no store's id into it; it now \
                 holds those of this store, {store}",
                plural(there.addresses.len(), "ban", "bans"),
            ));
        }
    }

    /// Deletes the empty chain that is named after `id`, unless a rule outside the
    /// `flushed` chains names it.
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

    /// One jump to `chain` from `hook`, wherever in the hook it is.
    pub(super) fn hook(&mut self, hook: &str, chain: &str, listing: &Listing) {
        let jumps = listing.jumps(hook, chain);
        match jumps[..] {
            [] => {
                let _ = writeln!(self.body, "-I {hook} 1 -j {chain}");
            }
            [_] => {}
            // `-D` deletes the first rule that matches, but the first is the one to keep.
            // So all jumps are deleted, and the first is put back into its place. To
            // delete by number could hit somebody else's rule.
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

    /// Removes what was made and is no longer wanted: jumps first, then chains. Where our
    /// chain was called OLD and now is PYFILTER, with the hook INPUT:
    ///
    /// ```text
    /// -D INPUT -j OLD
    /// -F OLD
    /// -X OLD
    /// ```
    pub(super) fn without(
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

    /// Empties all chains before it deletes any, since they may jump to each other. A
    /// chain that somebody else's rule names can not be deleted, and to try it would make
    /// the whole text fail. So it is left empty.
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

    pub(super) fn finish(mut self) -> RulesetPlan {
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
