//! Follows every subject of one rule through its logs: failures in, bans out.

use std::cell::Cell;

use crate::model::{Address, Evidence, Failure, LinePlace, Prefixes, Subject, Thresholds};

use super::address_table::AddressTable;
use super::allow_list::AllowList;
use super::connections::Connections;
use super::known_subject::{ChangedSubjects, KnownSubject};
use super::subject_state::SubjectState;
use super::window::Window;

/// A window that filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Who is banned.
    pub subject: Subject,
    /// The failure that filled it.
    pub failure: Failure,
    /// How many failures there were.
    pub failures: u32,
    /// Which ban of the subject under the rule it makes, counted from 1.
    pub count: u32,
    /// When the ban ends, in Unix seconds; never if none.
    pub ends: Option<i64>,
    /// The failures in the order of the log.
    pub evidence: Evidence,
}

/// What came of a failure.
#[derive(Debug, Default)]
pub struct Judged {
    /// How many new failures it is.
    pub failures: u32,
    /// The window that it filled, if it did.
    pub decision: Option<Decision>,
}

/// In seconds: a window whose newest failure is this much behind the newest stamp may
/// be forgotten, unless `request_time` is longer.
const BEHIND: i64 = 86_400;

/// With fewer addresses than this nothing is forgotten.
const FEW: usize = 1 << 16;

/// Follows every subject of one rule through its logs.
#[derive(Debug)]
pub struct Judge<'a> {
    thresholds: Thresholds,
    /// Whether each address is counted for itself.
    counts_alone: bool,
    never: &'a AllowList,
    /// The address that was counted in a network last, and the number of the network's row:
    /// most often it is asked for again.
    last_found: Cell<Option<(Address, usize)>>,
    /// More open windows than this, and a sixteenth of it, are not remembered.
    most_windows: usize,
    known: AddressTable<KnownSubject>,
    /// The newest stamp of a failure.
    newest: i64,
    /// How many windows are open.
    open: usize,
    /// How many more open windows there are than in the store.
    opened: i64,
    /// Invariant: the sum of the weights of all rows.
    kept: usize,
    /// With this many addresses something may be forgotten again.
    tidy_at: usize,
    /// How many windows were forgotten because there were too many.
    forgotten: u64,
}

impl<'a> Judge<'a> {
    /// A judge that knows nobody.
    #[must_use]
    pub fn new(thresholds: Thresholds, never: &'a AllowList) -> Self {
        Judge {
            counts_alone: thresholds.prefixes == Prefixes::default(),
            thresholds,
            never,
            last_found: Cell::new(None),
            most_windows: usize::MAX,
            known: AddressTable::default(),
            newest: i64::MIN,
            open: 0,
            opened: 0,
            kept: 0,
            tidy_at: FEW,
            forgotten: 0,
        }
    }

    /// The same; if there are more open windows than this, it forgets the oldest.
    #[must_use]
    pub fn with_most_windows(self, most_windows: usize) -> Self {
        Judge {
            most_windows,
            ..self
        }
    }

