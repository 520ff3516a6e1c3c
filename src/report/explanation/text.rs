use std::io::{self, Write};

use crate::model::{
    Cause, Country, Escaped, KeptFailure, OpenWindow, Origin, PastBan, Stamp, Thresholds,
    WindowKind,
};
use crate::report::{nothing_to_check, open_session};

use super::{Explanation, FailuresInLogs, FoundLine, FoundLines, LineLocation, NeverBanned};

/// Lines of a page: on a terminal none is wider than that, and what goes on
/// stands below what it goes on with.
struct Page<'a, W> {
    out: &'a mut W,
    width: Option<usize>,
}

impl<W: Write> Page<'_, W> {
    /// A paragraph, `indent` columns from the left, behind `lead`.
    fn put(&mut self, indent: usize, lead: &str, text: &str) -> io::Result<()> {
        let text = format!("{lead}{text}");
        let text = text.trim_end();
        let Some(width) = self.width else {
            return writeln!(self.out, "{:indent$}{text}", "");
        };
        let (first, below) = (" ".repeat(indent), " ".repeat(indent + lead.len()));
        // Stamps and paths are whole words.
        let options = textwrap::Options::new(width.max(20))
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .initial_indent(&first)
            .subsequent_indent(&below);
        let mut lines = textwrap::wrap(text, options).into_iter();
        lines.try_for_each(|line| writeln!(self.out, "{line}"))
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        self.put(0, "", text)
    }

    /// A word for it, and what it is.
    fn fact(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.put(2, &format!("{name:<9}"), text)
    }

    fn gap(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }
}

impl Explanation {
    /// Writes it for a person; no line is wider than `width` columns.
    ///
    /// # Errors
    /// `out` can not be written.
    pub fn text(&self, out: &mut impl Write, width: Option<usize>) -> io::Result<()> {
        let mut page = Page { out, width };
        page.line(&self.verdict())?;
        if let Some(Country { code, name }) = &self.country {
            let code = code.map_or_else(String::new, |code| format!(" ({code})"));
            page.line(&format!("Country: {}{code}", Escaped::text(name)))?;
        }
        if let Some(accounts) = &self.session {
            page.line(&open_session(accounts))?;
        }
        for past in &self.bans {
            self.print_ban(past, &mut page)?;
        }
        for window in &self.windows {
            self.print_window(window, &mut page)?;
        }
        if let Some(at) = self.cleared {
            page.gap()?;
            page.line(&format!(
                "Un-banned {}{}: failures up to then never count again.",
                Stamp::from_secs(at).to_local(),
                self.unbanned_by(at)
            ))?;
        }
        for looked in &self.in_logs {
            print_looked(looked, &mut page)?;
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
        let address = self.address;
        if let Some(NeverBanned { why, network, file }) = &self.never_banned {
            let file = file.as_deref();
            let file = file.map_or_else(String::new, |file| format!(", {}", Escaped::path(file)));
            let network = network.map_or_else(String::new, |network| format!(" ({network}{file})"));
            format!("{address} {why}{network}, so it is never banned.")
        } else if self.is_banned() {
            format!("{address} is banned.")
        } else if self.bans.is_empty() {
            format!("{address} is not banned, and no ban of it is remembered.")
        } else {
            format!("{address} is not banned, but was.")
        }
    }

    /// Who lifted the ban at that time, as far as that is known.
    fn unbanned_by(&self, at: i64) -> &'static str {
        let mut lifted = self.bans.iter().filter_map(|past| past.lifted.as_ref());
        match lifted.find(|unban| unban.at == at).map(|unban| unban.cause) {
            Some(Cause::Manual) => " by hand",
            Some(Cause::Snapshot) => " in the blacklist",
            Some(Cause::Redis) => " by another server",
            _ => "",
        }
    }

    fn print_ban(&self, past: &PastBan, page: &mut Page<'_, impl Write>) -> io::Result<()> {
        let ban = &past.ban;
        let by = ban.rule.as_deref().map_or_else(String::new, |rule| {
            format!(" by rule {}", Escaped::text(rule))
        });
        page.gap()?;
        page.line(&format!("Banned {}{by}", ban.at.to_local()))?;
        let this = if *ban.server == *self.server {
            " (this one)"
        } else {
            ""
        };
        page.fact("Server", &format!("{}{this}", Escaped::text(&ban.server)))?;
        page.fact("Origin", &origin(ban.origin))?;
        page.fact("Reason", &Escaped::text(&ban.reason()).to_string())?;
        let ends = ban.ends.map(|ends| Stamp::from_secs(ends).to_local());
        match (&past.lifted, ends) {
            (Some(unban), _) => {
                let at = Stamp::from_secs(unban.at).to_local();
                page.fact("Lifted", &format!("{at} ({})", unban.cause))?;
            }
            (None, Some(ends)) if ban.is_over(self.now) => {
                page.fact("Ended", &format!("{ends}; the next run lifts it."))?;
            }
            (None, Some(ends)) => page.fact("Ends", &ends)?,
            (None, None) => page.fact(
                "Ends",
                &format!("Never ends. Lift it with: pyfilter unban {}", self.address),
            )?,
        }
        let in_force = past.lifted.is_none() && !ban.is_over(self.now);
        if let Some(place) = self.place.as_deref().filter(|_| in_force) {
            page.fact("Blocked", &format!("in {place}"))?;
        }
        if let (Some(first), Some(last)) = (past.failures.first(), past.failures.last()) {
            let (count, seconds) = (ban.failures, last.counted - first.counted);
            let filled = if ban.instant {
                "filled at once: an instant pattern".to_owned()
            } else {
                format!("{} in {seconds} s filled it", failures(count.into()))
            };
            page.fact("Window", &filled)?;
        }
        steps(&past.failures, Some(ban.failures), &self.lines, page)
    }

