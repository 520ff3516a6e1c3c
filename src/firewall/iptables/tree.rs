//! The bans of a family as a tree of chains, so that a packet passes few rules however
//! many bans there are. Pure: the same bans always give the same tree.
//!
//! A chain of few bans is a leaf: its rules are the bans. A chain of many divides them by
//! the leading bits of the address. An example with leaves of at most two rules:
//!
//! ```text
//! bans                        chain PYFILTER
//! 10.0.0.0/8                    -s 10.0.0.0/8 -j DROP
//! 10.1.2.3                      -s 10.0.0.0/9 -g PYFILTER/10-9
//! 10.1.2.4                      -s 10.200.0.1/32 -j DROP
//! 10.200.0.1                  chain PYFILTER/10-9
//!                               -s 10.1.2.3/32 -j DROP
//!                               -s 10.1.2.4/32 -j DROP
//! ```
//!
//! - All bans of a chain share some leading bits (here 8). The next bit divides them into
//!   halves. A half with more bans than a leaf may hold is divided again, as long as the
//!   chain has no more than sixteen ways on: two such halves get eight ways each, and
//!   beside a small half, which is one way, the other one gets fifteen.
//! - A network that is wider than a way on is a rule of the chain itself, before the ways
//!   into it.
//! - A way with a single ban is that ban's rule, and needs no chain.
//! - A way on is a goto: its packet does not come back to the ways that are left, but
//!   goes on behind the jump to `PYFILTER`.
//! - A chain is named after the bits that lead to it, not after what it holds. So a new
//!   ban changes one leaf, or divides it, and all other chains stay as they are.
//!
//! Leaves grow with the number of bans, since `iptables-restore` of the nft variant takes
//! time by the square of the number of chains.

use std::collections::{BTreeSet, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use crate::firewall::rule_text::{push_rule, push_source};
use crate::model::{Deny, Family, Subject};

/// The most ways on of a chain.
const MOST_WAYS: usize = 16;

/// The most chains below ours that a packet goes through. The kernel's `nf_tables` takes
/// no rule that makes it more than 16 from a hook on (`NFT_JUMP_STACK_SIZE`), and a hook
/// may be deep itself. A million addresses all over the place are three chains deep, and
/// addresses of one /64 that somebody has chosen for their depth eight.
const DEEPEST: usize = 9;

/// A leaf may hold this many bans where there are few, so the bans of most hosts stay in
/// one chain.
const SMALLEST_LEAF: usize = 40;

/// The longest name that iptables takes.
const LONGEST_NAME: usize = 28;

/// Between the name of our chain and what leads to a child: no name of the configuration
/// can hold it, so no chain is taken for another's child.
const SEPARATOR: char = '/';

/// The chains of a family, ours first, each before its children.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChainTree {
    pub(super) chains: Vec<TreeChain>,
}

/// A chain of the tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TreeChain {
    pub(super) name: String,
    pub(super) rules: Vec<TreeRule>,
}

/// A rule of the tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TreeRule {
    /// A ban.
    Deny(Subject),
    /// A way on: what is in `way` goes to the chain.
    Goto { way: Subject, chain: String },
}

impl TreeRule {
    /// Appends the rule, without `-A CHAIN`.
    pub(super) fn push_to(&self, text: &mut String, deny: Deny) {
        match self {
            TreeRule::Deny(subject) => push_rule(text, *subject, deny),
            TreeRule::Goto { way, chain } => {
                push_source(text, *way);
                text.push_str(" -g ");
                text.push_str(chain);
            }
        }
    }
}

impl ChainTree {
    /// The tree below `chain` for those of `bans` that are of `family`.
    pub(super) fn of(chain: &str, family: Family, bans: &BTreeSet<Subject>) -> Self {
        let bans = bans.iter().filter(|ban| ban.family() == family);
        let bans: Vec<Ban> = bans.map(|ban| Ban::new(*ban)).collect();
        Builder::new(chain, family, bans.len()).tree(chain, &bans)
    }

