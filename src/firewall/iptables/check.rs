//! What `check` tells of both filter tables.

use std::collections::BTreeSet;

use super::listing::Listing;
use super::obstacles::{self, Obstacle};
use super::owner;
use super::reconcile::needs_change;
use super::tables::FilterTables;
use crate::firewall::store_id;
use crate::firewall::{CommittedBans, FirewallFinding, changed};
use crate::model::{Escaped, Family, Firewall, Subject, plural};

use FirewallFinding::{Error, Fine, Warning};

/// What is to be told of both families.
pub(super) fn check(
    tables: &FilterTables,
    store: Option<&str>,
    committed: Option<&CommittedBans>,
    is_known: bool,
) -> Vec<FirewallFinding> {
    let unsure = committed.filter(|_| !is_known);
    let differing = unsure.map_or_else(Vec::new, |committed| needs_change(tables, committed));
    let mut findings = Vec::new();
    for (family, table) in Family::BOTH.into_iter().zip([&tables.v4, &tables.v6]) {
        match table {
            Ok(None) => findings.push(Fine(format!("firewall: this host has no {family}"))),
            Ok(Some(listing)) => {
                let bans = committed.map(|committed| &committed.bans);
                let should_hold = bans.filter(|_| differing.contains(&family));
                let known = bans.filter(|_| is_known);
                let held = known.map(|bans| bans.iter().filter(|ban| ban.family() == family));
                let held = held.map(Iterator::count);
                findings.extend(of_table(
                    &tables.firewall,
                    listing,
                    store,
                    should_hold,
                    held,
                ));
            }
            Err(error) => findings.push(Error(format!("firewall: {error}"))),
        }
    }
    findings
}

/// Of one table. `should_hold` are the bans, if our part of the table is not as the last
/// run left it; `held` is how many bans it holds, if that is known without the listing.
fn of_table(
    firewall: &Firewall,
    listing: &Listing,
    store: Option<&str>,
    should_hold: Option<&BTreeSet<Subject>>,
    held: Option<usize>,
) -> Vec<FirewallFinding> {
    let mut findings = Vec::new();
    let (family, chain) = (listing.family, &firewall.chain);
    let version =
        Escaped::text(listing.version.as_deref().unwrap_or("of unknown version")).to_string();
    let other = store.and_then(|id| owner::other_than(id, chain, listing));
    if let Some(bans) = should_hold.filter(|_| other.is_none()) {
        findings.push(changed_by_others(firewall, listing, bans));
    }
    let is_there = listing.chain(chain).is_some();
    let held = held.or_else(|| is_there.then(|| listing.bans_below(chain)));
    findings.push(Fine(match held {
        Some(held) => format!(
            "firewall: {family}, iptables {version}, {} in chain {chain}",
            plural(held, "ban", "bans")
        ),
        None if should_hold.is_some() => format!("firewall: {family}, iptables {version}"),
        None => format!("firewall: {family}, iptables {version}; the next run makes chain {chain}"),
    }));
    if let Some(other) = other {
        let place = format!("firewall: {family}: chain {chain}");
        let told = store_id::will_be_taken_over(&place, &other, store);
        findings.push(Warning(told));
    }
    let notes = listing.notes.iter();
    findings
        .extend(notes.map(|note| Warning(format!("firewall: {family}: {}", Escaped::text(note)))));
    for hook in &firewall.hooks {
        findings.extend(of_hook(listing, hook, chain));
    }
    if listing.has("DOCKER-USER") && !firewall.hooks.iter().any(|hook| hook == "DOCKER-USER") {
        findings.push(Warning(format!("firewall: {family}: ports that Docker publishes are not protected; add \"DOCKER-USER\" to settings.firewall.hooks")));
    }
    findings
}

/// Our part of the table is not as the last run left it.
fn changed_by_others(
    firewall: &Firewall,
    listing: &Listing,
    bans: &BTreeSet<Subject>,
) -> FirewallFinding {
    let (family, chain) = (listing.family, &firewall.chain);
    let bans = bans.iter().filter(|ban| ban.family() == family).count();
    let (what, lets) = match listing.chain(chain) {
        None => (format!("{family}: chain {chain} is gone"), "lets"),
        Some(_) => (
            format!("{family}: chain {chain} or its hook is not as the last run left it"),
            "may let",
        ),
    };
    changed::changed_by_others(firewall, &what, lets, bans)
}

/// What keeps our jump in the hook from being reached.
fn of_hook(listing: &Listing, hook: &str, chain: &str) -> Vec<FirewallFinding> {
    let family = listing.family;
    let mut findings = Vec::new();
    if !listing.has(hook) {
        findings.push(Warning(format!(
            "firewall: {family} has no chain {hook}, so nothing is blocked there until it is made"
        )));
    }
    let obstacles = obstacles::before_hook(listing, hook, chain);
    findings.extend(obstacles.into_iter().map(|obstacle| {
        Warning(match obstacle {
            Obstacle::Accepts { rule } => format!(
                "firewall: {family}: `{}` stands before our hook and lets banned addresses through; move it behind `-A {hook} -j {chain}`",
                Escaped::text(&rule)
            ),
            Obstacle::Manager { name, rule } => format!(
                "firewall: {family}: {name} (`{}`) stands before our hook: what it accepts is not blocked; remove the hook with `-D {hook} -j {chain}`, and the next run puts it first",
                Escaped::text(&rule)
            ),
        })
    }));
    findings
}
