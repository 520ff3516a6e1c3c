use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::model::{
    Cause, Country, Escaped, KeptFailure, OpenWindow, Origin, PastBan, Stamp, plural,
};
use crate::report::text::nth_ban;
use crate::report::{list_line, open_session};

use super::failures::{failures, steps, within};
use super::page::ExplanationPage;
use super::searched::print_looked;
use super::{Explanation, NeverBanned};

/// How many of the bans within a network are shown.
const WITHIN: usize = 20;

impl Explanation {
    /// Writes it for a person; no line is wider than `width` columns.
    ///
    /// # Errors
    /// `out` can not be written.
    pub fn text(&self, out: &mut impl Write, width: Option<usize>) -> io::Result<()> {
        let mut page = ExplanationPage { out, width };
        page.line(&self.verdict())?;
        if let Some(Country { code, name }) = &self.country {
            let code = code.map_or_else(String::new, |code| format!(" ({code})"));
            page.line(&format!("Country: {}{code}", Escaped::text(name)))?;
        }
        if let Some(accounts) = &self.session {
            page.line(&open_session(accounts))?;
        }
        for past in self.bans.iter().chain(&self.around) {
            self.print_ban(past, &mut page)?;
        }
        self.print_within(&mut page)?;
        for window in &self.windows {
            self.print_window(window, &mut page)?;
        }
        if let Some(unban) = &self.cleared {
            let network = Some(unban.subject).filter(|subject| *subject != self.subject);
            let in_network =
                network.map_or_else(String::new, |network| format!(", with {network}"));
            page.gap()?;
            page.line(&format!(
                "Un-banned {}{}{in_network}: failures up to then never count again.",
                Stamp::from_secs(unban.at).to_local(),
                self.unbanned_by(unban.at)
            ))?;
        }
        for looked in &self.in_logs {
            print_looked(looked, self.subject, &mut page)?;
        }
        for command in &self.blocked_by {
            page.gap()?;
            page.line("A rule that is not pyfilter's blocks it all the same; remove it with:")?;
            // To be copied, so it is not broken.
            writeln!(page.out, "  {command}")?;
        }
        Ok(())
    }

    fn verdict(&self) -> String {
        let subject = self.subject;
        if let Some(NeverBanned { why, network, file }) = &self.never_banned {
            let file = file.as_deref();
            let file = file.map_or_else(String::new, |file| format!(", {}", Escaped::path(file)));
            let network = network.map_or_else(String::new, |network| format!(" ({network}{file})"));
            format!("{subject} {why}{network}, so it is never banned.")
        } else if let Some(blocked) = self.blocked_as() {
            if blocked == subject {
                format!("{subject} is banned.")
            } else {
                format!("{subject} is banned: it is in {blocked}.")
            }
        } else if !self.bans.is_empty() {
            format!("{subject} is not banned, but was.")
        } else if let Some(past) = self.around.last() {
            let network = past.ban.subject;
            format!("{subject} is not banned, but {network} was, which it is in.")
        } else {
            format!("{subject} is not banned, and no ban of it is remembered.")
        }
    }

