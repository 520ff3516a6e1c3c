//! Logs into which a client of the service can write whole lines.

use regex::bytes::RegexBuilder;

/// Why the logs of a rule, or the senders in them, can be forged, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgeable {
    /// What the service does, as a part of a sentence.
    pub why: &'static str,
    /// What to do about it, as a part of a sentence.
    pub remedy: &'static str,
    /// The version from which on the service escapes what clients send; none if
    /// no version does.
    pub fixed: Option<FixedVersion>,
    /// The programs, below the root directory, of the versions that do not escape.
    /// Where one is installed the service is there, even if no log file is.
    pub programs: &'static [&'static str],
    /// Of which logs of the service that is so.
    pub logs: ForgeableLogs,
}

/// Of which logs of a service the lines, or the senders in them, can be forged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgeableLogs {
    /// Of all: the sender is false already when the service gets it (UDP), or what a client
    /// writes is a line of its own in the journal, too.
    All,
    /// Of files alone: a message in the journal of the service's unit is one entry.
    Files,
    /// Of none of the usual places, but of another log that the rule reads, too, if the
    /// configuration names it.
    Unusual,
}

impl ForgeableLogs {
    /// What it is called in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ForgeableLogs::All => "all",
            ForgeableLogs::Files => "files",
            ForgeableLogs::Unusual => "unusual",
        }
    }
}

/// How to tell the logs of a version that escapes what clients send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedVersion {
    /// What the version is called.
    pub version: &'static str,
    /// A regular expression for the beginning of an entry of any version, up to
    /// where text of the client may stand. Its group `fixed` takes part in the
    /// match only for the versions that escape.
    pub entry: &'static str,
    /// Files, below the root directory, that its installation has and that of no
    /// other version.
    pub files: &'static [&'static str],
}

/// Which version wrote a log, as far as the log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrote {
    /// Only versions that escape what clients send.
    Fixed,
    /// A version that does not, at least in part.
    Raw,
    /// There is no entry to tell by.
    Unknown,
}

impl Forgeable {
    /// Where anybody can forge the senders, or lines, in the usual logs of every version.
    pub(super) const fn always(why: &'static str, remedy: &'static str) -> Self {
        Forgeable {
            why,
            remedy,
            fixed: None,
            programs: &[],
            logs: ForgeableLogs::All,
        }
    }

    /// Whether that can be so of the logs that are read where the configuration names none.
    #[must_use]
    pub fn in_usual_logs(&self) -> bool {
        self.logs != ForgeableLogs::Unusual
    }

    /// What `lines` say about the version that wrote them.
    ///
    /// A client can write lines that look like those of a fixed version into the
    /// log of a raw one, but not without entries of the raw version before them:
    /// one of these decides.
    #[must_use]
    pub fn wrote(&self, lines: &[u8]) -> Wrote {
        let Some(fixed) = &self.fixed else {
            return Wrote::Raw;
        };
        let entry = RegexBuilder::new(fixed.entry)
            .unicode(false)
            .multi_line(true)
            .build();
        let Ok(entry) = entry else {
            return Wrote::Unknown;
        };
        let mut wrote = Wrote::Unknown;
        for parts in entry.captures_iter(lines) {
            if parts.name("fixed").is_none() {
                return Wrote::Raw;
            }
            wrote = Wrote::Fixed;
        }
        wrote
    }
}