    /// The trees before and after a change, of which both lack what is the same in both:
    /// the chains that are reached in the same way and hold none of what changed. `after`
    /// are the bans then; `gone` and `new` are what changed, all of `family`.
    pub(super) fn differing(
        chain: &str,
        family: Family,
        after: &BTreeSet<Subject>,
        gone: &[Subject],
        new: &[Subject],
    ) -> [Self; 2] {
        let after = after.iter().filter(|ban| ban.family() == family);
        let after: Vec<Ban> = after.map(|ban| Ban::new(*ban)).collect();
        let new: BTreeSet<Subject> = new.iter().copied().collect();
        let there = after.iter().filter(|ban| !new.contains(&ban.subject));
        let mut before: Vec<Ban> = there.copied().collect();
        before.extend(gone.iter().map(|ban| Ban::new(*ban)));
        before.sort_unstable_by_key(|ban| ban.subject);
        let changed = new.iter().chain(gone);
        let mut changed: Vec<u128> = changed.map(|ban| Ban::new(*ban).bits).collect();
        changed.sort_unstable();
        let tree = |bans: &[Ban], passed_over: PassedOver| {
            let mut builder = Builder::new(chain, family, bans.len());
            builder.passed_over = passed_over;
            builder.unchanged_by(&changed).tree_and_rest(chain, bans)
        };
        // Names of IPv6 may be digests, of which no two may be the same: that is seen only
        // where all are made.
        if family == Family::V6 || leaf(before.len()) != leaf(after.len()) {
            let full = |bans: &[Ban]| Builder::new(chain, family, bans.len()).tree(chain, bans);
            return [full(&before), full(&after)];
        }
        let (first, candidates) = tree(&before, PassedOver::Any);
        let count = candidates.len();
        let (after, same) = tree(&after, PassedOver::Only(candidates));
        if same.len() == count {
            return [first, after];
        }
        // What was left out before, and is reached otherwise now.
        let (before, _) = tree(&before, PassedOver::Only(same));
        [before, after]
    }

    /// The chain in which the ban stands.
    pub(super) fn chain_of(&self, ban: Subject) -> Option<&str> {
        let mut chains = self.chains.iter();
        let holds = chains.find(|chain| chain.rules.contains(&TreeRule::Deny(ban)))?;
        Some(&holds.name)
    }
}

/// Whether a chain of this name is a child of `chain`, by whatever bans.
pub(super) fn is_child(chain: &str, name: &str) -> bool {
    let rest = name.strip_prefix(stem(chain).as_str());
    rest.is_some_and(|rest| rest.starts_with(SEPARATOR))
}

/// How many bans a leaf may hold. With up to 131,072 bans a packet passes 16 rules in
/// each of three chains and 40 in a leaf, and with a million 305 in a leaf. It grows by
/// one at a time: at each such step only leaves with just as many bans become others.
fn leaf(bans: usize) -> usize {
    SMALLEST_LEAF.max(bans * 5 / 16_384)
}

/// A ban as bits, the first one of the address uppermost.
#[derive(Clone, Copy)]
struct Ban {
    bits: u128,
    subject: Subject,
}

impl Ban {
    fn new(subject: Subject) -> Self {
        let bits = match subject.first().ip() {
            IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
            IpAddr::V6(v6) => v6.to_bits(),
        };
        Ban { bits, subject }
    }
}

struct Builder<'c> {
    stem: String,
    family: Family,
    leaf: usize,
    names: HashSet<String>,
    chains: Vec<TreeChain>,
    /// The bits of what changed, in order; none where all is to be made.
    changed: Option<&'c [u128]>,
    passed_over: PassedOver,
    /// The chains that were passed over.
    rest: HashSet<(String, usize)>,
}

/// Which chains without a change are not made. A chain is told by its name and its depth:
/// with the same bans it has the same children then.
enum PassedOver {
    Any,
    Only(HashSet<(String, usize)>),
}

impl<'c> Builder<'c> {
    fn new(chain: &str, family: Family, bans: usize) -> Self {
        Builder {
            stem: stem(chain),
            family,
            leaf: leaf(bans),
            names: HashSet::new(),
            chains: Vec::new(),
            changed: None,
            passed_over: PassedOver::Any,
            rest: HashSet::new(),
        }
    }

    fn unchanged_by(mut self, changed: &'c [u128]) -> Self {
        self.changed = Some(changed);
        self
    }

    fn tree(self, chain: &str, bans: &[Ban]) -> ChainTree {
        self.tree_and_rest(chain, bans).0
    }

    fn tree_and_rest(mut self, chain: &str, bans: &[Ban]) -> (ChainTree, HashSet<(String, usize)>) {
        self.chain(chain.to_owned(), bans, 0);
        let chains = self.chains;
        (ChainTree { chains }, self.rest)
    }

    /// Whether the chain at `depth` that begins with `bits` bits of `ban` is not made.
    fn is_passed_over(&self, chain: &(String, usize), ban: Ban, bits: u8) -> bool {
        let Some(changed) = self.changed else {
            return false;
        };
        let behind = u128::MAX.checked_shr(bits.into()).unwrap_or(0);
        let at = changed.partition_point(|change| *change < ban.bits & !behind);
        let is_changed = changed
            .get(at)
            .is_some_and(|change| *change <= ban.bits | behind);
        !is_changed
            && match &self.passed_over {
                PassedOver::Any => true,
                PassedOver::Only(chains) => chains.contains(chain),
            }
    }

    /// Adds the chain that holds `bans`, which are in order, and what is below it; a packet
    /// comes to it through `depth` others.
    fn chain(&mut self, name: String, bans: &[Ban], depth: usize) {
        let number = self.chains.len();
        let rules = Vec::new();
        self.chains.push(TreeChain { name, rules });
        let rules = if bans.len() <= self.leaf || depth == DEEPEST {
            listed(bans)
        } else {
            self.divided(bans, shared_bits(bans), MOST_WAYS, depth)
        };
        self.chains[number].rules = rules;
    }

