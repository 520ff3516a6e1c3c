//! What starts the runs, when the last one began, and how it ended.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::app::install::found::is_there;
use crate::app::install::places;
use crate::cli::STATE_DIR;
use crate::model::{Escaped, Stamp};
use crate::system;

use crate::report::{CheckFindings, CheckLevel};

/// How long `systemctl` may take.
const LIMIT: Duration = Duration::from_secs(3);

/// A scan that is no older has been started by something that still does so, in seconds.
const RECENT: i64 = 600;

/// A cron entry for every minute has started a scan within this time, in seconds.
const MINUTES: i64 = 300;

/// What is asked of the timer and the service.
const PROPERTIES: &str =
    "--property=Id,LoadState,UnitFileState,ActiveState,LastTriggerUSec,Result,ExecMainStatus";

/// What was found.
#[derive(Debug, Default)]
struct Seen {
    /// What systemd says; none where it does not run.
    units: Option<Result<Units, String>>,
    /// The entry of cron, if there is one.
    cron: Option<String>,
    /// When the last scan began.
    last: Last,
}

/// When the last scan began.
#[derive(Debug, Default, Clone, Copy)]
enum Last {
    /// There was none.
    #[default]
    Never,
    /// In Unix seconds.
    At(i64),
    /// Only root may see it.
    Unknown,
}

/// The properties of the timer and of the service; empty where systemd says nothing.
#[derive(Debug, Default, PartialEq, Eq)]
struct Units {
    timer: BTreeMap<String, String>,
    service: BTreeMap<String, String>,
}

/// Says what starts the runs, unless the state directory is another than that of the
/// host's service; the same for the JSON document.
pub(super) fn look(state_dir: &Path, now: i64, findings: &mut CheckFindings) -> Value {
    if state_dir != Path::new(STATE_DIR) {
        return Value::Null;
    }
    let seen = Seen::look(state_dir);
    for (level, told) in seen.judge(now) {
        findings.add(level, format!("runs: {told}"));
    }
    seen.json()
}

impl Seen {
    fn look(state_dir: &Path) -> Self {
        let asks = || {
            let arguments = ["show", PROPERTIES, places::TIMER, places::SERVICE];
            let said = system::ask_program("systemctl", &arguments, LIMIT);
            said.map(|said| Units::parse(&said))
                .map_err(|error| error.to_string())
        };
        Seen {
            units: is_there(Path::new(places::SYSTEMD)).then(asks),
            cron: fs::read_to_string(places::CRON_FILE).ok(),
            last: match system::last_scan(state_dir) {
                Ok(Some(at)) => Last::At(at),
                Ok(None) => Last::Never,
                Err(_) => Last::Unknown,
            },
        }
    }

    /// What is to be said of it.
    fn judge(&self, now: i64) -> Vec<(CheckLevel, String)> {
        let mut said = Vec::new();
        let timer = match &self.units {
            Some(Ok(units)) => units.judge(&mut said),
            Some(Err(error)) => {
                let told = format!("the state of {} is not known: {error}", places::TIMER);
                said.push((CheckLevel::Warning, told));
                return said;
            }
            None => Timer::None,
        };
        let cron = self.cron.as_ref();
        match (timer, cron) {
            (Timer::Active, Some(_)) => said.push((
                CheckLevel::Warning,
                format!("{} starts them as well as the timer; remove it", places::CRON_FILE),
            )),
            (Timer::Active, None) => {}
            (_, Some(entry)) => said.push(self.cron(entry, now)),
            (Timer::Stopped(how), None) => said.push((
                CheckLevel::Error,
                format!(
                    "{timer} does not run ({how}), so no log is read and nobody new is banned; start it with: sudo systemctl enable --now {timer}",
                    timer = places::TIMER
                ),
            )),
            (Timer::None, None) => said.push(self.nothing(now)),
        }
        said
    }

    /// What is said of the entry of cron.
    fn cron(&self, entry: &str, now: i64) -> (CheckLevel, String) {
        let is_minutely = entry.lines().any(|line| line.starts_with("* * * * * "));
        let file = places::CRON_FILE;
        match self.last {
            Last::At(last) if is_minutely && now - last > MINUTES => (
                CheckLevel::Error,
                format!(
                    "{file} is to start one every minute, and the last one began {}; is cron running?",
                    shown(last)
                ),
            ),
            Last::At(last) => (
                CheckLevel::Fine,
                format!("{file} starts them; the last one began {}", shown(last)),
            ),
            Last::Unknown => (
                CheckLevel::Fine,
                format!("{file} starts them; when the last one began is seen with sudo"),
            ),
            Last::Never => (
                CheckLevel::Warning,
                format!("{file} is there, and there was no run yet; is cron running?"),
            ),
        }
    }

