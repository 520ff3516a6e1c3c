//! What keeps a ban from working, or the lifting of one.

use crate::app::firewall_step;
use crate::firewall::{self, CommittedBans, FirewallFinding, RulesetFingerprint};
use crate::model::{Firewall, Subject};
use crate::store::{Store, StoreError};

use crate::report::CheckFindings;

/// How many un-banned addresses are looked for among other people's rules.
const UNBANNED: usize = 1000;

pub(super) fn look(settings: &Firewall, store: Option<&Store>, findings: &mut CheckFindings) {
    // That the store is damaged is told below.
    let made = store.and_then(|store| store.made().ok());
    let (chosen, why) = firewall::chosen(settings, made.as_deref().unwrap_or_default());
    let settings = &chosen;
    let Some(backend) = firewall::backend(settings) else {
        findings.warn("firewall: \"backend\" is \"none\", so bans are decided and recorded only");
        return;
    };
    let name = settings.backend.as_str();
    findings.fine(format!("firewall: the backend is {name}: {why}"));
    let id = store.and_then(|store| store.id().ok());
    let committed = match store.map(|store| applied(settings, store)).transpose() {
        Ok(committed) => committed.flatten(),
        Err(error) => {
            findings.error(error.to_string());
            None
        }
    };
    let (now, text) = backend.look();
    let is_known = committed.is_some()
        && now.is_some_and(|now| store.is_some_and(|store| is_as_applied(&now, store)));
    let seen = match (is_known, text) {
        (true, Some(text)) => backend.inspect_text(&text.others(settings)),
        (false, Some(text)) => backend.inspect_text(&text),
        (true, None) => backend.inspect_others(),
        (false, None) => backend.inspect(),
    };
    for finding in seen.check(id.as_deref(), committed.as_ref(), is_known) {
        match finding {
            FirewallFinding::Fine(message) => findings.fine(message),
            FirewallFinding::Warning(message) => findings.warn(message),
            FirewallFinding::Error(message) => findings.error(message),
        }
    }
    let Some(store) = store else { return };
    match store.made() {
        Ok(made) => {
            for warning in firewall::unused_places(settings, &*seen, &made) {
                findings.warn(warning);
            }
        }
        Err(error) => findings.error(error.to_string()),
    }
    match store.unbanned(UNBANNED) {
        Ok(subjects) => {
            for address in subjects.into_iter().filter_map(Subject::as_address) {
                for command in seen.other_rules_blocking(address) {
                    findings.warn(format!("{address} was un-banned, and a rule that is not pyfilter's blocks it; remove it with: {command}"));
                }
            }
        }
        Err(error) => findings.error(error.to_string()),
    }
}

/// Whether nobody has changed the firewall since it was known to show the bans of now: to
/// list a million of them would take long.
fn is_as_applied(now: &RulesetFingerprint, store: &Store) -> bool {
    let shown = store.applied_fingerprint().ok().flatten();
    let (Some(shown), Ok(number)) = (shown, store.number()) else {
        return false;
    };
    shown.number == number && shown.fingerprint == now.text()
}

/// What the firewall should hold. None where the last run could not apply it, or the
/// configuration has changed since: then the next run does it.
fn applied(settings: &Firewall, store: &Store) -> Result<Option<CommittedBans>, StoreError> {
    if !store.is_applied()? || firewall_step::is_made_otherwise(settings, store)? {
        return Ok(None);
    }
    firewall_step::committed(store).map(Some)
}
