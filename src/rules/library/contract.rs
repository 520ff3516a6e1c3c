//! What a built-in rule says of itself.

use std::path::Path;

use glob::{MatchOptions, Pattern};

use super::super::sshd_connection::ConnectionMessage;
use super::forgeable::{Forgeable, ForgeableLogs};
use super::login_pages::{REFUSED, SHOWN_AGAIN, WebServer};
use crate::model::{LoginPage, Positions, SourceSpec, UsualPlaces};

/// A built-in rule: what a rule of that name has when the configuration does not
/// say otherwise. `BuiltinRule::NONE` has the values of a field that most rules
/// leave out.
#[derive(Debug, Clone, Copy)]
pub struct BuiltinRule {
    /// The rule's name, as in `settings.rules.NAME`.
    pub name: &'static str,
    /// What it counts, as a part of a sentence.
    pub counts: &'static str,
    /// Where its messages were taken from.
    pub proof: Proof,
    /// The patterns of failures, in the order in which they are tried.
    pub patterns: &'static [BuiltinPattern],
    /// Regular expressions of lines that are no failures, though a pattern matches
    /// them. They hold no text that a client chooses.
    pub ignored: &'static [&'static str],
    /// A line that counts, for `pyfilter rules`.
    pub sample: &'static str,
    /// The patterns of logins that went well, of the same shape. Empty if the log
    /// does not tell of them.
    pub logins: &'static [&'static str],
    /// strftime formats of the group `time`, in the order in which they are tried.
    /// Every time that a pattern captures is in one of them.
    pub time_formats: &'static [&'static str],
    /// The codes of the group `status` that count. None: the patterns have no such
    /// group, or [`BuiltinRule::web`] says it.
    pub codes: Option<&'static [u16]>,
    /// The pages and statuses of a rule that reads access logs.
    pub web: Option<WebServer>,
    /// Where the service keeps the log of this rule, by distribution: paths and globs,
    /// of which the first that is there is read.
    pub logs: &'static [&'static str],
    /// Whether these are the logs of a web server before the service: that they are there
    /// does not tell that the service is.
    pub logs_of_web_server: bool,
    /// Who writes the entries of the journal that are lines of this rule.
    pub journal: JournalSenders,
    /// When `pyfilter init` writes the rule into a new configuration.
    pub offer: Offer,
    /// Whether a section with `regex_patterns` of its own inherits the rest: PyFilter's
    /// four rules.
    pub lends: bool,
    /// Why lines of its log, or their senders, can be forged; none if they can not.
    pub forgeable: Option<&'static Forgeable>,
    /// A text of failures in which the log may have no address, and how the service is
    /// made to write it, as a part of a sentence.
    pub without_address: Option<(&'static str, &'static str)>,
    /// How the service is kept from writing host names in place of addresses, as
    /// a part of a sentence; none if it never writes them.
    pub addresses: Option<&'static str>,
    /// Paragraphs of pyfilter.conf(5), in roff.
    pub manual: &'static str,
}

/// Where the messages of a rule were taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// From the logs of a running service, under attack: its versions.
    Service(&'static str),
    /// From the service's source, or its documentation: which.
    Documentation(&'static str),
}

/// One pattern of a built-in rule.
#[derive(Debug, Clone, Copy)]
pub struct BuiltinPattern {
    /// In Rust `regex` syntax, for bytes with `unicode(false)`, and for one line
    /// without its end. It names the groups `time` and `ip`, and where the line has
    /// them `user` and `status`. In a rule for access logs it has a group `request`:
    /// the request line without its quotes.
    pub text: &'static str,
    /// One of these stands in every match. The prefilter looks for them. To derive
    /// them from the text takes longer than a run that has a few new lines. A test
    /// compares them with the text. The search stops wherever it finds the first four
    /// bytes of one, so where a word is common in the log its end is looked for:
    /// `entication failed: `.
    pub literals: &'static [&'static str],
    /// Whether its first match bans.
    pub instant: bool,
    /// What a match says of its connection; none if every match counts.
    pub connection: Option<ConnectionMessage>,
    /// The text before which stands how many failures a match is, in a line where no
    /// client can have written it earlier; none if it is one.
    pub number_before: Option<&'static str>,
}

/// Who writes the journal's entries of a service. An entry is believed if root
/// wrote it, the user as whom its unit runs, or one of `users`.
#[derive(Debug, Clone, Copy)]
pub struct JournalSenders {
    /// The systemd units, by distribution. Empty if the journal has no lines of
    /// the rule. The journal is named after the first: `journal:ssh.service`.
    pub units: &'static [&'static str],
    /// The users, besides root and that of the unit, as whom its processes write. Nobody
    /// can log in as one of them.
    pub users: &'static [&'static str],
    /// Whether root alone is believed: the unit's user is no proof where users
    /// can log in and stay in the unit's control group.
    pub root_only: bool,
    /// The names (`SYSLOG_IDENTIFIER`) of processes that can end before journald
    /// has looked up their unit. An entry without a unit is believed if root wrote
    /// it under one of these names.
    pub identifiers: &'static [&'static str],
}

