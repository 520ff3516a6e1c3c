//! Un-bans as they bear on what is read in the same run.

use std::collections::BTreeMap;

use crate::model::{NetworkMap, Subject};

/// An un-ban, as it bears on what is read in the same run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cleared {
    /// Failures stamped up to here do not count.
    pub(super) until: i64,
    /// Whether later bans and failures stand all the same: another server's
    /// un-ban may come late.
    pub(super) late: bool,
}

/// Who is being un-banned by somebody, and when.
#[derive(Debug, Default)]
pub(super) struct ClearedSubjects {
    each: BTreeMap<Subject, Cleared>,
    networks: NetworkMap<Cleared>,
}

impl ClearedSubjects {
    /// The un-ban of a subject, or of a network that holds it: the latest.
    pub(super) fn of(&self, subject: Subject) -> Option<Cleared> {
        let own = self.each.get(&subject);
        let around = self.networks.around(subject).map(|(_, cleared)| cleared);
        own.into_iter().chain(around).copied().reduce(Cleared::and)
    }

    /// The parts of a network that are being un-banned, and until when.
    pub(super) fn within(&self, network: Subject) -> impl Iterator<Item = (Subject, i64)> {
        let within = self.each.range(network..=Subject::from(network.last()));
        let within = within.filter(move |(part, _)| **part != network);
        within.map(|(part, cleared)| (*part, cleared.until))
    }

    /// These un-bans, which the store has.
    pub(super) fn stored(all: BTreeMap<Subject, i64>) -> Self {
        let mut cleared = ClearedSubjects::default();
        for (subject, until) in all {
            cleared.add(subject, until, false);
        }
        cleared
    }

    /// These and others.
    pub(super) fn with(mut self, others: &ClearedSubjects) -> Self {
        let others = others.each.iter();
        others.for_each(|(subject, cleared)| self.add(*subject, cleared.until, cleared.late));
        self
    }

    /// Adds an un-ban: `late` says whether what is later than `until` stands all the same.
    pub(super) fn add(&mut self, subject: Subject, until: i64, late: bool) {
        let cleared = Cleared { until, late };
        let before = self.each.get(&subject).copied();
        let cleared = before.map_or(cleared, |before| before.and(cleared));
        self.each.insert(subject, cleared);
        if !subject.is_address() {
            self.networks.insert(subject, cleared);
        }
    }
}

impl Cleared {
    /// Both of them.
    fn and(self, other: Cleared) -> Cleared {
        Cleared {
            until: self.until.max(other.until),
            late: self.late && other.late,
        }
    }
}
