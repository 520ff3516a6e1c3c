//! The firewall in the course of a run.

use crate::firewall::{
    self, CommittedBans, DeltaOutcome, FirewallInspection, ReconcileOutcome, RulesetFingerprint,
    RulesetText,
};
use crate::model::{Backend, Family, Firewall, InstalledChain, Problem};
use crate::report::FirewallRow;
use crate::store::{BannedSubjects, ShownSet, Store, StoreError};

use super::notices::Notices;

/// What a run knows and does of the firewall. It is listed at most once between two
/// writes, and not at all where nobody has changed it since it was right.
#[derive(Debug, Default)]
pub(super) struct FirewallStep {
    /// A state in which our chain shows the ban set with this number.
    known: Option<(RulesetFingerprint, i64)>,
    /// What this run has listed and not yet used.
    seen: Option<Seen>,
    /// Other people's rules, where they were listed on the way.
    pub(super) others: Option<RulesetText>,
    /// The number of the ban set that was applied last, or failed.
    tried: Option<i64>,
    /// What came of that.
    outcome: Option<ReconcileOutcome>,
    /// Whether this run has written anything.
    changed: bool,
    /// What somebody else had changed since the last run, and this run repaired.
    repaired: Option<String>,
    /// The stores whose chain was taken over, each once.
    taken_over: Vec<Problem>,
    /// The warnings of this run, each once.
    warnings: Vec<String>,
}

impl FirewallStep {
    /// Finishes what the last run committed. If that run failed, or our chain is missing
    /// or configured otherwise now, the firewall comes before the reading.
    pub(super) fn finish(
        &mut self,
        settings: &Firewall,
        store: &mut Store,
    ) -> Result<(), StoreError> {
        let otherwise = is_made_otherwise(settings, store)?;
        let pending = !store.is_applied()? || otherwise;
        if settings.compare || pending {
            // A fingerprint tells of the place of now alone, and not of what an interrupted
            // change has left in others.
            let shown = store.applied_fingerprint()?.filter(|_| !otherwise);
            let (now, text) = look(settings);
            self.others = text.as_ref().map(|text| text.others(settings));
            match (now, shown) {
                (Some(now), Some(shown)) if now.text() == shown.fingerprint => {
                    self.known = Some((now, shown.number));
                }
                (before, _) => self.seen = inspect(settings, before, text),
            }
        }
        let missing = self
            .seen
            .as_ref()
            .is_some_and(|(_, seen)| !seen.missing().is_empty());
        if (pending || missing) && !self.protects_for_another(store)? {
            self.reconcile(settings, store)?;
        }
        Ok(())
    }

    /// Whether the chain is another store's, and this store has no ban yet to put into
    /// it. So it is where a state directory was lost: the lost bans stay blocked until
    /// the logs are read again.
    fn protects_for_another(&self, store: &Store) -> Result<bool, StoreError> {
        let Some((_, seen)) = &self.seen else {
            return Ok(false);
        };
        Ok(seen.is_of_another_store(&store.id()?) && !store.has_bans()?)
    }

    /// Makes the firewall hold what was committed, and tells what came of it. An attempt
    /// that failed is not repeated for the same bans.
    pub(super) fn apply(
        &mut self,
        settings: &Firewall,
        notices: &mut Notices,
        store: &mut Store,
    ) -> Result<(), StoreError> {
        let compare = settings.compare;
        if self.tried != Some(store.number()?) && (compare || !store.is_applied()?) {
            self.reconcile(settings, store)?;
        }
        notices.warnings.append(&mut self.warnings);
        // An attempt that failed is forgotten when a later one did not.
        notices.problems.extend_from_slice(self.problems());
        notices.problems.append(&mut self.taken_over);
        Ok(())
    }

    fn problems(&self) -> &[Problem] {
        self.outcome
            .as_ref()
            .map_or(&[], |outcome| &outcome.problems)
    }

    fn reconcile(&mut self, settings: &Firewall, store: &mut Store) -> Result<(), StoreError> {
        self.tried = Some(store.number()?);
        if self.apply_delta(settings, store)? {
            return Ok(());
        }
        let seen = self.seen.take();
        let seen = seen.or_else(|| {
            let (before, text) = look(settings);
            inspect(settings, before, text)
        });
        let Some((before, seen)) = seen else {
            let outcome = firewall::remove(settings, Some(&store.id()?), &store.made()?);
            self.keep(outcome);
            return Ok(());
        };
        let committed = committed(store)?;
        let was_right = store.is_applied()? && !is_made_otherwise(settings, store)?;
        let difference = was_right.then(|| difference(&*seen));
        remember_to_make(&*seen, &committed.made, store)?;
        let before = before.filter(|before| seen.is_covered_by(before));
        let outcome = firewall::reconcile(settings, seen, committed);
        if outcome.changed && self.repaired.is_none() {
            self.repaired = difference;
        }
        // Each run has to repeat a problem or a warning, so the next run lists again.
        if let Some(before) = before
            && outcome.problems.is_empty()
            && outcome.leftovers.is_empty()
            && outcome.warnings.is_empty()
        {
            let after = before.after(outcome.commits, || look(settings).0);
            self.known = after.zip(self.tried);
        }
        self.keep(outcome);
        Ok(())
    }

    /// Keeps what came of an attempt, and what is to be told of it.
    fn keep(&mut self, mut outcome: ReconcileOutcome) {
        outcome.problems.append(&mut outcome.leftovers);
        self.changed |= outcome.changed;
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
    }

