//! `pyfilter scan`: the timer's run, or files by hand.

use crate::cli;
use crate::model::Rule;

use super::console::Console;
use super::context::Context;
use super::exit::Exit;
use super::output::{finish, unknown_rule};
use super::run::{self, Job};

pub(super) fn scan(context: Context, args: &cli::ScanArgs, console: Console) -> Exit {
    let named = |name: &str| context.config.rule_named(name);
    let job = if args.files.is_empty() {
        let rules: Vec<Rule> = match &args.rule {
            Some(name) => match named(name) {
                Some(rule) => vec![rule],
                None => return unknown_rule(&context.config, name),
            },
            None => context
                .config
                .rules
                .iter()
                .filter(|rule| rule.enabled)
                .cloned()
                .collect(),
        };
        Job::Scan(rules)
    } else {
        let name = args.rule.as_deref().unwrap_or("ssh");
        match named(name) {
            Some(rule) => Job::Files(Box::new(rule), args.files.clone()),
            None => return unknown_rule(&context.config, name),
        }
    };
    let done = if args.dry_run {
        run::dry_run(context, &job, console)
    } else {
        run::run(context, &job, console)
    };
    finish(done, console, args.json)
}
