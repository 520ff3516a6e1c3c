//! What a run is about to change. Gathered first, committed at once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::judge::ChangedSubjects;
use crate::logs::SourcePosition;
use crate::model::{Ban, Cause, Escaped, Evidence, Origin, Rule, Subject, Thresholds, Unban};
use crate::store::{Commit, OpenConnections, OpenRow, Store, StoreError};

use super::cleared::ClearedSubjects;
use super::networks::ChangedCandidates;
use super::shared::Shared;

/// What a run is about to change.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Bans with the failures that filled their windows.
    pub(super) bans: Vec<(Ban, Evidence)>,
    /// Bans that are lifted.
    pub(super) unbans: Vec<Unban>,
    /// Bans whose time is up, to be shown.
    pub(super) ended: Vec<Unban>,
    /// The fingerprint of the allow list, if it has changed.
    pub(super) never_banned: Option<i64>,
    /// Whether bans have come to their end.
    pub(super) expired: bool,
    /// What was read for each rule.
    pub(super) read: Vec<RuleReading>,
    /// The bans that count from now on for bans of networks.
    pub(super) candidates: ChangedCandidates,
    /// The logs that failures were found in.
    pub(super) paths: Vec<Arc<Path>>,
    /// What is to be noted of the other servers.
    pub(super) shared: Shared,
}

/// What was read for a rule.
#[derive(Debug)]
pub(super) struct RuleReading {
    pub(super) rule: Arc<str>,
    pub(super) thresholds: Thresholds,
    /// The logs and journals that were read further, with where the next run goes on.
    pub(super) positions: Vec<(PathBuf, SourcePosition)>,
    /// The windows and connections that are other than the stored ones.
    pub(super) changed: ChangedSubjects,
    /// How many more open windows there are by them.
    pub(super) opened: i64,
    /// How many open windows are remembered at most.
    pub(super) most_windows: usize,
    /// How many were forgotten because there were more.
    pub(super) forgotten: u64,
    pub(super) newest: Option<i64>,
    /// Until when the failures of subjects did not count when they were first met, of
    /// those that somebody has un-banned.
    pub(super) cleared: HashMap<Subject, i64>,
    /// Likewise of parts of networks, for networks of which a part was un-banned.
    pub(super) cleared_parts: HashMap<Subject, Vec<(Subject, i64)>>,
    /// How many failures were in there.
    pub(super) failures: u64,
}

/// What an un-ban that came while logs were read means for a subject.
#[derive(Debug, Clone, Copy)]
enum Since {
    /// There is none.
    Nothing,
    /// All that was read of it up to then does not count, and nothing that was read is
    /// later.
    UpTo(i64),
    /// What was read lies before it and after it, or it is of a part of the subject.
    Mixed,
}

/// The un-ban of a subject that came since it was first met by that reading.
fn since(subject: Subject, read: Option<&RuleReading>, cleared: &ClearedSubjects) -> Since {
    let known = read.and_then(|read| read.cleared.get(&subject)).copied();
    let until = cleared.of(subject).map(|cleared| cleared.until);
    if let Some(until) = until.filter(|_| until > known) {
        return match read {
            Some(read) if read.newest > Some(until) => Since::Mixed,
            _ => Since::UpTo(until),
        };
    }
    if subject.is_address() {
        return Since::Nothing;
    }
    let known = read.and_then(|read| read.cleared_parts.get(&subject));
    let known = known.map_or(&[][..], Vec::as_slice);
    if cleared.within(subject).all(|part| known.contains(&part)) {
        Since::Nothing
    } else {
        Since::Mixed
    }
}

impl RuleReading {
    /// Nothing yet.
    pub(super) fn new(rule: &Rule) -> Self {
        RuleReading {
            rule: rule.name.clone(),
            thresholds: rule.thresholds.clone(),
            positions: Vec::new(),
            changed: ChangedSubjects::default(),
            opened: 0,
            most_windows: usize::MAX,
            forgotten: 0,
            newest: None,
            cleared: HashMap::new(),
            cleared_parts: HashMap::new(),
            failures: 0,
        }
    }

