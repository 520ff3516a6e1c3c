//! The messages of Exim about failed logins and refused clients.
//!
//! A host is `name (greeting) [ADDRESS]`. The client chooses the greeting, and what stands
//! behind the address. In neither of them may an address in brackets stand before what
//! stands behind the true one: so a text that looks like the rest of the line leaves no
//! reading.
//!
//! As fail2ban, without mail to addresses that can not be verified, which people mistype.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "exim",
    counts: "failed logins at Exim; relaying, unknown users, talking out of turn, too many errors",
    proof: Proof::Service("Exim 4.96 and 4.98"),
    sample: "2026-03-02 04:05:06 login_server authenticator failed for (pc) [203.0.113.9]: 535 Incorrect authentication data (set_id=bob)",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &["/var/log/exim4/mainlog", "/var/log/exim/main.log"],
    offer: Offer::SwitchedOff(&["usr/sbin/exim4", "usr/sbin/exim"]),
    ..BuiltinRule::NONE
};

macro_rules! stamp {
    () => {
        r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4})?) (?:\[\d+\] )?"
    };
}

/// `name (greeting) [ADDRESS]:PORT I=[OURS]:PORT U=ident`, where the greeting matches
/// `$greeting`; each but the address may be missing.
macro_rules! host {
    ($greeting:expr) => {
        concat!(
            r"(?:[\w.-]+ )?(?:\(",
            $greeting,
            r"\) )?\[(?P<ip>[0-9A-Fa-f.:]+)\](?::\d+)?(?: I=\[[^\]\s]*\](?::\d+)?)?(?: U=[^\s\[\]:]+)?(?: Ci=\d+)?"
        )
    };
}

/// A greeting that Exim takes unless it is told to take any: a name, or an address in
/// brackets.
macro_rules! greeting {
    () => {
        r"(?:[\w.:-]*|\[[\w.:]*\])"
    };
}

/// A text in which no host stands before `: 5`, as it does before the reason.
macro_rules! no_reason {
    () => {
        r"(?:[^\]]|\](?:[^\]:]|:[^ \]]|: [^5\]]))*\]?"
    };
}

/// The same with ` F`, as before the sender.
macro_rules! no_sender {
    () => {
        r"(?:[^\]]|\](?:[^ \]]| [^F\]]))*\]?"
    };
}

/// The same with ` d`, as before `dropped`.
macro_rules! no_end {
    () => {
        r"(?:[^\]]|\](?:[^ \]]| [^d\]]))*\]?"
    };
}

macro_rules! encryption {
    () => {
        r"(?: X=[^\s\[]+)?(?: CV=\w+)?(?: SNI=[^\s\[]+)?(?: A=[^\s\[]+)?"
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            stamp!(),
            r"[\w-]+ authenticator failed for (?:H=)?",
            host!(greeting!()),
            r": 535 Incorrect authentication data(?: \(set_id=(?P<user>",
            no_reason!(),
            r")\))?$"
        ),
        &["enticator failed for "],
    ),
    // With any greeting, and then with a plain name.
    BuiltinPattern::new(
        concat!(
            stamp!(),
            r"[\w-]+ authenticator failed for (?:H=)?",
            host!(no_reason!()),
            r": 535 Incorrect authentication data(?: \(set_id=(?P<user>[^\[\]]*)\))?$"
        ),
        &["enticator failed for "],
    ),
    BuiltinPattern::new(
        concat!(
            stamp!(),
            "H=",
            host!(greeting!()),
            encryption!(),
            " F=<",
            no_sender!(),
            "> rejected RCPT ",
            no_sender!(),
            r": (?:relay not permitted|Unknown user|Unrouteable address)$"
        ),
        &["> rejected RCPT "],
    ),
    BuiltinPattern::new(
        concat!(
            stamp!(),
            "H=",
            host!(no_sender!()),
            encryption!(),
            r" F=<[^\[\]]*> rejected RCPT [^\[\]]*: (?:relay not permitted|Unknown user|Unrouteable address)$"
        ),
        &["> rejected RCPT "],
    ),
    BuiltinPattern::new(
        concat!(
            stamp!(),
            r"SMTP protocol synchronization error \(input sent without waiting for greeting\): rejected connection from (?:H=)?",
            host!(greeting!()),
            r"(?: input=.*)?$"
        ),
        &["SMTP protocol synchronization error ("],
    ),
    BuiltinPattern::new(
        concat!(
            stamp!(),
            "SMTP call from (?:H=)?",
            host!(greeting!()),
            r" dropped: too many (?:syntax or protocol errors|nonmail commands|unrecognized commands|unknown commands)",
            no_end!(),
            "$"
        ),
        &[" dropped: too many "],
    ),
    // The command stands before the host, but the host ends the line.
    BuiltinPattern::new(
        concat!(
            stamp!(),
            r#"SMTP protocol error in "(?:AUTH|auth) .*" H="#,
            host!(greeting!()),
            " AUTH command used when not advertised$"
        ),
        &[" AUTH command used when not advertised"],
    ),
];

const TIME_FORMATS: &[&str] = &[
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f %z",
];
