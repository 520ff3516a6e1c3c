//! What `check` tells of our table.

use super::error::NftablesError;
use super::listed::ListedTable;
use super::plan::TablePlan;
use super::program;
use super::reconcile::{not_ours, plan_of};
use super::seen;
use crate::firewall::netlink::NetlinkSocket;
use crate::firewall::store_id;
use crate::firewall::{CommittedBans, FirewallFinding, changed};
use crate::model::{
    ChainLocation, Escaped, Family, Firewall, InstalledChain, IptablesVariant, plural,
};

use FirewallFinding::{Error, Fine, Warning};

/// What is to be told.
pub(super) fn check(
    inspected: &ListedTable,
    store: Option<&str>,
    committed: Option<&CommittedBans>,
    is_known: bool,
) -> Vec<FirewallFinding> {
    let (firewall, table) = (&inspected.firewall, &inspected.table);
    let seen = match &inspected.seen {
        Ok(seen) => seen.as_ref(),
        Err(error) => return vec![Error(format!("firewall: {error}"))],
    };
    let mut findings = Vec::new();
    let to_make = (seen.is_none() && !is_known).then_some(table.as_str());
    let (version, fault) = nft(firewall, to_make);
    let is_makable = fault.is_none();
    findings.extend(fault.map(|error| Error(format!("firewall: {error}"))));
    let owner = seen.and_then(|seen| seen.store());
    let other = owner.filter(|owner| store.is_some_and(|store| store != *owner));
    let unsure = committed.filter(|_| !is_known);
    let plan = unsure.map(|committed| plan_of(seen, table, firewall, committed));
    let is_not_ours = match &plan {
        Some(plan) => *plan == TablePlan::NotOurs,
        None => seen.is_some() && owner.is_none(),
    };
    let differs = plan.is_some_and(|plan| plan != TablePlan::Right);
    if let Some(committed) = committed.filter(|_| differs && other.is_none() && !is_not_ours) {
        findings.push(changed_by_others(
            firewall,
            table,
            seen.is_some(),
            committed,
        ));
    }
    let known = committed.filter(|_| is_known);
    let known = known.map(|committed| {
        let addresses = committed.bans.iter().filter(|ban| ban.is_address());
        let addresses = addresses.count();
        (addresses, committed.bans.len() - addresses)
    });
    let held = known.or_else(|| {
        let counts = Family::BOTH.map(|family| seen.map(|seen| seen.held_of(family)));
        let [(v4, v4_networks), (v6, v6_networks)] = [counts[0]?, counts[1]?];
        Some((v4 + v6, v4_networks + v6_networks))
    });
    findings.push(Fine(match held {
        Some((addresses, networks)) => {
            let addresses = plural(addresses, "address", "addresses");
            let networks = plural(networks, "network", "networks");
            format!(
                "firewall: nftables {version}, {addresses} and {networks} in table inet {table}"
            )
        }
        None if differs || !is_makable => format!("firewall: nftables {version}"),
        None => format!("firewall: nftables {version}; the next run makes table inet {table}"),
    }));
    if is_not_ours {
        findings.push(Error(not_ours(table)));
    }
    if let Some(other) = other {
        let place = format!("firewall: the table inet {table}");
        let told = store_id::will_be_taken_over(&place, other, store);
        findings.push(Warning(told));
    }
    findings
}

/// What `nft` says of itself, and what keeps it from making the table `to_make`.
fn nft(firewall: &Firewall, to_make: Option<&str>) -> (String, Option<NftablesError>) {
    let nft = match program::find(firewall.programs.as_deref()) {
        Ok(nft) => nft,
        Err(error) => return ("without its program".to_owned(), Some(error)),
    };
    let made = to_make.map_or(Ok(()), |table| program::check_table(&nft, table));
    let fault = made.map_err(NftablesError::of_the_whole_table).err();
    (Escaped::text(&program::version(&nft)).to_string(), fault)
}

/// Our table is not as the last run left it.
fn changed_by_others(
    firewall: &Firewall,
    table: &str,
    is_there: bool,
    committed: &CommittedBans,
) -> FirewallFinding {
    let (what, lets) = if is_there {
        (
            format!("the table inet {table} is not as the last run left it"),
            "may let",
        )
    } else {
        (format!("the table inet {table} is gone"), "lets")
    };
    changed::changed_by_others(firewall, &what, lets, committed.bans.len())
}

/// What is told of a table that is not used any more.
pub(super) fn left_table(name: &str, is_remembered: bool) -> String {
    let when = if is_remembered {
        "the next run takes it away, or say"
    } else {
        "this store does not remember it; remove it with"
    };
    format!(
        "firewall: the table inet {name} that pyfilter made may still block; {when}: nft delete table inet {name}"
    )
}

/// What of `made` is or may be in other places than our table.
pub(super) fn leftovers(inspected: &ListedTable, made: &[InstalledChain]) -> Vec<String> {
    let is_there = |made: &&InstalledChain| match made.place {
        Some(ChainLocation::Nftables) => {
            made.chain != inspected.table && matches!(seen::owner(&made.chain), Ok(Some(_)))
        }
        Some(ChainLocation::Iptables {
            family,
            variant: IptablesVariant::Nft,
        }) => {
            let socket = NetlinkSocket::open();
            socket.is_ok_and(|mut socket| matches!(socket.chain(family, &made.chain), Ok(Some(_))))
        }
        // Only legacy's own programs can look into its tables.
        Some(ChainLocation::Iptables { .. }) | None => true,
    };
    let sentence = |made: &InstalledChain| {
        let name = &made.chain;
        match made.place {
            Some(ChainLocation::Nftables) => left_table(name, true),
            Some(ChainLocation::Iptables { family, variant }) => format!(
                "firewall: {family}: the chain {name} that was made with the {} variant of iptables may still block; the next run takes it away",
                variant.as_str()
            ),
            None => format!(
                "firewall: the chain {name} that was made with iptables may still block; the next run takes it away"
            ),
        }
    };
    made.iter().filter(is_there).map(sentence).collect()
}
