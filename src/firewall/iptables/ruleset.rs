//! What should be + what is there -> the restore text that makes it so. Pure.
//!
//! A text is one `*filter … COMMIT` for `--noflush`: iptables-restore takes all of it or
//! none of it. Nothing in it names a rule or a chain that is not ours. A `-D` of a rule
//! that is not there makes the whole text fail, so only what the listing shows is deleted.
//!
//! | file | what it does |
//! |---|---|
//! | `wanted` | what goes into a plan, and what comes out |
//! | `contents` | what our chains hold now |
//! | `draft` | what is written and deleted |
//! | `chains` | the lines of chains; the text between two states that are known |
//!
//! An example: 192.0.2.1 is no longer banned and 192.0.2.9 is, and somebody has added a
//! second jump. The listing, and the text that is written:
//!
//! ```text
//! :INPUT ACCEPT [0:0]                                      *filter
//! :PYFILTER - [0:0]                                        :PYFILTER - [0:0]
//! -A INPUT -i lo -j ACCEPT                                 -A PYFILTER -m comment …
//! -A INPUT -j PYFILTER                                     -A PYFILTER -s 192.0.2.2/32 -j DROP
//! -A INPUT -j PYFILTER                                     -A PYFILTER -s 192.0.2.9/32 -j DROP
//! -A PYFILTER -m comment --comment "pyfilter store 3f9c"   -D INPUT -j PYFILTER
//! -A PYFILTER -s 192.0.2.1/32 -j DROP                      -D INPUT -j PYFILTER
//! -A PYFILTER -s 192.0.2.2/32 -j DROP                      -I INPUT 2 -j PYFILTER
//!                                                          COMMIT
//! ```
//!
//! With many bans the chain is the root of a tree ([`super::tree`]); then only the chains
//! that differ are written, and children that are not wanted any more are deleted.

use std::collections::BTreeSet;

use super::listing::Listing;
use crate::model::InstalledChain;

mod chains;
mod contents;
mod draft;
#[cfg(test)]
mod tests;
mod wanted;

pub(super) use chains::{Amendment, as_saved};
use draft::Draft;
pub(super) use wanted::{RulesetPlan, Wanted};

/// The text that makes the listed table right: our chain with the store's id and exactly
/// the addresses of the family, one jump from each hook, and nothing of `former` that the
/// configuration no longer names. Whatever the listing shows is repaired.
pub(super) fn plan(
    wanted: &Wanted<'_>,
    former: &[InstalledChain],
    listing: &Listing,
) -> RulesetPlan {
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

/// The text that takes all of `made` out of the listed table: jumps, rules and chains of
/// ours, and nothing else. A chain with the id of another store than `store` is left to
/// that store.
pub(super) fn removal(
    made: &[InstalledChain],
    store: Option<&str>,
    listing: &Listing,
) -> RulesetPlan {
    let mut draft = Draft::default();
    draft.without(&of_table(made, listing), None, store, listing);
    draft.finish()
}

/// What of `made` may be in the table that is listed.
fn of_table(made: &[InstalledChain], listing: &Listing) -> Vec<InstalledChain> {
    let place = listing.place();
    let there = made.iter().filter(|made| made.may_be_in(place));
    there.cloned().collect()
}
