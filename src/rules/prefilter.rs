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
    uses: Vec<LiteralUse>,
}

/// What a line is a candidate for if a literal of a rule stands in it.
#[derive(Debug, Clone)]
struct LiteralUse {
    /// The number of the rule among those that read together.
    rule: usize,
    literal: Vec<u8>,
    /// How far in it the literal begins that is searched for: ` for user ` is looked at
    /// where ` user ` is found, if another pattern needs that. None if it is itself
    /// what is searched for.
    within: Option<usize>,
    flags: CandidateFlags,
    gate: Option<Gate>,
}

impl LiteralUse {
    /// Whether its literal and its gate stand there, if what is searched for begins at
    /// the byte `found`.
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
        let uses = all.map(|(literal, flags, gate)| LiteralUse {
            rule: 0,
            literal,
            within: None,
            flags,
            gate,
        });
        Self::of(searched_for(uses))
    }

    /// Of several rules, each with its own; their numbers are their places.
    pub(super) fn joined(rules: &[&Prefilter]) -> Option<Self> {
        Self::of(searched_for(uses_of(rules)))
    }

    /// How many literals that one searches for.
    pub(super) fn joined_literals(rules: &[&Prefilter]) -> usize {
        searched_for(uses_of(rules)).len()
    }

    fn of(searched: Vec<(Vec<u8>, Vec<LiteralUse>)>) -> Option<Self> {
        let (literals, uses): (Vec<_>, Vec<_>) = searched.into_iter().unzip();
        let steps = literals.iter().map(|one| step(one, &literals));
        Some(Prefilter {
            search: Search::new(&literals)?,
            literals: (steps.zip(uses))
                .map(|(step, uses)| Searched { step, uses })
                .collect(),
        })
    }

    /// The first literal that begins at `from` or behind it, and that some rule counts.
    pub(super) fn find(&self, block: &[u8], mut from: usize) -> Option<Hit> {
        loop {
            let hit = match &self.search {
                Search::Packed(search) => search.find_in(block, Span::from(from..block.len())),
                Search::Automaton(search) => search.find(Input::new(block).range(from..)),
            }?;
            let (start, literal) = (hit.start(), hit.pattern().as_usize());
            let Searched { step, uses } = &self.literals[literal];
            if uses.iter().any(|one| one.applies(block, start)) {
                return Some(Hit { start, literal });
            }
            from = start + step;
        }
    }

    /// Adds what a line is a candidate for to `flags`, by rule; returns the first literal
    /// behind the line. `hit` is the first literal in it, `end` is where it ends.
    pub(super) fn add_candidates(
        &self,
        block: &[u8],
        mut hit: Hit,
        end: usize,
        flags: &mut [CandidateFlags],
    ) -> Option<Hit> {
        loop {
            let Searched { step, uses } = &self.literals[hit.literal];
            for one in uses {
                // `find` returns no hit of which no use applies.
                if uses.len() == 1 || one.applies(block, hit.start) {
                    flags[one.rule].add(one.flags);
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
            self.add_candidates(line, hit, line.len(), &mut flags);
        }
        flags[0]
    }
}

/// The uses of rules that read together; the number of each is its place.
fn uses_of(rules: &[&Prefilter]) -> impl Iterator<Item = LiteralUse> {
    let rules = rules.iter().enumerate();
    rules.flat_map(|(rule, own)| {
        let uses = own.literals.iter().flat_map(|literal| &literal.uses);
        uses.map(move |one| LiteralUse {
            rule,
            ..one.clone()
        })
    })
}

/// What has to be searched for, each with the uses that are looked at where it is found.
///
/// A literal that contains another one is looked at where that one is found. So no two
/// that are searched for can begin at the same byte.
fn searched_for(uses: impl Iterator<Item = LiteralUse>) -> Vec<(Vec<u8>, Vec<LiteralUse>)> {
    let mut uses: Vec<LiteralUse> = uses.collect();
    uses.sort_by_key(|one| one.literal.len());
    let mut searched: Vec<(Vec<u8>, Vec<LiteralUse>)> = Vec::new();
    for mut one in uses {
        let shorter = searched.iter_mut().find_map(|(shorter, known)| {
            let before = memmem::find(&one.literal, shorter)?;
            Some((before, shorter.len(), known))
        });
        let Some((before, length, known)) = shorter else {
            one.within = None;
            searched.push((one.literal.clone(), vec![one]));
            continue;
        };
        one.within = (one.literal.len() > length).then_some(before);
        let is_same = |other: &&mut LiteralUse| {
            let has_gate = other.gate.is_some() || one.gate.is_some();
            !has_gate && other.rule == one.rule && other.literal == one.literal
        };
        match known.iter_mut().find(is_same) {
            Some(other) => other.flags.add(one.flags),
            None => known.push(one),
        }
    }
    searched
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
    use proptest::sample::select;

    use super::*;
    use crate::model::LoginPage;

    /// The literals of a pattern, and whether it is one for requests.
    type Literals = (Vec<String>, bool);

    fn any_rule() -> impl Strategy<Value = Vec<Literals>> {
        let literals = prop::collection::vec("[ab]{2,5}|[ab]{0,2}\"[ab]{0,2}P?", 1..4);
        let literals = literals.prop_filter("two bytes", |all| all.iter().all(|one| one.len() > 1));
        prop::collection::vec((literals, any::<bool>()), 1..4)
    }

    /// What the search has to say, by the words of [`Needs`].
    fn expected(rule: &[Literals], requests: &Requests, line: &str) -> CandidateFlags {
        let stands = |literal: &str, wants_request: bool| {
            let mut starts = (0..line.len()).filter(|&start| line[start..].starts_with(literal));
            starts.any(|start| match literal.find('"') {
                Some(quote) if wants_request => {
                    requests.may_begin(&line.as_bytes()[start + quote + 1..])
                }
                _ => true,
            })
        };
        let mut patterns = PatternSet::default();
        for (place, (literals, wants_request)) in rule.iter().enumerate() {
            if literals.iter().any(|one| stands(one, *wants_request)) {
                patterns.add(PatternSet::only(place));
            }
        }
        CandidateFlags {
            patterns,
            repeated: false,
        }
    }

    proptest! {
        /// Also those that overlap, those that hold others, and those of several rules.
        #[test]
        fn a_line_is_a_candidate_for_each_pattern_of_which_it_holds_what_it_needs(
            rules in prop::collection::vec(any_rule(), 1..4),
            line in prop::collection::vec(prop_oneof!["[abc\"]{0,6}", select(vec!["POST /x ", "POST /y ", "GET /x "]).prop_map(str::to_owned)], 0..12),
        ) {
            let line = line.concat();
            let requests = Requests::new(&[LoginPage { url: "/x".into(), failures: None }]);
            let expected: Vec<_> = rules.iter().map(|rule| expected(rule, &requests, &line)).collect();
            let needs = |(literals, wants_request): &Literals| Needs {
                literals: literals.iter().map(|one| one.as_bytes().to_vec()).collect(),
                requests: wants_request.then_some(&requests),
            };
            let own = |rule: &Vec<_>| Prefilter::new(rule.iter().map(needs).collect()).unwrap();
            let own: Vec<_> = rules.iter().map(own).collect();
            let alone: Vec<_> = own.iter().map(|own| own.line(line.as_bytes())).collect();
            prop_assert_eq!(&alone, &expected);
            let joined = Prefilter::joined(&own.iter().collect::<Vec<_>>()).unwrap();
            let mut together = vec![CandidateFlags::default(); rules.len()];
            if let Some(hit) = joined.find(line.as_bytes(), 0) {
                let behind = joined.add_candidates(line.as_bytes(), hit, line.len(), &mut together);
                prop_assert!(behind.is_none());
            }
            prop_assert_eq!(together, expected);
        }
    }
}
