//! `pyfilter list`, `ban` and `unban`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};

use crate::cli;
use crate::firewall;
use crate::model::{Address, Backend, Ban, Escaped, Firewall, Stamp};
use crate::report::bans_json;
use crate::store::Store;
use crate::system;

use super::conf_d;
use super::console::Console;
use super::context::Context;
use super::run::{self, Job, manual_ban};
use super::{Exit, complain, finish, print_json, written};

/// The bans in force.
pub(super) fn list(context: &Context, args: &cli::ListArgs) -> Exit {
    let bans = match Store::look(&context.config.store)
        .and_then(|store| store.map_or(Ok(Vec::new()), |store| store.bans()))
    {
        Ok(bans) => bans,
        Err(error) => return complain(&error),
    };
    // What ended since the last run is no longer in force.
    let bans: Vec<Ban> = bans
        .into_iter()
        .filter(|ban| !ban.is_over(context.now))
        .collect();
    if args.json {
        return print_json(&bans_json(&bans));
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut lines = bans.iter().map(line);
    written(
        lines
            .try_for_each(|line| writeln!(out, "{line}"))
            .and_then(|()| out.flush()),
    )
}

/// A ban as `list` shows it.
fn line(ban: &Ban) -> String {
    let since = ban.at.to_local();
    let by = ban.rule.as_deref().map_or_else(
        || ban.origin.to_string(),
        |rule| Escaped::text(rule).to_string(),
    );
    let until = ban.ends.map_or_else(
        || "for ever".to_owned(),
        |ends| format!("until {}", Stamp::from_secs(ends).to_local()),
    );
    let server = Escaped::text(&ban.server);
    let address = ban.address.to_string();
    let country = ban.country.as_ref().map_or_else(String::new, |country| {
        format!("  {}", Escaped::text(&country.name))
    });
    format!("{address:<39}  {since}  {by:<10}  {until}  {server}{country}")
}

/// Bans by hand.
pub(super) fn ban(mut context: Context, args: &cli::BanArgs, console: Console) -> Exit {
    if let Err(error) = conf_d::hold_if_there(&mut context) {
        return complain(&error);
    }
    let own = system::login_address();
    for address in &args.addresses {
        if let Some(why) = context.never.why(*address) {
            Console::warn(&format_args!(
                "{address} {why}, so it is never banned; nothing was done"
            ));
            return Exit::Usage;
        }
        if own == Some(*address) && !args.force {
            Console::warn(&format_args!(
                "{address} is where you are logged in from: --force bans it all the same; nothing was done"
            ));
            return Exit::Usage;
        }
    }
    let ban_time = args
        .ban_time
        .map_or(context.config.thresholds.ban_time, |time| time.0);
    let ends = context.end_of(ban_time);
    let bans = args
        .addresses
        .iter()
        .map(|&address| manual_ban(&context, address, args.reason.as_deref(), ends));
    let job = Job::Ban(bans.collect());
    finish(run::run(context, &job, console), console, false)
}

/// Brings the firewall back to the bans in force, or takes ours away.
pub(super) fn restore(mut context: Context, args: &cli::RestoreArgs, console: Console) -> Exit {
    let firewall = &mut context.config.firewall;
    let mut figures = None;
    if args.off {
        // They would tell of bans that are not in force; the next run writes them anew.
        figures = context.config.metrics.take();
        firewall.backend = Backend::None;
    } else {
        // What `reload_iptables` spares the timer's runs is what is asked for here.
        firewall.compare = true;
    }
    let exit = finish(run::run(context, &Job::Restore, console), console, false);
    match figures.map(|path| (fs::remove_file(&path), path)) {
        Some((Err(error), path)) if error.kind() != io::ErrorKind::NotFound => {
            let path = Escaped::path(&path);
            complain(&format_args!(
                "{path}: the metrics can not be removed: {error}"
            ))
            .or(exit)
        }
        _ => exit,
    }
}

/// Un-bans by hand.
pub(super) fn unban(context: Context, args: &cli::UnbanArgs, console: Console) -> Exit {
    let job = if args.all {
        Job::UnbanAll(args.local)
    } else {
        Job::Unban(args.addresses.clone(), args.local)
    };
    let settings = context.config.firewall.clone();
    let done = run::run(context, &job, console);
    if let Ok(done) = &done {
        let lifted = done.summary.unbans.iter().map(|unban| unban.address);
        let lifted: BTreeSet<Address> = lifted.collect();
        let named: BTreeSet<Address> = args.addresses.iter().copied().collect();
        for address in named.difference(&lifted) {
            console.say(&format!("{address} is not banned."));
        }
        warn_of_other_rules(&settings, named.union(&lifted));
    }
    finish(done, console, false)
}

/// Rules that are not ours may block the address all the same.
fn warn_of_other_rules<'a>(settings: &Firewall, addresses: impl IntoIterator<Item = &'a Address>) {
    let Some(backend) = firewall::backend(settings) else {
        return;
    };
    let seen = backend.inspect_others();
    for address in addresses {
        for command in seen.other_rules_blocking(*address) {
            Console::warn(&format!(
                "{address} is still blocked by a rule that is not pyfilter's; remove it with: {command}"
            ));
        }
    }
}
