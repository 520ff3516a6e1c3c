//! The entries of Redis, which anybody may have written: an event of the stream or a
//! hash becomes a ban or an un-ban, or is skipped.

use std::sync::Arc;

use chrono::{Local, LocalResult, NaiveDateTime, TimeDelta, TimeZone as _};
use redis::Value;

use crate::model::{
    Address, Ban, Country, Escaped, MOST_SKEW, Origin, RedisBanEntry, Stamp, Subject,
    check_server_name,
};

use super::reply::Reply as _;

/// The longest reason that is taken over.
const LONGEST_REASON: usize = 4096;

/// The longest name of a server or a country.
const LONGEST_NAME: usize = 255;

/// The longest id under which a server sends its events.
const LONGEST_ID: usize = 64;

/// A time without a zone may be ahead by the widest difference of zones, too.
const ZONES: i64 = 2 * 86_400;

/// The end of the year 9999: a later end of a ban could not be written.
const LAST_END: i64 = 253_402_300_799;

/// The highest number of an event that is believed: no server comes near it.
const LAST_NUMBER: i64 = 1 << 62;

/// A ban of another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteBan {
    /// The ban as it is here.
    pub ban: Ban,
    /// Its entry in Redis.
    pub redis_entry: RedisBanEntry,
}

/// An un-ban by another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteUnban {
    /// Who may connect again.
    pub subject: Subject,
    /// Since when, in Unix seconds.
    pub at: i64,
    /// The entry of the ban that was lifted.
    pub redis_entry: Option<RedisBanEntry>,
}

/// A ban or an un-ban of another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A ban.
    Ban(RemoteBan),
    /// An un-ban.
    Unban(RemoteUnban),
}

impl Event {
    /// Who it is about.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Event::Ban(remote) => remote.ban.subject,
            Event::Unban(unban) => unban.subject,
        }
    }
}

/// An entry that is skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedEntry {
    /// Which: `hash 127.0.0.1`, `event 1-0`.
    pub entry: String,
    /// Why: a half sentence behind it.
    pub why: String,
    /// Who it would have banned, if all else of it is valid.
    pub subject: Option<Subject>,
}

impl RejectedEntry {
    /// One that names nobody to be banned.
    pub(super) fn new(entry: String, why: String) -> Self {
        RejectedEntry {
            entry,
            why,
            subject: None,
        }
    }
}

/// An event of the stream, and the server that sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    /// The id under which its server sends.
    pub(super) store: String,
    /// Its number under that id.
    pub(super) number: i64,
    /// Who it is about.
    pub(super) subject: Subject,
    /// Its time as it was sent, in Unix seconds.
    pub(super) at: i64,
    /// The ban or un-ban, with a time that is not ahead; or why it is skipped.
    /// Other servers may accept an event that is skipped here, so its number counts.
    pub(super) event: Result<Event, Reason>,
}

/// Why an entry is skipped: a half sentence behind it.
type Reason = String;

/// Says why a subject is never banned; none for any other subject.
pub(super) type AllowListLookup<'a> = &'a dyn Fn(Subject) -> Option<String>;

/// The fields of a stream's entry, name and value in turn.
struct Fields<'a>(&'a [Value]);

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        let mut pairs = self.0.chunks_exact(2);
        pairs
            .find(|pair| pair[0].text() == Some(name.as_bytes()))
            .map(|pair| &pair[1])
    }

    fn needed(&self, name: &str) -> Result<&'a Value, Reason> {
        self.get(name).ok_or_else(|| format!("has no field {name}"))
    }

    fn number(&self, name: &str) -> Result<i64, Reason> {
        let text = utf8(self.needed(name)?, name, 20)?;
        text.parse::<i64>()
            .map_err(|_| format!("has a field {name} that is no number"))
    }

    /// The ban or un-ban, with all its times `ahead` seconds earlier than they are
    /// in the entry.
    fn event(
        &self,
        subject: Subject,
        ahead: i64,
        never: AllowListLookup<'_>,
    ) -> Result<Event, Reason> {
        let at = self.number("time")? - ahead;
        let redis_entry = || -> Result<RedisBanEntry, Reason> {
            Ok(RedisBanEntry {
                subject,
                key: subject.to_string(),
                server: server(self.needed("server")?)?,
                text: utf8(self.needed("text")?, "text", LONGEST_NAME)?,
            })
        };
        match utf8(self.needed("event")?, "event", 20)?.as_str() {
            "unban" => Ok(Event::Unban(RemoteUnban {
                subject,
                at,
                redis_entry: self.get("server").is_some().then(redis_entry).transpose()?,
            })),
            "ban" => {
                let redis_entry = redis_entry()?;
                let ends = self.get("ends").is_some().then(|| self.number("ends"));
                let facts = Facts {
                    at,
                    ends: ends.transpose()?,
                    reason: self.get("reason"),
                    country: self.get("country"),
                };
                let mut remote = facts.ban(redis_entry, never)?;
                // The ban lasts as long as it was to last.
                remote.ban.ends = remote.ban.ends.map(|ends| ends.saturating_sub(ahead));
                Ok(Event::Ban(remote))
            }
            other => Err(format!("is of an unknown kind ({})", Escaped::text(other))),
        }
    }
}

