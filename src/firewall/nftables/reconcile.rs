//! Makes our table hold the bans, or removes what was made.

use super::error::NftablesError;
use super::layout::{is_id, table_name};
use super::listed::ListedTable;
use super::plan::{self, TablePlan, WantedTable};
use super::program;
use super::seen::{self, SeenTable};
use crate::firewall::store_id;
use crate::firewall::{CommittedBans, ReconcileOutcome};
use crate::model::{ChainLocation, Family, Firewall, InstalledChain, Problem};
use crate::system;

/// What this configuration makes.
pub(super) fn made_by(firewall: &Firewall) -> InstalledChain {
    of_table(&table_name(&firewall.chain))
}

fn of_table(table: &str) -> InstalledChain {
    InstalledChain {
        place: Some(ChainLocation::Nftables),
        chain: table.to_owned(),
        hooks: Vec::new(),
    }
}

/// What [`reconcile`] makes. A table that carries no store's id may be somebody else's:
/// if it is ours, that is remembered already.
pub(super) fn to_make(seen: &ListedTable) -> Vec<InstalledChain> {
    match &seen.seen {
        Ok(Some(table)) if table.store().is_none() => Vec::new(),
        Ok(_) => vec![of_table(&seen.table)],
        Err(_) => Vec::new(),
    }
}

/// The plan for the table, in what is to be told and done.
pub(super) fn plan_of(
    seen: Option<&SeenTable>,
    table: &str,
    firewall: &Firewall,
    committed: &CommittedBans,
) -> TablePlan {
    let is_remembered = committed.made.contains(&of_table(table));
    plan::plan(&wanted(table, firewall, committed), is_remembered, seen)
}

fn wanted<'a>(
    table: &'a str,
    firewall: &Firewall,
    committed: &'a CommittedBans,
) -> WantedTable<'a> {
    WantedTable {
        table,
        store: &committed.store,
        deny: firewall.deny,
        bans: &committed.bans,
    }
}

/// Makes our table right, then removes those of other names that were made.
pub(super) fn reconcile(inspected: ListedTable, committed: &CommittedBans) -> ReconcileOutcome {
    let mut outcome = ReconcileOutcome {
        installed: committed.made.clone(),
        ..ReconcileOutcome::default()
    };
    let ListedTable {
        firewall,
        table,
        seen,
        ..
    } = inspected;
    if !is_id(&committed.store) {
        let error = NftablesError::BadStoreId(committed.store.clone());
        outcome.problems.push(problem(&error));
        return outcome;
    }
    let held = seen.as_ref().ok().and_then(Option::as_ref);
    [outcome.v4, outcome.v6] = Family::BOTH.map(|family| {
        let (addresses, networks) = held.map_or((0, 0), |seen| seen.held_of(family));
        addresses + networks
    });
    let written = seen.and_then(|seen| write(&firewall, &table, seen, committed));
    let plan = match written {
        Ok(plan) => plan,
        Err(error) => {
            outcome.problems.push(problem(&error));
            return outcome;
        }
    };
    outcome.changed = !matches!(plan, TablePlan::Right | TablePlan::NotOurs);
    outcome.commits = u32::from(outcome.changed);
    if plan == TablePlan::NotOurs {
        outcome.problems.push(Problem::new(not_ours(&table)));
        (outcome.v4, outcome.v6) = (0, 0);
        return outcome;
    }
    if let TablePlan::Whole {
        taken_from,
        has_others,
        ..
    } = plan
    {
        let place = format!("the table inet {table}");
        let taken = |other: String| store_id::taken_over(&place, &other, &committed.store);
        outcome.taken_over.extend(taken_from.map(taken));
        if has_others {
            outcome.warnings.push(format!(
                "firewall: the table inet {table} held rules, chains or sets that are not \
                 pyfilter's; they are removed: put them into a table of another name"
            ));
        }
    }
    [outcome.v4, outcome.v6] = Family::BOTH.map(|family| blocked(family, committed));
    let ours = of_table(&table);
    let former: Vec<_> = (committed.made.iter().filter(|made| **made != ours).cloned()).collect();
    outcome.installed = vec![ours];
    remove_leftovers(&firewall, &committed.store, &former, &mut outcome);
    outcome.installed.sort();
    outcome
}

/// How many bans the table blocks once it is right.
fn blocked(family: Family, committed: &CommittedBans) -> usize {
    if family == Family::V6 && !system::kernel_has_ipv6() {
        return 0;
    }
    let bans = committed.bans.iter();
    bans.filter(|ban| ban.family() == family).count()
}

/// Writes what makes the table right; the plan that was carried out.
fn write(
    firewall: &Firewall,
    table: &str,
    seen: Option<SeenTable>,
    committed: &CommittedBans,
) -> Result<TablePlan, NftablesError> {
    let plan = plan_of(seen.as_ref(), table, firewall, committed);
    let is_difference = matches!(plan, TablePlan::Difference(_));
    drop(seen);
    let error = match commit(firewall, table, &plan) {
        Ok(()) => return Ok(plan),
        Err(error) => error,
    };
    // Somebody may have changed the table between listing and writing. Then the whole
    // text is refused, and one more try with a new listing may succeed. A difference
    // that is refused again is given up for the whole table.
    let NftablesError::Refused { .. } = error else {
        return Err(error);
    };
    let seen = seen::list(table)?;
    let again = plan_of(seen.as_ref(), table, firewall, committed);
    if again == plan && !is_difference {
        return Err(error);
    }
    if again != plan && commit(firewall, table, &again).is_ok() {
        return Ok(again);
    }
    if let TablePlan::NotOurs = again {
        return Ok(again);
    }
    let whole = plan::anew(&wanted(table, firewall, committed), seen.as_ref());
    commit(firewall, table, &whole).map(|()| whole)
}

