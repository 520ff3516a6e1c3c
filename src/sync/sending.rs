//! Sends bans and un-bans: those of addresses as PyFilter 2 writes them, and as an event of
//! their stream; those of networks as an event of theirs, beside the hash of those in force.

use std::collections::{BTreeMap, BTreeSet};

use redis::{Cmd, Value};

use crate::model::{EventStream, OutboundAction, OutboundEvent, RedisBanEntry, Stamp};

use super::entry::{RejectedEntry, country_sentence};
use super::error::{SyncError, Why};
use super::exchange::{Exchange, NETWORKS_IN_FORCE, key};
use super::reply::{Reply, Word as _, command};

const LATEST: &str = "latest_10_keys";
const CHANNEL: &str = "PyFilter";

/// How many events are sent by one round trip.
const BANS: usize = 250;

/// What came of sending.
#[derive(Debug, Default)]
pub struct SendOutcome {
    /// The numbers of the events that Redis has taken.
    pub taken: Vec<i64>,
    /// The entries that it refused in taken transactions.
    pub refused: Vec<RejectedEntry>,
    /// The error that ended the sending.
    pub error: Option<SyncError>,
}

impl Exchange {
    /// Sends all of `outgoing`, each in one transaction.
    pub fn send(&mut self, outgoing: &[OutboundEvent], length: u32, now: i64) -> SendOutcome {
        let mut outcome = SendOutcome::default();
        let done = self.try_send(outgoing, length, now, &mut outcome);
        outcome.error = done.err();
        outcome
    }

    fn try_send(
        &mut self,
        outgoing: &[OutboundEvent],
        length: u32,
        now: i64,
        outcome: &mut SendOutcome,
    ) -> Result<(), SyncError> {
        let mut latest = Vec::new();
        let mut unbans = outgoing.iter().filter(|out| !out.is_ban());
        if unbans.any(|out| out.subject.is_address()) {
            let listed = self
                .connection
                .ask(&[command(["LRANGE", LATEST, "0", "99"])])?;
            let texts = listed[0].list().iter().filter_map(Reply::text);
            latest = texts.map(<[u8]>::to_vec).collect();
        }
        for batch in outgoing.chunks(BANS) {
            if !self.connection.has_time() {
                break;
            }
            let transactions = batch
                .iter()
                .map(|out| self.transaction(out, &latest, length, now));
            let transactions: Vec<Vec<Cmd>> = transactions.collect();
            let all: Vec<Cmd> = transactions.iter().flatten().cloned().collect();
            let mut replies = self.connection.ask(&all)?.into_iter();
            for (out, transaction) in batch.iter().zip(&transactions) {
                let answers: Vec<Value> = replies.by_ref().take(transaction.len()).collect();
                if let Some(error) = answers.iter().find_map(|reply| self.refused(reply)) {
                    return Err(error);
                }
                let done = answers.last().map_or(&[][..], Reply::list);
                if let Some(error) = done.iter().find_map(Reply::error) {
                    let why = Why::of_reply(error).to_string();
                    let rejected = RejectedEntry::new(format!("key {}", out.subject), why);
                    outcome.refused.push(rejected);
                }
                outcome.taken.push(out.number);
            }
        }
        Ok(())
    }

    /// The commands for one ban or un-ban: all or none of them are executed.
    fn transaction(
        &self,
        out: &OutboundEvent,
        latest: &[Vec<u8>],
        length: u32,
        now: i64,
    ) -> Vec<Cmd> {
        let stream = EventStream::of(out.subject);
        let mut fields = self.facts(out);
        let mut commands = match &out.action {
            // The ban has ended while Redis could not be reached.
            OutboundAction::Ban {
                ends: Some(ends), ..
            } if *ends <= now => return Vec::new(),
            OutboundAction::Ban { .. } => {
                let told = told(out);
                fields.extend(told.clone());
                match stream {
                    EventStream::Addresses => ban(out, &told),
                    EventStream::Networks => vec![network_ban(out, &fields)],
                }
            }
            OutboundAction::Unban {
                redis_entries,
                keeps_hash,
            } => {
                fields.push(("by", self.server.clone()));
                if let Some(redis_entry) = redis_entries.first() {
                    fields.push(("server", redis_entry.server.clone()));
                    fields.push(("text", redis_entry.text.clone()));
                }
                let subject = out.subject.to_string();
                match stream {
                    _ if *keeps_hash => Vec::new(),
                    EventStream::Addresses => unban(&subject, redis_entries, latest),
                    EventStream::Networks => {
                        vec![command(["HDEL", NETWORKS_IN_FORCE, &subject])]
                    }
                }
            }
        };
        let event = command(["XADD", key(stream), "MAXLEN", "~"]);
        let event = event.word(length.to_string()).word("*");
        let event =
            (fields.iter()).fold(event, |event, (name, value)| event.word(*name).word(value));
        commands.insert(0, command(["MULTI"]));
        commands.extend([event, command(["EXEC"])]);
        commands
    }

