//! The lines that write chains of a tree. A chain is always written whole: it is short,
//! and to delete one rule of it `iptables-restore` would read the chain first.
//!
//! ```text
//! :PYFILTER/10-12 - [0:0]                        empties it, or makes it
//! -A PYFILTER/10-12 -s 10.0.0.1/32 -j DROP
//! ```

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::firewall::iptables::rule::default_answer;
use crate::firewall::iptables::tree::{ChainTree, TreeChain, TreeRule};
use crate::model::{Deny, Family};

/// Writes these chains. A way on may lead to any of them, so all are made first. `id` is
/// the rule with the store's id, which stands first in `ours`.
pub(super) fn write_chains(
    body: &mut String,
    chains: &[&TreeChain],
    ours: &str,
    id: &str,
    deny: Deny,
) {
    for TreeChain { name, .. } in chains {
        let _ = writeln!(body, ":{name} - [0:0]");
    }
    for TreeChain { name, rules } in chains {
        if name == ours {
            let _ = writeln!(body, "-A {name} {id}");
        }
        for rule in rules {
            body.push_str("-A ");
            body.push_str(name);
            body.push(' ');
            rule.push_to(body, deny);
            body.push('\n');
        }
    }
}

/// What turns one tree into another one.
pub(in crate::firewall::iptables) struct Amendment<'t> {
    /// The chains that differ, as they are after it.
    pub(in crate::firewall::iptables) changed: Vec<&'t TreeChain>,
    /// Those, and the ones that go, as they were.
    pub(in crate::firewall::iptables) former: Vec<&'t TreeChain>,
    gone: Vec<&'t str>,
}

impl<'t> Amendment<'t> {
    /// From `before` to `after`.
    pub(in crate::firewall::iptables) fn of(before: &'t ChainTree, after: &'t ChainTree) -> Self {
        let by_name = |tree: &'t ChainTree| -> HashMap<&'t str, &'t [TreeRule]> {
            let chains = tree.chains.iter();
            chains.map(|chain| (&*chain.name, &*chain.rules)).collect()
        };
        let (there, stay) = (by_name(before), by_name(after));
        let differ = |chain: &&TreeChain, other: &HashMap<&str, &[TreeRule]>| {
            other
                .get(&*chain.name)
                .is_none_or(|rules| *rules != chain.rules)
        };
        let of = |tree: &'t ChainTree, other| -> Vec<&'t TreeChain> {
            let chains = tree.chains.iter();
            chains.filter(|chain| differ(chain, other)).collect()
        };
        let former = of(before, &stay);
        let gone = former.iter().map(|chain| &*chain.name);
        let gone = gone.filter(|name| !stay.contains_key(name)).collect();
        Amendment {
            changed: of(after, &there),
            former,
            gone,
        }
    }

    /// The restore text for the trees below `chain`. `id` is the rule with the store's id.
    pub(in crate::firewall::iptables) fn text(&self, chain: &str, id: &str, deny: Deny) -> String {
        let mut text = "*filter\n".to_owned();
        write_chains(&mut text, &self.changed, chain, id, deny);
        for command in ['F', 'X'] {
            for name in &self.gone {
                let _ = writeln!(text, "-{command} {name}");
            }
        }
        text.push_str("COMMIT\n");
        text
    }
}

/// These chains as iptables-save prints them, for which REJECT always has an answer.
pub(in crate::firewall::iptables) fn as_saved(
    chains: &[&TreeChain],
    ours: &str,
    id: &str,
    deny: Deny,
    family: Family,
) -> String {
    let mut text = String::new();
    write_chains(&mut text, chains, ours, id, deny);
    match deny {
        Deny::Drop => text,
        Deny::Reject => {
            let answer = default_answer(family);
            text.replace(
                " -j REJECT\n",
                &format!(" -j REJECT --reject-with {answer}\n"),
            )
        }
    }
}
