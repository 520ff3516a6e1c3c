//! The database that says which country an address is from.

use std::path::Path;

use crate::app::locate;
use crate::geo;
use crate::model::{Escaped, Stamp};

use crate::report::{CheckFindings, CheckLevel};

/// Networks move from country to country: an older database is wrong about
/// more and more of them. In seconds.
const OLD: i64 = 180 * 86_400;

pub(super) fn look(geoip: Option<&Path>, now: i64, findings: &mut CheckFindings) {
    let countries = match locate::open(geoip) {
        Ok(Some(countries)) => countries,
        Ok(None) => return findings.fine(none()),
        Err(error) => {
            return findings.of_file(CheckLevel::Error, error.path(), error.to_string());
        }
    };
    let (path, edition) = (countries.path(), countries.edition());
    let built = Stamp::from_secs(edition.built).to_local();
    let day = built.split(' ').next().unwrap_or_default();
    let (shown, name) = (Escaped::path(path), Escaped::text(&edition.name));
    findings.of_file(
        CheckLevel::Fine,
        path,
        format!("location database: {shown}, {name} of {day}"),
    );
    if edition.built < now - OLD {
        findings.of_file(
            CheckLevel::Warning,
            path,
            format!(
                "{shown}: the location database is of {day}, and countries of addresses change: get a new one each month, geoipupdate does so by itself"
            ),
        );
    }
    if !edition.has_v6 {
        findings.of_file(
            CheckLevel::Warning,
            path,
            format!("{shown}: the location database knows no IPv6 address"),
        );
    }
}

/// How to get one.
fn none() -> String {
    let places = geo::places();
    let [first, second, ..] = places.as_slice() else {
        return String::new();
    };
    let show = |path: &Path| path.display().to_string();
    format!(
        "location database: none, so no country is named; for one, install geoipupdate (MaxMind, free account), or unpack DB-IP's country-lite (https://db-ip.com/db/lite.php, no account) into {}; also looked at are {} and what geoip.database names",
        show(first),
        show(second)
    )
}