    /// The rules for bans that share `bits` bits, with at most so many `ways` on.
    fn divided(&mut self, bans: &[Ban], bits: u8, ways: usize, depth: usize) -> Vec<TreeRule> {
        if bans.len() <= self.leaf || ways == 1 || bits == self.family.bits() {
            return self.way(bans, bits, depth);
        }
        // What is as wide as all of them is a ban for each; it comes first.
        let wide = bans.partition_point(|ban| ban.subject.length() <= bits);
        let (wide, narrow) = bans.split_at(wide);
        let mut rules = listed(wide);
        let upper = narrow.partition_point(|ban| ban.bits << bits >> 127 == 0);
        let (lower, upper) = narrow.split_at(upper);
        let large = |half: &[Ban]| half.len() > self.leaf;
        let [of_lower, of_upper] = match (large(lower), large(upper)) {
            (true, false) => [ways - 1, 1],
            (false, true) => [1, ways - 1],
            _ => [ways / 2, ways - ways / 2],
        };
        for (half, ways) in [(lower, of_lower), (upper, of_upper)] {
            rules.extend(self.divided(half, bits + 1, ways, depth));
        }
        rules
    }

    /// The rule of a way on, or of its only ban.
    fn way(&mut self, bans: &[Ban], bits: u8, depth: usize) -> Vec<TreeRule> {
        let [first, _, ..] = bans else {
            return listed(bans);
        };
        let way = Subject::network(first.subject.first(), bits);
        let chain = child_name(&self.stem, way);
        // Two names that are cut could be the same one; then one of the two does without.
        if !self.names.insert(chain.clone()) {
            return listed(bans);
        }
        let reached = (chain.clone(), depth + 1);
        if self.is_passed_over(&reached, *first, bits) {
            self.rest.insert(reached);
        } else {
            self.chain(chain.clone(), bans, depth + 1);
        }
        vec![TreeRule::Goto { way, chain }]
    }
}

fn listed(bans: &[Ban]) -> Vec<TreeRule> {
    bans.iter().map(|ban| TreeRule::Deny(ban.subject)).collect()
}

/// How many leading bits all of them share; they are in order, and not none.
fn shared_bits(bans: &[Ban]) -> u8 {
    let [first, .., last] = bans else {
        return 0;
    };
    let alike = (first.bits ^ last.bits).leading_zeros();
    let lengths = bans.iter().map(|ban| ban.subject.length());
    let shortest = lengths.min().unwrap_or(0);
    shortest.min(u8::try_from(alike).unwrap_or(u8::MAX))
}

/// What the names of the children of `chain` begin with: its name, or as much of a long
/// one as leaves room, and a digest that tells it from others.
fn stem(chain: &str) -> String {
    const LONGEST: usize = 12;
    if chain.len() <= LONGEST {
        return chain.to_owned();
    }
    let begin: String = chain.chars().take(LONGEST - 7).collect();
    format!("{begin}_{}", &digest(chain.as_bytes())[..7])
}

/// The name of the child to which `way` leads: `PYFILTER/10.32-12`,
/// `PYFILTER/20010db8-32`; where that is too long the address in hexadecimal digits, or a
/// digest of it.
fn child_name(stem: &str, way: Subject) -> String {
    let room = LONGEST_NAME - stem.len() - SEPARATOR.len_utf8();
    let length = way.length();
    let (dotted, digits) = match way.first().ip() {
        IpAddr::V4(v4) => (Some(dotted(v4)), format!("{:08x}", v4.to_bits())),
        IpAddr::V6(v6) => (None, format!("{:032x}", v6.to_bits())),
    };
    let digits = &digits[..usize::from(length.div_ceil(4))];
    let told = dotted.into_iter().chain([digits.to_owned()]);
    let told = told.map(|address| format!("{address}-{length}"));
    let fits = told.into_iter().find(|text| text.len() <= room);
    let text = fits.unwrap_or_else(|| digest(way.to_string().as_bytes()));
    format!("{stem}{SEPARATOR}{text}")
}

/// `10.32` for 10.32.0.0: without the zeros at the end, but with one number at least.
fn dotted(v4: Ipv4Addr) -> String {
    let text = v4.to_string();
    let mut text = text.as_str();
    while let Some(shorter) = text.strip_suffix(".0") {
        text = shorter;
    }
    text.to_owned()
}

/// 13 digits and letters, begun with an `x`, which no digit of an address is.
fn digest(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijkmnpqrstuvwz";
    let number = siphasher::sip::SipHasher13::new().hash(bytes);
    let digit = |n: u32| DIGITS[usize::try_from(number >> (5 * n) & 31).unwrap_or(0)];
    let digits = (0..12).map(|n| char::from(digit(n)));
    std::iter::once('x').chain(digits).collect()
}

#[cfg(test)]
mod tests;
