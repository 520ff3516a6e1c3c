//! What is known of a subject before its first failure in a run.

use crate::judge::{Connections, SubjectPast, SubjectState, Window};
use crate::model::{Family, Subject};
use crate::store::StoreError;

use super::{Evaluator, KnownPast};

impl Evaluator<'_, '_> {
    /// Whether the windows and connections of a family that the store has are of the
    /// subjects by which the rule counts now.
    fn counts_as_stored(&self, family: Family) -> bool {
        let now = self.rule.thresholds.prefixes.of(family);
        let stored = self.stored_prefixes;
        stored.is_none_or(|stored| stored.of(family) == now)
    }

    /// The connections of a subject that the store remembers.
    pub(super) fn connections(&self, subject: Subject) -> Result<Connections, StoreError> {
        let is_stored = self.has_connections && self.counts_as_stored(subject.family());
        let store = self.store().filter(|_| is_stored);
        let open = store.map(|store| store.connections(&self.rule.name, subject));
        Ok(Connections::stored(open.transpose()?.unwrap_or_default()))
    }

    /// The state of a subject, and until when its failures do not count if it was
    /// un-banned.
    pub(super) fn state_of(
        &mut self,
        subject: Subject,
    ) -> Result<(SubjectState, Option<i64>), StoreError> {
        let now = match self.past {
            KnownPast::Apart => None,
            KnownPast::Stored(cleared) => cleared.of(subject),
        };
        let asks = !(self.first && now.is_none());
        let Some(store) = self.store().filter(|_| asks) else {
            return Ok((SubjectState::default(), None));
        };
        let since = now.map_or(i64::MIN, |now| now.until);
        let past = store.past_since(&self.rule.name, subject, since)?;
        drop(store);
        let around = self.cleared_networks.around(subject).map(|(_, at)| *at);
        let before = past.cleared.max(around.max());
        let cleared = before.max(now.map(|now| now.until));
        let parts = self.cleared_parts_of(subject);
        // An un-ban by a person ends all that was; another server's may come late.
        let is_lifted = now.is_some_and(|now| !now.late);
        let goes_on = matches!(self.past, KnownPast::Stored(_)) && !is_lifted;
        let window = if goes_on && self.counts_as_stored(subject.family()) {
            Window::stored(past.later, Some(past.earlier))
        } else {
            Window::default()
        };
        let banned = past.banned.filter(|_| goes_on);
        let mut bans = past.bans;
        bans.retain(|at| Some(*at) > cleared);
        let state = SubjectState::of(cleared, banned, window);
        Ok((state.with_past(SubjectPast::of(bans, parts)), cleared))
    }

    /// The parts of a network that were un-banned, and until when their failures do not
    /// count. They are noted, to be compared when the run commits.
    fn cleared_parts_of(&mut self, network: Subject) -> Vec<(Subject, i64)> {
        if network.is_address() {
            return Vec::new();
        }
        let last = Subject::from(network.last());
        let stored = self.all_cleared.range(network..=last);
        let stored = stored.filter(|(part, _)| **part != network);
        let mut parts: Vec<(Subject, i64)> = stored.map(|(part, at)| (*part, *at)).collect();
        if let KnownPast::Stored(now) = self.past {
            parts.extend(now.within(network));
        }
        if !parts.is_empty() {
            self.cleared_parts.insert(network, parts.clone());
        }
        parts
    }
}
