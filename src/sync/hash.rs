//! A hash of an address, as PyFilter and PyFilter-Admin write it, becomes a ban, or is
//! skipped.

use chrono::{Local, LocalResult, NaiveDateTime, TimeDelta, TimeZone as _};
use redis::Value;

use crate::model::{Address, Escaped, RedisBanEntry};

use super::entry::{AllowListLookup, Facts, LONGEST_NAME, Reason, RemoteBan, server, utf8};
use super::reply::Reply as _;

/// A time without a zone may be ahead by the widest difference of zones, too.
const ZONES: i64 = 2 * 86_400;

/// A hash, as far as it was fetched: `HMGET banned_server reason country`,
/// `PTTL`, and then `HGET` of the server's field.
#[derive(Debug)]
pub(super) struct Hash {
    pub(super) key: String,
    pub(super) address: Address,
    pub(super) server: String,
    reason: Value,
    country: Value,
    /// How long the hash stays, in milliseconds; for ever if none.
    stays: Option<i64>,
}

impl Hash {
    /// The hash at `key`, without its time; none if it is gone by now.
    pub(super) fn begin(
        key: String,
        address: Address,
        fields: Value,
        stays: &Value,
    ) -> Result<Option<Self>, Reason> {
        let [banned_server, reason, country]: [Value; 3] = match fields {
            Value::Array(list) => list.try_into().map_err(|_| "is not understood")?,
            Value::ServerError(error) if error.code() == "WRONGTYPE" => {
                return Err("is no hash (PyFilter 1 wrote such keys)".to_owned());
            }
            _ => return Err("can not be read".to_owned()),
        };
        match stays.number() {
            Some(-2) => Ok(None),
            Some(stays) => Ok(Some(Hash {
                server: match banned_server {
                    Value::Nil => {
                        return Err(
                            "has no field banned_server (PyFilter 2.0 wrote such hashes)"
                                .to_owned(),
                        );
                    }
                    ref given => server(given)?,
                },
                key,
                address,
                reason,
                country,
                stays: (stays >= 0).then_some(stays),
            })),
            None => Err("can not be read".to_owned()),
        }
    }

    /// The ban, once the server's field is known.
    pub(super) fn ban(
        self,
        field: &Value,
        now: i64,
        never: AllowListLookup<'_>,
    ) -> Result<RemoteBan, Reason> {
        let text = match field {
            Value::Nil => return Err("has no field of its banned_server".to_owned()),
            text => utf8(text, "of its server", LONGEST_NAME)?,
        };
        let local = naive(&text).ok_or_else(|| {
            format!(
                "has a time that can not be read ({})",
                Escaped::text(text.get(..40).unwrap_or(&text))
            )
        })?;
        if local > now + ZONES {
            return Err(format!("has a time far in the future ({text})"));
        }
        let facts = Facts {
            at: local.min(now),
            ends: self
                .stays
                .map(|stays| now + stays.saturating_add(999) / 1000),
            reason: Some(&self.reason),
            country: Some(&self.country),
        };
        let redis_entry = RedisBanEntry {
            subject: self.address.into(),
            key: self.key,
            server: self.server,
            text,
        };
        facts.ban(redis_entry, never)
    }
}

/// `%Y-%m-%d %H:%M:%S` in this host's zone → Unix seconds; none before 1970. The
/// parser reads a year of two digits as one of the first century.
fn naive(text: &str) -> Option<i64> {
    let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
    let secs = match Local.from_local_datetime(&naive) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.timestamp()),
        LocalResult::None => {
            let later = naive.checked_add_signed(TimeDelta::hours(1))?;
            Some(Local.from_local_datetime(&later).earliest()?.timestamp())
        }
    };
    secs.filter(|secs| *secs >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Stamp, Subject};

    const NOW: i64 = 1_774_189_098;

    fn nobody(_: Subject) -> Option<String> {
        None
    }

    fn hash(values: &[Value; 3], stays: i64, field: &str) -> Result<RemoteBan, Reason> {
        let address = Address::parse(b"203.0.113.13").unwrap();
        let list = Value::Array(values.to_vec());
        let hash = Hash::begin(address.to_string(), address, list, &Value::Int(stays))?;
        let field = match field {
            "" => Value::Nil,
            text => Value::BulkString(text.into()),
        };
        hash.unwrap().ban(&field, NOW, &nobody)
    }

    #[test]
    fn a_hash_is_a_ban_never_of_the_future() {
        let text = |text: &str| Value::BulkString(text.into());
        let values = || [text("Lon"), Value::Nil, Value::Nil];
        let ban = hash(&values(), 1500, "2018-03-22 14:18:18").unwrap().ban;
        assert_eq!(ban.ends, Some(NOW + 2));
        assert_eq!(ban.at.to_local(), "2018-03-22 14:18:18");
        let ahead = Stamp::from_secs(NOW + 40_000).to_local();
        assert_eq!(hash(&values(), -1, &ahead).unwrap().ban.at.secs, NOW);
        for wrong in [
            "2999-01-01 00:00:00",
            "26-11-22 11:40:00",
            "1",
            "2018-03-22T14:18:18",
            "",
        ] {
            assert!(hash(&values(), -1, wrong).is_err(), "{wrong}");
        }
        assert!(hash(&[Value::Nil, Value::Nil, Value::Nil], -1, "x").is_err());
        let huge = [
            text("Lon"),
            Value::BigNumber(b"10485760".to_vec()),
            Value::Nil,
        ];
        assert_eq!(
            hash(&huge, -1, "2018-03-22 14:18:18").unwrap_err(),
            "has a field reason of 10485760 bytes"
        );
    }
}
