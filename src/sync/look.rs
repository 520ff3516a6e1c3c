//! The look through the hashes, for what PyFilter 2 and PyFilter-Admin wrote.

use std::collections::BTreeSet;

use crate::model::{Address, Escaped};

use super::entry::{Foreign, Hash, Never, Refused};
use super::error::SyncError;
use super::exchange::{Exchange, MOST};
use super::wire::{Command, Reply};

/// How many keys travel at once.
const KEYS: usize = 2000;

/// What a look through the hashes found.
#[derive(Debug, Default)]
pub struct Look {
    /// Bans that are not known here.
    pub found: Vec<Foreign>,
    /// What was skipped.
    pub refused: Vec<Refused>,
    /// Where the next run goes on; none if it is through.
    pub scan: Option<String>,
}

impl Exchange {
    /// Looks through the hashes from `scan` on for addresses that are not
    /// `known`. Ends in time; what is left is for the next run.
    ///
    /// # Errors
    /// Redis can not be used; see [`super::Why`].
    pub fn look(
        &mut self,
        scan: Option<String>,
        known: &dyn Fn(Address) -> bool,
        now: i64,
        never: Never<'_>,
    ) -> Result<Look, SyncError> {
        let mut look = Look {
            scan: Some(scan.unwrap_or_else(|| "0".to_owned())),
            ..Look::default()
        };
        let (mut keys, mut hashes): (Vec<(String, Address)>, Vec<Hash>) = Default::default();
        let mut met = BTreeSet::new();
        let mut goes_on = true;
        // Each round trip scans for keys, asks for what stands at those of the
        // one before, and for the times of those before these.
        while goes_on || !keys.is_empty() || !hashes.is_empty() {
            let mut commands = Vec::new();
            if let (true, Some(cursor)) = (goes_on, &look.scan) {
                let count = KEYS.to_string();
                commands.push(Command::of(["SCAN", cursor, "COUNT", &count]));
            }
            for (key, _) in &keys {
                let fields = Command::of(["HMGET", key, "banned_server", "reason", "country"]);
                commands.extend([fields, Command::of(["PTTL", key])]);
            }
            commands.extend(
                hashes
                    .iter()
                    .map(|hash| Command::of(["HGET", &hash.key, &hash.server])),
            );
            let mut replies = self.connection.ask(&commands)?.into_iter();
            let scanned = if goes_on { replies.next() } else { None };
            let mut next = Vec::new();
            for (key, address) in std::mem::take(&mut keys) {
                let fields = replies.next().unwrap_or(Reply::Nothing);
                let stays = replies.next().unwrap_or(Reply::Nothing);
                match Hash::begin(key.clone(), address, fields, &stays) {
                    Ok(hash) => next.extend(hash),
                    Err(why) => look.refuse(&key, why),
                }
            }
            for hash in std::mem::replace(&mut hashes, next) {
                let field = replies.next().unwrap_or(Reply::Nothing);
                let key = hash.key.clone();
                match hash.ban(&field, now, never) {
                    Ok(foreign) => look.found.push(foreign),
                    Err(why) => look.refuse(&key, why),
                }
            }
            if let Some(scanned) = scanned {
                if let Some(error) = self.refused(&scanned) {
                    return Err(error);
                }
                keys = look.unknown(&scanned, known, &mut met);
                let full = look.found.len() + look.refused.len() >= MOST;
                goes_on = look.scan.is_some() && !full && self.connection.has_time();
            }
        }
        Ok(look)
    }
}

impl Look {
    /// The keys of a SCAN's answer that may be bans, each once.
    fn unknown(
        &mut self,
        scanned: &Reply,
        known: &dyn Fn(Address) -> bool,
        met: &mut BTreeSet<Address>,
    ) -> Vec<(String, Address)> {
        let cursor = scanned.list().first().and_then(Reply::text).unwrap_or(b"0");
        let cursor = String::from_utf8_lossy(cursor).into_owned();
        self.scan = (cursor != "0").then_some(cursor);
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
                None if is_network(key) => self.refuse(key, "is no single address".to_owned()),
                _ => {}
            }
        }
        unknown
    }

    fn refuse(&mut self, key: &str, why: String) {
        let entry = format!("hash {}", Escaped::text(key));
        self.refused.push(Refused { entry, why });
    }
}

/// `::/0` and its like, which PyFilter would have banned.
fn is_network(key: &str) -> bool {
    let address = key.split_once('/').map(|(address, _)| address.as_bytes());
    address.and_then(Address::parse).is_some()
}
