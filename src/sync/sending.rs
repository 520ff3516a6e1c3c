//! Sends bans and un-bans: as PyFilter 2 writes them, and as an event of the stream.

use std::collections::BTreeSet;

use redis::{Cmd, Value};

use crate::model::{OutboundAction, OutboundEvent, RedisBanEntry, Stamp};

use super::entry::{RejectedEntry, country_sentence};
use super::error::{SyncError, Why};
use super::exchange::{Exchange, STREAM};
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
        if !outgoing.iter().all(OutboundEvent::is_ban) {
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
        let mut event = command(["XADD", STREAM, "MAXLEN", "~"])
            .word(length.to_string())
            .word("*");
        let mut commands = match &out.action {
            // The ban has ended while Redis could not be reached.
            OutboundAction::Ban {
                ends: Some(ends), ..
            } if *ends <= now => return Vec::new(),
            OutboundAction::Ban { .. } => {
                event = self.facts(event, "ban", out);
                ban(out, &mut event)
            }
            OutboundAction::Unban {
                redis_entries,
                keeps_hash,
            } => {
                event = self.facts(event, "unban", out);
                event = event.word("by").word(&self.server);
                if let Some(redis_entry) = redis_entries.first() {
                    event = event.word("server").word(&redis_entry.server);
                    event = event.word("text").word(&redis_entry.text);
                }
                if *keeps_hash {
                    Vec::new()
                } else {
                    unban(&out.subject.to_string(), redis_entries, latest)
                }
            }
        };
        commands.insert(0, command(["MULTI"]));
        commands.extend([event, command(["EXEC"])]);
        commands
    }

    /// The fields that every event has.
    fn facts(&self, event: Cmd, kind: &str, out: &OutboundEvent) -> Cmd {
        let (number, at) = (out.number.to_string(), out.at.to_string());
        let facts = [
            ("event", kind),
            ("store", &self.sender.id),
            ("number", &number),
            ("ip", &out.subject.to_string()),
            ("time", &at),
        ];
        facts
            .iter()
            .fold(event, |event, (name, value)| event.word(name).word(value))
    }
}

/// A ban as PyFilter 2 and PyFilter-Admin know it. The hash comes first, since an old
/// receiver fails at a message without it. Its fields are added to `event`, too.
fn ban(out: &OutboundEvent, event: &mut Cmd) -> Vec<Cmd> {
    let OutboundAction::Ban {
        server,
        ends,
        reason,
        country,
        longer,
    } = &out.action
    else {
        return Vec::new();
    };
    let ip = out.subject.to_string();
    let text = Stamp::from_secs(out.at).to_local();
    let sentence = country_sentence(country);
    let blank = if sentence.is_empty() { "" } else { " " };
    let reason = format!("{reason}{blank}{sentence}\n");
    let mut told = event.clone();
    for (name, value) in [("server", server), ("text", &text), ("reason", &reason)] {
        told = told.word(name).word(value);
    }
    let mut hash = command(["HSET", &ip, server, &text, "reason", &reason]);
    hash = hash.word("banned_server").word(server);
    if !country.is_empty() {
        hash = hash.word("country").word(country);
        told = told.word("country").word(country);
    }
    let stays = if let Some(ends) = ends {
        told = told.word("ends").word(ends.to_string());
        command(["EXPIREAT", &ip]).word(ends.to_string())
    } else {
        command(["PERSIST", &ip])
    };
    *event = told;
    if *longer {
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