/// When `pyfilter init` writes a rule into a new configuration.
#[derive(Debug, Clone, Copy)]
pub enum Offer {
    /// Always; its log files are `auto`: the first of [`BuiltinRule::logs`] that is
    /// there, or the journal.
    Always,
    /// If one of [`BuiltinRule::logs`] is there and no client can forge it; its log
    /// files are all of these.
    IfLogged,
    /// If the service is there, by a log of its own, a unit or one of these files of its
    /// installation, and nothing can be forged; switched off, with a word. The files are
    /// paths and globs below the root directory.
    SwitchedOff(&'static [&'static str]),
    /// If the option files of the service say so; its log is the journal, or else
    /// the first of [`BuiltinRule::logs`] that is there.
    IfConfigured(ServiceOptions),
}

/// The option files of a service.
#[derive(Debug, Clone, Copy)]
pub struct ServiceOptions {
    /// The files, and directories of files, in the order in which the service
    /// reads them.
    pub files: &'static [&'static str],
    /// The extension of the files that are read in a directory.
    pub extension: &'static str,
    /// Whether these texts, in their order, make the service write the log.
    pub are_set: fn(&[String]) -> bool,
    /// The rule that this one takes the place of: `init` does not offer it, and
    /// does not say why.
    pub instead_of: &'static str,
}

impl BuiltinRule {
    /// A rule that has nothing: the fields that a rule does not set.
    pub(super) const NONE: BuiltinRule = BuiltinRule {
        name: "",
        counts: "",
        proof: Proof::Documentation(""),
        patterns: &[],
        ignored: &[],
        sample: "",
        logins: &[],
        time_formats: &[],
        codes: None,
        web: None,
        logs: &[],
        logs_of_web_server: false,
        journal: JournalSenders::NONE,
        offer: Offer::SwitchedOff(&[]),
        lends: false,
        forgeable: None,
        addresses: None,
        without_address: None,
        manual: "",
    };

    /// The order of groups in the user's own patterns for this rule, where these
    /// have no names.
    #[must_use]
    pub fn positions(&self) -> Positions {
        match self.web {
            Some(_) => Positions::AddressTime,
            None => Positions::TimeAddress,
        }
    }

    /// Where its log is looked for if the configuration names none.
    #[must_use]
    pub fn usual_places(&self) -> UsualPlaces {
        UsualPlaces {
            files: self.logs,
            units: self.journal.units,
        }
    }

    /// Why lines of `source`, or the senders in them, can be forged; none if they can not. Of a
    /// file at a place that is not usual it is not known: it counts as one that can be forged.
    #[must_use]
    pub fn forgeable_in(&self, source: &SourceSpec) -> Option<&'static Forgeable> {
        let is_own_journal = match source {
            SourceSpec::Journal(unit) => self.journal.units.contains(&unit.as_str()),
            SourceSpec::Files(_) | SourceSpec::Auto(_) => false,
        };
        self.forgeable.filter(|forgeable| match forgeable.logs {
            ForgeableLogs::All => true,
            ForgeableLogs::Files => !is_own_journal,
            ForgeableLogs::Unusual => !is_own_journal && !self.is_usual(source),
        })
    }

    /// Whether all files that `source` names are at the usual places.
    fn is_usual(&self, source: &SourceSpec) -> bool {
        match source {
            SourceSpec::Auto(_) => true,
            SourceSpec::Files(path) => self.logs.iter().any(|place| is_within(path, place)),
            SourceSpec::Journal(_) => false,
        }
    }

    /// Whether a new configuration always has it.
    #[must_use]
    pub fn is_always_offered(&self) -> bool {
        matches!(self.offer, Offer::Always)
    }

    /// Whether it is for the access log of a web server, whatever is behind it.
    #[must_use]
    pub fn is_web_server(&self) -> bool {
        self.lends && self.web.is_some()
    }

    /// The login pages; empty if it reads no access log.
    #[must_use]
    pub fn pages(&self) -> &'static [LoginPage] {
        self.web.map_or(&[], |web| web.pages)
    }

    /// The HTTP statuses that are failures at a url that the configuration names
    /// without any: those of the built-in page, else those that no page has for a
    /// login that went well; and what PyFilter counted for this server.
    #[must_use]
    pub fn failures_at(&self, url: &str) -> &'static [u16] {
        if self.web.is_some_and(|web| web.statuses.contains(&200)) {
            return SHOWN_AGAIN;
        }
        let page = self.pages().iter().find(|page| page.url == url);
        page.and_then(|page| page.failures).unwrap_or(REFUSED)
    }
}

