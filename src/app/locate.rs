//! Where the banned are from.

use crate::geo::{self, Countries};
use crate::model::{Ban, Problem};

use super::context::Context;

/// The database that the configuration names, else one of the usual places;
/// none if there is none.
pub(super) fn open(context: &Context) -> Result<Option<Countries>, geo::GeoError> {
    let path = geo::find(context.config.geoip.as_deref());
    path.map(|path| Countries::open(&path)).transpose()
}

/// Gives each ban its country: the one that the database here knows, else the
/// one that another server said.
///
/// The database is read only where there is a ban, which most runs have not.
/// One that can not be used is a problem, and the bans go on without.
pub(super) fn locate<'a>(context: &mut Context, bans: impl IntoIterator<Item = &'a mut Ban>) {
    let mut bans = bans.into_iter().peekable();
    if bans.peek().is_none() {
        return;
    }
    let countries = match open(context) {
        Ok(Some(countries)) => countries,
        Ok(None) => return,
        Err(error) => return context.problems.push(problem(&error)),
    };
    for ban in bans {
        let country = countries.country(ban.address.ip());
        ban.country = country.or(ban.country.take());
    }
    let damage = countries.damage();
    context.problems.extend(damage.as_ref().map(problem));
}

/// What could not be done with the database.
pub(super) fn problem(error: &geo::GeoError) -> Problem {
    Problem::at(error.path(), error.to_string())
}
