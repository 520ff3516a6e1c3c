//! Which lines of a block may match at all, and under which patterns.

use std::sync::Arc;

use aho_corasick::packed::{self, Searcher};
use aho_corasick::{AhoCorasick, Input, MatchKind, Span};
use memchr::{memchr, memchr_iter, memmem};

use super::patterns::PatternSet;
use super::repeated::RARE;
use super::requests::Requests;

/// Finds the literals of all patterns of the rules that read together.
#[derive(Debug, Clone)]
pub(super) struct Prefilter {
    search: Search,
    /// What is searched for; none of them contains another one.
    literals: Vec<Searched>,
}

#[derive(Debug, Clone)]
struct Searched {
    /// How far behind its start the next one may begin.
    step: usize,
    calls: Vec<Call>,
}

/// What a rule does with a line in which a literal stands.
#[derive(Debug, Clone)]
struct Call {
    /// The number of the rule among those that read together.
    rule: usize,
    literal: Vec<u8>,
    /// How far in it the literal begins that is searched for: ` for user ` is looked at
    /// where ` user ` is found, if another pattern asks for that. None if it is itself
    /// what is searched for.
    within: Option<usize>,
    flags: CandidateFlags,
    gate: Option<Gate>,
}

impl Call {
    /// Whether it is one where what is searched for was found at the byte `found`.
    fn applies(&self, block: &[u8], found: usize) -> bool {
        let start = match self.within {
            None => found,
            Some(before) => match found.checked_sub(before) {
                Some(start) if block[start..].starts_with(&self.literal) => start,
                _ => return false,
            },
        };
        self.gate.as_ref().is_none_or(|gate| {
            let request = &block[start + gate.request..];
            gate.requests.may_begin(request)
        })
    }
}