    /// Writes only what has changed since the chain was known to be right; says whether
    /// the chain is known to be right again.
    fn apply_delta(&mut self, settings: &Firewall, store: &Store) -> Result<bool, StoreError> {
        let Some((before, number)) = self.known.take() else {
            return Ok(false);
        };
        let now = store.number()?;
        if number == now {
            self.known = Some((before, now));
            return Ok(true);
        }
        let Some(since) = store.changes_since(number)? else {
            return Ok(false);
        };
        let Some(backend) = firewall::backend(settings) else {
            return Ok(false);
        };
        let DeltaOutcome {
            changed,
            fingerprint,
        } = backend.apply_delta(&before, &|| committed(store).ok(), &since.gone, &since.new);
        self.changed |= changed;
        self.known = fingerprint.map(|after| (after, now));
        Ok(self.known.is_some())
    }

    /// Notes in the store what was done here, and which snapshots were `written`, so that
    /// the next run does not do it again.
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
        let known = self.known.as_ref().map(|(fingerprint, number)| ShownSet {
            fingerprint: fingerprint.text(),
            number: *number,
        });
        let known = match known {
            Some(known) if store.applied_fingerprint()?.as_ref() != Some(&known) => Some(known),
            _ => None,
        };
        if applied.is_none() && made.is_none() && known.is_none() && written.is_empty() {
            return Ok(());
        }
        let commit = store.begin()?;
        if let Some(number) = applied {
            commit.set_applied(number)?;
        }
        if let Some(made) = made {
            commit.set_made(made)?;
        }
        if let Some(shown) = known {
            commit.set_applied_fingerprint(&shown)?;
        }
        for (family, digest) in written {
            commit.set_written(*family, digest)?;
        }
        commit.commit()
    }

    /// The row of the report; none without a backend. Where nothing was listed, the chain
    /// holds what was committed, as far as is known.
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
                let BannedSubjects { v4, v6 } = store.count_in_force()?;
                let idle = known.is_some_and(|(state, _)| !state.has_chain(Family::V6));
                (v4, if idle { 0 } else { v6 })
            }
        };
        Ok(Some(FirewallRow {
            backend: backend.as_str(),
            changed: self.changed,
            repaired: self.repaired,
            v4,
            v6,
        }))
    }
}

/// What was listed, and the state before the listing.
type Seen = (Option<RulesetFingerprint>, Box<dyn FirewallInspection>);

/// Lists the firewall, where it was not listed for the state `before`; nothing without a
/// backend.
fn inspect(
    settings: &Firewall,
    before: Option<RulesetFingerprint>,
    text: Option<RulesetText>,
) -> Option<Seen> {
    let backend = firewall::backend(settings)?;
    let seen = match text {
        Some(text) => backend.inspect_text(&text),
        None => backend.inspect(),
    };
    Some((before, seen))
}

/// The state of the firewall now, if each run compares it.
fn look(settings: &Firewall) -> (Option<RulesetFingerprint>, Option<RulesetText>) {
    let backend = firewall::backend(settings).filter(|_| settings.compare);
    backend.map_or((None, None), |backend| backend.look())
}

/// Remembers what is about to be made: a run that is killed in between must not forget
/// it.
fn remember_to_make(
    seen: &dyn FirewallInspection,
    former: &[InstalledChain],
    store: &mut Store,
) -> Result<(), StoreError> {
    let mut made = [former, &seen.to_make()].concat();
    made.sort();
    made.dedup();
    if made == former {
        return Ok(());
    }
    let commit = store.begin()?;
    commit.set_made(&made)?;
    commit.commit()
}

/// How the firewall differs from what the last run left there.
fn difference(seen: &dyn FirewallInspection) -> String {
    let place = seen.place();
    let gone: Vec<String> = seen.missing().iter().map(Family::to_string).collect();
    // A table is there for both families, or for none, and has no hook of others.
    let made = seen.to_make();
    let is_table = made.iter().any(|made| made.may_be_of(Backend::Nftables));
    match (gone.is_empty(), is_table) {
        (true, true) => format!("{place} was changed by somebody else"),
        (true, false) => format!("{place} or its hook was changed by somebody else"),
        (false, true) => format!("{place} was gone"),
        (false, false) => format!("{place} was gone ({})", gone.join(", ")),
    }
}

/// What the firewall should hold.
pub(super) fn committed(store: &Store) -> Result<CommittedBans, StoreError> {
    Ok(CommittedBans {
        store: store.id()?,
        bans: store.in_force()?,
        made: store.made()?,
    })
}

/// The settings with the backend that is taken, as `store` remembers what was made.
pub(super) fn chosen(settings: &Firewall, store: Option<&Store>) -> Result<Firewall, StoreError> {
    let made = store.map_or(Ok(Vec::new()), Store::made)?;
    Ok(firewall::chosen(settings, &made).0)
}

/// Whether the configuration names another chain or other hooks than were made, or no
/// backend; or something else of ours may be there or elsewhere.
pub(super) fn is_made_otherwise(settings: &Firewall, store: &Store) -> Result<bool, StoreError> {
    let made = store.made()?;
    Ok(match firewall::backend(settings) {
        Some(backend) => !backend.is_made_as_configured(&made),
        None => !made.is_empty(),
    })
}
