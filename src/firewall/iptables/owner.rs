//! Whose chain it is: the chain itself carries the id of its store. Pure.
//!
//! The id is in the chain's first rule, which matches every packet and does nothing with
//! it. The rule has a comment, or, where the kernel has no comment match, it jumps to an
//! empty chain that is named after the id:
//!
//! ```text
//! -A PYFILTER -m comment --comment "pyfilter store 3f9c2a0011223344"
//! -A PYFILTER -j pyfilter-3f9c2a0011223344
//! ```

use super::listing::{Chain, Listing};
use super::rule::ListedRule;
use crate::firewall::store_id;

const COMMENT: &str = "pyfilter store ";
const CHAIN: &str = "pyfilter-";

/// The longest id whose chain has a name that iptables takes.
const LONGEST: usize = 28 - CHAIN.len();

/// Whether a chain can carry `id`.
pub(super) fn is_id(id: &str) -> bool {
    store_id::is_id(id, LONGEST)
}

/// The rule that carries `id` as a comment, without `-A CHAIN`.
pub(super) fn as_comment(id: &str) -> String {
    format!("-m comment --comment \"{COMMENT}{id}\"")
}

/// The empty chain that is named after `id`.
pub(super) fn chain_of(id: &str) -> String {
    format!("{CHAIN}{id}")
}

/// The id in the text of a comment.
pub(super) fn id_in_comment(comment: &str) -> Option<&str> {
    comment.strip_prefix(COMMENT).filter(|id| is_id(id))
}

/// The id after which a chain is named.
pub(super) fn id_of_chain(name: &str) -> Option<&str> {
    name.strip_prefix(CHAIN).filter(|id| is_id(id))
}

/// The id that the rule carries, if that is all it does.
pub(super) fn id_of(rule: &ListedRule) -> Option<String> {
    // A short way out for bans, of which there may be a million.
    let ListedRule::Other(_) = rule else {
        return None;
    };
    let words = rule.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let id = match words[..] {
        ["-m", "comment", "--comment", text] => id_in_comment(text)?,
        ["-j", name] => id_of_chain(name)?,
        _ => return None,
    };
    Some(id.to_owned())
}

/// The ids that the chain carries. A chain as pyfilter left it carries one.
pub(super) fn ids(chain: &Chain) -> impl Iterator<Item = String> {
    chain.rules.iter().filter_map(id_of)
}

/// The id of another store than `store` that the chain of that name carries.
pub(super) fn other_than(store: &str, chain: &str, listing: &Listing) -> Option<String> {
    ids(listing.chain(chain)?).find(|id| id != store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_in_both_forms_and_only_alone() {
        let id = "3f9c2a0011223344";
        let of = |spec: &str| id_of(&ListedRule::new(spec));
        assert_eq!(of(&as_comment(id)).as_deref(), Some(id));
        assert_eq!(of(&format!("-j {}", chain_of(id))).as_deref(), Some(id));
        assert!(chain_of(id).len() <= 28);
        for other in [
            "-j PYFILTER",
            "-j pyfilter-",
            "-j pyfilter-xyz",
            "-g pyfilter-3f9c2a",
            "-p tcp -j pyfilter-3f9c2a",
            "-m comment --comment \"pyfilter store \"",
            "-m comment --comment \"pyfilter store 3f 9c\"",
            "-m comment --comment \"pyfilter store 3f9c2a\" -j ACCEPT",
            "-s 192.0.2.1/32 -m comment --comment \"pyfilter store 3f9c2a\"",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
