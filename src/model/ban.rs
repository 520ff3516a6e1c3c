use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::model::{Country, Escaped, Stamp, Subject, span_text};

/// An address that may not connect, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Who is banned: an address or a network.
    pub subject: Subject,
    /// The rule that bans it; none for a ban by hand, from an edited snapshot
    /// or from another server.
    pub rule: Option<Arc<str>>,
    /// The server that banned it first.
    pub server: Arc<str>,
    /// Since when: the stamp of the failure that filled the window.
    pub at: Stamp,
    /// Until when, in Unix seconds; never if none.
    pub ends: Option<i64>,
    /// How many failures filled the window; 0 when the ban is not from a log.
    pub failures: u32,
    /// Whether an instant pattern made it.
    pub instant: bool,
    /// Where the ban comes from.
    pub origin: Origin,
    /// The reason as a sentence, as in the event log, without its line end. None for a
    /// ban by a rule: its other fields say the reason.
    pub reason: Option<Box<str>>,
    /// The country it is from, when known.
    pub country: Option<Country>,
    /// Which ban of the subject under its rule it is, counted from 1; none where that is
    /// not known, and for a ban that is not from a log of this host.
    pub count: Option<u32>,
    /// How many banned subjects within the network led to its ban; 0 for any other ban.
    pub aggregates: u32,
}

impl Ban {
    /// Why the address was banned, as a sentence. For a ban by a rule it is the one
    /// that PyFilter wrote into its database.
    #[must_use]
    pub fn reason(&self) -> Cow<'_, str> {
        match (&self.reason, &self.rule) {
            (Some(reason), _) => Cow::Borrowed(reason),
            (None, Some(rule)) => Cow::Owned(self.sentence(rule)),
            (None, None) => Cow::Borrowed(""),
        }
    }

    fn sentence(&self, rule: &str) -> String {
        let acquired = if self.instant {
            "an instant ban".to_owned()
        } else {
            format!("{} bad connections", self.failures)
        };
        let (subject, rule) = (self.subject, Escaped::text(rule));
        format!(
            "IP: {subject} has been blacklisted and the firewall rules have been updated. Acquired {acquired} via {rule}."
        )
    }

    /// Why a network is banned in which so many subjects were banned within so many
    /// seconds, the last of them `last`: a sentence.
    #[must_use]
    pub fn aggregation_reason(
        network: Subject,
        subjects: u32,
        last: Subject,
        within: u32,
        rule: &str,
    ) -> String {
        let what = if last.is_address() {
            "addresses"
        } else {
            "networks"
        };
        let (within, rule) = (span_text(within), Escaped::text(rule));
        format!(
            "IP: {network} has been blacklisted and the firewall rules have been updated. {subjects} {what} of {network} were banned within {within} via {rule}."
        )
    }

    /// The same ban with this reason.
    #[must_use]
    pub fn with_reason(mut self, reason: &str) -> Self {
        // A million of these sentences take more memory than everything else of their
        // bans.
        self.reason = None;
        if self.reason() != reason {
            self.reason = Some(reason.into());
        }
        self
    }

    /// Whether the ban is over at `now`, in Unix seconds.
    #[must_use]
    pub fn is_over(&self, now: i64) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }
}

/// Where a ban comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Failures in a log of this host.
    Log,
    /// Another server, through Redis.
    Redis,
    /// `pyfilter ban`.
    Manual,
    /// A line that a user added to the snapshot, or PyFilter's own files.
    Snapshot,
}

impl Origin {
    /// The word of the JSON and of the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Log => "log",
            Origin::Redis => "redis",
            Origin::Manual => "manual",
            Origin::Snapshot => "snapshot",
        }
    }

    /// The origin of a word of the store.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Origin::Log, Origin::Redis, Origin::Manual, Origin::Snapshot]
            .into_iter()
            .find(|origin| origin.as_str() == word)
    }
}

/// A ban that was lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unban {
    /// The address or network that may connect again.
    pub subject: Subject,
    /// Why.
    pub cause: Cause,
    /// Since when, in Unix seconds.
    pub at: i64,
}

impl Unban {
    /// The same un-ban of another subject.
    #[must_use]
    pub fn of(&self, subject: Subject) -> Self {
        Unban {
            subject,
            ..self.clone()
        }
    }
}

/// Why a ban was lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// `pyfilter unban`.
    Manual,
    /// Its line was removed from the snapshot.
    Snapshot,
    /// Another server, through Redis.
    Redis,
    /// Its time is over.
    Expired,
    /// It is, or holds, an address that is never banned now.
    Ignored,
    /// The ban of a wider network takes its place.
    Aggregated,
}

impl Cause {
    /// The word of the JSON and of the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Manual => "manual",
            Cause::Snapshot => "snapshot",
            Cause::Redis => "redis",
            Cause::Expired => "expired",
            Cause::Ignored => "ignored",
            Cause::Aggregated => "aggregated",
        }
    }

    /// The cause of a word of the store.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Cause::Manual,
            Cause::Snapshot,
            Cause::Redis,
            Cause::Expired,
            Cause::Ignored,
            Cause::Aggregated,
        ]
        .into_iter()
        .find(|cause| cause.as_str() == word)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(failures: u32, instant: bool) -> Ban {
        Ban {
            subject: Subject::parse("203.0.113.13").unwrap(),
            rule: Some(Arc::from("ssh")),
            server: Arc::from("web1"),
            at: Stamp::from_secs(0),
            ends: None,
            failures,
            instant,
            origin: Origin::Log,
            reason: None,
            country: None,
            count: Some(1),
            aggregates: 0,
        }
    }

    #[test]
    fn the_number_is_the_one_that_was_counted() {
        let said = "IP: 203.0.113.13 has been blacklisted and the firewall rules have been updated. Acquired 7 bad connections via ssh.";
        assert_eq!(ban(7, false).reason(), said);
        let instant = ban(1, true);
        assert!(
            instant
                .reason()
                .ends_with("Acquired an instant ban via ssh.")
        );
        assert_eq!(ban(7, false).with_reason(said), ban(7, false));
        let told = ban(7, false).with_reason("as I please");
        assert_eq!(told.reason(), "as I please");
        let by_hand = Ban {
            rule: None,
            ..ban(0, false)
        };
        assert_eq!(by_hand.reason(), "");
    }
}
