//! `pyfilter explain`: why an address or a network is, was, or is not banned.
//!
//! | file | what |
//! |---|---|
//! | `found` | where the lines of remembered failures stand by now |
//! | `in_logs` | what the logs hold of what is not banned |

mod found;
mod in_logs;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::cli;
use crate::firewall;
use crate::model::{Ban, Firewall, Generation, OpenWindow, PastBan, Rule, Subject};
use crate::report::{Explanation, FoundLines, KnownUnban, NeverBanned};
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
    let argument = &args.subject;
    if let Some(cut) = argument.given.cut_warning(&argument.text) {
        Console::warn(&cut);
    }
    let known = match gather(&context, argument.given.subject) {
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

fn gather(context: &Context, subject: Subject) -> Result<Explanation, StoreError> {
    let config = &context.config;
    let mut known = Explanation {
        subject,
        country: None,
        never_banned: never_banned(context, subject),
        bans: Vec::new(),
        around: Vec::new(),
        within: Vec::new(),
        aggregated: BTreeMap::new(),
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
        remember(&mut known, store, context)?;
    }
    let rules = known.windows.iter().map(|window| &window.rule);
    let rules =
        rules.filter_map(|name| Some((name.clone(), config.rule_named(name)?.thresholds.clone())));
    known.thresholds = rules.collect();
    if known.never_banned.is_none() && !known.is_banned() {
        let ended = |rule: &Rule| ended(&known, rule);
        let mut problems = Vec::new();
        known.in_logs = in_logs::look(context, store.as_ref(), subject, ended, &mut problems)?;
        known.problems.extend(problems);
    }
    let settings = firewall_step::chosen(&config.firewall, store.as_ref())?;
    if let Some(blocked) = known.blocked_as() {
        known.session = session(subject);
        if let Some(store) = &store {
            known.place = place(&settings, store, blocked)?;
        }
    }
    locate(&mut known, config.geoip.as_deref());
    if known.cleared.is_some()
        && !known.is_banned()
        && let Some(address) = subject.as_address()
        && let Some(backend) = firewall::backend(&settings)
    {
        known.blocked_by = backend.inspect_others().other_rules_blocking(address);
    }
    Ok(known)
}

/// Why `subject` is never banned, if that is so.
fn never_banned(context: &Context, subject: Subject) -> Option<NeverBanned> {
    let why = context.allow_list.why(subject)?;
    let (address, _) = context.allow_list.first_in(subject)?;
    let network = context.allow_list.network(address);
    let file = network.and_then(|network| context.config.conf_d.file_of(network));
    Some(NeverBanned {
        why,
        network,
        file: file.map(Path::to_owned),
    })
}

/// Adds what the store remembers.
fn remember(known: &mut Explanation, store: &Store, context: &Context) -> Result<(), StoreError> {
    let subject = known.subject;
    known.bans = store.bans_of(subject)?;
    known.around = store.bans_around(subject)?;
    known.within = store.bans_within(subject)?;
    let bans = known.bans.iter().chain(&known.around).map(|past| &past.ban);
    let by_aggregation = bans.filter(|ban| ban.aggregates > 0);
    let led = by_aggregation.map(|ban| {
        let bans = store.aggregated(ban, within(context, ban))?;
        Ok(((ban.subject, ban.at.secs), bans))
    });
    let led: Result<BTreeMap<_, _>, StoreError> = led.collect();
    known.aggregated = led?;
    known.windows = windows(context, store, subject)?;
    known.cleared = cleared(store, subject)?;
    known.lines = find_lines(known, store, context)?;
    Ok(())
}

/// Within how many seconds the bans were that led to one by aggregation, as the rule has
/// it now.
fn within(context: &Context, ban: &Ban) -> u32 {
    let rule = ban.rule.as_deref();
    let rule = rule.and_then(|name| context.config.rule_named(name));
    let aggregate = rule.and_then(|rule| rule.aggregate);
    aggregate.unwrap_or_default().within
}

/// The open windows of `subject`, and those of the networks that rules count it in.
fn windows(
    context: &Context,
    store: &Store,
    subject: Subject,
) -> Result<Vec<OpenWindow>, StoreError> {
    let never = &context.allow_list;
    let counted = |rule: &Rule| in_logs::counted_as(&rule.thresholds, subject, never);
    let mut subjects: BTreeSet<Subject> = context.config.rules.iter().map(counted).collect();
    subjects.insert(subject);
    let mut windows = Vec::new();
    for subject in subjects {
        windows.extend(store.open_windows(subject)?);
    }
    // Those that a rule has left behind since its prefixes were changed are not gone on with.
    windows.retain(|window| {
        let rule = context.config.rule_named(&window.rule);
        rule.is_none_or(|rule| counted(&rule) == window.subject)
    });
    Ok(windows)
}

/// The last un-ban of `subject` or of a network around it.
fn cleared(store: &Store, subject: Subject) -> Result<Option<KnownUnban>, StoreError> {
    let Some(at) = store.cleared_until(subject)? else {
        return Ok(None);
    };
    let networks = store.cleared_networks()?;
    let with = networks
        .around(subject)
        .find(|(_, cleared)| **cleared == at);
    let subject = with.map_or(subject, |(network, _)| network);
    Ok(Some(KnownUnban { at, subject }))
}

/// The accounts that are logged in from there.
fn session(subject: Subject) -> Option<String> {
    let sessions = system::sessions().into_iter();
    let there = sessions.filter(|(address, _)| subject.holds((*address).into()));
    let accounts: Vec<String> = there.map(|(_, accounts)| accounts).collect();
    (!accounts.is_empty()).then(|| accounts.join(", "))
}

/// Where the ban of `subject` stands in the firewall, if the last run brought it there.
fn place(
    settings: &Firewall,
    store: &Store,
    subject: Subject,
) -> Result<Option<String>, StoreError> {
    let Some(backend) = firewall::backend(settings) else {
        return Ok(None);
    };
    if !store.is_applied()? || firewall_step::is_made_otherwise(settings, store)? {
        return Ok(None);
    }
    let bans = firewall_step::committed(store)?.bans;
    Ok(backend.place_of(subject, &bans))
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
    let bans = known.bans.iter().chain(&known.around);
    let of_bans = bans.flat_map(|past| &past.failures);
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

/// Up to when failures of subjects under a rule do not count, since a ban of it ran until
/// then.
fn ended(known: &Explanation, rule: &Rule) -> HashMap<Subject, i64> {
    let ended = |past: &PastBan| past.lifted.as_ref().map(|unban| unban.at).or(past.ban.ends);
    let counts = |ban: &Ban| ban.rule.as_ref() == Some(&rule.name) && ban.aggregates == 0;
    let bans = known.bans.iter().chain(&known.around).chain(&known.within);
    let mut last: HashMap<Subject, i64> = HashMap::new();
    for past in bans.filter(|past| counts(&past.ban)) {
        if let Some(ended) = ended(past) {
            let last = last.entry(past.ban.subject).or_insert(ended);
            *last = ended.max(*last);
        }
    }
    last
}

/// The country by the database here, else the one that another server said.
fn locate(known: &mut Explanation, geoip: Option<&Path>) {
    match locate::open(geoip) {
        Ok(None) => {}
        Ok(Some(countries)) => {
            known.country = countries.country(known.subject);
            let damage = countries.damage();
            known.problems.extend(damage.as_ref().map(locate::problem));
        }
        Err(error) => known.problems.push(locate::problem(&error)),
    }
    let mut said = known.bans.iter().rev();
    let said = || said.find_map(|past| past.ban.country.clone());
    known.country = known.country.take().or_else(said);
}
