//! What `check` tells of the servers' Redis.

use redis::Value;

use crate::model::{EventStream, RedisSettings};

use super::connection::Connection;
use super::error::{SyncError, Why};
use super::exchange::{NETWORKS_IN_FORCE, SERVERS, key};
use super::reply::{Reply, command};

/// Servers that left their name longer ago are not counted.
const RECENT: i64 = 86_400;

/// What `check` finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The version, as Redis calls it.
    pub version: String,
    /// How far its clock is ahead of this host's, in seconds.
    pub ahead: i64,
    /// What the user may not do, or Redis does not accept now.
    pub missing: Vec<Why>,
    /// How many events the streams hold.
    pub events: i64,
    /// When another server was last seen under this server's name.
    pub namesake: Option<i64>,
    /// How many servers were seen within a day, this one included.
    pub servers: usize,
}

/// Looks at Redis without writing anything: as the server of this name, which
/// sends, or sent, under these ids.
///
/// # Errors
/// Redis can not be used at all; see [`Why`].
pub fn examine(
    settings: &RedisSettings,
    ids: &[String],
    server: &str,
    now: i64,
) -> Result<Examined, SyncError> {
    let mut connection = Connection::open(settings, server)?;
    let looks = [
        command(["INFO", "server"]),
        command(["TIME"]),
        command(["XLEN", key(EventStream::Addresses)]),
        command(["XLEN", key(EventStream::Networks)]),
        command(["HGETALL", SERVERS]),
    ];
    let replies = connection.ask(&looks)?;
    let info = replies[0].text().map(String::from_utf8_lossy);
    let line = |name: &str| {
        let lines = info.as_deref().unwrap_or_default().lines();
        lines
            .filter_map(|line| line.strip_prefix(name))
            .map(str::to_owned)
            .next()
    };
    let version = line("valkey_version:")
        .map(|version| format!("Valkey {version}"))
        .or_else(|| line("redis_version:"));
    let seconds = replies[1].list().first().and_then(Reply::text);
    let seconds = seconds.and_then(|text| std::str::from_utf8(text).ok()?.parse::<i64>().ok());
    // INFO and TIME may be forbidden: neither is needed.
    let mut missing = errors(&replies[2..]);
    missing.extend(rights(&mut connection)?);
    missing.dedup();
    let seen = seen(&replies[4], now);
    let lengths = replies[2..4].iter().filter_map(Reply::number);
    Ok(Examined {
        version: version.unwrap_or_else(|| "of unknown version".to_owned()),
        ahead: seconds.map_or(0, |seconds| seconds - now),
        missing,
        events: lengths.fold(0, i64::saturating_add),
        namesake: seen
            .iter()
            .filter(|(id, _, name)| name == server && !ids.contains(id))
            .map(|(_, at, _)| *at)
            .max(),
        servers: seen.len(),
    })
}

fn errors(replies: &[Value]) -> Vec<Why> {
    let refusals = replies.iter().filter_map(Reply::error);
    refusals.map(Why::of_reply).collect()
}

/// Sends every command of a run in a transaction that is not executed: Redis refuses
/// at once what the user may not do, and writes that it would not accept.
fn rights(connection: &mut Connection) -> Result<Vec<Why>, SyncError> {
    const ADDRESS: &str = "192.0.2.1";
    let mut commands = vec![command(["WATCH", NETWORKS_IN_FORCE]), command(["MULTI"])];
    for stream in EventStream::ALL.map(key) {
        commands.extend([
            command(["XRANGE", stream, "-", "+", "COUNT", "1"]),
            command(["XREVRANGE", stream, "+", "-", "COUNT", "1"]),
            command(["XREAD", "COUNT", "1", "STREAMS", stream, "$"]),
            command(["XADD", stream, "*", "event", ""]),
        ]);
    }
    commands.extend([
        command(["SCAN", "0", "COUNT", "1"]),
        command(["HMGET", ADDRESS, "reason"]),
        command(["HGET", ADDRESS, "reason"]),
        command(["PTTL", ADDRESS]),
        command(["LRANGE", "latest_10_keys", "0", "99"]),
        command(["HSET", ADDRESS, "reason", ""]),
        command(["EXPIREAT", ADDRESS, "1"]),
        command(["PERSIST", ADDRESS]),
        command(["LPUSH", "latest_10_keys", ""]),
        command(["LTRIM", "latest_10_keys", "0", "9"]),
        command(["LREM", "latest_10_keys", "0", ""]),
        command(["PUBLISH", "PyFilter", ""]),
        command(["HSCAN", NETWORKS_IN_FORCE, "0", "COUNT", "1"]),
        command(["HMGET", NETWORKS_IN_FORCE, ""]),
        command(["HSET", NETWORKS_IN_FORCE, "", ""]),
        command(["HDEL", NETWORKS_IN_FORCE, ""]),
        command(["HSET", SERVERS, "", ""]),
        command(["HDEL", SERVERS, ""]),
        command(["DEL", ADDRESS]),
        command(["DISCARD"]),
    ]);
    Ok(errors(&connection.ask(&commands)?))
}

/// The names that servers left within a day: store, time and name.
fn seen(reply: &Value, now: i64) -> Vec<(String, i64, String)> {
    let text = |reply: &Value| {
        reply
            .text()
            .map(|text| String::from_utf8_lossy(text).into_owned())
    };
    let pairs = reply.list().chunks_exact(2);
    let rows = pairs.filter_map(|pair| {
        let (store, seen) = (text(&pair[0])?, text(&pair[1])?);
        let (at, name) = seen.split_once(' ')?;
        Some((store, at.parse().ok()?, name.to_owned()))
    });
    rows.filter(|(_, at, _)| now.saturating_sub(*at) < RECENT)
        .collect()
}
