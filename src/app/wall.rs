//! The firewall in the course of a run.

use crate::firewall::{self, Look, Outcome};
use crate::model::{Address, Backend, Family, Firewall, Made};
use crate::report::FirewallRow;
use crate::store::{Store, StoreError};

use super::context::Context;

/// The firewall in the course of a run: listed at most once between two writes.
#[derive(Debug, Default)]
pub(super) struct Wall {
    seen: Option<Look>,
    /// The number of the set that it was last brought to, or could not be.
    tried: Option<i64>,
    /// What came of that.
    outcome: Option<Outcome>,
    /// Whether this run has written anything.
    changed: bool,
    /// What was to be said on the way, each thing once.
    warnings: Vec<String>,
}

impl Wall {
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
            self.seen = Some(firewall::look(settings));
        }
        let missing = self
            .seen
            .as_ref()
            .is_some_and(|seen| seen.is_missing(&settings.chain));
        if pending || missing {
            self.bring(context, store)?;
        }
        Ok(())
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
            self.bring(context, store)?;
        }
        context.warnings.append(&mut self.warnings);
        // An attempt that failed is forgotten when a later one did not.
        let problems = self.outcome.iter().flat_map(|outcome| &outcome.problems);
        context.problems.extend(problems.cloned());
        Ok(())
    }

    fn bring(&mut self, context: &Context, store: &mut Store) -> Result<(), StoreError> {
        let settings = &context.config.firewall;
        let former = store.made()?;
        let ours = Made::of(settings);
        // Remembered before it is made: a run that is killed in between must not forget it.
        if settings.backend == Backend::Iptables && !former.contains(&ours) {
            let commit = store.begin()?;
            commit.set_made(&[former.clone(), vec![ours]].concat())?;
            commit.commit()?;
        }
        let wanted = store.in_force()?;
        let outcome = firewall::bring(settings, &wanted, &former, self.seen.take());
        self.tried = Some(store.number()?);
        self.changed |= outcome.changed;
        for warning in &outcome.warnings {
            if !self.warnings.contains(warning) {
                self.warnings.push(warning.clone());
            }
        }
        self.outcome = Some(outcome);
        Ok(())
    }

    /// Notes what was done, so that the next run need not do it again.
    pub(super) fn close(&self, store: &mut Store) -> Result<(), StoreError> {
        let done = |outcome: &&Outcome| outcome.problems.is_empty();
        let applied = match (self.outcome.as_ref().filter(done), self.tried) {
            (Some(_), Some(number)) if !store.is_applied()? => Some(number),
            _ => None,
        };
        let made = match &self.outcome {
            Some(Outcome { made, .. }) if *made != store.made()? => Some(made),
            _ => None,
        };
        if applied.is_none() && made.is_none() {
            return Ok(());
        }
        let commit = store.begin()?;
        if let Some(number) = applied {
            commit.set_applied(number)?;
        }
        if let Some(made) = made {
            commit.set_made(made)?;
        }
        commit.commit()
    }

    /// What the report says of it; none without a backend. Where nothing was
    /// looked at, the chain holds what was committed, as far as is known.
    pub(super) fn into_row(
        self,
        backend: Backend,
        store: &Store,
    ) -> Result<Option<FirewallRow>, StoreError> {
        if backend == Backend::None {
            return Ok(None);
        }
        let (v4, v6) = if let Some(outcome) = self.outcome {
            (outcome.v4, outcome.v6)
        } else {
            let banned = store.in_force()?;
            let v4 = |address: &&Address| address.family() == Family::V4;
            let count = banned.iter().filter(v4).count();
            (count, banned.len() - count)
        };
        Ok(Some(FirewallRow {
            backend: "iptables",
            changed: self.changed,
            v4,
            v6,
        }))
    }
}

/// Whether the configuration names another chain, or other hooks, than were
/// made, or none at all.
fn is_made_otherwise(settings: &Firewall, store: &Store) -> Result<bool, StoreError> {
    let made = store.made()?;
    Ok(match settings.backend {
        Backend::Iptables => made != [Made::of(settings)],
        Backend::None => !made.is_empty(),
    })
}