    /// Writes it, the windows and connections together with the cursors.
    fn write(&mut self, commit: &Commit<'_>, now: i64) -> Result<(), StoreError> {
        let prefixes = self.thresholds.prefixes;
        commit.drop_other_prefixes(&self.rule, prefixes)?;
        let windows = self.changed.windows();
        let windows = windows.map(|(subject, window)| OpenRow {
            subject,
            later: window.later(),
            earlier: window.earlier(),
        });
        commit.set_windows(&self.rule, windows)?;
        let connections = self.changed.connections();
        let connections = connections.map(|(subject, connections)| OpenConnections {
            subject,
            connections: connections.open(),
        });
        commit.set_connections(&self.rule, connections)?;
        for (name, position) in &self.positions {
            match position {
                SourcePosition::Log(generations) => {
                    commit.set_generations(&self.rule, name, generations)?;
                }
                SourcePosition::Journal(cursor) => {
                    let name = name.to_string_lossy();
                    commit.set_journal_cursor(&self.rule, &name, cursor, now)?;
                }
            }
        }
        if self.failures > 0 {
            commit.count_failures(&self.rule, self.failures)?;
        }
        if let Some(newest) = self.newest {
            commit.set_newest(&self.rule, newest, self.thresholds.request_time)?;
        }
        commit.set_prefixes(&self.rule, prefixes)?;
        commit.count_opened(&self.rule, self.opened)?;
        self.forgotten += commit.forget_surplus(&self.rule, self.most_windows)? as u64;
        Ok(())
    }
}

impl Changes {
    /// Who is being un-banned by somebody, and when.
    pub(super) fn cleared(&self) -> ClearedSubjects {
        let mut cleared = ClearedSubjects::default();
        for unban in &self.unbans {
            if !matches!(unban.cause, Cause::Ignored | Cause::Expired) {
                let late = unban.cause == Cause::Redis;
                let until = unban.at;
                cleared.add(unban.subject, until, late);
            }
        }
        cleared
    }

    /// What is to be changed next, when these changes were committed: nothing yet.
    pub(super) fn next(self) -> Self {
        Changes {
            shared: self.shared.next(),
            ..Changes::default()
        }
    }

    /// Applies un-bans that were committed while the logs were read to what was read;
    /// `stored` are all un-bans that the store has by now.
    ///
    /// Nearly always an un-ban is later than all that was read: then nothing of its
    /// subject counts. Else what it leaves can not be told from what was kept, so of the
    /// rules that are returned nothing is: the next run reads them again. So it is where a
    /// part of a network was un-banned.
    pub(super) fn reconcile(&mut self, stored: ClearedSubjects) -> BTreeSet<Arc<str>> {
        let cleared = stored.with(&self.cleared());
        let mut again = BTreeSet::new();
        let read: HashMap<Arc<str>, &RuleReading> = (self.read.iter())
            .map(|read| (read.rule.clone(), read))
            .collect();
        let mut kept = Vec::with_capacity(self.bans.len());
        for (ban, evidence) in std::mem::take(&mut self.bans) {
            let of_log = ban.rule.clone().filter(|_| ban.origin == Origin::Log);
            if let Some(rule) = of_log {
                let oldest = evidence.oldest().unwrap_or(ban.at.secs).min(ban.at.secs);
                let read = read.get(&rule).copied();
                match since(ban.subject, read, &cleared) {
                    Since::Nothing => {}
                    Since::UpTo(until) if oldest > until => {}
                    Since::UpTo(_) => continue,
                    Since::Mixed => {
                        again.insert(rule);
                        continue;
                    }
                }
            }
            kept.push((ban, evidence));
        }
        for read in &mut self.read {
            let subjects: Vec<Subject> = read.changed.windows().map(|(of, _)| of).collect();
            let since = subjects
                .into_iter()
                .map(|of| since(of, Some(read), &cleared));
            let since: Vec<Since> = since.collect();
            for ((_, window), since) in read.changed.windows_mut().zip(since) {
                match since {
                    Since::Nothing => {}
                    Since::UpTo(until) => window.forget_up_to(until),
                    Since::Mixed => {
                        again.insert(read.rule.clone());
                    }
                }
            }
        }
        let is_kept = |rule: Option<&Arc<str>>| rule.is_none_or(|rule| !again.contains(rule));
        kept.retain(|(ban, _)| ban.origin != Origin::Log || is_kept(ban.rule.as_ref()));
        self.bans = kept;
        self.read.retain(|read| is_kept(Some(&read.rule)));
        again
    }

    /// The bans that are to be recorded.
    pub(super) fn bans_mut(&mut self) -> impl Iterator<Item = &mut Ban> {
        self.bans.iter_mut().map(|(ban, _)| ban)
    }

    /// Whether there is anything to commit.
    pub(super) fn is_empty(&self) -> bool {
        let idle = |read: &RuleReading| read.positions.is_empty() && read.changed.is_empty();
        self.bans.is_empty()
            && self.unbans.is_empty()
            && !self.expired
            && self.never_banned.is_none()
            && self.shared.is_empty()
            && self.read.iter().all(idle)
    }