/// The fields of a stream's entry → an event. A time that is further ahead than
/// clocks differ becomes `now`.
pub(super) fn event(
    fields: &[Value],
    now: i64,
    never: AllowListLookup<'_>,
) -> Result<Sent, Reason> {
    let fields = Fields(fields);
    let ip = utf8(fields.needed("ip")?, "ip", 64)?;
    let address = Address::parse(ip.as_bytes()).ok_or("names no single address")?;
    let subject = Subject::from(address);
    let at = fields.number("time")?;
    if !(0..=LAST_END).contains(&at) {
        return Err(format!("has a time far from now ({at})"));
    }
    let number = fields.number("number")?;
    if !(1..=LAST_NUMBER).contains(&number) {
        return Err(format!("has a number that no server gives ({number})"));
    }
    let ahead = if is_ahead(at, now) { at - now } else { 0 };
    Ok(Sent {
        store: utf8(fields.needed("store")?, "store", LONGEST_ID)?,
        number,
        subject,
        at,
        event: fields.event(subject, ahead, never),
    })
}

/// Whether a time lies further ahead than clocks differ.
pub(super) fn is_ahead(at: i64, now: i64) -> bool {
    at.saturating_sub(now) > MOST_SKEW
}

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

/// The fields of a ban that a hash and an event have in common.
struct Facts<'a> {
    at: i64,
    ends: Option<i64>,
    reason: Option<&'a Value>,
    country: Option<&'a Value>,
}

impl Facts<'_> {
    fn ban(
        self,
        redis_entry: RedisBanEntry,
        never: AllowListLookup<'_>,
    ) -> Result<RemoteBan, Reason> {
        if let Some(why) = never(redis_entry.subject) {
            return Err(format!("{why}, so it is never banned"));
        }
        if let Some(ends) = self.ends.filter(|ends| *ends > LAST_END) {
            return Err(format!("has an end far in the future ({ends})"));
        }
        let given = |reply: Option<&Value>, name, longest| match reply {
            None | Some(Value::Nil) => Ok(String::new()),
            Some(reply) => utf8(reply, name, longest),
        };
        let country = given(self.country, "country", LONGEST_NAME)?;
        let reason = given(self.reason, "reason", LONGEST_REASON)?;
        let reason = reason.trim_end();
        let sentence = country_sentence(&country);
        let reason = reason.strip_suffix(&sentence).unwrap_or(reason);
        let ban = Ban {
            subject: redis_entry.subject,
            rule: None,
            server: Arc::from(redis_entry.server.as_str()),
            at: Stamp::from_secs(self.at),
            ends: self.ends,
            failures: 0,
            instant: false,
            origin: Origin::Redis,
            reason: Some(reason.trim_end().into()),
            country: Country::named(&country),
            count: None,
            aggregates: 0,
        };
        Ok(RemoteBan { ban, redis_entry })
    }
}

/// The sentence that PyFilter writes behind a reason.
pub(super) fn country_sentence(country: &str) -> String {
    if country.is_empty() {
        String::new()
    } else {
        format!("The IP was from {country}.")
    }
}

fn utf8(reply: &Value, name: &str, longest: usize) -> Result<String, Reason> {
    let text = reply.text();
    match reply.too_long().or(text.map(<[u8]>::len)) {
        Some(length) if length > longest => Err(format!("has a field {name} of {length} bytes")),
        _ => match String::from_utf8(text.unwrap_or_default().to_vec()) {
            Ok(given) if text.is_some() => Ok(given),
            Ok(_) => Err(format!("has no text as field {name}")),
            Err(_) => Err(format!("has a field {name} that is not UTF-8")),
        },
    }
}