    /// The fields that every event has.
    fn facts(&self, out: &OutboundEvent) -> Vec<EventField> {
        let kind = if out.is_ban() { "ban" } else { "unban" };
        vec![
            ("event", kind.to_owned()),
            ("store", self.sender.id.clone()),
            ("number", out.number.to_string()),
            ("ip", out.subject.to_string()),
            ("time", out.at.to_string()),
        ]
    }
}

/// A field of an event: its name and its value.
type EventField = (&'static str, String);

/// The further fields of a ban's event; none of an un-ban's.
fn told(out: &OutboundEvent) -> Vec<EventField> {
    let OutboundAction::Ban {
        server,
        ends,
        reason,
        country,
        ..
    } = &out.action
    else {
        return Vec::new();
    };
    let sentence = country_sentence(country);
    let blank = if sentence.is_empty() { "" } else { " " };
    let mut told = vec![
        ("server", server.clone()),
        ("text", Stamp::from_secs(out.at).to_local()),
        ("reason", format!("{reason}{blank}{sentence}\n")),
    ];
    if !country.is_empty() {
        told.push(("country", country.clone()));
    }
    if let Some(ends) = ends {
        told.push(("ends", ends.to_string()));
    }
    told
}

/// A ban of a network among those in force: the fields of its event but these that its
/// place says.
fn network_ban(out: &OutboundEvent, fields: &[EventField]) -> Cmd {
    let fields = fields
        .iter()
        .filter(|field| !["event", "ip"].contains(&field.0));
    let fields: BTreeMap<&str, &str> = fields
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let value = serde_json::json!(fields).to_string();
    command(["HSET", NETWORKS_IN_FORCE, &out.subject.to_string(), &value])
}

/// A ban as PyFilter 2 and PyFilter-Admin know it; `told` are the fields of its event. The
/// hash comes first, since an old receiver fails at a message without it.
fn ban(out: &OutboundEvent, told: &[EventField]) -> Vec<Cmd> {
    let told = |name: &str| {
        let mut fields = told.iter().filter(|field| field.0 == name);
        fields.next().map_or("", |field| field.1.as_str())
    };
    let ip = out.subject.to_string();
    let (server, reason) = (told("server"), told("reason"));
    let mut hash = command(["HSET", &ip, server, told("text"), "reason", reason]);
    hash = hash.word("banned_server").word(server);
    if !told("country").is_empty() {
        hash = hash.word("country").word(told("country"));
    }
    let stays = match told("ends") {
        "" => command(["PERSIST", &ip]),
        ends => command(["EXPIREAT", &ip, ends]),
    };
    if matches!(out.action, OutboundAction::Ban { longer: true, .. }) {
        return vec![hash, stays];
    }
    let entry = format!("{ip} {server}");
    let push = command(["LPUSH", LATEST, &entry]);
    let trim = command(["LTRIM", LATEST, "0", "9"]);
    let publish = command(["PUBLISH", CHANNEL, &entry]);
    vec![hash, stays, push, trim, publish]
}

/// Takes away the hash of a ban and its entries in the list, in whatever spelling.
fn unban(ip: &str, redis_entries: &[RedisBanEntry], latest: &[Vec<u8>]) -> Vec<Cmd> {
    let spelled = redis_entries.iter().map(|entry| entry.key.as_str());
    let keys: BTreeSet<&str> = spelled.chain([ip]).collect();
    let mut commands = vec![
        keys.iter()
            .fold(command(["DEL"]), |del, key| del.word(*key)),
    ];
    let entries: BTreeSet<&Vec<u8>> = latest.iter().collect();
    for entry in entries {
        let whom = entry.split(|&byte| byte == b' ').next().unwrap_or_default();
        if keys.iter().any(|key| key.as_bytes() == whom) {
            commands.push(command(["LREM", LATEST, "0"]).word(entry.as_slice()));
        }
    }
    commands
}
