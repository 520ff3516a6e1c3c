//! How often which name was tried, in bounded memory: names are the attacker's.

use std::collections::HashMap;

use foldhash::quality::RandomState;

/// How many names are kept when there were too many.
const KEPT: usize = 1 << 15;

/// How many may be known at a time.
const MOST: usize = 2 * KEPT;

/// A name that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedUser {
    /// The name, as somebody typed it.
    pub name: Box<[u8]>,
    /// How often.
    pub failures: u64,
}

/// A count of names. Beyond [`MOST`] different ones the rarest are dropped, so
/// that a count may be too low by what was dropped of it.
#[derive(Debug, Default)]
pub(super) struct NameCounts {
    counts: HashMap<Box<[u8]>, u64, RandomState>,
    dropped: bool,
}

impl NameCounts {
    pub(super) fn add(&mut self, name: &[u8], count: u64) {
        if let Some(known) = self.counts.get_mut(name) {
            *known += count;
            return;
        }
        if self.counts.len() >= MOST {
            self.drop_the_rarest();
        }
        self.counts.insert(name.into(), count);
    }

    fn drop_the_rarest(&mut self) {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let (_, &mut limit, _) = counts.select_nth_unstable_by(KEPT, |a, b| b.cmp(a));
        self.counts.retain(|_, count| *count > limit);
        self.dropped = true;
    }

    /// The names, the most often tried first, and whether all counts are exact.
    pub(super) fn into_ranking(self) -> (Vec<FailedUser>, bool) {
        let mut all: Vec<FailedUser> = (self.counts.into_iter())
            .map(|(name, failures)| FailedUser { name, failures })
            .collect();
        all.sort_unstable_by(|a, b| {
            let by_count = b.failures.cmp(&a.failures);
            by_count.then_with(|| a.name.cmp(&b.name))
        });
        (all, !self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_often_tried_name_comes_first() {
        let mut names = NameCounts::default();
        for (name, count) in [("root", 3), ("admin", 1), ("root", 4), ("adm", 1)] {
            names.add(name.as_bytes(), count);
        }
        let (ranking, exact) = names.into_ranking();
        let ranking: Vec<_> = (ranking.iter())
            .map(|user| (std::str::from_utf8(&user.name).unwrap(), user.failures))
            .collect();
        assert_eq!(ranking, [("root", 7), ("adm", 1), ("admin", 1)]);
        assert!(exact);
    }

    #[test]
    fn whoever_makes_names_up_can_not_fill_the_memory_nor_hide_the_usual_ones() {
        let mut names = NameCounts::default();
        for n in 0..300_000u32 {
            names.add(&n.to_le_bytes(), 1);
            if n % 3 == 0 {
                names.add(b"root", 1);
            }
        }
        assert!(names.counts.len() <= MOST);
        let (ranking, exact) = names.into_ranking();
        assert_eq!(&*ranking[0].name, b"root");
        assert_eq!(ranking[0].failures, 100_000);
        assert!(!exact);
    }
}
