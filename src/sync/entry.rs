//! The entries of Redis, which anybody may have written: an event of a stream or a network
//! in force becomes a ban or an un-ban, or is skipped.

use std::collections::BTreeMap;
use std::sync::Arc;

use redis::Value;

use crate::model::{
    Address, Ban, Country, Escaped, EventStream, GivenSubject, MOST_SKEW, Origin, RedisBanEntry,
    Stamp, Subject, check_server_name,
};

use super::bounded::LONGEST;
use super::reply::Reply as _;

/// The longest reason that is taken over.
const LONGEST_REASON: usize = 4096;

/// The longest text of an address or a network.
pub(super) const LONGEST_SUBJECT: usize = 64;

/// The longest name of a server or a country.
pub(super) const LONGEST_NAME: usize = 255;

/// The longest id under which a server sends its events.
const LONGEST_ID: usize = 64;

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
pub(super) type Reason = String;

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

    /// Its time, as it was sent.
    fn time(&self) -> Result<i64, Reason> {
        let at = self.number("time")?;
        if (0..=LAST_END).contains(&at) {
            Ok(at)
        } else {
            Err(format!("has a time far from now ({at})"))
        }
    }

    fn redis_entry(&self, subject: Subject) -> Result<RedisBanEntry, Reason> {
        Ok(RedisBanEntry {
            subject,
            key: subject.to_string(),
            server: server(self.needed("server")?)?,
            text: utf8(self.needed("text")?, "text", LONGEST_NAME)?,
        })
    }

    fn ends(&self) -> Result<Option<i64>, Reason> {
        let ends = self.get("ends").is_some().then(|| self.number("ends"));
        ends.transpose()
    }

    /// The ban or un-ban, with all its times `ahead` seconds earlier than they are
    /// in the entry.
    fn event(
        &self,
        subject: Subject,
        ahead: i64,
        never: AllowListLookup<'_>,
    ) -> Result<Event, Reason> {
        match utf8(self.needed("event")?, "event", 20)?.as_str() {
            "unban" => Ok(Event::Unban(RemoteUnban {
                subject,
                at: self.time()? - ahead,
                redis_entry: (self.get("server").is_some())
                    .then(|| self.redis_entry(subject))
                    .transpose()?,
            })),
            "ban" => self.ban(subject, ahead, never).map(Event::Ban),
            other => Err(format!("is of an unknown kind ({})", Escaped::text(other))),
        }
    }

    /// The ban, likewise.
    fn ban(
        &self,
        subject: Subject,
        ahead: i64,
        never: AllowListLookup<'_>,
    ) -> Result<RemoteBan, Reason> {
        let redis_entry = self.redis_entry(subject)?;
        let facts = Facts {
            at: self.time()? - ahead,
            ends: self.ends()?,
            reason: self.get("reason"),
            country: self.get("country"),
        };
        let mut remote = facts.ban(redis_entry, never)?;
        // The ban lasts as long as it was to last.
        remote.ban.ends = remote.ban.ends.map(|ends| ends.saturating_sub(ahead));
        Ok(remote)
    }
}

/// The fields of an entry of `stream` → an event. A time that is further ahead than
/// clocks differ becomes `now`.
pub(super) fn event(
    fields: &[Value],
    stream: EventStream,
    now: i64,
    never: AllowListLookup<'_>,
) -> Result<Sent, Reason> {
    let fields = Fields(fields);
    let ip = utf8(fields.needed("ip")?, "ip", LONGEST_SUBJECT)?;
    let subject = match stream {
        EventStream::Addresses => {
            let address = Address::parse(ip.as_bytes());
            Subject::from(address.ok_or("names no single address")?)
        }
        EventStream::Networks => network(&ip)?,
    };
    let at = fields.time()?;
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

/// The network that a text is, as servers write it: an un-ban could not find another
/// spelling of it.
pub(super) fn network(text: &str) -> Result<Subject, Reason> {
    let shown = Escaped::text(text);
    let given = GivenSubject::parse(text).ok();
    let given = given.filter(|given| !given.subject.is_address());
    let GivenSubject { subject, was_cut } =
        given.ok_or_else(|| format!("names no network ({shown})"))?;
    if was_cut {
        return Err(format!("names a network with host bits ({shown})"));
    }
    if subject.is_too_wide_to_ban() {
        let widest = Subject::widest_ban(subject.family());
        return Err(format!(
            "names a network that is wider than any ban may be ({shown}; /{widest} at most)"
        ));
    }
    if subject.to_string() != text {
        return Err(format!(
            "names a network in another spelling ({shown} for {subject})"
        ));
    }
    Ok(subject)
}

/// The ban of a network, and its end as it is written there, from its value in the hash
/// of those in force: the fields of its event as JSON. A time of the future is `now`.
pub(super) fn network_in_force(
    network: Subject,
    value: &Value,
    now: i64,
    never: AllowListLookup<'_>,
) -> Result<(RemoteBan, Option<i64>), Reason> {
    let text = utf8(value, "of its name", LONGEST)?;
    let fields: BTreeMap<String, String> = serde_json::from_str(&text)
        .map_err(|_| "is not understood: its value is no JSON object of texts")?;
    let pairs = fields.into_iter().flat_map(|(name, value)| [name, value]);
    let pairs: Vec<Value> = pairs
        .map(|word| Value::BulkString(word.into_bytes()))
        .collect();
    let fields = Fields(&pairs);
    let ahead = (fields.time()? - now).max(0);
    Ok((fields.ban(network, ahead, never)?, fields.ends()?))
}

/// Whether a time lies further ahead than clocks differ.
pub(super) fn is_ahead(at: i64, now: i64) -> bool {
    at.saturating_sub(now) > MOST_SKEW
}

/// The fields of a ban that a hash and an event have in common.
pub(super) struct Facts<'a> {
    pub(super) at: i64,
    pub(super) ends: Option<i64>,
    pub(super) reason: Option<&'a Value>,
    pub(super) country: Option<&'a Value>,
}

impl Facts<'_> {
    pub(super) fn ban(
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

pub(super) fn utf8(reply: &Value, name: &str, longest: usize) -> Result<String, Reason> {
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

pub(super) fn server(reply: &Value) -> Result<String, Reason> {
    let name = utf8(reply, "with the server's name", LONGEST_NAME)?;
    match check_server_name(&name) {
        Ok(()) => Ok(name),
        Err(wrong) => Err(format!(
            "names a server `{}`, and such a name {wrong}",
            Escaped::text(&name)
        )),
    }
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
        event(&fields(&pairs), EventStream::Addresses, NOW, &nobody)
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
            refused(event(
                &fields(&BAN[1..]),
                EventStream::Addresses,
                NOW,
                &nobody
            )),
            "has no field event"
        );
        let never = |_| Some("is a loopback address".to_owned());
        let sent = event(&fields(&BAN), EventStream::Addresses, NOW, &never).unwrap();
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
        match event(&fields(&pairs), EventStream::Addresses, NOW, &nobody)
            .unwrap()
            .event
            .unwrap()
        {
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

    proptest! {
        #[test]
        fn any_entry_is_an_event_or_refused(pairs: Vec<(String, Vec<u8>)>, which in 0usize..8, value: Vec<u8>) {
            let mut list = fields(&BAN);
            list[which * 2 + 1] = Value::BulkString(value);
            list.extend(pairs.into_iter().flat_map(|(name, value)| [Value::BulkString(name.into()), Value::BulkString(value)]));
            let _ = event(&list, EventStream::Addresses, NOW, &nobody);
        }
    }
}
