//! The search of the hashes, for bans that PyFilter 2 and PyFilter-Admin wrote.

use std::collections::BTreeSet;

use redis::{Cmd, Value};

use crate::model::{Address, Escaped, Subject};

use super::entry::{AllowListLookup, RejectedEntry, RemoteBan};
use super::error::SyncError;
use super::exchange::{Exchange, MOST};
use super::hash::Hash;
use super::reply::{Reply, Word as _, command};

/// How many keys one SCAN asks for: few at first, which a slow Redis can answer, too.
const KEYS: std::ops::RangeInclusive<usize> = 250..=2000;

/// What a look through the hashes found.
#[derive(Debug, Default)]
pub struct HashSearch {
    /// Bans that are not known here.
    pub found: Vec<RemoteBan>,
    /// What was skipped.
    pub refused: Vec<RejectedEntry>,
    /// Where the next run goes on; none if it is through.
    pub scan: Option<String>,
    /// The error that ended it; what was found before it counts.
    pub error: Option<SyncError>,
}

/// What earlier round trips have found, and the next one asks for: the hashes at
/// the keys of the last SCAN, and the times of the hashes of the SCAN before it.
#[derive(Debug, Default)]
struct Unfetched {
    keys: Vec<(String, Address)>,
    hashes: Vec<Hash>,
    /// Where the scan of these keys ended, and that of these hashes.
    ends: [Option<String>; 2],
}

impl Exchange {
    /// Looks through the hashes from `scan` on for addresses that are not `known`.
    /// Ends before the deadline; the next run looks at the rest.
    pub fn look(
        &mut self,
        scan: Option<String>,
        known: &dyn Fn(Address) -> bool,
        now: i64,
        never: AllowListLookup<'_>,
    ) -> HashSearch {
        let mut look = HashSearch {
            scan: Some(scan.unwrap_or_else(|| "0".to_owned())),
            ..HashSearch::default()
        };
        look.error = self.look_on(&mut look, known, now, never).err();
        look
    }

    fn look_on(
        &mut self,
        look: &mut HashSearch,
        known: &dyn Fn(Address) -> bool,
        now: i64,
        never: AllowListLookup<'_>,
    ) -> Result<(), SyncError> {
        let (mut unfetched, mut met) = (Unfetched::default(), BTreeSet::new());
        let (mut next, mut count) = (look.scan.clone(), *KEYS.start());
        let mut goes_on = true;
        // Round trip n sends SCAN number n, asks for the hashes of SCAN n - 1, and for the times
        // of the hashes of SCAN n - 2: three steps of a pipeline in one answer.
        while goes_on || !unfetched.keys.is_empty() || !unfetched.hashes.is_empty() {
            let scans = next.as_deref().filter(|_| goes_on);
            let commands = unfetched.commands(scans.map(|cursor| (cursor, count)));
            let scans = scans.is_some();
            let mut replies = self.connection.ask(&commands)?.into_iter();
            let scanned = if scans { replies.next() } else { None };
            if let Some(error) = scanned.as_ref().and_then(|scanned| self.refused(scanned)) {
                return Err(error);
            }
            look.take_in(&mut unfetched, replies, now, never);
            if let Some(scanned) = scanned {
                next = cursor(&scanned);
                unfetched.ends[0].clone_from(&next);
                unfetched.keys = look.unknown(&scanned, known, &mut met);
                let full = look.found.len() + look.refused.len() >= MOST;
                goes_on = next.is_some() && !full && self.connection.has_time();
                count = (count * 2).min(*KEYS.end());
            }
        }
        look.scan = next;
        Ok(())
    }
}

impl Unfetched {
    fn commands(&self, scan: Option<(&str, usize)>) -> Vec<Cmd> {
        let mut commands = Vec::new();
        if let Some((cursor, count)) = scan {
            commands.push(command(["SCAN", cursor, "COUNT"]).word(count));
        }
        for (key, _) in &self.keys {
            let fields = command(["HMGET", key, "banned_server", "reason", "country"]);
            commands.extend([fields, command(["PTTL", key])]);
        }
        let hashes = self.hashes.iter();
        commands.extend(hashes.map(|hash| command(["HGET", &hash.key, &hash.server])));
        commands
    }
}

/// Where the next SCAN goes on; none if this was the last.
pub(super) fn cursor(scanned: &Value) -> Option<String> {
    let cursor = scanned.list().first().and_then(Reply::text)?;
    (cursor != b"0").then(|| String::from_utf8_lossy(cursor).into_owned())
}

impl HashSearch {
    /// Takes in the hashes at the keys, and the times of the hashes before.
    fn take_in(
        &mut self,
        unfetched: &mut Unfetched,
        mut replies: impl Iterator<Item = Value>,
        now: i64,
        never: AllowListLookup<'_>,
    ) {
        let mut next = Vec::new();
        for (key, address) in std::mem::take(&mut unfetched.keys) {
            let fields = replies.next().unwrap_or(Value::Nil);
            let stays = replies.next().unwrap_or(Value::Nil);
            match Hash::begin(key.clone(), address, fields, &stays) {
                Ok(hash) => next.extend(hash),
                Err(why) => self.refuse(&key, why, None),
            }
        }
        for hash in std::mem::replace(&mut unfetched.hashes, next) {
            let field = replies.next().unwrap_or(Value::Nil);
            let (key, address) = (hash.key.clone(), hash.address);
            match hash.ban(&field, now, never) {
                Ok(remote) => self.found.push(remote),
                Err(why) => self.refuse(&key, why, Some(address.into())),
            }
        }
        let [keys, hashes] = &mut unfetched.ends;
        if let Some(end) = std::mem::replace(hashes, keys.take()) {
            self.scan = Some(end);
        }
    }

    /// The keys of a SCAN's answer that may be bans, each once.
    fn unknown(
        &mut self,
        scanned: &Value,
        known: &dyn Fn(Address) -> bool,
        met: &mut BTreeSet<Address>,
    ) -> Vec<(String, Address)> {
        let keys = scanned.list().get(1).map_or(&[][..], Reply::list);
        let mut unknown = Vec::new();
        for key in keys.iter().filter_map(Reply::text) {
            let Ok(key) = std::str::from_utf8(key) else {
                continue;
            };
            match Address::parse(key.as_bytes()) {
                Some(address) if !known(address) && met.insert(address) => {
                    unknown.push((key.to_owned(), address));
                }
                None if is_network(key) => {
                    self.refuse(key, "is no single address".to_owned(), None);
                }
                _ => {}
            }
        }
        unknown
    }

    fn refuse(&mut self, key: &str, why: String, subject: Option<Subject>) {
        let rejected = RejectedEntry::new(format!("hash {}", Escaped::text(key)), why);
        self.refused.push(RejectedEntry {
            subject,
            ..rejected
        });
    }
}

/// Whether a key is a network such as `::/0`, which PyFilter would have banned.
fn is_network(key: &str) -> bool {
    let address = key.split_once('/').map(|(address, _)| address.as_bytes());
    address.and_then(Address::parse).is_some()
}
