//! The time of a run, and what is said of a clock that is or was wrong.

use crate::model::{Ban, EARLIEST_NOW, Stamp};
use crate::store::{Mended, Store};

use super::context::Context;

/// Takes the time of the run from the store, which knows that of the runs
/// before, and says what that comes to.
pub(super) fn set(context: &mut Context, store: &Store) {
    if context.now < EARLIEST_NOW {
        context.is_clock_set = false;
        let [shown, taken] = [context.now, store.now()].map(|at| Stamp::from_secs(at).to_local());
        context.notices.warnings.push(format!("the clock of this host shows {shown}, so it is not set yet; until it is, {taken} is taken for now, and other servers are not asked"));
        context.now = store.now();
    }
    if let Some(Mended { ahead, bans }) = store.opened().mended {
        let ahead = Some(ahead).filter(|ahead| *ahead > 0);
        let ahead = ahead.map_or_else(String::new, |ahead| format!("{ahead} s "));
        let back = match bans {
            0 => String::new(),
            1 => ", and a ban that had not come to its end is in force again".to_owned(),
            bans => format!(", and {bans} bans that had not come to their end are in force again"),
        };
        context.notices.warnings.push(format!(
            "the clock was {ahead}ahead at an earlier run: what was dated later than now counts as now{back}; let the clock be set by NTP"
        ));
    }
}

/// A ban by hand, which was made before the time of the run was known: it begins
/// now, and lasts as long as it was to last.
pub(super) fn made_now(ban: &Ban, now: i64) -> Ban {
    let later = now - ban.at.secs;
    Ban {
        at: Stamp::from_secs(now),
        ends: ban.ends.map(|ends| ends + later),
        ..ban.clone()
    }
}
