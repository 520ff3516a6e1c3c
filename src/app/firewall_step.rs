//! The firewall in the course of a run.

use crate::firewall::{
    self, DeltaOutcome, FirewallListing, ReconcileOutcome, RulesetFingerprint, owner,
};
use crate::model::{Backend, ChainLocation, Family, Firewall, InstalledChain, Problem};
use crate::report::FirewallRow;
use crate::store::{BannedAddresses, ShownSet, Store, StoreError};

use super::context::Context;

/// The firewall in the course of a run: listed at most once between two writes,
/// and not at all where nobody has changed it since it was right.
#[derive(Debug, Default)]
pub(super) struct FirewallStep {
    /// A state in which our chain shows the set with this number.
    known: Option<(RulesetFingerprint, i64)>,
    /// What was listed, and the state from before that.
    seen: Option<(Option<RulesetFingerprint>, FirewallListing)>,
    /// The number of the set that it was last brought to, or could not be.
    tried: Option<i64>,
    /// What came of that.
    outcome: Option<ReconcileOutcome>,
    /// Whether this run has written anything.
    changed: bool,
    /// What somebody else had changed since the last run, and was put right.
    repaired: Option<String>,
    /// From which stores the chain was taken over, each once.
    taken_over: Vec<Problem>,
    /// What was to be said on the way, each thing once.
    warnings: Vec<String>,
}

impl FirewallStep {
    /// Finishes what the last run committed: if that did not end well, or our
    /// chain is missing or another now, the firewall comes before the reading.
    pub(super) fn finish(
        &mut self,
        context: &Context,
        store: &mut Store,
    ) -> Result<(), StoreError> {
        let settings = &context.config.firewall;
        let pending = !store.is_applied()? || is_made_otherwise(settings, store)?;
        if settings.compare || pending {
            let mark = RulesetFingerprint::take(settings).filter(|_| settings.compare);
            match (mark, store.applied_fingerprint()?) {
                (Some(mark), Some(shown)) if mark.text() == shown.fingerprint => {
                    self.known = Some((mark, shown.number));
                }
                (mark, _) => self.seen = Some((mark, firewall::list(settings))),
            }
        }
        let missing = self
            .seen
            .as_ref()
            .is_some_and(|(_, seen)| seen.is_missing(&settings.chain));
        if (pending || missing) && !self.protects_for_another(settings, store)? {
            self.reconcile(context, store)?;
        }
        Ok(())
    }

    /// Whether the chain is another store's, and this one has no ban to put into it
    /// before it has read: a state directory was lost, and what it banned stays
    /// blocked until the logs are read again.
    fn protects_for_another(&self, settings: &Firewall, store: &Store) -> Result<bool, StoreError> {
        let Some((_, seen)) = &self.seen else {
            return Ok(false);
        };
        let id = store.id()?;
        let mut listings = seen.listings();
        let another = listings.any(|seen| owner::other_than(&id, &settings.chain, seen).is_some());
        Ok(another && settings.backend == Backend::Iptables && !store.has_bans()?)
    }

    /// Brings the firewall to what was committed, and says what came of it.
    /// What failed before is not tried twice for the same bans.
    pub(super) fn apply(
        &mut self,
        context: &mut Context,
        store: &mut Store,
    ) -> Result<(), StoreError> {
        let compare = context.config.firewall.compare;
        if self.tried != Some(store.number()?) && (compare || !store.is_applied()?) {
            self.reconcile(context, store)?;
        }
        context.notices.warnings.append(&mut self.warnings);
        // An attempt that failed is forgotten when a later one did not.
        context.notices.problems.extend_from_slice(self.problems());
        context.notices.problems.append(&mut self.taken_over);
        Ok(())
    }

    fn problems(&self) -> &[Problem] {
        self.outcome
            .as_ref()
            .map_or(&[], |outcome| &outcome.problems)
    }

    fn reconcile(&mut self, context: &Context, store: &mut Store) -> Result<(), StoreError> {
        let settings = &context.config.firewall;
        self.tried = Some(store.number()?);
        if self.apply_delta(settings, store)? {
            return Ok(());
        }
        let (before, seen) = self.seen.take().unwrap_or_else(|| {
            let mark = RulesetFingerprint::take(settings).filter(|_| settings.compare);
            (mark, firewall::list(settings))
        });
        let former = store.made()?;
        let was_right = store.is_applied()? && !is_made_otherwise(settings, store)?;
        let difference = was_right.then(|| difference(&seen, &settings.chain));
        let mut made = [former.clone(), seen.to_make(settings)].concat();
        made.sort();
        made.dedup();
        // Remembered before it is made: a run that is killed in between must not forget it.
        if settings.backend == Backend::Iptables && made != former {
            let commit = store.begin()?;
            commit.set_made(&made)?;
            commit.commit()?;
        }
        let before = before.filter(|mark| mark.matches(&seen));
        let (id, bans) = (store.id()?, store.in_force()?);
        let mut outcome = firewall::reconcile(settings, &id, &bans, &former, Some(seen));
        outcome.problems.append(&mut outcome.leftovers);
        self.changed |= outcome.changed;
        if outcome.changed && self.repaired.is_none() {
            self.repaired = difference;
        }
        // What has to be said has to be said by each run, so the next one looks, too.
        if let Some(before) = before
            && outcome.problems.is_empty()
            && outcome.warnings.is_empty()
        {
            let after = RulesetFingerprint::take(settings)
                .filter(|now| now.follows(&before, outcome.commits));
            self.known = after.zip(self.tried);
        }
        for problem in &outcome.taken_over {
            if !self.taken_over.contains(problem) {
                self.taken_over.push(problem.clone());
            }
        }
        for warning in &outcome.warnings {
            if !self.warnings.contains(warning) {
                self.warnings.push(warning.clone());
            }
        }
        self.outcome = Some(outcome);
        Ok(())
    }

