//! `pyfilter explain`: why an address is, was, or is not banned.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::cli;
use crate::firewall::{self, obstacles};
use crate::model::{Address, Backend, Escaped, Stamp, Witness};
use crate::report::{bans_json, failure_json};
use crate::store::{OpenWindow, PastBan, Store, StoreError};

use super::context::Context;
use super::{Exit, complain, print_json, written};

/// All that is known of an address.
struct Known {
    address: Address,
    never: Option<&'static str>,
    bans: Vec<PastBan>,
    windows: Vec<OpenWindow>,
    cleared: Option<i64>,
    /// Commands that remove other rules which block it.
    blocked_by: Vec<String>,
    now: i64,
}

pub(super) fn explain(context: &Context, args: &cli::Explain) -> Exit {
    let known = match Known::gather(context, args.address) {
        Ok(known) => known,
        Err(error) => return complain(&error),
    };
    if args.json {
        return print_json(&known.json());
    }
    written(known.print(&mut io::stdout().lock(), context))
}

impl Known {
    fn gather(context: &Context, address: Address) -> Result<Self, StoreError> {
        let mut known = Known {
            address,
            never: context.never.why(address),
            bans: Vec::new(),
            windows: Vec::new(),
            cleared: None,
            blocked_by: Vec::new(),
            now: context.now,
        };
        if let Some(store) = Store::look(&context.config.store)? {
            known.bans = store.bans_of(address)?;
            known.windows = store.open_windows(address)?;
            known.cleared = store.cleared_until(address)?;
        }
        let settings = &context.config.firewall;
        if known.cleared.is_some() && !known.is_banned() && settings.backend == Backend::Iptables {
            let seen = firewall::look(settings);
            known.blocked_by = seen
                .listings()
                .flat_map(|listing| obstacles::still_blocking(listing, address, &settings.chain))
                .collect();
        }
        Ok(known)
    }

    fn is_banned(&self) -> bool {
        self.bans
            .iter()
            .any(|past| past.lifted.is_none() && !past.ban.is_over(self.now))
    }

    fn json(&self) -> Value {
        let time = |seconds| Stamp::from_secs(seconds).to_rfc3339();
        let bans = self.bans.iter().map(|past| {
            let mut ban = bans_json(std::slice::from_ref(&past.ban))["bans"][0].take();
            ban["lifted"] = past.lifted.map(|(at, _)| time(at)).into();
            ban["cause"] = past.lifted.map(|(_, cause)| cause.as_str()).into();
            ban["witnesses"] = past.failures.iter().map(failure_json).collect();
            ban
        });
        let windows = self.windows.iter().map(|window| {
            json!({ "rule": window.rule, "failures": window.failures.iter().map(failure_json).collect::<Vec<_>>() })
        });
        json!({
            "ip": self.address.to_string(),
            "banned": self.is_banned(),
            "never_banned": self.never,
            "bans": bans.collect::<Vec<_>>(),
            "windows": windows.collect::<Vec<_>>(),
            "cleared_until": self.cleared.map(time),
            "blocked_by": self.blocked_by,
        })
    }

    fn print(&self, out: &mut impl Write, context: &Context) -> io::Result<()> {
        let address = self.address;
        if let Some(why) = self.never {
            writeln!(out, "{address} {why}, so it is never banned.")?;
        } else if self.is_banned() {
            writeln!(out, "{address} is banned.")?;
        } else if self.bans.is_empty() {
            writeln!(
                out,
                "{address} is not banned, and no ban of it is remembered."
            )?;
        } else {
            writeln!(out, "{address} is not banned, but was.")?;
        }
        self.bans
            .iter()
            .try_for_each(|past| self.print_ban(past, out))?;
        for window in &self.windows {
            let rule = Escaped::text(&window.rule);
            let count: u32 = window
                .failures
                .iter()
                .fold(0, |sum, failure| sum.saturating_add(failure.count));
            let limit = context
                .config
                .rule_named(&window.rule)
                .map(|rule| rule.thresholds.failed_attempts);
            let of = limit.map_or_else(String::new, |limit| format!(" of the {limit} that ban"));
            writeln!(out, "\nOpen window of rule {rule}: {count} failures{of}.")?;
            failures(&window.failures, out)?;
        }
        if let Some(at) = self.cleared {
            writeln!(
                out,
                "\nUn-banned {}: failures up to then never count again.",
                Stamp::from_secs(at).to_local()
            )?;
        }
        for command in &self.blocked_by {
            writeln!(
                out,
                "\nA rule that is not pyfilter's blocks it all the same; remove it with:\n  {command}"
            )?;
        }
        Ok(())
    }

    fn print_ban(&self, past: &PastBan, out: &mut impl Write) -> io::Result<()> {
        let ban = &past.ban;
        let by = ban.rule.as_deref().map_or_else(String::new, |rule| {
            format!(" by rule {}", Escaped::text(rule))
        });
        let (at, server) = (ban.at.to_local(), Escaped::text(&ban.server));
        writeln!(
            out,
            "\nBanned {at}{by} on server {server} (from: {}).",
            ban.origin
        )?;
        writeln!(out, "  {}", Escaped::text(&ban.reason))?;
        let ends = ban.ends.map(|ends| Stamp::from_secs(ends).to_local());
        match (past.lifted, ends) {
            (Some((at, cause)), _) => writeln!(
                out,
                "  Lifted {} ({cause}).",
                Stamp::from_secs(at).to_local()
            )?,
            (None, Some(ends)) if ban.is_over(self.now) => {
                writeln!(out, "  Ended {ends}; the next run lifts it.")?;
            }
            (None, Some(ends)) => writeln!(out, "  Ends {ends}.")?,
            (None, None) => writeln!(
                out,
                "  Never ends. Lift it with: pyfilter unban {}",
                self.address
            )?,
        }
        failures(&past.failures, out)
    }
}

fn failures(witnesses: &[Witness], out: &mut impl Write) -> io::Result<()> {
    for witness in witnesses {
        let (path, text) = (Escaped::path(&witness.path), Escaped::bytes(&witness.text));
        let times = if witness.count > 1 {
            format!(" ({} times)", witness.count)
        } else {
            String::new()
        };
        writeln!(
            out,
            "  {} {path} at byte {}{times}:\n    {text}",
            witness.at.to_local(),
            witness.offset
        )?;
    }
    Ok(())
}