impl BuiltinPattern {
    /// A pattern whose matches count one by one.
    pub(super) const fn new(text: &'static str, literals: &'static [&'static str]) -> Self {
        BuiltinPattern {
            text,
            literals,
            instant: false,
            connection: None,
            number_before: None,
        }
    }

    /// The same, where the number before `text` says how many failures a match is.
    pub(super) const fn counting(mut self, text: &'static str) -> Self {
        self.number_before = Some(text);
        self
    }

    /// The same, where several lines can be of one connection.
    pub(super) const fn of(mut self, message: ConnectionMessage) -> Self {
        self.connection = Some(message);
        self
    }
}

impl JournalSenders {
    const NONE: JournalSenders = JournalSenders {
        units: &[],
        users: &[],
        root_only: false,
        identifiers: &[],
    };

    /// Root, and the users as whom the units run.
    pub(super) const fn of(units: &'static [&'static str]) -> Self {
        JournalSenders {
            units,
            ..JournalSenders::NONE
        }
    }

    /// The same, and these users.
    pub(super) const fn and(mut self, users: &'static [&'static str]) -> Self {
        self.users = users;
        self
    }
}

/// Whether the glob `place`, which has no wildcard but `*`, matches all files that `path`,
/// itself a path or a glob, names: a wildcard of `path` stands where `place` has a `*`.
fn is_within(path: &Path, place: &str) -> bool {
    const MATCHING: MatchOptions = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let Some(text) = path.to_str() else {
        return false;
    };
    // A class of characters could hold what `place` has as text, and `..` leads elsewhere.
    let is_plain = !text.contains('[') && !text.split('/').any(|name| name == "..");
    let matches = |place: Pattern| place.matches_with(text, MATCHING);
    text == place || is_plain && Pattern::new(place).is_ok_and(matches)
}

#[cfg(test)]
mod tests {
    use super::super::{all, builtin};
    use super::*;

    fn is_forgeable(rule: &str, source: &str) -> bool {
        let source = match source.strip_prefix("journal:") {
            Some(unit) => SourceSpec::Journal(unit.to_owned()),
            None => SourceSpec::Files(source.into()),
        };
        builtin(rule).unwrap().forgeable_in(&source).is_some()
    }

    #[test]
    fn a_source_tells_whether_its_lines_can_be_forged() {
        for (rule, trusted) in [
            ("xrdp", "journal:xrdp-sesman.service"),
            ("proftpd", "journal:proftpd.service"),
            ("znc-adminlog", "journal:znc.service"),
            ("nginx-limit-req", "journal:nginx.service"),
            ("nginx-forbidden", "journal:nginx.service"),
            ("nginx-http-auth", "journal:nginx.service"),
            ("nginx-http-auth", "/var/log/nginx/access.log"),
            ("nginx-botsearch", "/var/log/nginx/shop.access.log"),
            ("nginx-botsearch", "/var/log/nginx/*access.log"),
            ("nginx-botsearch", "/var/log/nginx/*.access.log"),
            ("roundcube-auth", "/var/log/roundcube/errors.log"),
            (
                "gitlab",
                "/var/log/gitlab/gitlab-rails/application_json.log",
            ),
            ("dovecot", "/srv/mail.log"),
        ] {
            assert!(!is_forgeable(rule, trusted), "{rule}: {trusted}");
        }
        for (rule, forgeable) in [
            ("xrdp", "/var/log/xrdp-sesman.log"),
            ("xrdp", "journal:docker.service"),
            ("nginx-limit-req", "/var/log/nginx/error.log"),
            ("nginx-http-auth", "/var/log/nginx/error.log"),
            ("nginx-http-auth", "/var/log/nginx/*.log"),
            ("nginx-http-auth", "/var/log/nginx/*"),
            ("nginx-http-auth", "/var/log/nginx/../x.access.log"),
            ("nginx-http-auth", "/var/log/nginx/a/access.log"),
            ("nginx-http-auth", "/srv/access.log"),
            ("roundcube-auth", "/srv/errors.log"),
            ("gitlab", "/var/log/gitlab/gitlab-rails/application.log"),
            ("named-refused", "journal:named.service"),
            ("gitea", "journal:gitea.service"),
            ("mysql", "journal:mariadb.service"),
        ] {
            assert!(is_forgeable(rule, forgeable), "{rule}: {forgeable}");
        }
        let (http, xrdp) = ("nginx-http-auth", "xrdp");
        for (rule, forgeable) in [(http, false), (xrdp, true), ("nsd", true), ("ssh", false)] {
            let rule = builtin(rule).unwrap();
            let auto = SourceSpec::Auto(rule.usual_places());
            let found = rule.forgeable_in(&auto).is_some();
            assert_eq!(found, forgeable, "{}", rule.name);
        }
    }

    /// What `is_within` is told of `place`.
    #[test]
    fn the_usual_places_have_no_wildcard_but_the_asterisk() {
        for place in all().flat_map(|rule| rule.logs) {
            assert!(!place.contains(['?', '[']), "{place}");
        }
    }
}
