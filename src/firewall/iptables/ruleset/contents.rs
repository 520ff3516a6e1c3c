//! What our chain holds now.

use std::collections::BTreeSet;

use super::wanted::Wanted;
use crate::firewall::iptables::listing::Listing;
use crate::firewall::iptables::owner;
use crate::model::Subject;

/// What our chain holds now.
#[derive(Default)]
pub(super) struct Contents<'a> {
    pub(super) addresses: BTreeSet<Subject>,
    /// The ids of stores, in the order of the rules that carry them.
    pub(super) ids: Vec<String>,
    /// Every rule is one address with our target, or the store's id, and none is
    /// there twice.
    pub(super) as_we_leave_it: bool,
    /// How many rules are not ours.
    pub(super) foreign: usize,
    /// The first of them.
    pub(super) first_foreign: &'a str,
}

impl<'a> Contents<'a> {
    pub(super) fn of(wanted: &Wanted<'_>, listing: &'a Listing) -> Self {
        let mut contents = Contents::default();
        let Some(chain) = listing.chain(wanted.chain) else {
            return contents;
        };
        contents.as_we_leave_it = true;
        for rule in &chain.rules {
            if let Some((address, deny)) = rule.single(listing.family) {
                let new = contents.addresses.insert(address);
                contents.as_we_leave_it &= new && deny == wanted.deny;
                continue;
            }
            if let Some(id) = owner::id_of(rule) {
                contents.as_we_leave_it &= contents.ids.is_empty() && id == wanted.store;
                contents.ids.push(id);
                continue;
            }
            contents.as_we_leave_it = false;
            if contents.foreign == 0 {
                contents.first_foreign = rule.spec();
            }
            contents.foreign += 1;
        }
        contents
    }
}
