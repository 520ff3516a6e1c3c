//! `pyfilter explain`: why an address is, was, or is not banned.
//!
//! | file | what |
//! |---|---|
//! | `found` | where the lines of remembered failures stand by now |
//! | `looked` | what the logs hold of an address that is not banned |
//! | `text`, `json` | the same facts, for people and for machines |

mod found;
mod json;
mod looked;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::cli;
use crate::firewall;
use crate::model::{Address, Country, Generation, KeptFailure, Problem, Rule};
use crate::store::{OpenWindow, PastBan, Store, StoreError};
use crate::system;

use super::conf_d;
use super::console::Console;
use super::context::Context;
use super::progress::{Amount, ReadingProgress};
use super::{Exit, complain, locate, print_json, written};

use found::FoundLines;
use looked::FailuresInLogs;

/// All that is known of an address.
struct Known {
    address: Address,
    country: Option<Country>,
    /// Why it is never banned, and the network of `ignored_ips` it is in.
    never: Option<(&'static str, Option<IpNet>)>,
    bans: Vec<PastBan>,
    windows: Vec<OpenWindow>,
    cleared: Option<i64>,
    /// Where the lines of the failures stand by now.
    lines: FoundLines,
    /// What the logs hold, if it is not banned.
    looked: Vec<FailuresInLogs>,
    /// The accounts that are logged in from there, if it is banned.
    session: Option<String>,
    /// Commands that remove other rules which block it.
    blocked_by: Vec<String>,
    problems: Vec<Problem>,
}

pub(super) fn explain(mut context: Context, args: &cli::ExplainArgs) -> Exit {
    if let Err(error) = conf_d::hold_if_there(&mut context) {
        return complain(&error);
    }
    let context = &context;
    let known = match Known::gather(context, args.address) {
        Ok(known) => known,
        Err(error) => return complain(&error),
    };
    let printed = if args.json {
        print_json(&known.json(context))
    } else {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let width = system::width();
        written(
            known
                .print(&mut out, width, context)
                .and_then(|()| out.flush()),
        )
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

impl Known {
    fn gather(context: &Context, address: Address) -> Result<Self, StoreError> {
        let why = context.never.why(address);
        let mut known = Known {
            address,
            country: None,
            never: why.map(|why| (why, context.never.network(address))),
            bans: Vec::new(),
            windows: Vec::new(),
            cleared: None,
            lines: FoundLines::default(),
            looked: Vec::new(),
            session: None,
            blocked_by: Vec::new(),
            problems: Vec::new(),
        };
        let store = Store::look(&context.config.store)?;
        if let Some(store) = &store {
            known.bans = store.bans_of(address)?;
            known.windows = store.open_windows(address)?;
            known.cleared = store.cleared_until(address)?;
            known.find_lines(store, context)?;
        }
        if known.never.is_none() && !known.is_banned(context) {
            known.look(store.as_ref(), context)?;
        }
        if known.is_banned(context) {
            known.session = system::sessions().remove(&address);
        }
        known.locate(context);
        if known.cleared.is_some()
            && !known.is_banned(context)
            && let Some(backend) = firewall::backend(&context.config.firewall)
        {
            known.blocked_by = backend.inspect_others().other_rules_blocking(address);
        }
        Ok(known)
    }

    /// All failures that are remembered.
    fn failures(&self) -> impl Iterator<Item = &KeptFailure> {
        let of_bans = self.bans.iter().flat_map(|past| &past.failures);
        of_bans.chain(self.windows.iter().flat_map(|window| &window.failures))
    }

    fn find_lines(&mut self, store: &Store, context: &Context) -> Result<(), StoreError> {
        let mut generations: BTreeMap<PathBuf, Vec<Generation>> = BTreeMap::new();
        for rule in &context.config.rules {
            for (log, of_log) in store.generations(&rule.name)? {
                generations.entry(log).or_default().extend(of_log);
            }
        }
        let logs: BTreeSet<&Path> = self.failures().map(|failure| &*failure.path).collect();
        let amount = Amount {
            bytes: 0,
            files: logs.len(),
        };
        let _progress = ReadingProgress::begin(context.shows_progress, amount);
        let place = context.config.journal.as_deref();
        self.lines = FoundLines::find(self.failures(), &generations, place);
        Ok(())
    }

    /// Reads the logs: why is it not banned?
    fn look(&mut self, store: Option<&Store>, context: &Context) -> Result<(), StoreError> {
        let ended = |past: &PastBan| past.lifted.map(|(at, _)| at).or(past.ban.ends);
        let cleared = |rule: &Rule| {
            let of_rule = |past: &&PastBan| past.ban.rule.as_ref() == Some(&rule.name);
            let bans = self.bans.iter().filter(of_rule).filter_map(ended);
            bans.chain(self.cleared).max()
        };
        let mut problems = Vec::new();
        self.looked = looked::look(context, store, self.address, cleared, &mut problems)?;
        self.problems.extend(problems);
        Ok(())
    }

    /// The database here comes first, then what another server said.
    fn locate(&mut self, context: &Context) {
        match locate::open(context) {
            Ok(None) => {}
            Ok(Some(countries)) => {
                self.country = countries.country(self.address.ip());
                let damage = countries.damage();
                self.problems.extend(damage.as_ref().map(locate::problem));
            }
            Err(error) => self.problems.push(locate::problem(&error)),
        }
        let mut said = self.bans.iter().rev();
        let said = || said.find_map(|past| past.ban.country.clone());
        self.country = self.country.take().or_else(said);
    }

    fn is_banned(&self, context: &Context) -> bool {
        self.bans
            .iter()
            .any(|past| past.lifted.is_none() && !past.ban.is_over(context.now))
    }
}