    /// Writes all of it in one transaction. Un-bans come first: a ban that is
    /// decided in the same run is of failures after them.
    pub(super) fn commit(&mut self, store: &mut Store, now: i64) -> Result<(), StoreError> {
        if self.is_empty() {
            return Ok(());
        }
        let commit = store.begin()?;
        // The other servers first: what a person says here is the last word.
        let (foreign, own): (Vec<&Unban>, Vec<&Unban>) = self
            .unbans
            .iter()
            .partition(|unban| unban.cause == Cause::Redis);
        self.shared.before_remote_unbans(&commit)?;
        self.lift_foreign(&foreign, &commit)?;
        self.shared.note_entries(&commit)?;
        for unban in own {
            let unban = match unban.cause {
                Cause::Manual | Cause::Snapshot => commit.after_bans(unban)?,
                _ => unban.clone(),
            };
            // A person lifts all that a network holds.
            if matches!(unban.cause, Cause::Manual | Cause::Snapshot) {
                for part in commit.banned_within(unban.subject)? {
                    // As late as its own ban, which the others keep otherwise.
                    let part = commit.after_bans(&unban.of(part))?;
                    self.shared.before_unban(&part, &commit)?;
                    commit.lift(&part)?;
                }
            }
            self.shared.before_unban(&unban, &commit)?;
            commit.lift(&unban)?;
        }
        if let Some(fingerprint) = self.never_banned {
            commit.set_checked_allow_list(fingerprint)?;
        }
        if self.expired {
            commit.expire(now)?;
        }
        for path in &self.paths {
            commit.set_path(path)?;
        }
        self.add_bans(&commit, now)?;
        self.candidates.write(&commit)?;
        for read in &mut self.read {
            read.write(&commit, now)?;
        }
        commit.forget_unseen(now)?;
        self.shared.note(&commit, now)?;
        commit.bump_number(now)?;
        commit.commit()
    }

    /// Does the un-bans of other servers.
    fn lift_foreign(&self, unbans: &[&Unban], commit: &Commit<'_>) -> Result<(), StoreError> {
        let mut told: BTreeMap<Subject, i64> = BTreeMap::new();
        for unban in unbans {
            let last = told.entry(unban.subject).or_insert(unban.at);
            *last = unban.at.max(*last);
        }
        let mut unbanned = BTreeSet::new();
        for unban in unbans {
            for part in commit.banned_within(unban.subject)? {
                let is_own = commit.has_own_ban(part)?;
                let is_free = commit.lift(&unban.of(part))?;
                // Who lifted the network may not have known of this ban, and tells nothing of
                // it: its entry in Redis is for the server that made it to take away.
                let is_told = told.get(&part).is_some_and(|last| *last >= unban.at);
                if is_own && is_free && !is_told && self.shared.tells {
                    commit.send_unban(&unban.of(part))?;
                }
                unbanned.insert(part);
            }
            commit.lift(unban)?;
            unbanned.insert(unban.subject);
        }
        // A later one of them may lift what an earlier one leaves.
        for subject in unbanned {
            commit.send_again(subject)?;
        }
        Ok(())
    }

    /// What is to be told of windows that were forgotten.
    pub(super) fn forgotten(&self) -> Vec<String> {
        let read = self.read.iter().filter(|read| read.forgotten > 0);
        let told = read.map(|read| {
            let (rule, forgotten) = (Escaped::text(&read.rule), read.forgotten);
            let most = read.most_windows;
            format!(
                "rule {rule}: more than {most} addresses have open failures (settings.most_windows): those of the {forgotten} that failed longest ago were forgotten"
            )
        });
        told.collect()
    }