fn commit(firewall: &Firewall, table: &str, plan: &TablePlan) -> Result<(), NftablesError> {
    match plan {
        TablePlan::Right | TablePlan::NotOurs => Ok(()),
        TablePlan::Difference(text) => {
            let nft = program::find(firewall.programs.as_deref())?;
            program::commit(&nft, text, table)
        }
        TablePlan::Whole { text, .. } => {
            let nft = program::find(firewall.programs.as_deref())?;
            let given = program::commit(&nft, text, table);
            given.map_err(NftablesError::of_the_whole_table)
        }
    }
}

/// Takes `made` out of the firewall. Nothing else is touched. Where the host has no `nft`,
/// what stays is a leftover, and not a problem that could be solved by another try.
pub(super) fn remove(
    firewall: &Firewall,
    store: Option<&str>,
    made: &[InstalledChain],
) -> ReconcileOutcome {
    let mut outcome = ReconcileOutcome::default();
    for made in made {
        let removal = remove_table(firewall, store, &made.chain);
        take_up(&mut outcome, made, removal);
    }
    outcome
}

/// Notes what came of the removal of what was `made`.
fn take_up(
    outcome: &mut ReconcileOutcome,
    made: &InstalledChain,
    removal: Result<Removal, NftablesError>,
) {
    match removal {
        Ok(Removal::NotThere) => {}
        Ok(Removal::Done) => {
            outcome.changed = true;
            outcome.commits += 1;
            let table = format!("table inet {}", made.chain);
            outcome.removed.insert(table);
        }
        Ok(Removal::Left(warning)) => outcome.warnings.push(warning),
        Err(error) => {
            let message = Problem::new(stays(&made.chain, &error));
            match error {
                NftablesError::Missing { .. } => outcome.leftovers.push(message),
                _ => outcome.problems.push(message),
            }
            outcome.installed.push(made.clone());
        }
    }
}

fn stays(table: &str, error: &NftablesError) -> String {
    format!(
        "firewall: what pyfilter made with nftables (the table inet {table}) could not be taken \
         away, so it may go on blocking who is un-banned: {error}; remove it with: nft delete \
         table inet {table}"
    )
}

/// The same for tables of other names than the configured one: what stays there does not
/// keep the bans from being in force.
fn remove_leftovers(
    firewall: &Firewall,
    store: &str,
    made: &[InstalledChain],
    outcome: &mut ReconcileOutcome,
) {
    let removed = remove(firewall, Some(store), made);
    outcome.changed |= removed.changed;
    outcome.commits += removed.commits;
    outcome.warnings.extend(removed.warnings);
    outcome.leftovers.extend(removed.leftovers);
    outcome.leftovers.extend(removed.problems);
    outcome.installed.extend(removed.installed);
}

/// What came of the removal of a table.
enum Removal {
    NotThere,
    Done,
    /// It is not ours, as this sentence says.
    Left(String),
}

fn remove_table(
    firewall: &Firewall,
    store: Option<&str>,
    table: &str,
) -> Result<Removal, NftablesError> {
    let owner = match seen::owner(table) {
        Ok(Some(owner)) => owner,
        // A kernel without nf_tables has no table.
        Ok(None) | Err(NftablesError::NoSets { .. }) => return Ok(Removal::NotThere),
        Err(error) => return Err(error),
    };
    match owner {
        (Some(id), _) if store.is_some_and(|store| store != id) => {
            return Ok(Removal::Left(format!(
                "firewall: the table inet {table} carries the id of another store, {id}, so it is \
                 left; if that is not in use, remove it with: nft delete table inet {table}"
            )));
        }
        (None, false) => {
            return Ok(Removal::Left(format!(
                "firewall: the table inet {table} is not as pyfilter makes it, so it is left; if it \
                 is not needed, remove it with: nft delete table inet {table}"
            )));
        }
        _ => {}
    }
    let text = format!("delete table inet {table}\n");
    let nft = program::find_for_removal(firewall.programs.as_deref())?;
    program::commit(&nft, &text, table)?;
    Ok(Removal::Done)
}

/// What is to be told, and done, about a table of our name that is somebody else's.
pub(super) fn not_ours(table: &str) -> String {
    format!(
        "firewall: the table inet {table} is not pyfilter's, so it is left as it is and nothing is \
         blocked: set settings.firewall.chain to another name, or remove the table with `nft \
         delete table inet {table}`"
    )
}

fn problem(error: &NftablesError) -> Problem {
    Problem::new(format!("firewall: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_stays_for_want_of_nft_does_not_keep_the_rest_from_being_done() {
        let made = of_table("pyfilter");
        let missing = NftablesError::Missing {
            looked: "/usr/sbin".to_owned(),
        };
        let mut outcome = ReconcileOutcome::default();
        take_up(&mut outcome, &made, Err(missing));
        assert_eq!(outcome.problems, []);
        assert_eq!(outcome.installed, std::slice::from_ref(&made));
        let [Problem { message, .. }] = &outcome.leftovers[..] else {
            panic!("{outcome:?}");
        };
        assert!(message.contains("(the table inet pyfilter) could not be taken away"));
        assert!(message.ends_with("remove it with: nft delete table inet pyfilter"));

        let refused = NftablesError::Refused {
            said: "no luck".to_owned(),
        };
        let mut outcome = ReconcileOutcome::default();
        take_up(&mut outcome, &made, Err(refused));
        assert_eq!((outcome.problems.len(), outcome.leftovers.len()), (1, 0));
        assert_eq!(outcome.installed, [made]);
    }
}
