//! What OpenSSH's server says of a failed login, and of a connection that
//! never came to one.
//!
//! One failed login counts once, however many of these lines tell of it: [`TELLS`]
//! says what each is to its connection, and `judge/connections.rs` counts. What
//! would never be the first line to tell is left out: the ends of connections of
//! invalid users, `PAM: … for illegal user`, `pam_unix(sshd:auth)`, `Received
//! disconnect` and `Disconnecting … Too many authentication failures`.
//!
//! `fixtures/rules/ssh-messages.md` lists every message of OpenSSH 7.4 to 10
//! with which an attempt or a connection ends before a login, whether it
//! counts, and why.

use super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer};
use super::syslog::{self, classic_time, iso_time, priority, tag};
use crate::rules::sshd_connection::ConnectionMessage;

pub(super) const RULE: BuiltinRule = BuiltinRule {
    name: "ssh",
    counts: "failed logins of OpenSSH's server, and connections that end before a login",
    proven_on: "OpenSSH 9.2 and 10.0",
    patterns: PATTERNS,
    logins: LOGINS,
    time_formats: syslog::TIME_FORMATS,
    logs: &["/var/log/auth.log", "/var/log/secure"],
    // Where `pam_systemd` is absent, a user who logs in by ssh stays in the control
    // group of `ssh.service`.
    journal: JournalSenders {
        units: &["ssh.service", "sshd.service"],
        root_only: true,
        identifiers: &["sshd", "sshd-session", "sshd-auth"],
    },
    offer: Offer::Always,
    addresses: Some("set `UseDNS no` in sshd_config"),
    ..BuiltinRule::NONE
};

/// All that stands before sshd's message.
macro_rules! head {
    () => {
        concat!(
            "^",
            priority!(),
            "(?P<time>",
            classic_time!(),
            "|",
            iso_time!(),
            ") +",
            tag!("sshd(?:-session|-auth)?"),
        )
    };
}

macro_rules! preauth {
    () => {
        r"(?: \[preauth\])? *"
    };
}

macro_rules! end {
    () => {
        concat!(preauth!(), "$")
    };
}

/// What stands behind the address: ` ssh2`, or ` ssh2: ` and a key.
macro_rules! key_or_end {
    () => {
        concat!(r"(?: ssh\d: .*|(?: ssh\d)?", preauth!(), ")$")
    };
}

/// Also a host's name, or sshd's `UNKNOWN`: that is for the matcher to refuse.
macro_rules! ip {
    () => {
        r"(?P<ip>\S+)"
    };
}

macro_rules! port {
    () => {
        r"(?: port \d+)?"
    };
}

/// The user whom a connection is authenticating: an account that exists, whose
/// name no attacker typed and that has no blank. What the client sent may stand
/// behind the address, so the first address is the true one.
macro_rules! account {
    () => {
        r" authenticating user (?P<user>\S+)"
    };
}

/// ` from ADDRESS port N ssh2`, the last of the line.
macro_rules! from_last {
    () => {
        concat!(" from ", ip!(), port!(), r"(?: ssh\d)?", end!())
    };
}

/// ` ADDRESS port N: `, the first of the line; an IPv6 address has colons too.
macro_rules! address_first {
    () => {
        concat!(r" (?P<ip>\S+?)", port!(), ": .*$")
    };
}

/// A method by which a login of an existing user failed: any word but
/// `publickey` and `none`, that is, one that begins with neither `pu` nor `no`.
/// A client offers key after key, and asks with `none` what it may try.
macro_rules! method {
    () => {
        r"(?:[^\spn]\S*|p[^\su]\S*|n[^\so]\S*)"
    };
}

/// Any text without `ssh2: ` (or another digit), which divides a key from what
/// is before it.
///
/// User name and key (a certificate's ID, a client's user and host) are both
/// the attacker's. With one `ssh2: ` in the line the address stands before it;
/// with two, nobody can say which.
///
/// It is spelled out, since the engine has no look-ahead: a byte other than `s`; or
/// from an `s` on as far as `ssh2:` goes, and a byte that does not go on with it. What
/// has begun ends also where another `s` begins, as in `sshssh2`, and at the end,
/// behind which a blank may stand, so not behind `ssh2:`.
macro_rules! no_key {
    () => {
        concat!(
            r"(?:[^s]|(?:ss+h(?:\d:?)?)*(?:s[^s]|",
            r"ss+(?:[^sh]|h(?:[^\ds]|\d(?:[^:s]|:[^ s])))))*",
            r"(?:(?:ss+h(?:\d:?)?)*(?:ss+h\d?|s+))?",
        )
    };
}

