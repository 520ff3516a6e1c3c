//! The search of the networks in force, for those whose events this server has not read.

use std::collections::BTreeMap;

use redis::{Cmd, Value};

use crate::model::{Escaped, Subject};

use super::entry::{self, AllowListLookup, LONGEST_SUBJECT, RejectedEntry};
use super::error::SyncError;
use super::exchange::{Exchange, NETWORKS_IN_FORCE};
use super::look::HashSearch;
use super::reply::{Reply, Word as _, command};

/// How many fields one HSCAN asks for: all of them at their longest are within the bounds
/// of a reply.
const FIELDS: usize = 1000;

/// How many fields one run looks at, so that the hashes of addresses have their time.
const MOST_FIELDS: usize = 20_000;

/// The fields of bans that are over, with their values.
type OverFields = BTreeMap<String, Vec<u8>>;

impl Exchange {
    /// Looks through the networks in force from `scan` on for those that are not `known`.
    /// Ends before the deadline; the next run looks at the rest.
    ///
    /// A ban that is over by now is passed over, and one that was over at `age` is removed:
    /// `age` is a time that has come even if this server's clock is wrong.
    pub fn look_at_networks(
        &mut self,
        scan: Option<String>,
        known: &dyn Fn(Subject) -> bool,
        [now, age]: [i64; 2],
        never: AllowListLookup<'_>,
    ) -> HashSearch {
        let mut look = HashSearch {
            scan: Some(scan.unwrap_or_else(|| "0".to_owned())),
            ..HashSearch::default()
        };
        let mut over = OverFields::new();
        let looked = self.look_at_fields(&mut look, known, [now, age], never, &mut over);
        let done = looked.and_then(|()| self.remove_over(&over));
        look.error = done.err();
        look
    }

    fn look_at_fields(
        &mut self,
        look: &mut HashSearch,
        known: &dyn Fn(Subject) -> bool,
        [now, age]: [i64; 2],
        never: AllowListLookup<'_>,
        over: &mut OverFields,
    ) -> Result<(), SyncError> {
        let mut fields = 0;
        while let Some(cursor) = look.scan.clone() {
            let scan = command(["HSCAN", NETWORKS_IN_FORCE, &cursor, "COUNT"]).word(FIELDS);
            let scanned = self.connection.ask(&[scan])?.pop().unwrap_or(Value::Nil);
            if let Some(error) = self.refused(&scanned) {
                return Err(error);
            }
            look.scan = super::look::cursor(&scanned);
            let pairs = scanned.list().get(1).map_or(&[][..], Reply::list);
            for pair in pairs.chunks_exact(2) {
                look.take_network(&pair[0], &pair[1], known, [now, age], never, over);
            }
            fields += pairs.len() / 2;
            if fields >= MOST_FIELDS || !self.connection.has_time() {
                break;
            }
        }
        Ok(())
    }

    /// Removes the fields of bans that are over. If another server writes to the hash
    /// meanwhile, nothing is removed: a field could be a new ban of its network. Whether it
    /// could be done is no matter: the next search meets what is left.
    fn remove_over(&mut self, over: &OverFields) -> Result<(), SyncError> {
        if over.is_empty() || !self.connection.has_time() {
            return Ok(());
        }
        let each = |command: Cmd| over.keys().fold(command, Cmd::word);
        let watch = command(["WATCH", NETWORKS_IN_FORCE]);
        let replies =
            (self.connection).ask(&[watch, each(command(["HMGET", NETWORKS_IN_FORCE]))])?;
        let values = replies[1].list().iter().map(Reply::text);
        if values.eq(over.values().map(|value| Some(value.as_slice()))) {
            let remove = each(command(["HDEL", NETWORKS_IN_FORCE]));
            let transaction = [command(["MULTI"]), remove, command(["EXEC"])];
            self.connection.ask(&transaction)?;
        } else {
            self.connection.ask(&[command(["UNWATCH"])])?;
        }
        Ok(())
    }
}

impl HashSearch {
    /// Takes in one field and its value.
    fn take_network(
        &mut self,
        field: &Value,
        value: &Value,
        known: &dyn Fn(Subject) -> bool,
        [now, age]: [i64; 2],
        never: AllowListLookup<'_>,
        over: &mut OverFields,
    ) {
        let text = match entry::utf8(field, "whose name is", LONGEST_SUBJECT) {
            Ok(text) => text,
            Err(why) => return self.refuse_network("", why, None),
        };
        let network = match entry::network(&text) {
            Ok(network) => network,
            Err(why) => return self.refuse_network(&text, why, None),
        };
        match entry::network_in_force(network, value, now, never) {
            Ok((_, Some(ends))) if ends <= now => {
                if ends <= age && over.len() < FIELDS {
                    let value = value.text().unwrap_or_default();
                    over.insert(text, value.to_vec());
                }
            }
            Ok(_) if known(network) => {}
            Ok((remote, _)) => self.found.push(remote),
            Err(why) => self.refuse_network(&text, why, Some(network)),
        }
    }

    fn refuse_network(&mut self, field: &str, why: String, subject: Option<Subject>) {
        let entry = format!("{NETWORKS_IN_FORCE}: the field `{}`", Escaped::text(field));
        let rejected = RejectedEntry::new(entry, why);
        self.refused.push(RejectedEntry {
            subject,
            ..rejected
        });
    }
}