fn server(reply: &Value) -> Result<String, Reason> {
    let name = utf8(reply, "with the server's name", LONGEST_NAME)?;
    match check_server_name(&name) {
        Ok(()) => Ok(name),
        Err(wrong) => Err(format!(
            "names a server `{}`, and such a name {wrong}",
            Escaped::text(&name)
        )),
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
    use proptest::prelude::*;

    const NOW: i64 = 1_774_189_098;

    fn nobody(_: Subject) -> Option<String> {
        None
    }

    fn fields(pairs: &[(&str, &str)]) -> Vec<Value> {
        let words = pairs.iter().flat_map(|(name, value)| [name, value]);
        words
            .map(|word| Value::BulkString((**word).into()))
            .collect()
    }

    const BAN: [(&str, &str); 8] = [
        ("event", "ban"),
        ("store", "3f9c2a"),
        ("number", "7"),
        ("server", "web 2"),
        ("ip", "203.0.113.13"),
        ("time", "1774189000"),
        ("text", "2026-03-22 14:16:40"),
        (
            "reason",
            "5 bad connections via ssh. The IP was from France.\n",
        ),
    ];

    fn changed(name: &str, value: &str) -> Result<Sent, Reason> {
        let mut pairs = BAN.to_vec();
        pairs.retain(|(key, _)| *key != name);
        pairs.push((name, value));
        event(&fields(&pairs), NOW, &nobody)
    }

    /// Why it is skipped, however much of it is understood.
    fn refused(sent: Result<Sent, Reason>) -> Reason {
        match sent {
            Ok(sent) => sent.event.unwrap_err(),
            Err(why) => why,
        }
    }

    #[test]
    fn an_event_is_a_ban() {
        let sent = changed("country", "France").unwrap();
        let Ok(Event::Ban(RemoteBan { ban, redis_entry })) = sent.event else {
            panic!("{sent:?}")
        };
        assert_eq!((sent.store.as_str(), sent.number), ("3f9c2a", 7));
        assert_eq!(ban.reason(), "5 bad connections via ssh.");
        assert_eq!(
            (&*ban.server, ban.at.secs, ban.ends),
            ("web 2", 1_774_189_000, None)
        );
        assert_eq!(ban.country, Country::named("France"));
        assert_eq!(redis_entry.text, "2026-03-22 14:16:40");
    }

    #[test]
    fn a_hostile_event_is_refused_with_a_reason() {
        let why = |name, value| refused(changed(name, value));
        assert_eq!(why("ip", "::/0"), "names no single address");
        assert_eq!(why("ip", "localhost"), "names no single address");
        assert!(why("time", "253402300800").contains("far from now"));
        assert!(why("time", "-5").contains("far from now"));
        assert!(why("time", "soon").contains("no number"));
        assert!(why("ends", "253402300800").contains("an end far in the future"));
        assert!(changed("ends", "253402300799").unwrap().event.is_ok());
        let long = "x".repeat(65);
        assert!(why("store", &long).contains("store of 65 bytes"));
        for number in ["0", "-1", "9223372036854775807"] {
            assert!(why("number", number).contains("a number that no server gives"));
        }
        assert!(why("event", "b\x1bn").contains("b\\x1bn"));
        assert!(why("server", "a  b").contains("two in a row"));
        assert!(why("server", "\x1b[2J").contains("\\x1b[2J"));
        assert!(why("reason", &"x".repeat(5000)).contains("reason of 5000 bytes"));
        assert_eq!(
            refused(event(&fields(&BAN[1..]), NOW, &nobody)),
            "has no field event"
        );
        let never = |_| Some("is a loopback address".to_owned());
        let sent = event(&fields(&BAN), NOW, &never).unwrap();
        assert_eq!(sent.number, 7, "it counts where others take the event");
        let why = "is a loopback address, so it is never banned";
        assert_eq!(sent.event.unwrap_err(), why);
    }

    /// An event of this kind and time, and how it is taken: its time and its end.
    fn taken(kind: &str, at: i64, ends: Option<i64>) -> (i64, Option<i64>) {
        let [at, ends] = [Some(at), ends].map(|time| time.map(|time| time.to_string()));
        let mut pairs = BAN.to_vec();
        pairs.retain(|(key, _)| !["event", "time"].contains(key));
        pairs.extend([("event", kind), ("time", at.as_deref().unwrap())]);
        pairs.extend(ends.as_deref().map(|ends| ("ends", ends)));
        match event(&fields(&pairs), NOW, &nobody).unwrap().event.unwrap() {
            Event::Ban(RemoteBan { ban, .. }) => (ban.at.secs, ban.ends),
            Event::Unban(unban) => (unban.at, None),
        }
    }

    proptest! {
        /// None is taken as of later than clocks differ, none is shifted that
        /// need not be, and a ban lasts as long as it was to last.
        #[test]
        fn an_event_from_the_future_is_of_now(ahead in -400_000i64..400_000_000, lasts in 1i64..100_000_000) {
            let at = NOW + ahead;
            let expected = if ahead > 300 { NOW } else { at };
            prop_assert_eq!(taken("ban", at, Some(at + lasts)), (expected, Some(expected + lasts)));
            prop_assert_eq!(taken("unban", at, None), (expected, None));
        }
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

    proptest! {
        #[test]
        fn any_entry_is_an_event_or_refused(pairs: Vec<(String, Vec<u8>)>, which in 0usize..8, value: Vec<u8>) {
            let mut list = fields(&BAN);
            list[which * 2 + 1] = Value::BulkString(value);
            list.extend(pairs.into_iter().flat_map(|(name, value)| [Value::BulkString(name.into()), Value::BulkString(value)]));
            let _ = event(&list, NOW, &nobody);
        }
    }
}
