//! Where the banned are from.

use std::path::Path;

use crate::geo::{self, Countries};
use crate::model::{Ban, Problem};

/// The database that the configuration names, else one of the usual places;
/// none if there is none.
pub(super) fn open(geoip: Option<&Path>) -> Result<Option<Countries>, geo::GeoError> {
    let path = geo::find(geoip);
    path.map(|path| Countries::open(&path)).transpose()
}

/// Gives each ban its country: the one that the database here knows, else the
/// one that another server said.
///
/// The database is read only where there is a ban, which most runs have not.
/// One that can not be used is a problem, and the bans go on without.
pub(super) fn locate<'a>(
    geoip: Option<&Path>,
    bans: impl IntoIterator<Item = &'a mut Ban>,
    problems: &mut Vec<Problem>,
) {
    let mut bans = bans.into_iter().peekable();
    if bans.peek().is_none() {
        return;
    }
    let countries = match open(geoip) {
        Ok(Some(countries)) => countries,
        Ok(None) => return,
        Err(error) => return problems.push(problem(&error)),
    };
    for ban in bans {
        let country = countries.country(ban.subject);
        ban.country = country.or(ban.country.take());
    }
    let damage = countries.damage();
    problems.extend(damage.as_ref().map(problem));
}

/// What could not be done with the database.
pub(super) fn problem(error: &geo::GeoError) -> Problem {
    Problem::at(error.path(), error.to_string())
}