/// What must stand in a literal and behind it for it to count. It is tried first: the
/// literal stands in many lines, and most of them fail here.
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
    fn new(literals: &[Vec<u8>]) -> Option<Self> {
        let mut packed = packed::Config::new().builder();
        packed.extend(literals);
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

    /// Whether the line is no candidate.
    pub(super) fn is_empty(self) -> bool {
        self.patterns == PatternSet::default() && !self.repeated
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
    /// Of one rule. `needs` are those of each pattern, in the order in which the patterns
    /// are tried; every match of a pattern holds one of its literals.
    pub(super) fn new(needs: Vec<Needs<'_>>) -> Option<Self> {
        let own = needs.into_iter().enumerate().flat_map(|(n, needs)| {
            let flags = CandidateFlags {
                patterns: PatternSet::only(n),
                repeated: false,
            };
            let requests = needs.requests.cloned().map(Arc::new);
            needs.literals.into_iter().map(move |literal| {
                let request = memchr(b'"', &literal).map(|quote| quote + 1);
                let gate = request.zip(requests.clone());
                let gate = gate.map(|(request, requests)| Gate { request, requests });
                (literal, flags, gate)
            })
        });
        let repeated = CandidateFlags {
            repeated: true,
            ..CandidateFlags::default()
        };
        let all = own.chain([(RARE.to_vec(), repeated, None)]);
        Self::of(all.map(|(literal, flags, gate)| Call {
            rule: 0,
            literal,
            within: None,
            flags,
            gate,
        }))
    }

    /// Of several rules, each with its own; their numbers are their places.
    pub(super) fn joined(rules: &[&Prefilter]) -> Option<Self> {
        let rules = rules.iter().enumerate();
        Self::of(rules.flat_map(|(rule, own)| {
            let calls = own.literals.iter().flat_map(|literal| &literal.calls);
            calls.map(move |call| Call {
                rule,
                ..call.clone()
            })
        }))
    }

    fn of(calls: impl Iterator<Item = Call>) -> Option<Self> {
        let mut calls: Vec<Call> = calls.collect();
        calls.sort_by_key(|call| call.literal.len());
        // A literal that contains another one is looked for where that one is found. So
        // no two that are searched for can begin at the same byte.
        let mut literals: Vec<(Vec<u8>, Vec<Call>)> = Vec::new();
        for mut call in calls {
            let within = |(short, _): &(Vec<u8>, _)| memmem::find(&call.literal, short);
            let shorter = literals.iter().enumerate();
            let mut shorter = shorter.filter_map(|(place, one)| Some((place, within(one)?)));
            let Some((place, before)) = shorter.next() else {
                call.within = None;
                literals.push((call.literal.clone(), vec![call]));
                continue;
            };
            let (searched, known) = &mut literals[place];
            call.within = (call.literal.len() > searched.len()).then_some(before);
            let like = |other: &&mut Call| {
                let gated = other.gate.is_some() || call.gate.is_some();
                !gated && other.rule == call.rule && other.literal == call.literal
            };
            match known.iter_mut().find(like) {
                Some(other) => other.flags.add(call.flags),
                None => known.push(call),
            }
        }
        let (literals, calls): (Vec<_>, Vec<_>) = literals.into_iter().unzip();
        let steps = literals.iter().map(|one| step(one, &literals));
        Some(Prefilter {
            search: Search::new(&literals)?,
            literals: (steps.zip(calls))
                .map(|(step, calls)| Searched { step, calls })
                .collect(),
        })
    }

    /// How many literals are searched for.
    pub(super) fn len(&self) -> usize {
        self.literals.len()
    }

    /// The first literal that begins at `from` or behind it, and that some rule counts.
    pub(super) fn find(&self, block: &[u8], mut from: usize) -> Option<Hit> {
        loop {
            let hit = match &self.search {
                Search::Packed(search) => search.find_in(block, Span::from(from..block.len())),
                Search::Automaton(search) => search.find(Input::new(block).range(from..)),
            }?;
            let (start, literal) = (hit.start(), hit.pattern().as_usize());
            let Searched { step, calls } = &self.literals[literal];
            if calls.iter().any(|call| call.applies(block, start)) {
                return Some(Hit { start, literal });
            }
            from = start + step;
        }
    }

    /// Adds what the line is a candidate for, by rule, to `flags`; returns the first
    /// literal behind that line. `hit` is the first literal in the line, `end` the end of
    /// the line.
    pub(super) fn calls(
        &self,
        block: &[u8],
        mut hit: Hit,
        end: usize,
        flags: &mut [CandidateFlags],
    ) -> Option<Hit> {
        loop {
            let Searched { step, calls } = &self.literals[hit.literal];
            for call in calls {
                // Of one call alone that was seen when it was found.
                if calls.len() == 1 || call.applies(block, hit.start) {
                    flags[call.rule].add(call.flags);
                }
            }
            match self.find(block, hit.start + step) {
                Some(next) if next.start < end => hit = next,
                next => return next,
            }
        }
    }

    /// What a single line is a candidate for, to the only rule.
    pub(super) fn line(&self, line: &[u8]) -> CandidateFlags {
        let mut flags = [CandidateFlags::default()];
        if let Some(hit) = self.find(line, 0) {
            self.calls(line, hit, line.len(), &mut flags);
        }
        flags[0]
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

    fn needs(rule: &[Vec<String>]) -> impl Iterator<Item = Needs<'static>> + '_ {
        rule.iter().map(|literals| Needs {
            literals: literals.iter().map(|one| one.as_bytes().to_vec()).collect(),
            requests: None,
        })
    }

    proptest! {
        /// Also those that overlap, and those that hold others.
        #[test]
        fn a_line_is_a_candidate_for_each_pattern_of_which_it_holds_a_literal(
            rules in prop::collection::vec(
                prop::collection::vec(prop::collection::vec("[ab]{2,5}", 1..4), 1..4),
                1..4,
            ),
            line in "[abc]{0,60}",
        ) {
            let holds = |literals: &Vec<String>| literals.iter().any(|one| line.contains(one.as_str()));
            let expected = rules.iter().map(|rule| {
                let mut patterns = PatternSet::default();
                for (place, _) in rule.iter().enumerate().filter(|(_, literals)| holds(literals)) {
                    patterns.add(PatternSet::only(place));
                }
                CandidateFlags { patterns, repeated: false }
            });
            let expected: Vec<_> = expected.collect();
            let own: Vec<_> = rules.iter().map(|rule| Prefilter::new(needs(rule).collect()).unwrap()).collect();
            let alone: Vec<_> = own.iter().map(|own| own.line(line.as_bytes())).collect();
            prop_assert_eq!(&alone, &expected);
            let joined = Prefilter::joined(&own.iter().collect::<Vec<_>>()).unwrap();
            let mut together = vec![CandidateFlags::default(); rules.len()];
            if let Some(hit) = joined.find(line.as_bytes(), 0) {
                prop_assert!(joined.calls(line.as_bytes(), hit, line.len(), &mut together).is_none());
            }
            prop_assert_eq!(together, expected);
        }
    }
}
