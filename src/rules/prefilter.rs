//! Which lines of a block may match at all, and under which patterns.

use std::sync::Arc;

use aho_corasick::packed::{self, Searcher};
use aho_corasick::{AhoCorasick, Input, MatchKind, Span};
use memchr::{memchr, memchr_iter, memmem};

use super::patterns::PatternSet;
use super::repeated::RARE;
use super::requests::Requests;

/// Finds the literals of all patterns of a rule.
#[derive(Debug, Clone)]
pub(super) struct Prefilter {
    search: Search,
    /// By literal: the patterns that a line with it is a candidate for.
    calls: Vec<CandidateFlags>,
    /// By literal: how far behind its start the next one may begin.
    steps: Vec<usize>,
    /// By literal: what must begin in it.
    gates: Vec<Option<Gate>>,
}

/// What must follow a literal for it to count. It is tried first: the literal stands in
/// many lines, and most of them fail here.
#[derive(Debug, Clone)]
struct Gate {
    /// How far behind the start of the literal the request begins.
    request: usize,
    requests: Arc<Requests>,
}

/// The packed search is faster, and quickly made, but it does not run on every
/// processor, nor with any number of literals.
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

/// The patterns that a line is a candidate for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CandidateFlags {
    /// The patterns of which it holds a literal.
    pub(super) patterns: PatternSet,
    /// Whether it may be a repeated line. Then the line that it repeats has to be
    /// looked at again.
    pub(super) repeated: bool,
}

impl CandidateFlags {
    /// Where nothing is known.
    pub(super) const ALL: CandidateFlags = CandidateFlags {
        patterns: PatternSet::ALL,
        repeated: true,
    };

    fn add(&mut self, other: CandidateFlags) {
        self.patterns.add(other.patterns);
        self.repeated |= other.repeated;
    }
}

/// What a line must have for a pattern to match it.
#[derive(Debug)]
pub(super) struct Needs<'p> {
    /// One of these.
    pub(super) literals: Vec<Vec<u8>>,
    /// If given, one of these requests must begin behind the quote in the literal.
    pub(super) requests: Option<&'p Requests>,
}

/// A literal in a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub(super) start: usize,
    literal: usize,
}

impl Prefilter {
    /// `needs` are those of each pattern, in the order in which the patterns
    /// are tried; every match of a pattern holds one of its literals.
    pub(super) fn new(needs: Vec<Needs<'_>>) -> Option<Self> {
        let own = needs.into_iter().enumerate().flat_map(|(n, needs)| {
            let calls = CandidateFlags {
                patterns: PatternSet::only(n),
                repeated: false,
            };
            let requests = needs.requests.cloned().map(Arc::new);
            needs.literals.into_iter().map(move |literal| {
                let request = memchr(b'"', &literal).map(|quote| quote + 1);
                let gate = request.zip(requests.clone());
                let gate = gate.map(|(request, requests)| Gate { request, requests });
                (literal, calls, gate)
            })
        });
        let repeated = CandidateFlags {
            repeated: true,
            ..CandidateFlags::default()
        };
        let mut all: Vec<_> = own.chain([(RARE.to_vec(), repeated, None)]).collect();
        all.sort_by_key(|(literal, ..)| literal.len());
        // A literal that contains another one is found with that one. So no two that
        // are left can begin at the same byte.
        let mut kept: Vec<(Vec<u8>, CandidateFlags, Option<Gate>)> = Vec::new();
        for (literal, calls, gate) in all {
            match kept
                .iter_mut()
                .find(|(short, ..)| memmem::find(&literal, short).is_some())
            {
                Some((_, known, gate)) => {
                    known.add(calls);
                    // The other patterns do not ask for a request.
                    *gate = None;
                }
                None => kept.push((literal, calls, gate)),
            }
        }
        let mut literals = Vec::with_capacity(kept.len());
        let (calls, gates): (Vec<_>, Vec<_>) = (kept.into_iter())
            .map(|(literal, calls, gate)| {
                literals.push(literal);
                (calls, gate)
            })
            .unzip();
        let search = Search::new(literals.iter())?;
        let steps = literals.iter().map(|one| step(one, &literals)).collect();
        Some(Prefilter {
            search,
            calls,
            steps,
            gates,
        })
    }

    /// The first literal that begins at `from` or behind it, and counts.
    pub(super) fn find(&self, block: &[u8], mut from: usize) -> Option<Hit> {
        loop {
            let hit = match &self.search {
                Search::Packed(search) => search.find_in(block, Span::from(from..block.len())),
                Search::Automaton(search) => search.find(Input::new(block).range(from..)),
            }?;
            let (start, literal) = (hit.start(), hit.pattern().as_usize());
            match &self.gates[literal] {
                Some(Gate { request, requests })
                    if !requests.may_begin(&block[start + request..]) =>
                {
                    from = start + self.steps[literal];
                }
                _ => return Some(Hit { start, literal }),
            }
        }
    }

    /// The patterns that a line is a candidate for, and the first literal behind that
    /// line. `hit` is the first literal in the line, `end` the end of the line.
    pub(super) fn calls(
        &self,
        block: &[u8],
        mut hit: Hit,
        end: usize,
    ) -> (CandidateFlags, Option<Hit>) {
        let mut calls = CandidateFlags::default();
        loop {
            calls.add(self.calls[hit.literal]);
            match self.find(block, hit.start + self.steps[hit.literal]) {
                Some(next) if next.start < end => hit = next,
                next => return (calls, next),
            }
        }
    }

    /// What a single line calls for.
    pub(super) fn line(&self, line: &[u8]) -> CandidateFlags {
        self.find(line, 0)
            .map_or_else(CandidateFlags::default, |hit| {
                self.calls(line, hit, line.len()).0
            })
    }
}

/// How far behind the start of `literal` the next one may begin. No literal contains
/// another one, but the end of one may be the start of another.
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
            let mut called = PatternSet::default();
            for (place, _) in literals.iter().enumerate().filter(|(_, set)| holds(set)) {
                called.add(PatternSet::only(place));
            }
            let all = || literals.iter().flatten().enumerate();
            let held = all().any(|(n, one)| all().any(|(m, other)| n != m && one.contains(other.as_str())));
            let needs = literals.iter().map(|set| Needs {
                literals: set.iter().map(|one| one.as_bytes().to_vec()).collect(),
                requests: None,
            });
            let calls = Prefilter::new(needs.collect()).unwrap().line(line.as_bytes());
            let mut more = calls.patterns;
            more.add(called);
            prop_assert_eq!(calls.patterns, more);
            // One that holds another is called for with it.
            prop_assert!(held || calls.patterns == called);
            prop_assert!(!calls.repeated);
        }
    }
}
