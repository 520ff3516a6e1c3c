//! `pyfilter list`, `ban` and `unban`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::sync::Arc;

use crate::cli;
use crate::firewall::{self, RulesetText};
use crate::judge::AllowList;
use crate::model::{Backend, Ban, Escaped, Firewall, Origin, Stamp, Subject};
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
    let own = system::login_address().map(Subject::from);
    for argument in &args.subjects {
        let subject = argument.given.subject;
        if let Some(refused) = refusal(&context.allow_list, subject, own, args.force) {
            Console::warn(&format_args!("{refused}; nothing was done"));
            return Exit::Usage;
        }
        warn_of_cut(argument);
    }
    let ban_time = args.ban_time;
    let ban_time = ban_time.unwrap_or(context.config.thresholds.ban_times.first());
    let ends = ban_time.end(context.now);
    let bans = args.subjects.iter().map(|argument| {
        manual_ban(
            &context.server,
            context.now,
            argument.given.subject,
            args.reason.as_deref(),
            ends,
        )
    });
    let job = Job::Ban(bans.collect());
    let store = context.config.store.clone();
    let done = run::run(context, &job, console);
    if done.is_ok()
        && let Ok(Some(store)) = Store::look(&store)
    {
        for argument in &args.subjects {
            let subject = argument.given.subject;
            if let Ok(Some(by)) = store.wider_in_force(subject) {
                console.say(&format!(
                    "{subject} is within {by}, which is banned: its own ban holds when that one ends."
                ));
            }
        }
    }
    finish(done, console, false)
}

/// Why a subject is not banned by hand; `own` is the address that somebody who is logged
/// in by ssh comes from.
fn refusal(
    allow_list: &AllowList,
    subject: Subject,
    own: Option<Subject>,
    force: bool,
) -> Option<String> {
    if let Some(why) = allow_list.why(subject) {
        return Some(format!("{subject} {why}, so it is never banned"));
    }
    if subject.is_too_wide_to_ban() {
        let widest = Subject::widest_ban(subject.family());
        return Some(format!(
            "{subject} is wider than any ban may be: /{widest} at most"
        ));
    }
    let own = own.filter(|own| subject.holds(*own) && !force)?;
    Some(if own == subject {
        format!("{subject} is where you are logged in from: --force bans it all the same")
    } else {
        format!("{subject} holds {own}, where you are logged in from: --force bans it all the same")
    })
}

/// Tells that bits of a network were cut off.
fn warn_of_cut(argument: &cli::SubjectArgument) {
    if let Some(cut) = argument.given.cut_warning(&argument.text) {
        Console::warn(&cut);
    }
}

/// A ban by hand.
fn manual_ban(
    server: &Arc<str>,
    now: i64,
    subject: Subject,
    reason: Option<&str>,
    ends: Option<i64>,
) -> Ban {
    Ban {
        subject,
        rule: None,
        server: server.clone(),
        at: Stamp::from_secs(now),
        ends,
        failures: 0,
        instant: false,
        origin: Origin::Manual,
        reason: Some(reason.map_or_else(
            || format!("IP: {subject} was banned by hand.").into(),
            Box::from,
        )),
        country: None,
        count: None,
        aggregates: 0,
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
    args.subjects.iter().for_each(warn_of_cut);
    let named: BTreeSet<Subject> = (args.subjects.iter())
        .map(|argument| argument.given.subject)
        .collect();
    let job = if args.all {
        Job::UnbanAll(args.local)
    } else {
        Job::Unban(named.iter().copied().collect(), args.local)
    };
    let (settings, store) = (
        context.config.firewall.clone(),
        context.config.store.clone(),
    );
    let done = run::run(context, &job, console);
    if let Ok(done) = &done {
        let lifted = done.summary.unbans.iter().map(|unban| unban.subject);
        let lifted: BTreeSet<Subject> = lifted.collect();
        let store = Store::look(&store).ok().flatten();
        for subject in &named {
            let was_lifted = lifted.iter().any(|lifted| subject.holds(*lifted));
            // That one within a banned network can not be lifted has been said.
            let blocked = store.as_ref().map(|store| store.blocked_by(*subject));
            if !was_lifted && !matches!(blocked, Some(Ok(Some(_)))) {
                console.say(&format!("{subject} is not banned."));
            }
        }
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
    subjects: impl IntoIterator<Item = &'a Subject>,
) {
    let Some(backend) = firewall::backend(settings) else {
        return;
    };
    let seen = match listed {
        Some(text) => backend.inspect_text(text),
        None => backend.inspect_others(),
    };
    for address in subjects
        .into_iter()
        .filter_map(|subject| subject.as_address())
    {
        for command in seen.other_rules_blocking(address) {
            Console::warn(&format!(
                "{address} is still blocked by a rule that is not pyfilter's; remove it with: {command}"
            ));
        }
    }
}