    /// Who lifted the ban at that time, as far as that is known.
    fn unbanned_by(&self, at: i64) -> &'static str {
        let bans = self.bans.iter().chain(&self.around);
        let mut lifted = bans.filter_map(|past| past.lifted.as_ref());
        match lifted.find(|unban| unban.at == at).map(|unban| unban.cause) {
            Some(Cause::Manual) => " by hand",
            Some(Cause::Snapshot) => " in the blacklist",
            Some(Cause::Redis) => " by another server",
            _ => "",
        }
    }

    fn print_ban(
        &self,
        past: &PastBan,
        page: &mut ExplanationPage<'_, impl Write>,
    ) -> io::Result<()> {
        let ban = &past.ban;
        let by = ban.rule.as_deref().map_or_else(String::new, |rule| {
            format!(" by rule {}", Escaped::text(rule))
        });
        page.gap()?;
        let (at, nth) = (ban.at.to_local(), nth_ban(ban));
        if ban.subject == self.subject {
            page.line(&format!("Banned {at}{by}{nth}"))?;
        } else {
            page.line(&format!("{} banned {at}{by}{nth}", ban.subject))?;
        }
        let this = if *ban.server == *self.server {
            " (this one)"
        } else {
            ""
        };
        page.fact("Server", &format!("{}{this}", Escaped::text(&ban.server)))?;
        page.fact("Origin", &origin(ban.origin))?;
        page.fact("Reason", &Escaped::text(&ban.reason()).to_string())?;
        self.print_end(past, page)?;
        for led in self.led_to(ban) {
            let (at, nth) = (led.at.to_local(), nth_ban(led));
            page.fact("After", &format!("{} banned {at}{nth}", led.subject))?;
        }
        if let (Some(first), Some(last)) = (past.failures.first(), past.failures.last()) {
            let (count, seconds) = (ban.failures, last.counted - first.counted);
            let addresses = past.failures.iter().filter_map(|failure| failure.address);
            let from = match addresses.collect::<BTreeSet<_>>().len() {
                0 => String::new(),
                addresses => format!(" from {}", plural(addresses, "address", "addresses")),
            };
            let filled = if ban.instant {
                "filled at once: an instant pattern".to_owned()
            } else {
                format!("{}{from} in {seconds} s filled it", failures(count.into()))
            };
            page.fact("Window", &filled)?;
        }
        steps(&past.failures, Some(ban.failures), &self.lines, page)
    }

    /// When a ban ended or ends, and where it blocks.
    fn print_end(
        &self,
        past: &PastBan,
        page: &mut ExplanationPage<'_, impl Write>,
    ) -> io::Result<()> {
        let ban = &past.ban;
        let local = |seconds| Stamp::from_secs(seconds).to_local();
        match (&past.lifted, ban.ends.map(local)) {
            (Some(unban), _) => {
                page.fact("Lifted", &format!("{} ({})", local(unban.at), unban.cause))?;
            }
            (None, Some(ends)) if ban.is_over(self.now) => {
                page.fact("Ended", &format!("{ends}; the next run lifts it."))?;
            }
            (None, Some(ends)) => page.fact("Ends", &ends)?,
            (None, None) => page.fact(
                "Ends",
                &format!("Never ends. Lift it with: pyfilter unban {}", ban.subject),
            )?,
        }
        if !self.is_in_force(past) {
            return Ok(());
        }
        if let Some((wider, ends)) = self.cover(ban.subject) {
            let until = ends.map_or("for ever".to_owned(), |ends| {
                format!("until {}", local(ends))
            });
            page.fact(
                "Covered",
                &format!("recorded, and covered by {wider} {until}"),
            )?;
        } else if let Some(place) = &self.place {
            page.fact("Blocked", &format!("in {place}"))?;
        }
        Ok(())
    }

    /// The bans within a network, those in force first.
    fn print_within(&self, page: &mut ExplanationPage<'_, impl Write>) -> io::Result<()> {
        if self.within.is_empty() {
            return Ok(());
        }
        let (in_force, over): (Vec<&PastBan>, Vec<&PastBan>) =
            self.within.iter().partition(|past| self.is_in_force(past));
        let all = plural(self.within.len(), "ban is", "bans are");
        let still = plural(in_force.len(), "still runs", "still run");
        page.gap()?;
        page.line(&format!("Within it {all} remembered; {still}:"))?;
        for past in in_force.into_iter().chain(over).take(WITHIN) {
            let lifted = past.lifted.as_ref().map_or_else(String::new, |unban| {
                let at = Stamp::from_secs(unban.at).to_local();
                format!("; lifted {at} ({})", unban.cause)
            });
            page.put(2, "", &format!("{}{lifted}", list_line(&past.ban)))?;
        }
        if self.within.len() > WITHIN {
            let more = self.within.len() - WITHIN;
            page.put(2, "", &format!("and {more} more: --json has all of them"))?;
        }
        Ok(())
    }

    fn print_window(
        &self,
        window: &OpenWindow,
        page: &mut ExplanationPage<'_, impl Write>,
    ) -> io::Result<()> {
        let name = Escaped::text(&window.rule);
        let sum = |sum: u32, failure: &KeptFailure| sum.saturating_add(failure.count);
        let count = window.failures.iter().fold(0, sum);
        let thresholds = self.thresholds.get(&window.rule);
        let of = thresholds.map_or_else(String::new, |thresholds| {
            let (limit, within) = (thresholds.failed_attempts, within(thresholds));
            format!(" of the {limit} that ban, {within}")
        });
        let whose = Some(window.subject).filter(|whose| *whose != self.subject);
        let whose = whose.map_or_else(String::new, |whose| format!(" for {whose}"));
        page.gap()?;
        page.line(&format!(
            "Open window of rule {name}{whose}: {}{of}.",
            failures(count.into())
        ))?;
        let limit = thresholds.map(|thresholds| thresholds.failed_attempts.get());
        steps(&window.failures, limit, &self.lines, page)?;
        if let (Some(last), Some(thresholds)) = (window.failures.last(), thresholds) {
            let until = last.counted + i64::from(thresholds.request_time);
            page.put(
                2,
                "",
                &format!(
                    "A failure stamped later than {} begins a new window.",
                    Stamp::from_secs(until).to_local()
                ),
            )?;
        }
        Ok(())
    }
}

fn origin(origin: Origin) -> String {
    let what = match origin {
        Origin::Log => "failures in a log of this host",
        Origin::Redis => "another server, through Redis",
        Origin::Manual => "pyfilter ban",
        Origin::Snapshot => "a line of the blacklist, or PyFilter's own",
    };
    format!("{origin} ({what})")
}
