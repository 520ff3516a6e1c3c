//! `pyfilter explain`: why an address is, was, or is not banned.
//!
//! | file | what |
//! |---|---|
//! | `found` | where the lines of remembered failures stand by now |
//! | `in_logs` | what the logs hold of an address that is not banned |

mod found;
mod in_logs;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::cli;
use crate::firewall;
use crate::model::{Address, Firewall, Generation, PastBan, Rule};
use crate::report::{Explanation, FoundLines, NeverBanned};
use crate::store::{Store, StoreError};
use crate::system;

use super::conf_d;
use super::console::Console;
use super::context::Context;
use super::exit::Exit;
use super::firewall_step;
use super::locate;
use super::output::{complain, print_json, written};
use super::progress::{Amount, ReadingProgress};

pub(super) fn explain(mut context: Context, args: &cli::ExplainArgs) -> Exit {
    if let Err(error) = conf_d::hold_if_there(&context.config, &mut context.allow_list) {
        return complain(&error);
    }
    let known = match gather(&context, args.address) {
        Ok(known) => known,
        Err(error) => return complain(&error),
    };
    let printed = if args.json {
        print_json(&known.json())
    } else {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let text = known.text(&mut out, system::width());
        written(text.and_then(|()| out.flush()))
    };
    for problem in &known.problems {
        Console::warn(&problem.message);
    }
    let exit = if known.problems.is_empty() {
        Exit::Done
    } else {
        Exit::Problems
    };
    printed.or(exit)
}

fn gather(context: &Context, address: Address) -> Result<Explanation, StoreError> {
    let config = &context.config;
    let never_banned = context.allow_list.why(address.into()).map(|why| {
        let network = context.allow_list.network(address);
        let file = network.and_then(|network| config.conf_d.file_of(network));
        NeverBanned {
            why,
            network,
            file: file.map(Path::to_owned),
        }
    });
    let mut known = Explanation {
        address,
        country: None,
        never_banned,
        bans: Vec::new(),
        windows: Vec::new(),
        thresholds: BTreeMap::new(),
        cleared: None,
        lines: FoundLines::default(),
        in_logs: Vec::new(),
        session: None,
        place: None,
        blocked_by: Vec::new(),
        problems: Vec::new(),
        server: context.server.to_string(),
        now: context.now,
    };
    let store = Store::look(&config.store)?;
    if let Some(store) = &store {
        known.bans = store.bans_of(address.into())?;
        known.windows = store.open_windows(address.into())?;
        known.cleared = store.cleared_until(address.into())?;
        known.lines = find_lines(&known, store, context)?;
    }
    let rules = known.windows.iter().map(|window| &window.rule);
    let rules =
        rules.filter_map(|name| Some((name.clone(), config.rule_named(name)?.thresholds.clone())));
    known.thresholds = rules.collect();
    if known.never_banned.is_none() && !known.is_banned() {
        let cleared = |rule: &Rule| cleared_until(&known, rule);
        let mut problems = Vec::new();
        known.in_logs = in_logs::look(context, store.as_ref(), address, cleared, &mut problems)?;
        known.problems.extend(problems);
    }
    if known.is_banned() {
        known.session = system::sessions().remove(&address);
    }
    let settings = firewall_step::chosen(&config.firewall, store.as_ref())?;
    if let Some(store) = store.as_ref().filter(|_| known.is_banned()) {
        known.place = place(&settings, store, address)?;
    }
    locate(&mut known, config.geoip.as_deref());
    if known.cleared.is_some()
        && !known.is_banned()
        && let Some(backend) = firewall::backend(&settings)
    {
        known.blocked_by = backend.inspect_others().other_rules_blocking(address);
    }
    Ok(known)
}

/// Where the ban stands in the firewall, if the last run brought it there.
fn place(
    settings: &Firewall,
    store: &Store,
    address: Address,
) -> Result<Option<String>, StoreError> {
    let Some(backend) = firewall::backend(settings) else {
        return Ok(None);
    };
    if !store.is_applied()? || firewall_step::is_made_otherwise(settings, store)? {
        return Ok(None);
    }
    let bans = firewall_step::committed(store)?.bans;
    Ok(backend.place_of(address.into(), &bans))
}

/// Looks for the lines of all failures that are remembered.
fn find_lines(
    known: &Explanation,
    store: &Store,
    context: &Context,
) -> Result<FoundLines, StoreError> {
    let mut generations: BTreeMap<PathBuf, Vec<Generation>> = BTreeMap::new();
    for rule in &context.config.rules {
        for (log, of_log) in store.generations(&rule.name)? {
            generations.entry(log).or_default().extend(of_log);
        }
    }
    let of_bans = known.bans.iter().flat_map(|past| &past.failures);
    let of_windows = known.windows.iter().flat_map(|window| &window.failures);
    let failures = of_bans.chain(of_windows);
    let logs: BTreeSet<&Path> = failures.clone().map(|failure| &*failure.path).collect();
    let amount = Amount {
        bytes: 0,
        files: logs.len(),
    };
    let _progress = ReadingProgress::begin(context.shows_progress, amount);
    let place = context.config.journal.as_deref();
    Ok(found::find(failures, &generations, place))
}

/// Up to when failures under a rule do not count: its last ban has ended then, or the
/// address was un-banned.
fn cleared_until(known: &Explanation, rule: &Rule) -> Option<i64> {
    let ended = |past: &PastBan| past.lifted.as_ref().map(|unban| unban.at).or(past.ban.ends);
    let of_rule = |past: &&PastBan| past.ban.rule.as_ref() == Some(&rule.name);
    let bans = known.bans.iter().filter(of_rule).filter_map(ended);
    bans.chain(known.cleared).max()
}

/// The country by the database here, else the one that another server said.
fn locate(known: &mut Explanation, geoip: Option<&Path>) {
    match locate::open(geoip) {
        Ok(None) => {}
        Ok(Some(countries)) => {
            known.country = countries.country(known.address.into());
            let damage = countries.damage();
            known.problems.extend(damage.as_ref().map(locate::problem));
        }
        Err(error) => known.problems.push(locate::problem(&error)),
    }
    let mut said = known.bans.iter().rev();
    let said = || said.find_map(|past| past.ban.country.clone());
    known.country = known.country.take().or_else(said);
}
