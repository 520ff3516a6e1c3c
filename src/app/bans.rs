//! `pyfilter list`, `ban` and `unban`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::sync::Arc;

use crate::cli;
use crate::firewall::{self, RulesetText};
use crate::model::{Address, Backend, Ban, Escaped, Firewall, Origin, Stamp};
use crate::report::{bans_json, list_line};
use crate::store::Store;
use crate::system;

use super::conf_d;
use super::console::Console;
use super::context::Context;
use super::exit::Exit;
use super::firewall_step;
use super::output::{complain, finish, print_json, written};
use super::run::{self, Job};

/// The bans in force.
pub(super) fn list(context: &Context, args: &cli::ListArgs) -> Exit {
    let settings = &context.config.firewall;
    let (bans, settings) = match Store::look(&context.config.store).and_then(|store| {
        let bans = store.as_ref().map_or(Ok(Vec::new()), Store::bans)?;
        Ok((bans, firewall_step::chosen(settings, store.as_ref())?))
    }) {
        Ok(known) => known,
        Err(error) => return complain(&error),
    };
    // What ended since the last run is no longer in force.
    let bans: Vec<Ban> = bans
        .into_iter()
        .filter(|ban| !ban.is_over(context.now))
        .collect();
    if args.json {
        let stopped = firewall::backend(&settings).and_then(|backend| backend.stopped());
        return print_json(&bans_json(&bans, stopped));
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut lines = bans.iter().map(list_line);
    written(
        lines
            .try_for_each(|line| writeln!(out, "{line}"))
            .and_then(|()| out.flush()),
    )
}

/// Bans by hand.
pub(super) fn ban(mut context: Context, args: &cli::BanArgs, console: Console) -> Exit {
    if let Err(error) = conf_d::hold_if_there(&context.config, &mut context.allow_list) {
        return complain(&error);
    }
    let own = system::login_address();
    for address in &args.addresses {
        if let Some(why) = context.allow_list.why(*address) {
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
    let ban_time = args.ban_time.unwrap_or(context.config.thresholds.ban_time);
    let ends = ban_time.end(context.now);
    let bans = args.addresses.iter().map(|&address| {
        manual_ban(
            &context.server,
            context.now,
            address,
            args.reason.as_deref(),
            ends,
        )
    });
    let job = Job::Ban(bans.collect());
    finish(run::run(context, &job, console), console, false)
}

/// A ban by hand.
fn manual_ban(
    server: &Arc<str>,
    now: i64,
    address: Address,
    reason: Option<&str>,
    ends: Option<i64>,
) -> Ban {
    Ban {
        address,
        rule: None,
        server: server.clone(),
        at: Stamp::from_secs(now),
        ends,
        failures: 0,
        instant: false,
        origin: Origin::Manual,
        reason: Some(reason.map_or_else(
            || format!("IP: {address} was banned by hand.").into(),
            Box::from,
        )),
        country: None,
    }
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
        // `restore` always compares the firewall, also if `reload_iptables` is false.
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
    let (settings, store) = (
        context.config.firewall.clone(),
        context.config.store.clone(),
    );
    let done = run::run(context, &job, console);
    if let Ok(done) = &done {
        let lifted = done.summary.unbans.iter().map(|unban| unban.address);
        let lifted: BTreeSet<Address> = lifted.collect();
        let named: BTreeSet<Address> = args.addresses.iter().copied().collect();
        for address in named.difference(&lifted) {
            console.say(&format!("{address} is not banned."));
        }
        let store = Store::look(&store).ok().flatten();
        let chosen = firewall_step::chosen(&settings, store.as_ref()).unwrap_or(settings);
        warn_of_other_rules(&chosen, done.others.as_ref(), named.union(&lifted));
    }
    finish(done, console, false)
}

/// Rules that are not ours may block the address all the same; `listed` are those, if the
/// run has listed them.
fn warn_of_other_rules<'a>(
    settings: &Firewall,
    listed: Option<&RulesetText>,
    addresses: impl IntoIterator<Item = &'a Address>,
) {
    let Some(backend) = firewall::backend(settings) else {
        return;
    };
    let seen = match listed {
        Some(text) => backend.inspect_text(text),
        None => backend.inspect_others(),
    };
    for address in addresses {
        for command in seen.other_rules_blocking(*address) {
            Console::warn(&format!(
                "{address} is still blocked by a rule that is not pyfilter's; remove it with: {command}"
            ));
        }
    }
}