    fn print_window(&self, window: &OpenWindow, page: &mut Page<'_, impl Write>) -> io::Result<()> {
        let name = Escaped::text(&window.rule);
        let sum = |sum: u32, failure: &KeptFailure| sum.saturating_add(failure.count);
        let count = window.failures.iter().fold(0, sum);
        let thresholds = self.thresholds.get(&window.rule);
        let of = thresholds.map_or_else(String::new, |thresholds| {
            let (limit, within) = (thresholds.failed_attempts, within(thresholds));
            format!(" of the {limit} that ban, {within}")
        });
        page.gap()?;
        page.line(&format!(
            "Open window of rule {name}: {}{of}.",
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

/// The failures of a window, with how full it was by each.
fn steps(
    failures: &[KeptFailure],
    limit: Option<u32>,
    lines: &FoundLines,
    page: &mut Page<'_, impl Write>,
) -> io::Result<()> {
    let of = limit.map_or_else(String::new, |limit| format!("/{limit}"));
    let (mut sum, mut before) = (0u32, None);
    for failure in failures {
        sum = sum.saturating_add(failure.count);
        let lead = format!("{sum}{of}  ");
        page.put(4, &lead, &when(failure, before))?;
        let below = 4 + lead.len();
        page.put(below, "", &place(failure, lines))?;
        let text = lines.text(failure).map(Escaped::bytes);
        let gone = || "(a line of which only the place was kept)".to_owned();
        page.put(below, "", &text.map_or_else(gone, |text| text.to_string()))?;
        before = Some(failure.counted);
    }
    Ok(())
}

/// When a failure was, and how long after the one that counted `before`.
fn when(failure: &KeptFailure, before: Option<i64>) -> String {
    let later = before.map_or_else(String::new, |before| {
        format!(", {} s later", failure.counted - before)
    });
    let back = if failure.counted > failure.at.secs {
        " (its stamp is earlier than the one before)"
    } else {
        ""
    };
    let times = match failure.count {
        1 => String::new(),
        count => format!(", {count} times"),
    };
    format!("{}{later}{back}{times}", failure.at.to_local())
}

/// The path of failures that were read from standard input.
const STANDARD_INPUT: &str = "-";

/// Where a line stood, and stands.
fn place(failure: &KeptFailure, lines: &FoundLines) -> String {
    let (path, offset) = (Escaped::path(&failure.path), failure.offset);
    if failure.path.as_os_str() == STANDARD_INPUT {
        return format!("standard input, byte {offset}");
    }
    if lines.is_of_journal(failure) {
        let entry = format!("{path}, entry of {}", failure.at.to_rfc3339());
        return match lines.get(failure) {
            Some(_) => entry,
            None if lines.is_unread(failure) => format!("{entry}; the journal could not be read"),
            None => format!("{entry}, no longer there"),
        };
    }
    match lines.get(failure) {
        Some(FoundLine {
            at: LineLocation::Line(line),
            path: now,
            ..
        }) if **now == *failure.path => format!("{path} line {line}, byte {offset}"),
        Some(FoundLine {
            at: LineLocation::Line(line),
            path: now,
            ..
        }) => {
            let now = Escaped::path(now);
            format!("{path} at byte {offset}, now {now} line {line}")
        }
        _ => format!("{path} at byte {offset}, no longer there"),
    }
}

/// `1 failure`, `2 failures`.
fn failures(count: u64) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} failure{plural}")
}

/// `5 s` between two failures, or of all of them.
fn within(thresholds: &Thresholds) -> String {
    let seconds = thresholds.request_time;
    match thresholds.window {
        WindowKind::Gap => format!("each within {seconds} s of the one before"),
        WindowKind::Sliding => format!("all within {seconds} s"),
    }
}

/// What stands in the logs of an address that is not banned.
fn print_looked(looked: &FailuresInLogs, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    let (rule, thresholds) = (&looked.rule, &looked.rule.thresholds);
    let name = Escaped::text(&rule.name);
    page.gap()?;
    if looked.sources.is_empty() {
        return page.line(&format!("{}.", nothing_to_check(&rule.name)));
    }
    let Some((first, last)) = looked.span else {
        page.line(&format!("No failure of it in what rule {name} reads:"))?;
        return print_sources(looked, page);
    };
    let (count, limit) = (looked.failures, thresholds.failed_attempts);
    page.line(&format!(
        "{} under rule {name}, from {} to {}:",
        failures(count),
        first.to_local(),
        last.to_local()
    ))?;
    print_sources(looked, page)?;
    if looked.cleared > 0 {
        let cleared = looked.cleared;
        let met_later = if looked.met_later {
            ", or of before pyfilter met the log (settings.first_contact),"
        } else {
            ","
        };
        let text = format!(
            "{cleared} of them are of before the un-ban, or of the time of a ban{met_later} and do not count."
        );
        page.put(2, "", &text)?;
    }
    let (most, within) = (looked.most, within(thresholds));
    let text = match most {
        0 => return Ok(()),
        most if most >= limit.get() => format!(
            "{most} of them came together, and {limit} ban, {within}: the run that reads them bans it."
        ),
        most => format!("At most {most} came together, and {limit} ban, {within}."),
    };
    page.put(2, "", &text)
}

fn print_sources(looked: &FailuresInLogs, page: &mut Page<'_, impl Write>) -> io::Result<()> {
    looked.sources.iter().try_for_each(|source| {
        let path = Escaped::path(&source.path);
        let what = match &source.failures {
            Ok(0) => String::new(),
            Ok(failures) => format!(": {failures}"),
            Err(why) => format!(" {why}"),
        };
        page.put(2, "", &format!("{path}{what}"))
    })
}