/// `ED25519`, `RSA-CERT`.
macro_rules! key_type {
    () => {
        r"[A-Z][A-Z\d-]*"
    };
}

/// `SHA256:…`, or MD5's `12:34:…`: with a colon, so that it is no `ssh2`.
/// It could be an IPv6 address, but no `from` stands before it.
macro_rules! fingerprint {
    () => {
        r"\w+:\S+"
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    // An account that exists has a name that no attacker typed: the first
    // address is the true one, whatever a key has to say behind it.
    BuiltinPattern::new(
        concat!(
            head!(),
            "Failed ",
            method!(),
            r" for (?P<user>\S+|<invalid username>) from ",
            ip!(),
            port!(),
            key_or_end!()
        ),
        &["Failed "],
    )
    .of(ConnectionMessage::Failed),
    // A name that somebody typed, and no key: the last address.
    BuiltinPattern::new(
        concat!(
            head!(),
            r"Failed (?:\S+ for (?:invalid|illegal) user|",
            method!(),
            " for) (?P<user>",
            no_key!(),
            ")",
            from_last!()
        ),
        &["Failed "],
    )
    .of(ConnectionMessage::Failed),
    // A name that somebody typed, and a key, which ends in a fingerprint or,
    // for a client's host, in a quote.
    BuiltinPattern::new(
        concat!(
            head!(),
            r"Failed \S+ for (?:invalid|illegal) user (?P<user>",
            no_key!(),
            ") from ",
            ip!(),
            port!(),
            r" ssh\d: ",
            key_type!(),
            " (?:",
            fingerprint!(),
            "|(?:",
            fingerprint!(),
            " )?ID ",
            no_key!(),
            r" \(serial \d+\) CA ",
            key_type!(),
            " ",
            fingerprint!(),
            "|",
            fingerprint!(),
            ", client user \"",
            no_key!(),
            "\")",
            end!()
        ),
        &["Failed "],
    )
    .of(ConnectionMessage::Failed),
    BuiltinPattern::new(
        concat!(
            head!(),
            "(?:Invalid|Illegal) user(?: (?P<user>.*))?",
            from_last!()
        ),
        &["Illegal user", "Invalid user"],
    )
    .of(ConnectionMessage::Sign),
    // The reason is sshd's and has neither dot nor colon, so no address.
    BuiltinPattern::new(
        concat!(
            head!(),
            "User (?P<user>.+) from ",
            ip!(),
            " not allowed because [\\w' -]+",
            end!()
        ),
        &["t allowed because "],
    )
    .of(ConnectionMessage::Sign),
    BuiltinPattern::new(
        concat!(head!(), "ROOT LOGIN REFUSED FROM ", ip!(), port!(), end!()),
        &["ROOT LOGIN REFUSED FROM "],
    )
    .of(ConnectionMessage::Sign),
    // PAM's text has one `for` only in "retries for service"; `for illegal
    // user NAME` has said `Invalid user`, and its NAME could hold a `for`.
    BuiltinPattern::new(
        concat!(
            head!(),
            r"(?:error: )?PAM: (?:(?:[^\sf]\S*|f[^\so]\S*) )+(?:for service )?",
            r"for (?P<user>\S+) from ",
            ip!(),
            r"(?: via \S+)?",
            end!()
        ),
        &["PAM: "],
    )
    .of(ConnectionMessage::Pam),
    BuiltinPattern::new(
        concat!(
            head!(),
            "(?:error: )?maximum authentication attempts exceeded for ",
            "(?:(?:invalid|illegal) user )?(?P<user>.*)",
            from_last!()
        ),
        &["maximum authentication attempts exceeded for "],
    )
    .of(ConnectionMessage::Sign),
    // TCP wrappers: `HOST`, `HOST (ADDRESS)`, each perhaps with a user that
    // the client's own ident service named: `USER@HOST`.
    BuiltinPattern::new(
        concat!(
            head!(),
            r"refused connect from (?:.*[@ (])?(?P<ip>[^\s()@]+)\)?",
            end!()
        ),
        &["refused connect from "],
    )
    .of(ConnectionMessage::Sign),
    BuiltinPattern::new(
        concat!(
            head!(),
            "Did not receive identification string from ",
            ip!(),
            port!(),
            end!()
        ),
        &["Did not receive identification string from "],
    )
    .of(ConnectionMessage::Sign),
    BuiltinPattern::new(
        concat!(
            head!(),
            "Bad protocol version identification '.*'",
            from_last!()
        ),
        &["Bad protocol version identification '"],
    )
    .of(ConnectionMessage::Sign),
    BuiltinPattern::new(
        concat!(
            head!(),
            "(?:error: |fatal: )?banner exchange: Connection from",
            address_first!()
        ),
        &["banner exchange: Connection from "],
    )
    .of(ConnectionMessage::Sign),
    BuiltinPattern::new(
        concat!(
            head!(),
            "(?:error: |fatal: )?Unable to negotiate with",
            address_first!()
        ),
        &["Unable to negotiate with "],
    )
    .of(ConnectionMessage::Sign),
    // After a login it is `Connection from user NAME ADDRESS`.
    BuiltinPattern::new(
        concat!(
            head!(),
            "(?:error: |fatal: )?ssh_dispatch_run_fatal: Connection (?:from|to)(?:",
            account!(),
            ")?",
            address_first!()
        ),
        &["ssh_dispatch_run_fatal: Connection "],
    )
    .of(ConnectionMessage::Sign),
    BuiltinPattern::new(
        concat!(
            head!(),
            "(?:error: |fatal: )?Timeout before authentication for (?:connection from )?",
            r"(?P<ip>\S+?)\.?(?: port \d+| to \S+, pid = \d+(?: \([a-z ]+\))?)?",
            end!()
        ),
        &["Timeout before authentication for "],
    )
    .of(ConnectionMessage::SignWithPid),
    // Guessing at a server that takes keys only leaves no other trace. Without
    // `authenticating user` it may be a probe that looks whether sshd is alive.
    BuiltinPattern::new(
        concat!(
            head!(),
            "(?:Connection (?:closed|reset) by|Disconnected from) authenticating user ",
            // A port has neither dot nor colon.
            r"(?P<user>.*) (?P<ip>\S*[.:]\S*)",
            port!(),
            r" \[preauth\] *$"
        ),
        &[" authenticating user "],
    )
    .of(ConnectionMessage::Sign),
    // The same where the server ends it: another user name, another service, a
    // request that makes no sense. `Too many authentication failures` has been told
    // by `maximum authentication attempts exceeded`. Or where sshd met the end while
    // writing, which without a user may be that of somebody who had logged in.
    BuiltinPattern::new(
        concat!(
            head!(),
            "(?:Disconnecting|(?:error: |fatal: )?",
            "(?:dispatch_protocol_error|(?:ssh_)?packet_write_(?:wait|poll)): Connection from)",
            account!(),
            r" (?P<ip>\S+?)",
            port!(),
            r": (?:[^T]|T[^o]).*$"
        ),
        &[" authenticating user "],
    )
    .of(ConnectionMessage::Sign),
    // `RefuseConnection` of sshd 9.9: all that it says of an account.
    BuiltinPattern::new(
        concat!(
            head!(),
            r"administratively prohibited connection for (?P<user>\S+) from ",
            ip!(),
            port!(),
            end!()
        ),
        &["administratively prohibited connection for "],
    )
    .of(ConnectionMessage::Sign),
    // Older than 8.0: a client of the first protocol, and its banner.
    BuiltinPattern::new(
        concat!(
            head!(),
            "Protocol major versions differ for",
            address_first!()
        ),
        &["Protocol major versions differ for "],
    )
    .of(ConnectionMessage::Sign),
    // sshd 9.8 holds a peer back that has failed too often. Of connections that
    // end within a request nothing else names the address.
    BuiltinPattern::new(
        concat!(
            head!(),
            r"drop connection #\d+ from \[(?P<ip>[^\]\s]+)\]:\d+ on \[[^\]\s]+\]:\d+ ",
            "penalty: failed authentication *$"
        ),
        &["drop connection #"],
    )
    .of(ConnectionMessage::SignOfListener),
];

/// A login that went well. Whoever is let in has a name that no attacker typed
/// and that has no blank; a key's text stands behind the address.
const LOGINS: &[&str] = &[concat!(
    head!(),
    r"Accepted \S+ for (?P<user>\S+) from ",
    ip!(),
    port!(),
    key_or_end!()
)];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::bytes::Regex;

    proptest! {
        #[test]
        fn a_text_without_a_key_is_any_in_which_no_ssh2_colon_blank_stands(
            text in "[sh2: x]{0,12}|(s|sh|ss|ssh|ssh2|ssh2:|ssh2: |: |1: |x){0,6}"
        ) {
            let spelled = Regex::new(concat!("^", no_key!(), "$")).unwrap();
            let key = Regex::new(r"ssh\d: ").unwrap();
            prop_assert_eq!(spelled.is_match(text.as_bytes()), !key.is_match(format!("{text} ").as_bytes()));
        }
    }
}