    /// Writes only what has changed since the chain was known to be right; says
    /// whether it is again.
    fn apply_delta(&mut self, settings: &Firewall, store: &Store) -> Result<bool, StoreError> {
        let Some((mark, number)) = self.known.take() else {
            return Ok(false);
        };
        let now = store.number()?;
        if number == now {
            self.known = Some((mark, now));
            return Ok(true);
        }
        let Some(since) = store.changes_since(number)? else {
            return Ok(false);
        };
        let DeltaOutcome { changed, mark } =
            firewall::apply_delta(settings, &mark, &since.gone, &since.new);
        self.changed |= changed;
        self.known = mark.map(|mark| (mark, now));
        Ok(self.known.is_some())
    }

    /// Notes what was done, so that the next run need not do it again: here, and
    /// with the snapshots that were written.
    pub(super) fn close(
        &self,
        store: &mut Store,
        written: &[(Family, String)],
    ) -> Result<(), StoreError> {
        let tried = self.tried.filter(|_| self.problems().is_empty());
        let applied = match tried {
            Some(number) if !store.is_applied()? => Some(number),
            _ => None,
        };
        let made = match &self.outcome {
            Some(ReconcileOutcome {
                installed: made, ..
            }) if *made != store.made()? => Some(made),
            _ => None,
        };
        let known = self.known.as_ref().map(|(mark, number)| ShownSet {
            fingerprint: mark.text(),
            number: *number,
        });
        let standing = match known {
            Some(known) if store.applied_fingerprint()?.as_ref() != Some(&known) => Some(known),
            _ => None,
        };
        if applied.is_none() && made.is_none() && standing.is_none() && written.is_empty() {
            return Ok(());
        }
        let commit = store.begin()?;
        if let Some(number) = applied {
            commit.set_applied(number)?;
        }
        if let Some(made) = made {
            commit.set_made(made)?;
        }
        if let Some(shown) = standing {
            commit.set_applied_fingerprint(&shown)?;
        }
        for (family, digest) in written {
            commit.set_written(*family, digest)?;
        }
        commit.commit()
    }

    /// What the report says of it; none without a backend. Where nothing was
    /// listed, the chain holds what was committed, as far as is known.
    pub(super) fn into_row(
        self,
        backend: Backend,
        store: &Store,
    ) -> Result<Option<FirewallRow>, StoreError> {
        if backend == Backend::None {
            return Ok(None);
        }
        let (v4, v6) = match (self.outcome, self.known) {
            (Some(outcome), None) => (outcome.v4, outcome.v6),
            // Nothing was listed, or something was written since.
            (_, known) => {
                let BannedAddresses { v4, v6 } = store.count_in_force()?;
                let idle = known.is_some_and(|(mark, _)| mark.rules(Family::V6).is_none());
                (v4, if idle { 0 } else { v6 })
            }
        };
        Ok(Some(FirewallRow {
            backend: "iptables",
            changed: self.changed,
            repaired: self.repaired,
            v4,
            v6,
        }))
    }
}

/// How the firewall differs from what the last run left there.
fn difference(seen: &FirewallListing, chain: &str) -> String {
    let gone = seen.listings().filter(|seen| seen.chain(chain).is_none());
    let gone: Vec<String> = gone.map(|seen| seen.family.to_string()).collect();
    if gone.is_empty() {
        format!("chain {chain} or its hook was changed by somebody else")
    } else {
        format!("chain {chain} was gone ({})", gone.join(", "))
    }
}

/// Whether the configuration names another chain, or other hooks, than were
/// made, or none at all; or something else may stand besides, or elsewhere.
pub(super) fn is_made_otherwise(settings: &Firewall, store: &Store) -> Result<bool, StoreError> {
    let made = store.made()?;
    let is_wanted = |made: &InstalledChain| {
        made.place.is_some() && *made == InstalledChain::of(settings, made.place)
    };
    let mut families: Vec<Family> = made.iter().filter_map(family_of).collect();
    let places = families.len();
    families.dedup();
    Ok(match settings.backend {
        Backend::Iptables => {
            made.is_empty() || !made.iter().all(is_wanted) || families.len() != places
        }
        Backend::None => !made.is_empty(),
    })
}

/// The family in whose table it was made.
fn family_of(made: &InstalledChain) -> Option<Family> {
    let ChainLocation::Iptables { family, .. } = made.place?;
    Some(family)
}
