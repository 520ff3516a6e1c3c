//! Which lines of a block may match at all, and under which patterns.

use aho_corasick::packed::{self, Searcher};
use aho_corasick::{AhoCorasick, Input, MatchKind, Span};
use memchr::{memchr_iter, memmem};

use super::patterns::Called;
use super::repeated::RARE;

/// Finds the literals of all patterns of a rule.
#[derive(Debug, Clone)]
pub(super) struct Prefilter {
    search: Search,
    /// By literal: what a line that holds it calls for.
    calls: Vec<Calls>,
    /// By literal: how far behind its start the next one may begin.
    steps: Vec<usize>,
}

/// The packed one is faster, and made in no time, but neither serves every
/// processor nor any number of literals.
#[derive(Debug, Clone)]
enum Search {
    Packed(Searcher),
    Automaton(AhoCorasick),
}

impl Search {
    fn new<'l>(literals: impl Iterator<Item = &'l Vec<u8>> + Clone) -> Option<Self> {
        let mut packed = packed::Config::new().builder();
        packed.extend(literals.clone());
        let automaton = || {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostFirst)
                .build(literals)
                .ok()
        };
        let packed = packed.build().map(Search::Packed);
        packed.or_else(|| automaton().map(Search::Automaton))
    }
}

/// What a line calls for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Calls {
    /// The patterns of which it holds a literal.
    pub(super) patterns: Called,
    /// Whether it may stand for several; then what it stands for is to be
    /// looked at anew.
    pub(super) repeated: bool,
}

impl Calls {
    /// Where nothing is known.
    pub(super) const ALL: Calls = Calls {
        patterns: Called::ALL,
        repeated: true,
    };

    fn add(&mut self, other: Calls) {
        self.patterns.add(other.patterns);
        self.repeated |= other.repeated;
    }
}

/// A literal in a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub(super) start: usize,
    literal: usize,
}

impl Prefilter {
    /// `literals` are those of each pattern, in the order in which the patterns
    /// are tried; every match of a pattern holds one of its own.
    pub(super) fn new(literals: Vec<Vec<Vec<u8>>>) -> Option<Self> {
        let own = literals.into_iter().enumerate().flat_map(|(n, set)| {
            let calls = Calls {
                patterns: Called::only(n),
                repeated: false,
            };
            set.into_iter().map(move |literal| (literal, calls))
        });
        let repeated = Calls {
            repeated: true,
            ..Calls::default()
        };
        let mut all: Vec<(Vec<u8>, Calls)> = own.chain([(RARE.to_vec(), repeated)]).collect();
        all.sort_by_key(|(literal, _)| literal.len());
        // One that holds another is found with that one. So no two are left
        // that can begin at one place.
        let mut kept: Vec<(Vec<u8>, Calls)> = Vec::new();
        for (literal, calls) in all {
            match kept
                .iter_mut()
                .find(|(short, _)| memmem::find(&literal, short).is_some())
            {
                Some((_, known)) => known.add(calls),
                None => kept.push((literal, calls)),
            }
        }
        let (literals, calls): (Vec<_>, Vec<_>) = kept.into_iter().unzip();
        let search = Search::new(literals.iter())?;
        let steps = literals.iter().map(|one| step(one, &literals)).collect();
        Some(Prefilter {
            search,
            calls,
            steps,
        })
    }

    /// The first literal that begins at `from` or behind it.
    pub(super) fn find(&self, block: &[u8], from: usize) -> Option<Hit> {
        let hit = match &self.search {
            Search::Packed(search) => search.find_in(block, Span::from(from..block.len())),
            Search::Automaton(search) => search.find(Input::new(block).range(from..)),
        }?;
        Some(Hit {
            start: hit.start(),
            literal: hit.pattern().as_usize(),
        })
    }

    /// What the line calls for in which `hit` is the first literal and that
    /// ends at `end`; and the first literal behind it.
    pub(super) fn calls(&self, block: &[u8], mut hit: Hit, end: usize) -> (Calls, Option<Hit>) {
        let mut calls = Calls::default();
        loop {
            calls.add(self.calls[hit.literal]);
            match self.find(block, hit.start + self.steps[hit.literal]) {
                Some(next) if next.start < end => hit = next,
                next => return (calls, next),
            }
        }
    }

    /// What a single line calls for.
    pub(super) fn line(&self, line: &[u8]) -> Calls {
        self.find(line, 0)
            .map_or_else(Calls::default, |hit| self.calls(line, hit, line.len()).0)
    }
}

/// How far behind the start of `literal` the next one may begin: they do not
/// hold one another, but the end of one may be how another begins.
fn step(literal: &[u8], literals: &[Vec<u8>]) -> usize {
    let overlap = |other: &Vec<u8>| {
        let (&first, _) = other.split_first()?;
        let mut starts = memchr_iter(first, literal).filter(|&from| from > 0);
        starts.find(|&from| other.starts_with(&literal[from..]))
    };
    let first = literals.iter().filter_map(overlap).min();
    first.unwrap_or(literal.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Also those that overlap, and those that hold others.
        #[test]
        fn a_line_calls_for_each_pattern_of_which_it_holds_a_literal(
            literals in prop::collection::vec(prop::collection::vec("[ab]{2,5}", 1..4), 1..5),
            line in "[abc]{0,60}",
        ) {
            let holds = |set: &Vec<String>| set.iter().any(|literal| line.contains(literal.as_str()));
            let mut called = Called::default();
            for (place, _) in literals.iter().enumerate().filter(|(_, set)| holds(set)) {
                called.add(Called::only(place));
            }
            let all = || literals.iter().flatten().enumerate();
            let held = all().any(|(n, one)| all().any(|(m, other)| n != m && one.contains(other.as_str())));
            let bytes = literals.iter().map(|set| set.iter().map(|one| one.as_bytes().to_vec()).collect());
            let calls = Prefilter::new(bytes.collect()).unwrap().line(line.as_bytes());
            let mut more = calls.patterns;
            more.add(called);
            prop_assert_eq!(calls.patterns, more);
            // One that holds another is called for with it.
            prop_assert!(held || calls.patterns == called);
            prop_assert!(!calls.repeated);
        }
    }
}
