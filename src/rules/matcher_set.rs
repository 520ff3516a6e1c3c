//! The failures of rules that read the same lines, in a block of them.

use std::ops::Range;
use std::sync::Arc;

use memchr::{memchr, memrchr};

use crate::model::Failure;

use super::matcher::{Matcher, Verdict};
use super::prefilter::{CandidateFlags, Prefilter};

/// How many literals are searched for at once. Of more of them so many are found in vain
/// that two searches are as fast.
const MOST_LITERALS: usize = 32;

/// What else was found in a block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatchTotals {
    /// Lines that name a host where an address should be.
    pub host_names: u64,
    /// Lines whose time can not be read.
    pub bad_times: u64,
    /// Where the first of them starts.
    pub first_bad_time: Option<u64>,
}

impl MatchTotals {
    fn note(&mut self, verdict: &Verdict, offset: u64) {
        match verdict {
            Verdict::HostName => self.host_names += 1,
            Verdict::BadTime => {
                self.bad_times += 1;
                self.first_bad_time.get_or_insert(offset);
            }
            Verdict::Failure(_) | Verdict::Nothing => {}
        }
    }

    /// Adds what was found in a later block.
    pub fn add(&mut self, later: &MatchTotals) {
        self.host_names += later.host_names;
        self.bad_times += later.bad_times;
        self.first_bad_time = self.first_bad_time.or(later.first_bad_time);
    }
}

/// The matchers of rules that read the same lines. What they look for is looked for in
/// one pass over a block. Each worker has a clone.
#[derive(Debug, Clone)]
pub struct MatcherSet {
    matchers: Vec<Matcher>,
    searches: Vec<SearchGroup>,
}

/// One search for the literals of several rules, which stand beside each other.
#[derive(Debug, Clone)]
struct SearchGroup {
    rules: Range<usize>,
    /// None if each line has to be tried, by one rule.
    prefilter: Option<Arc<Prefilter>>,
}

impl SearchGroup {
    fn of_one(rule: usize, matcher: &Matcher) -> Self {
        SearchGroup {
            rules: rule..rule + 1,
            prefilter: matcher.prefilter().cloned(),
        }
    }

    /// None if there is nothing to search for.
    fn of_several(rules: Range<usize>, matchers: &[Matcher]) -> Option<Self> {
        let own = prefilters(&matchers[rules.clone()])?;
        let prefilter = Some(Arc::new(Prefilter::joined(&own)?));
        Some(SearchGroup { rules, prefilter })
    }
}

/// None if one of the rules has none.
fn prefilters(matchers: &[Matcher]) -> Option<Vec<&Prefilter>> {
    let own = matchers.iter().map(|one| one.prefilter().map(|own| &**own));
    own.collect()
}

/// The rules of each search: as many that stand beside each other as are faster with one.
fn grouped(matchers: &[Matcher]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for rule in 0..matchers.len() {
        let fits = |last: &&mut Range<usize>| {
            prefilters(&matchers[last.start..=rule])
                .is_some_and(|own| Prefilter::joined_literals(&own) <= MOST_LITERALS)
        };
        match groups.last_mut().filter(fits) {
            Some(last) => last.end = rule + 1,
            None => groups.push(rule..rule + 1),
        }
    }
    groups
}

impl MatcherSet {
    /// The rules are numbered in this order.
    #[must_use]
    pub fn new(matchers: Vec<Matcher>) -> Self {
        let mut searches = Vec::new();
        for rules in grouped(&matchers) {
            let several = (rules.len() > 1)
                .then(|| SearchGroup::of_several(rules.clone(), &matchers))
                .flatten();
            match several {
                Some(several) => searches.push(several),
                None => searches.extend(rules.map(|one| SearchGroup::of_one(one, &matchers[one]))),
            }
        }
        MatcherSet { matchers, searches }
    }

    /// The matchers, in the order of their rules.
    pub fn matchers(&mut self) -> &mut [Matcher] {
        &mut self.matchers
    }

    /// Finds the failures of each rule as [`Matcher::scan`] does for one. Calls `sink`
    /// with the number of the rule; those of one rule come in their order. Returns what else
    /// was found, by rule.
    pub fn scan(
        &mut self,
        block: &[u8],
        base: u64,
        mut sink: impl FnMut(usize, Failure, &[u8]),
    ) -> Vec<MatchTotals> {
        let mut totals = vec![MatchTotals::default(); self.matchers.len()];
        for SearchGroup { rules, prefilter } in &self.searches {
            let pass = Pass {
                prefilter: prefilter.as_deref(),
                block,
                base,
            };
            let matchers = &mut self.matchers[rules.clone()];
            let totals = &mut totals[rules.clone()];
            pass.scan(matchers, totals, &mut |rule, failure, line: &[u8]| {
                sink(rules.start + rule, failure, line);
            });
        }
        totals
    }
}

impl Matcher {
    /// Finds the failures in `block`, which holds whole lines and begins at the byte
    /// `base` of its log. Calls `sink` with each failure, in their order, and its line
    /// without the newline.
    pub fn scan(
        &mut self,
        block: &[u8],
        base: u64,
        mut sink: impl FnMut(Failure, &[u8]),
    ) -> MatchTotals {
        let prefilter = self.prefilter().cloned();
        let pass = Pass {
            prefilter: prefilter.as_deref(),
            block,
            base,
        };
        let mut totals = MatchTotals::default();
        pass.scan(
            std::slice::from_mut(self),
            std::slice::from_mut(&mut totals),
            &mut |_, failure, line: &[u8]| sink(failure, line),
        );
        totals
    }
}

/// One pass over a block.
struct Pass<'b> {
    /// Of the rules for which it is made; without one each line is tried.
    prefilter: Option<&'b Prefilter>,
    /// Whole lines.
    block: &'b [u8],
    /// Where the block stands in its log.
    base: u64,
}

impl Pass<'_> {
    /// Finds the failures of each rule; all slices are by rule.
    fn scan(
        &self,
        matchers: &mut [Matcher],
        totals: &mut [MatchTotals],
        sink: &mut impl FnMut(usize, Failure, &[u8]),
    ) {
        let Pass {
            prefilter,
            block,
            base,
        } = *self;
        let mut flags = vec![CandidateFlags::ALL; matchers.len()];
        let mut hit = prefilter.and_then(|prefilter| prefilter.find(block, 0));
        let mut at = 0;
        while at < block.len() && (hit.is_some() || prefilter.is_none()) {
            let from = hit.map_or(at, |hit| hit.start);
            let start = memrchr(b'\n', &block[at..from]).map_or(at, |newline| at + newline + 1);
            let end = memchr(b'\n', &block[from..]).map_or(block.len(), |newline| from + newline);
            if let (Some(prefilter), Some(first)) = (prefilter, hit) {
                flags.fill(CandidateFlags::default());
                hit = prefilter.add_candidates(block, first, end, &mut flags);
            }
            at = end + 1;
            let (line, offset) = (&block[start..end], base + start as u64);
            for (rule, matcher) in matchers.iter_mut().enumerate() {
                if flags[rule].is_empty() {
                    continue;
                }
                let verdict = matcher.candidate_line(line, offset, flags[rule]);
                totals[rule].note(&verdict, offset);
                if let Verdict::Failure(failure) = verdict {
                    sink(rule, failure, line);
                }
            }
        }
    }
}
