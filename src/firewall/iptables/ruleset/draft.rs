//! The lines of a restore text, one part of our rules after the other.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;

use super::chains::write_chains;
use super::contents::Contents;
use super::wanted::{Comment, RulesetPlan, Wanted};
use crate::firewall::iptables::listing::Listing;
use crate::firewall::iptables::owner;
use crate::firewall::iptables::rule::ListedRule;
use crate::firewall::iptables::tree::{ChainTree, TreeChain, TreeRule, is_child};
use crate::model::{InstalledChain, plural};

/// A plan while it is written.
#[derive(Default)]
pub(super) struct Draft {
    body: String,
    pub(super) plan: RulesetPlan,
}

impl Draft {
    /// Our chain and its children: the store's id, and exactly the wanted bans of the
    /// family. Only chains that differ are written; see the example at [`super`].
    pub(super) fn chain(
        &mut self,
        wanted: &Wanted<'_>,
        former: &[InstalledChain],
        listing: &Listing,
    ) {
        let Wanted { store, chain, .. } = *wanted;
        let tree = ChainTree::of(chain, listing.family, wanted.bans);
        let there = Contents::of(wanted, listing);
        self.tell_of(&there, wanted, former);
        let named = owner::chain_of(store);
        // An earlier run found no comment match and made this chain, so it is used again.
        let by_chain = listing.chain(&named);
        let id = match by_chain {
            Some(_) => format!("-j {named}"),
            None => owner::as_comment(store),
        };
        let is_damaged = by_chain.is_some_and(|chain| !chain.rules.is_empty());
        let changed: Vec<&TreeChain> = (tree.chains.iter())
            .filter(|of_tree| {
                wanted.whole
                    || is_damaged && of_tree.name == chain
                    || !is_right(of_tree, wanted, listing)
            })
            .collect();
        if changed.iter().any(|of_tree| of_tree.name == chain) {
            if by_chain.is_some() {
                let _ = writeln!(self.body, ":{named} - [0:0]");
            } else {
                self.plan.comment = Some(Comment {
                    rule: id.clone(),
                    chain: named,
                });
            }
        }
        write_chains(&mut self.body, &changed, chain, &id, wanted.deny);
        let stay: HashSet<&str> = tree.chains.iter().map(|chain| &*chain.name).collect();
        let children = children(chain, listing);
        let gone: Vec<&str> = children.filter(|name| !stay.contains(name)).collect();
        self.delete_chains(
            &gone,
            |name| name == chain || is_child(chain, name),
            listing,
        );
        for id in there.ids.iter().filter(|id| *id != store) {
            self.delete_chain_of(id, &[chain], listing);
        }
    }

    /// What a person should know of the rules in our chain.
    fn tell_of(&mut self, there: &Contents, wanted: &Wanted<'_>, former: &[InstalledChain]) {
        let Wanted { store, chain, .. } = *wanted;
        if there.foreign > 0 {
            self.plan.warnings.push(format!(
                "chain {chain}: {} that pyfilter did not write {} replaced, the first was `{}`",
                plural(there.foreign, "rule", "rules"),
                if there.foreign == 1 { "is" } else { "are" },
                there.first_foreign,
            ));
        }
        self.plan.taken_from = there.ids.iter().find(|id| *id != store).cloned();
        let own = former.iter().any(|made| made.chain == chain);
        if there.ids.is_empty() && !own && there.bans > 0 {
            self.plan.warnings.push(format!(
                "chain {chain} held {} of a pyfilter that wrote no store's id into it; it now \
                 holds those of this store, {store}",
                plural(there.bans, "ban", "bans"),
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
            let names = |rule: &ListedRule| rule.target().is_some_and(|target| target == name);
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
        let mut leaving: Vec<&str> = Vec::new();
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
            if stays {
                continue;
            }
            let there = listing.chain(chain).is_some_and(|chain| !chain.builtin);
            if there && !still_wanted(chain) {
                leaving.push(chain);
            }
            leaving.extend(children(chain, listing));
        }
        let hooks = |chain: &str, hook: &str| is_our_hook(made, chain, hook);
        self.delete_hooked_chains(&leaving, |name| leaving.contains(&name), hooks, listing);
        for chain in leaving.iter().filter_map(|chain| listing.chain(chain)) {
            for id in owner::ids(chain).filter(|id| wanted.is_none_or(|w| w.store != id)) {
                self.delete_chain_of(&id, &leaving, listing);
            }
        }
    }

    /// Deletes chains that no hook of ours jumps to.
    fn delete_chains(&mut self, leaving: &[&str], ours: impl Fn(&str) -> bool, listing: &Listing) {
        self.delete_hooked_chains(leaving, ours, |_, _| false, listing);
    }

    /// Empties all chains before it deletes any, since they may jump to each other. A
    /// chain that somebody else's rule names can not be deleted, and to try it would make
    /// the whole text fail. So it is left empty. The rules of the chains that are `ours`
    /// are written anew or deleted, and so are the jumps from our `hooks` (chain, hook).
    fn delete_hooked_chains(
        &mut self,
        leaving: &[&str],
        ours: impl Fn(&str) -> bool,
        hooks: impl Fn(&str, &str) -> bool,
        listing: &Listing,
    ) {
        let mut users: HashMap<&str, (&str, &ListedRule)> = HashMap::new();
        let all: HashSet<&str> = leaving.iter().copied().collect();
        for (name, chain) in listing
            .chains()
            .filter(|(name, _)| !all.is_empty() && !ours(name))
        {
            for rule in &chain.rules {
                if let Some(target) = rule.target()
                    && let Some(chain) = all.get(&*target)
                    && !(rule.always_jumps_to(chain) && hooks(chain, name))
                {
                    users.entry(chain).or_insert((name, rule));
                }
            }
        }
        for name in leaving {
            if listing
                .chain(name)
                .is_some_and(|chain| !chain.rules.is_empty())
            {
                let _ = writeln!(self.body, "-F {name}");
            }
        }
        for chain in leaving {
            match users.get(chain) {
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

/// The children of `chain` that are listed.
fn children<'l>(chain: &'l str, listing: &'l Listing) -> impl Iterator<Item = &'l str> {
    let names = listing.chains().map(|(name, _)| name);
    names.filter(move |name| is_child(chain, name))
}

/// Whether a chain is listed as the tree has it, ours with the store's id first.
fn is_right(of_tree: &TreeChain, wanted: &Wanted<'_>, listing: &Listing) -> bool {
    let Some(chain) = listing.chain(&of_tree.name) else {
        return false;
    };
    let mut listed = chain.rules.iter();
    if of_tree.name == wanted.chain
        && listed.next().and_then(owner::id_of).as_deref() != Some(wanted.store)
    {
        return false;
    }
    listed.len() == of_tree.rules.len()
        && listed.zip(&of_tree.rules).all(|pair| match pair {
            (ListedRule::Ban { subject, deny }, TreeRule::Deny(ban)) => {
                subject == ban && *deny == wanted.deny
            }
            (
                ListedRule::Goto { way, chain },
                TreeRule::Goto {
                    way: to,
                    chain: child,
                },
            ) => way == to && **chain == **child,
            _ => false,
        })
}

fn is_our_hook(made: &[InstalledChain], chain: &str, hook: &str) -> bool {
    made.iter()
        .any(|made| made.chain == chain && made.hooks.iter().any(|h| h == hook))
}