    /// How many bytes of memory it holds by now, as an estimate.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.known.weight() + self.kept
    }

    /// How many more open windows it has than the store; negative if fewer.
    #[must_use]
    pub fn opened(&self) -> i64 {
        self.opened
    }

    /// How many windows were forgotten because there were too many.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The number of the row of the one as whom failures of `address` are counted.
    #[inline]
    fn find(&self, address: Address) -> Option<usize> {
        if self.counts_alone {
            return self.known.find(address);
        }
        if let Some((last, place)) = self.last_found.get()
            && last == address
        {
            return Some(place);
        }
        let place = self.locate(address).1;
        self.last_found.set(place.map(|place| (address, place)));
        place
    }

    /// As whom failures of `address` are counted, and the number of the row of that one
    /// if it has one.
    ///
    /// A network that holds an address that is never banned is not formed: its addresses
    /// are counted one by one. So no two rows have the same first address.
    fn locate(&self, address: Address) -> (Subject, Option<usize>) {
        let is_formed = |network: Subject| {
            let place = self.known.find(network.first());
            let is_known = place.is_some_and(|place| self.known.rows()[place].subject == network);
            is_known || !self.never.covers(network)
        };
        let subject = self.thresholds.prefixes.counted_as(address, is_formed);
        (subject, self.known.find(subject.first()))
    }

    /// As whom failures of `address` are counted, if the state of that one has not been
    /// given, and is needed.
    #[must_use]
    #[inline]
    pub fn unknown(&self, address: Address) -> Option<Subject> {
        if self.counts_alone {
            return (self.known.find(address).is_none()).then(|| Subject::from(address));
        }
        let (subject, place) = self.locate(address);
        self.last_found.set(place.map(|place| (address, place)));
        place.is_none().then_some(subject)
    }

    /// Adds what the store knows of `subject`. To be called once, before its first
    /// failure.
    pub fn introduce(&mut self, subject: Subject, state: SubjectState, connections: Connections) {
        self.enter(subject, state, connections);
    }

    /// Adds a subject that is not known; its number. None if there is no room.
    fn enter(
        &mut self,
        subject: Subject,
        state: SubjectState,
        connections: Connections,
    ) -> Option<usize> {
        // Of a network it was asked before it was formed.
        let state = if subject.is_address() && self.never.covers(subject) {
            SubjectState::never_banned()
        } else {
            state
        };
        if self.known.rows().len() >= self.tidy_at || self.has_too_many() {
            self.tidy();
        }
        let known = KnownSubject {
            subject,
            state,
            connections,
        };
        self.open += usize::from(known.newest().is_some());
        self.kept += known.weight();
        self.known.add(known)
    }

    /// Takes the next failure of the log. Its line stands at `line`. `keep` puts the
    /// failure into the evidence of the window; it gets the window's subject, the failure
    /// with the number that counts, and the second at which it counts. A subject that was
    /// not introduced has no past.
    pub fn on_failure(
        &mut self,
        failure: &Failure,
        line: LinePlace,
        keep: impl FnOnce(&mut Evidence, Subject, &Failure, i64),
    ) -> Judged {
        let place = self.find(failure.address).or_else(|| {
            let (subject, _) = self.locate(failure.address);
            self.enter(subject, SubjectState::default(), Connections::default())
        });
        let Some(place) = place else {
            return Judged::default();
        };
        self.newest = self.newest.max(failure.at.secs);
        let known = &mut self.known.rows_mut()[place];
        let subject = known.subject;
        if known.state.is_done() || known.state.has_cleared(failure.address, failure.at.secs) {
            let weighed = known.connections.weight();
            let counts = known.connections.count_line(failure, line);
            self.kept = self.kept + known.connections.weight() - weighed;
            return Judged {
                failures: counts.new,
                decision: None,
            };
        }
        let (was_open, weighed) = (known.newest().is_some(), known.weight());
        let counts = known.connections.count_line(failure, line);
        let state = &mut known.state;
        let (at, instant) = (failure.at, failure.instant);
        let keep = |kept: &mut Evidence, counted, count| {
            let failure = failure.clone();
            keep(kept, subject, &Failure { count, ..failure }, counted);
        };
        let filled = state.on_failure(&self.thresholds, at, instant, counts, keep);
        let is_open = known.newest().is_some();
        self.open = self.open + usize::from(is_open) - usize::from(was_open);
        self.opened += i64::from(is_open) - i64::from(was_open);
        self.kept = self.kept + known.weight() - weighed;
        let decision = filled.map(|filled| Decision {
            subject,
            failure: failure.clone(),
            failures: filled.failures,
            count: filled.count,
            ends: filled.ends,
            evidence: filled.kept,
        });
        Judged {
            failures: counts.new,
            decision,
        }
    }

    /// Whether no further failure of `address` can lead to a ban: it, or the network that
    /// it is counted in, is never banned, or is banned for ever.
    #[must_use]
    pub fn is_done_with(&self, address: Address) -> bool {
        let place = self.find(address);
        place.is_some_and(|place| self.known.rows()[place].state.is_done())
    }

    fn has_too_many(&self) -> bool {
        self.open > self.most_windows.saturating_add(self.most_windows / 16)
    }

    /// Forgets the windows that are far behind the newest stamp, and if there are too
    /// many, the oldest. The store forgets its own.
    fn tidy(&mut self) {
        let reach = i64::from(self.thresholds.request_time) + 3600;
        let behind = self.newest.saturating_sub(BEHIND.max(reach));
        self.forget_connections(behind);
        self.forget(false, |newest| newest < behind);
        if self.has_too_many() {
            let mut all: Vec<i64> = self
                .known
                .rows()
                .iter()
                .filter_map(KnownSubject::newest)
                .collect();
            let surplus = all.len() - self.most_windows;
            let (_, &mut oldest, _) = all.select_nth_unstable(surplus);
            let earlier = all[..surplus].iter().filter(|&&newest| newest < oldest);
            let mut of_oldest = surplus - earlier.count();
            self.forget(true, |newest| {
                let too_many = newest == oldest && of_oldest > 0;
                of_oldest -= usize::from(too_many);
                newest < oldest || too_many
            });
            self.forgotten += surplus as u64;
        }
        self.tidy_at = (2 * self.known.rows().len()).max(FEW);
    }

    /// Forgets the windows for which `is_over` is true, and the addresses of which
    /// nothing else is known. `is_over` gets the second of the window's newest failure.
    /// With `drops_connections` the connections of these addresses are forgotten too.
    fn forget(&mut self, drops_connections: bool, mut is_over: impl FnMut(i64) -> bool) {
        let (open, opened, kept) = (&mut self.open, &mut self.opened, &mut self.kept);
        self.last_found.set(None);
        self.known.retain_mut(|known| {
            if known.newest().is_some_and(&mut is_over) {
                *kept -= known.weight();
                let window = &mut known.state.window;
                *open -= 1;
                *opened -= i64::from(!window.is_stored());
                *window = Window::default();
                if drops_connections {
                    known.connections = Connections::default();
                }
                *kept += known.weight();
            }
            known.is_something()
        });
    }

    /// Forgets the connections of addresses whose last line is before `behind`.
    fn forget_connections(&mut self, behind: i64) {
        for known in self.known.rows_mut() {
            if known
                .connections
                .newest()
                .is_some_and(|newest| newest < behind)
            {
                self.kept -= known.connections.weight();
                known.connections = Connections::default();
            }
        }
    }

    /// What differs from the store.
    #[must_use]
    pub fn into_changed(mut self) -> ChangedSubjects {
        self.forget_connections(self.newest.saturating_sub(BEHIND));
        let mut known = self.known.into_rows();
        known.retain(|known| known.state.window.is_changed() || known.connections.is_changed());
        known.sort_unstable_by_key(|known| known.subject);
        ChangedSubjects(known)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::path::Path;

    use super::*;
    use crate::model::{
        Line, PathId, Stamp, WindowKind, connections_from_bytes, connections_to_bytes,
    };
    use proptest::prelude::*;

    fn failure(address: &str, at: i64) -> Failure {
        let address = Address::parse(address.as_bytes()).unwrap();
        Failure {
            address,
            at: Stamp::from_secs(at),
            count: 1,
            login: None,
            pattern: 0,
            instant: false,
            offset: 0,
        }
    }

    fn bans(judge: &mut Judge, failures: &[Failure]) -> Vec<(String, i64)> {
        let path = PathId::of(Path::new("log"));
        let decided = failures.iter().filter_map(|failure| {
            let line = LinePlace::of(path, failure.offset);
            let judged = judge.on_failure(failure, line, |kept, subject, failure, counted| {
                kept.push(failure, counted, subject, path, Line::of(b"line", false));
            });
            judged.decision
        });
        decided
            .map(|d| (d.failure.address.to_string(), d.failure.at.secs))
            .collect()
    }

    fn ten_minutes() -> Thresholds {
        Thresholds {
            ban_times: NonZeroU32::new(600).into(),
            ..Thresholds::default()
        }
    }

    #[test]
    fn a_ban_that_never_ends_is_decided_once() {
        let never = AllowList::default();
        let mut judge = Judge::new(Thresholds::default(), &never);
        let failures: Vec<Failure> = (0..100).map(|n| failure("192.0.2.1", n)).collect();
        assert_eq!(bans(&mut judge, &failures), [("192.0.2.1".into(), 4)]);
    }

    #[test]
    fn failures_during_a_ban_fill_no_window_and_the_first_after_it_opens_a_clean_one() {
        let never = AllowList::default();
        let mut judge = Judge::new(ten_minutes(), &never);
        let times = (0..5).chain(600..604).chain([604, 605, 606, 607, 608]);
        let failures: Vec<Failure> = times.map(|at| failure("192.0.2.1", at)).collect();
        assert_eq!(
            bans(&mut judge, &failures),
            [("192.0.2.1".into(), 4), ("192.0.2.1".into(), 608)]
        );
    }

    #[test]
    fn who_is_never_banned_fills_no_window() {
        let never = AllowList::default();
        let mut judge = Judge::new(Thresholds::default(), &never);
        let failures: Vec<Failure> = (0..9).map(|n| failure("127.0.0.1", n)).collect();
        assert_eq!(bans(&mut judge, &failures), []);
        assert!(judge.into_changed().is_empty());
    }

    #[test]
    fn after_an_unban_older_failures_never_count_whenever_they_are_read() {
        let never = AllowList::default();
        let mut judge = Judge::new(Thresholds::default(), &never);
        let state = SubjectState::of(Some(100), None, Window::default());
        let subject = Subject::parse("192.0.2.1").unwrap();
        judge.introduce(subject, state, Connections::default());
        let failures: Vec<Failure> = (96..=105).map(|at| failure("192.0.2.1", at)).collect();
        assert_eq!(bans(&mut judge, &failures), [("192.0.2.1".into(), 105)]);
    }

    #[test]
    fn an_instant_failure_bans_at_once() {
        let never = AllowList::default();
        let mut judge = Judge::new(Thresholds::default(), &never);
        let instant = Failure {
            instant: true,
            ..failure("192.0.2.1", 7)
        };
        assert_eq!(bans(&mut judge, &[instant]), [("192.0.2.1".into(), 7)]);
    }

    #[test]
    fn addresses_count_apart() {
        let never = AllowList::default();
        let mut judge = Judge::new(Thresholds::default(), &never);
        let failures: Vec<Failure> = (0..8)
            .map(|n| failure(["192.0.2.1", "192.0.2.2"][n % 2], 0))
            .collect();
        assert_eq!(bans(&mut judge, &failures), []);
    }

    /// Failures of four addresses, one of which is never banned; each comes so
    /// many seconds after the one before.
    fn some(steps: &[(i64, u8)]) -> Vec<Failure> {
        let who = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "127.0.0.1"];
        let mut at = 10_000;
        let next = |&(gap, n): &(i64, u8)| {
            at += gap;
            failure(who[usize::from(n)], at)
        };
        steps.iter().map(next).collect()
    }

    /// Mostly a few seconds, and at times half an hour or an hour, back and
    /// forth.
    fn steps() -> impl Strategy<Value = Vec<(i64, u8)>> {
        let gap = prop_oneof![
            12 => -2i64..7,
            1 => -12i64..12,
            1 => prop::sample::select(vec![-3600i64, -1800, 1800, 3600]),
        ];
        prop::collection::vec((gap, 0u8..4), 0..80)
    }

    fn some_thresholds(attempts: u32, ban: Option<u32>) -> Thresholds {
        Thresholds {
            failed_attempts: NonZeroU32::new(attempts).unwrap(),
            ban_times: ban.and_then(NonZeroU32::new).into(),
            ..Thresholds::default()
        }
    }

    fn number(n: u32) -> String {
        std::net::Ipv4Addr::from_bits(0x0a00_0000 | n).to_string()
    }

    fn open(judge: &Judge) -> Vec<String> {
        let open = judge
            .known
            .rows()
            .iter()
            .filter(|known| known.newest().is_some());
        open.map(|known| known.subject.to_string()).collect()
    }

    #[test]
    fn of_too_many_windows_the_oldest_are_forgotten() {
        let never = AllowList::default();
        let mut judge = Judge::new(Thresholds::default(), &never).with_most_windows(16);
        for n in 0..18 {
            bans(&mut judge, &[failure(&number(n), i64::from(n / 4))]);
        }
        assert_eq!((judge.forgotten(), judge.opened()), (0, 18));
        bans(&mut judge, &[failure(&number(18), 9)]);
        let kept: Vec<String> = (2..19).map(number).collect();
        assert_eq!(open(&judge), kept);
        assert_eq!((judge.forgotten(), judge.opened()), (2, 17));
        // They begin anew, and who stayed goes on.
        let more: Vec<Failure> = (0..4).map(|_| failure(&number(18), 9)).collect();
        assert_eq!(bans(&mut judge, &more), [(number(18), 9)]);
        let more: Vec<Failure> = (0..5).map(|_| failure(&number(0), 9)).collect();
        assert_eq!(bans(&mut judge, &more), [(number(0), 9)]);
    }

    #[test]
    fn windows_a_day_behind_take_no_room_and_bans_stay() {
        let never = AllowList::default();
        let mut judge = Judge::new(ten_minutes(), &never);
        let banned: Vec<Failure> = (0..5).map(|_| failure("192.0.2.1", 0)).collect();
        assert_eq!(bans(&mut judge, &banned).len(), 1);
        let at = |n: u32| i64::from(n) * 10;
        for n in 0..300_000 {
            bans(&mut judge, &[failure(&number(n), at(n))]);
        }
        assert!(
            judge.known.rows().len() < 2 * FEW,
            "{}",
            judge.known.rows().len()
        );
        assert!(judge.weight() < 192 * 2 * FEW, "{}", judge.weight());
        assert_eq!(judge.forgotten(), 0);
        assert_eq!(usize::try_from(judge.opened()).unwrap(), open(&judge).len());
        assert!(
            bans(&mut judge, &banned).is_empty(),
            "the ban of then still runs"
        );
    }

    proptest! {
        /// What is reckoned on the way is what there is.
        #[test]
        fn the_open_windows_are_counted(steps in steps(), ban in prop::option::of(1u32..30)) {
            let never = AllowList::default();
            let mut judge = Judge::new(some_thresholds(3, ban), &never).with_most_windows(2);
            bans(&mut judge, &some(&steps));
            prop_assert_eq!(judge.open, open(&judge).len());
            prop_assert_eq!(judge.opened(), i64::try_from(judge.open).unwrap());
            prop_assert_eq!(judge.kept, judge.known.rows().iter().map(KnownSubject::weight).sum::<usize>());
            prop_assert!(judge.known.rows().iter().all(|known| judge.unknown(known.subject.first()).is_none()));
        }

        /// Without the failures of whom he is done with a judge decides the same.
        #[test]
        fn who_is_done_with_is_not_missed(
            steps in steps(),
            attempts in 1u32..5, ban in prop::option::of(1u32..30),
        ) {
            let (failures, thresholds) = (some(&steps), some_thresholds(attempts, ban));
            let never = AllowList::default();
            let whole = bans(&mut Judge::new(thresholds.clone(), &never), &failures);
            let mut judge = Judge::new(thresholds.clone(), &never);
            let mut fewer = Vec::new();
            for failure in &failures {
                if !judge.is_done_with(failure.address) {
                    fewer.extend(bans(&mut judge, std::slice::from_ref(failure)));
                }
            }
            prop_assert_eq!(fewer, whole);
        }

        /// A judge who stops after any failure, and one who is told what the
        /// first knew, decide together what one alone decides.
        #[test]
        fn a_judgement_may_be_interrupted_anywhere(
            steps in steps(), cut in 0usize..80,
            attempts in 1u32..5, ban in prop::option::of(1u32..30), sliding: bool,
        ) {
            let failures = some(&steps);
            let thresholds = Thresholds {
                window: if sliding { WindowKind::Sliding } else { WindowKind::Gap },
                ..some_thresholds(attempts, ban)
            };
            let never = AllowList::default();
            let whole = bans(&mut Judge::new(thresholds.clone(), &never), &failures);
            let (early, late) = failures.split_at(cut.min(failures.len()));
            let mut first = Judge::new(thresholds.clone(), &never);
            let mut parts = bans(&mut first, early);
            let mut second = Judge::new(thresholds.clone(), &never);
            for known in first.known.into_rows() {
                let stored = |kept: &Evidence| {
                    Evidence::from_bytes(kept.as_bytes(), |_| {}).unwrap_or_default()
                };
                let KnownSubject { subject, state, connections } = known;
                let connections = connections_to_bytes(connections.open());
                let connections = Connections::stored(connections_from_bytes(&connections).unwrap());
                let window = &state.window;
                let window = Window::stored(stored(window.later()), window.earlier().map(stored));
                second.introduce(subject, SubjectState { window, ..state }, connections);
            }
            parts.extend(bans(&mut second, late));
            prop_assert_eq!(parts, whole);
        }
    }
}
