//! What our chain and its children hold now.

use super::wanted::Wanted;
use crate::firewall::iptables::listing::Listing;
use crate::firewall::iptables::owner;
use crate::firewall::iptables::rule::ListedRule;
use crate::firewall::iptables::tree::is_child;

/// What our chain and its children hold now.
#[derive(Default)]
pub(super) struct Contents {
    /// How many bans, with whatever target.
    pub(super) bans: usize,
    /// The ids of stores, in the order of the rules that carry them.
    pub(super) ids: Vec<String>,
    /// How many rules are not ours.
    pub(super) foreign: usize,
    /// The first of them: `-A PYFILTER -p tcp -j ACCEPT`.
    pub(super) first_foreign: String,
}

impl Contents {
    pub(super) fn of(wanted: &Wanted<'_>, listing: &Listing) -> Self {
        let mut contents = Contents::default();
        let ours = |name: &str| name == wanted.chain || is_child(wanted.chain, name);
        for (name, chain) in listing.chains().filter(|(name, _)| ours(name)) {
            for rule in &chain.rules {
                match rule {
                    ListedRule::Ban { .. } => contents.bans += 1,
                    ListedRule::Goto { chain, .. } if is_child(wanted.chain, chain) => {}
                    _ => match owner::id_of(rule).filter(|_| name == wanted.chain) {
                        Some(id) => contents.ids.push(id),
                        None => contents.add_foreign(name, rule),
                    },
                }
            }
        }
        contents
    }

    fn add_foreign(&mut self, chain: &str, rule: &ListedRule) {
        if self.foreign == 0 {
            self.first_foreign = format!("-A {chain} {}", rule.spec());
        }
        self.foreign += 1;
    }
}
