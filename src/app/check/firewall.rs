//! What stands in the way of a ban, or of lifting one.

use crate::app::firewall_step;
use crate::firewall::obstacles::{self, Obstacle};
use crate::firewall::{self, FirewallListing, Listing, owner};
use crate::model::{Backend, Escaped, Family, Firewall, plural};
use crate::store::{Store, StoreError};

use crate::app::context::Context;
use crate::report::CheckFindings;

/// More bans than this in one chain cost the kernel time on every packet.
const MANY: usize = 20_000;

/// How many un-banned addresses are looked for among other people's rules.
const UNBANNED: usize = 1000;

pub(super) fn look(context: &Context, store: Option<&Store>, findings: &mut CheckFindings) {
    let settings = &context.config.firewall;
    if settings.backend == Backend::None {
        findings.warn("firewall: \"backend\" is \"none\", so bans are decided and recorded only");
        return;
    }
    let seen = firewall::list(settings);
    let id = store.and_then(|store| store.id().ok());
    let lacking = match store.map(|store| lacking(context, store, &seen)) {
        Some(Ok(lacking)) => lacking,
        Some(Err(error)) => {
            findings.error(error.to_string());
            Vec::new()
        }
        None => Vec::new(),
    };
    for (family, seen) in Family::BOTH.into_iter().zip([&seen.v4, &seen.v6]) {
        match seen {
            Ok(None) => findings.fine(format!("firewall: this host has no {family}")),
            Ok(Some(listing)) => {
                let lacks = lacking.iter().find(|lacking| lacking.family == family);
                family_of(context, listing, id.as_deref(), lacks, findings);
            }
            Err(error) => findings.error(format!("firewall: {error}")),
        }
    }
    let Some(store) = store else { return };
    match store.made() {
        Ok(made) => {
            for (family, variant, command) in firewall::leftovers(settings, &made, &seen) {
                let variant = variant.as_str();
                findings.warn(format!("firewall: {family}: what was made with the {variant} variant of iptables may still block; the next run takes it away, or say: {command}"));
            }
        }
        Err(error) => findings.error(error.to_string()),
    }
    match store.bans() {
        Ok(bans) => many(&bans, findings),
        Err(error) => findings.error(error.to_string()),
    }
    match store.unbanned(UNBANNED) {
        Ok(addresses) => {
            for address in addresses {
                for command in seen.listings().flat_map(|listing| {
                    obstacles::still_blocking(listing, address, &settings.chain)
                }) {
                    findings.warn(format!("{address} was un-banned, and a rule that is not pyfilter's blocks it; remove it with: {command}"));
                }
            }
        }
        Err(error) => findings.error(error.to_string()),
    }
}

/// A family whose chain is not as the last run left it.
struct Lacking {
    family: Family,
    /// How many bans it should hold.
    bans: usize,
}

/// The families whose chains are not as the last run left them; none where that was
/// not able to, or the configuration names others by now: the next run does it then.
fn lacking(
    context: &Context,
    store: &Store,
    seen: &FirewallListing,
) -> Result<Vec<Lacking>, StoreError> {
    let settings = &context.config.firewall;
    if !store.is_applied()? || firewall_step::is_made_otherwise(settings, store)? {
        return Ok(Vec::new());
    }
    let (id, bans, made) = (store.id()?, store.in_force()?, store.made()?);
    let differing = firewall::needs_change(settings, &id, &bans, &made, seen);
    let of = |family| bans.iter().filter(|ban| ban.family() == family).count();
    let lacking = differing.into_iter().map(|family| Lacking {
        family,
        bans: of(family),
    });
    Ok(lacking.collect())
}

/// What is said of a chain that is not as the last run left it; more than a word where
/// banned addresses may come through.
fn told(lacking: &Lacking, listing: &Listing, settings: &Firewall, findings: &mut CheckFindings) {
    let (family, chain) = (lacking.family, &settings.chain);
    let bans = plural(lacking.bans, "banned address", "banned addresses");
    let (what, lets) = match listing.chain(chain) {
        None => (format!("chain {chain} is gone"), "lets"),
        Some(_) => (
            format!("chain {chain} or its hook is not as the last run left it"),
            "may let",
        ),
    };
    let when = if settings.compare {
        "the next run, or `sudo pyfilter restore`, repairs it"
    } else {
        "`sudo pyfilter restore` repairs it (reload_iptables is false, so runs do not look)"
    };
    let message = format!("firewall: {family}: {what}, which {lets} {bans} through; {when}");
    if lacking.bans > 0 {
        findings.error(message);
    } else {
        findings.warn(format!("firewall: {family}: {what}; {when}"));
    }
}

fn family_of(
    context: &Context,
    listing: &Listing,
    id: Option<&str>,
    lacking: Option<&Lacking>,
    findings: &mut CheckFindings,
) {
    let settings = &context.config.firewall;
    let family = listing.family;
    let chain = &settings.chain;
    let version =
        Escaped::text(listing.version.as_deref().unwrap_or("of unknown version")).to_string();
    let other = id.and_then(|id| owner::other_than(id, chain, listing));
    if let Some(lacking) = lacking.filter(|_| other.is_none()) {
        told(lacking, listing, settings, findings);
    }
    match listing.chain(chain) {
        Some(ours) => findings.fine(format!(
            "firewall: {family}, iptables {version}, {} in chain {chain}",
            plural(ours.rules.len() - owner::ids(ours).count(), "rule", "rules")
        )),
        None if lacking.is_some() => {
            findings.fine(format!("firewall: {family}, iptables {version}"));
        }
        None => findings.fine(format!(
            "firewall: {family}, iptables {version}; the next run makes chain {chain}"
        )),
    }
    if let Some(other) = other {
        findings.warn(format!("firewall: {family}: chain {chain} carries the id of another store, {other}; the next run puts the bans of this one, {}, in their place: give one of the two another settings.firewall.chain", id.unwrap_or_default()));
    }
    for note in &listing.notes {
        findings.warn(format!("firewall: {family}: {}", Escaped::text(note)));
    }
    for hook in &settings.hooks {
        if !listing.has(hook) {
            findings.warn(format!("firewall: {family} has no chain {hook}, so nothing is blocked there until it is made"));
        }
        for obstacle in obstacles::before_hook(listing, hook, chain) {
            findings.warn(match obstacle {
                Obstacle::Accepts { rule } => format!(
                    "firewall: {family}: `{}` stands before our hook and lets banned addresses through; move it behind `-A {hook} -j {chain}`",
                    Escaped::text(&rule)
                ),
                Obstacle::Manager { name, rule } => format!(
                    "firewall: {family}: {name} (`{}`) stands before our hook: what it accepts is not blocked; remove the hook with `-D {hook} -j {chain}`, and the next run puts it first",
                    Escaped::text(&rule)
                ),
            });
        }
    }
    if listing.has("DOCKER-USER") && !settings.hooks.iter().any(|hook| hook == "DOCKER-USER") {
        findings.warn(format!("firewall: {family}: ports that Docker publishes are not protected; add \"DOCKER-USER\" to settings.firewall.hooks"));
    }
}

fn many(bans: &[crate::model::Ban], findings: &mut CheckFindings) {
    for family in Family::BOTH {
        let endless = bans
            .iter()
            .filter(|ban| ban.ends.is_none() && ban.address.family() == family)
            .count();
        if endless > MANY {
            findings.warn(format!(
                "{endless} {family} bans never end, and each of them costs on every packet; set ban_time (\"ban_time\": \"4w\") so that they do"
            ));
        }
    }
}