    fn nothing(&self, now: i64) -> (CheckLevel, String) {
        match self.last {
            Last::At(last) if now - last <= RECENT => (
                CheckLevel::Fine,
                format!(
                    "something else than pyfilter's own timer starts them; the last one began {}",
                    shown(last)
                ),
            ),
            last => {
                let last = match last {
                    Last::At(last) => format!("the last one began {}", shown(last)),
                    Last::Never => "there was none yet".to_owned(),
                    Last::Unknown => "when the last one began is seen with sudo".to_owned(),
                };
                let told = format!(
                    "nothing starts them, and {last}; `sudo pyfilter install` puts a timer in place (`--cron` an entry of cron)"
                );
                (CheckLevel::Warning, told)
            }
        }
    }

    fn json(&self) -> Value {
        let units = self.units.as_ref().and_then(|units| units.as_ref().ok());
        let property = |of: fn(&Units) -> &BTreeMap<String, String>, name: &str| {
            units
                .and_then(|units| of(units).get(name))
                .filter(|value| !value.is_empty())
        };
        let last = match self.last {
            Last::At(at) => Some(at),
            Last::Never | Last::Unknown => None,
        };
        json!({
            "timer": property(|units| &units.timer, "ActiveState"),
            "timer_enabled": property(|units| &units.timer, "UnitFileState"),
            "cron": self.cron.is_some(),
            "last": last.map(|at| Stamp::from_secs(at).to_rfc3339()),
            "last_result": property(|units| &units.service, "Result"),
            "last_status": property(|units| &units.service, "ExecMainStatus")
                .and_then(|status| status.parse::<i32>().ok()),
        })
    }
}

/// What the timer does.
#[derive(Debug, PartialEq, Eq)]
enum Timer {
    /// There is none.
    None,
    Active,
    /// In systemd's word.
    Stopped(String),
}

impl Units {
    /// What `systemctl show` prints: `NAME=VALUE`, and a blank line behind a unit.
    fn parse(said: &str) -> Self {
        let mut units = Units::default();
        for block in said.split("\n\n") {
            let pairs = block.lines().filter_map(|line| line.split_once('='));
            let pairs: BTreeMap<String, String> = pairs
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect();
            match pairs.get("Id").map(String::as_str) {
                Some(places::TIMER) => units.timer = pairs,
                Some(places::SERVICE) => units.service = pairs,
                _ => {}
            }
        }
        units
    }

    /// Says how the timer is and how the last run ended.
    fn judge(&self, said: &mut Vec<(CheckLevel, String)>) -> Timer {
        let of = |unit: &BTreeMap<String, String>, name: &str| {
            Escaped::text(unit.get(name).map_or("", String::as_str)).to_string()
        };
        let timer = |name| of(&self.timer, name);
        let service = |name| of(&self.service, name);
        let state = timer("ActiveState");
        let found = match &*timer("LoadState") {
            "loaded" if state == "active" => Timer::Active,
            "loaded" => Timer::Stopped(state),
            "" | "not-found" => Timer::None,
            other => Timer::Stopped(other.to_owned()),
        };
        if found == Timer::Active {
            let name = places::TIMER;
            let last = match &*timer("LastTriggerUSec") {
                "" | "n/a" => "has not started one yet".to_owned(),
                last => format!("last started one {last}"),
            };
            said.push((CheckLevel::Fine, format!("{name} is active; it {last}")));
            if timer("UnitFileState") == "disabled" {
                let told = format!(
                    "{name} is not enabled, so it does not start with the host: sudo systemctl enable {name}"
                );
                said.push((CheckLevel::Warning, told));
            }
        }
        let (result, status) = (service("Result"), service("ExecMainStatus"));
        let is_over = !matches!(&*service("ActiveState"), "activating" | "active");
        if is_over && found != Timer::None && !matches!(&*result, "" | "success") {
            let told = format!(
                "the last one failed ({result}, exit status {status}); why is said by: journalctl -u {} -n 20",
                places::SERVICE
            );
            said.push((CheckLevel::Error, told));
        }
        found
    }
}