    fn add_bans(&self, commit: &Commit<'_>, now: i64) -> Result<(), StoreError> {
        // Of a million bans none is copied but those of people, which may be set later.
        let mut later: BTreeMap<usize, Ban> = BTreeMap::new();
        for (place, (ban, _)) in self.bans.iter().enumerate() {
            if matches!(ban.origin, Origin::Manual | Origin::Snapshot)
                && let Cow::Owned(ban) = commit.after_unban(ban)?
            {
                later.insert(place, ban);
            }
        }
        let added = self.bans.iter().enumerate();
        let added =
            added.map(|(place, (ban, evidence))| (later.get(&place).unwrap_or(ban), evidence));
        let added: Vec<(&Ban, &Evidence)> = added.collect();
        // What the other servers are told of a ban depends on those before it.
        let at_once = if self.shared.tells {
            1
        } else {
            added.len().max(1)
        };
        for bans in added.chunks(at_once) {
            for (ban, _) in bans {
                self.shared.before_ban(ban, commit, now)?;
            }
            commit.add(bans, now)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::judge::{AllowList, Connections, Judge, SubjectState, Window};
    use crate::model::{Address, Failure, Line, LinePlace, PathId, Stamp};

    fn address(n: u8) -> Address {
        Address::parse(format!("192.0.2.{n}").as_bytes()).unwrap()
    }

    fn failure(n: u8, at: i64) -> Failure {
        Failure {
            address: address(n),
            at: Stamp::from_secs(at),
            count: 1,
            login: None,
            pattern: 0,
            instant: false,
            offset: 0,
        }
    }

    /// What a run decides of these failures, if those of the first address do not
    /// count up to `cleared`.
    fn decide(failures: &[Failure], thresholds: Thresholds, cleared: Option<i64>) -> Changes {
        let never = AllowList::default();
        let mut judge = Judge::new(thresholds.clone(), &never);
        let log = PathId::of(Path::new("log"));
        let standing = SubjectState::of(cleared, None, Window::default());
        judge.introduce(address(1).into(), standing, Connections::default());
        let mut changes = Changes::default();
        for failure in failures {
            let place = LinePlace::of(log, failure.offset);
            let judged = judge.on_failure(failure, place, |kept, subject, failure, counted| {
                kept.push(failure, counted, subject, log, Line::Text(b"line"));
            });
            changes.bans.extend(judged.decision.map(|decision| {
                let ban = Ban {
                    subject: decision.subject,
                    rule: Some("ssh".into()),
                    server: "web1".into(),
                    at: failure.at,
                    ends: decision.ends,
                    failures: decision.failures,
                    instant: false,
                    origin: Origin::Log,
                    reason: None,
                    country: None,
                    count: Some(decision.count),
                    aggregates: 0,
                };
                (ban, decision.evidence)
            }));
        }
        changes.read = vec![RuleReading {
            rule: "ssh".into(),
            thresholds,
            positions: Vec::new(),
            changed: judge.into_changed(),
            opened: 0,
            most_windows: 1000,
            forgotten: 0,
            newest: failures.iter().map(|failure| failure.at.secs).max(),
            cleared: HashMap::new(),
            cleared_parts: HashMap::new(),
            failures: 0,
        }];
        changes
    }

    type Outcome = (Vec<(Subject, i64)>, Vec<(Subject, Evidence, Evidence)>);

    /// Who is banned when, and what windows are open.
    fn outcome(changes: &Changes) -> Outcome {
        let bans = changes.bans.iter();
        let bans = bans.map(|(ban, _)| (ban.subject, ban.at.secs));
        let windows = changes.read.iter().flat_map(|read| read.changed.windows());
        let windows = windows.map(|(subject, window)| {
            let earlier = window.earlier().cloned().unwrap_or_default();
            (subject, window.later().clone(), earlier)
        });
        let open = windows.filter(|(_, later, _)| !later.is_empty());
        (bans.collect(), open.collect())
    }

    proptest! {
        /// An un-ban that comes while a run reads is the same as one that came before it
        /// began: or the rule is read again, which is so only where failures were read that
        /// are later than the un-ban.
        #[test]
        fn an_unban_may_come_while_the_logs_are_read(
            steps in prop::collection::vec((-12i64..9, 1u8..4), 0..60), cleared in -100i64..300,
            attempts in 1u32..5, ban in prop::option::of(1u32..30),
        ) {
            let thresholds = Thresholds {
                failed_attempts: NonZeroU32::new(attempts).unwrap(),
                ban_times: ban.and_then(NonZeroU32::new).into(),
                ..Thresholds::default()
            };
            let mut at = 0;
            let failures: Vec<Failure> = steps
                .iter()
                .map(|&(gap, n)| {
                    at += gap;
                    failure(n, at)
                })
                .collect();
            let mut met = decide(&failures, thresholds.clone(), None);
            let unbanned = ClearedSubjects::stored([(address(1).into(), cleared)].into());
            let again = met.reconcile(unbanned);
            if again.is_empty() {
                prop_assert_eq!(outcome(&met), outcome(&decide(&failures, thresholds, Some(cleared))));
            } else {
                prop_assert!(failures.iter().any(|failure| failure.at.secs > cleared));
                prop_assert_eq!(outcome(&met), (Vec::new(), Vec::new()));
            }
        }
    }
}
