//! The lines that write chains of a tree. A chain is always written whole: it is short,
//! and to delete one rule of it `iptables-restore` would read the chain first.
//!
//! ```text
//! :PYFILTER/10-12 - [0:0]                        empties it, or makes it
//! -A PYFILTER/10-12 -s 10.0.0.1/32 -j DROP
//! ```

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use crate::firewall::iptables::tree::{ChainTree, TreeChain, TreeRule};
use crate::model::Deny;

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

/// The restore text that turns one tree below `chain` into another one. `id` is the rule
/// with the store's id.
pub(in crate::firewall::iptables) fn amendment(
    chain: &str,
    id: &str,
    deny: Deny,
    before: &ChainTree,
    after: &ChainTree,
) -> String {
    let there: HashMap<&str, &[TreeRule]> = (before.chains.iter())
        .map(|chain| (&*chain.name, &*chain.rules))
        .collect();
    let changed: Vec<&TreeChain> = (after.chains.iter())
        .filter(|chain| {
            there
                .get(&*chain.name)
                .is_none_or(|rules| *rules != chain.rules)
        })
        .collect();
    let mut text = "*filter\n".to_owned();
    write_chains(&mut text, &changed, chain, id, deny);
    let stay: HashSet<&str> = after.chains.iter().map(|chain| &*chain.name).collect();
    let gone = before.chains.iter().map(|chain| &*chain.name);
    let gone: Vec<&str> = gone.filter(|name| !stay.contains(name)).collect();
    for command in ['F', 'X'] {
        for name in &gone {
            let _ = writeln!(text, "-{command} {name}");
        }
    }
    text.push_str("COMMIT\n");
    text
}
