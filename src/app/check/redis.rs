//! The Redis through which servers share their bans.

use crate::config::{Config, Database};
use crate::model::{Escaped, Stamp, plural};
use crate::store::Store;
use crate::sync;

use crate::report::CheckFindings;

/// Clocks that differ by more make un-bans and bans change places.
const DIFFERENCE: i64 = 5;

pub(super) fn look(
    config: &Config,
    server: &str,
    now: i64,
    store: Option<&Store>,
    findings: &mut CheckFindings,
) {
    if config.database != Database::Redis {
        return;
    }
    let settings = &config.redis;
    let place = settings.place();
    let ids = ids(store);
    let examined = match sync::examine(settings, &ids, server, now) {
        Ok(examined) => examined,
        Err(error) => return findings.error(error.to_string()),
    };
    findings.fine(format!(
        "Redis at {place}: version {}, {}, {} within a day",
        Escaped::text(&examined.version),
        plural(examined.events, "event", "events"),
        plural(examined.servers, "server", "servers")
    ));
    for why in &examined.missing {
        findings.error(format!("Redis at {place}: {why}"));
    }
    if examined.ahead.abs() > DIFFERENCE {
        let (seconds, which) = (
            examined.ahead.abs(),
            if examined.ahead > 0 {
                "ahead of"
            } else {
                "behind"
            },
        );
        findings.warn(format!(
            "Redis at {place}: its clock is {seconds} s {which} this server's; the later of a ban and an un-ban stands, so let both keep time (NTP)"
        ));
    }
    if let Some(seen) = examined.namesake {
        let name = Escaped::text(server);
        findings.error(format!(
            "Redis at {place}: another server was called {name}, too, at {}; names must differ, set settings.server_name (a server whose store was made anew is told this for a day)",
            Stamp::from_secs(seen).to_local()
        ));
    }
    if !config.redis.take_over {
        findings.fine("bans of other servers are not taken over: redis.sync_bans.active is false");
    }
    if let Some(Ok(waiting)) = store.map(|store| store.outbox(usize::MAX))
        && !waiting.is_empty()
    {
        let waiting = plural(
            waiting.len(),
            "ban or un-ban waits",
            "bans and un-bans wait",
        );
        findings.warn(format!(
            "{waiting} to be sent to Redis; the next run sends it"
        ));
    }
}

/// The ids under which this server sends, or sent.
fn ids(store: Option<&Store>) -> Vec<String> {
    let Some(store) = store else {
        return Vec::new();
    };
    // The first version sent under the store's own id.
    let own = store.id().map(Some);
    let ids = [store.stream_id(), store.former_stream_id(), own];
    ids.into_iter().flatten().flatten().collect()
}
