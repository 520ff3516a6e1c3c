use std::io::{self, Write};

use crate::model::{Escaped, Subject};
use crate::report::nothing_to_check;

use super::FailuresInLogs;
use super::failures::{failures, within};
use super::page::ExplanationPage;

/// What stands in the logs of an address that is not banned.
/// `subject` is what was asked for.
pub(super) fn print_looked(
    looked: &FailuresInLogs,
    subject: Subject,
    page: &mut ExplanationPage<'_, impl Write>,
) -> io::Result<()> {
    let (rule, thresholds) = (&looked.rule, &looked.rule.thresholds);
    let name = Escaped::text(&rule.name);
    page.gap()?;
    if looked.sources.is_empty() {
        return page.line(&format!("{}.", nothing_to_check(&rule.name)));
    }
    let counted_in = Some(looked.scope).filter(|scope| *scope != subject);
    let Some((first, last)) = looked.span else {
        let of = counted_in.map_or("it".to_owned(), |scope| scope.to_string());
        page.line(&format!("No failure of {of} in what rule {name} reads:"))?;
        return print_sources(looked, page);
    };
    let (count, limit) = (looked.failures, thresholds.failed_attempts);
    let of = counted_in.map_or_else(String::new, |scope| format!(" of {scope}"));
    page.line(&format!(
        "{}{of} under rule {name}, from {} to {}:",
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

fn print_sources(
    looked: &FailuresInLogs,
    page: &mut ExplanationPage<'_, impl Write>,
) -> io::Result<()> {
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