fn shown(at: i64) -> String {
    Stamp::from_secs(at).to_local()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::CheckLevel::{Error, Fine, Warning};

    const NOW: i64 = 1_774_224_000;

    /// What is said where systemd shows these properties.
    fn of_units(timer: &str, service: &str) -> Vec<(CheckLevel, String)> {
        let said = format!("Id=pyfilter.timer\n{timer}\n\nId=pyfilter.service\n{service}\n");
        let seen = Seen {
            units: Some(Ok(Units::parse(&said))),
            last: Last::At(NOW - 30),
            ..Seen::default()
        };
        seen.judge(NOW)
    }

    /// The worst that is said, and whether `words` are in it.
    #[track_caller]
    fn says(said: &[(CheckLevel, String)], level: CheckLevel, words: &str) {
        let found = said
            .iter()
            .any(|(of, told)| *of == level && told.contains(words));
        assert!(found, "{level:?} {words}: {said:?}");
    }

    const ACTIVE: &str = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nLastTriggerUSec=Mon 2026-03-23 00:00:00 UTC";
    const WELL: &str = "LoadState=loaded\nActiveState=inactive\nResult=success\nExecMainStatus=0";

    #[test]
    fn a_timer_that_runs_is_fine_and_one_that_does_not_is_an_error() {
        let said = of_units(ACTIVE, WELL);
        assert_eq!(said.len(), 1);
        says(
            &said,
            Fine,
            "it last started one Mon 2026-03-23 00:00:00 UTC",
        );
        for (state, how) in [
            ("LoadState=loaded\nActiveState=inactive", "(inactive)"),
            ("LoadState=loaded\nActiveState=failed", "(failed)"),
            ("LoadState=masked\nActiveState=inactive", "(masked)"),
        ] {
            let said = of_units(state, WELL);
            says(&said, Error, &format!("does not run {how}"));
        }
        let said = of_units(&ACTIVE.replace("enabled", "disabled"), WELL);
        says(&said, Warning, "sudo systemctl enable pyfilter.timer");
        let said = of_units(&ACTIVE.replace("Mon 2026-03-23 00:00:00 UTC", ""), WELL);
        says(&said, Fine, "it has not started one yet");
    }

    #[test]
    fn how_the_last_run_ended_is_told_unless_one_is_at_work() {
        let failed = "ActiveState=failed\nResult=exit-code\nExecMainStatus=1";
        let said = of_units(ACTIVE, failed);
        says(
            &said,
            Error,
            "the last one failed (exit-code, exit status 1)",
        );
        says(&said, Error, "journalctl -u pyfilter.service -n 20");
        let said = of_units(ACTIVE, &failed.replace("=failed", "=activating"));
        assert_eq!(said.len(), 1, "{said:?}");
    }

    #[test]
    fn cron_and_nothing_at_all_are_told_by_the_last_run() {
        let seen = |cron: Option<&str>, last| Seen {
            cron: cron.map(str::to_owned),
            last,
            ..Seen::default()
        };
        let minutely = Some("# comment\n* * * * * root nice pyfilter scan\n");
        let said = |cron, last| seen(cron, last).judge(NOW);
        says(
            &said(minutely, Last::At(NOW - 40)),
            Fine,
            "the last one began",
        );
        says(
            &said(minutely, Last::At(NOW - 400)),
            Error,
            "is cron running?",
        );
        says(&said(minutely, Last::Never), Warning, "no run yet");
        let hourly = Some("7 * * * * root pyfilter scan\n");
        says(
            &said(hourly, Last::At(NOW - 400)),
            Fine,
            "the last one began",
        );
        says(&said(None, Last::At(NOW - 40)), Fine, "something else");
        says(
            &said(None, Last::At(NOW - 4000)),
            Warning,
            "nothing starts them",
        );
        says(&said(minutely, Last::Unknown), Fine, "is seen with sudo");
        says(&said(None, Last::Never), Warning, "there was none yet");
        let both = Seen {
            units: Some(Ok(Units::parse(&format!("Id=pyfilter.timer\n{ACTIVE}\n")))),
            ..seen(minutely, Last::At(NOW))
        };
        says(&both.judge(NOW), Warning, "as well as the timer");
        let unknown = Seen {
            units: Some(Err("`systemctl` failed: no bus".to_owned())),
            ..Seen::default()
        };
        says(
            &unknown.judge(NOW),
            Warning,
            "is not known: `systemctl` failed: no bus",
        );
    }

    #[test]
    fn the_same_is_in_the_document() {
        let said = format!("Id=pyfilter.timer\n{ACTIVE}\n\nId=pyfilter.service\n{WELL}\n");
        let seen = Seen {
            units: Some(Ok(Units::parse(&said))),
            last: Last::At(0),
            ..Seen::default()
        };
        let expected = json!({
            "timer": "active",
            "timer_enabled": "enabled",
            "cron": false,
            "last": "1970-01-01T00:00:00Z",
            "last_result": "success",
            "last_status": 0,
        });
        assert_eq!(seen.json(), expected);
    }
}
