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

use crate::rules::login::Tells;

use super::syslog::{classic_time, iso_time, priority, tag};

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

pub(super) const PATTERNS: &[&str] = &[
    // An account that exists has a name that no attacker typed: the first
    // address is the true one, whatever a key has to say behind it.
    concat!(
        head!(),
        "Failed ",
        method!(),
        r" for (?P<user>\S+|<invalid username>) from ",
        ip!(),
        port!(),
        key_or_end!()
    ),
    // A name that somebody typed, and no key: the last address.
    concat!(
        head!(),
        r"Failed (?:\S+ for (?:invalid|illegal) user|",
        method!(),
        " for) (?P<user>",
        no_key!(),
        ")",
        from_last!()
    ),
    // A name that somebody typed, and a key, which ends in a fingerprint or,
    // for a client's host, in a quote.
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
    concat!(
        head!(),
        "(?:Invalid|Illegal) user(?: (?P<user>.*))?",
        from_last!()
    ),
    // The reason is sshd's and has neither dot nor colon, so no address.
    concat!(
        head!(),
        "User (?P<user>.+) from ",
        ip!(),
        " not allowed because [\\w' -]+",
        end!()
    ),
    concat!(head!(), "ROOT LOGIN REFUSED FROM ", ip!(), port!(), end!()),
    // PAM's text has one `for` only in "retries for service"; `for illegal
    // user NAME` has said `Invalid user`, and its NAME could hold a `for`.
    concat!(
        head!(),
        r"(?:error: )?PAM: (?:(?:[^\sf]\S*|f[^\so]\S*) )+(?:for service )?",
        r"for (?P<user>\S+) from ",
        ip!(),
        r"(?: via \S+)?",
        end!()
    ),
    concat!(
        head!(),
        "(?:error: )?maximum authentication attempts exceeded for ",
        "(?:(?:invalid|illegal) user )?(?P<user>.*)",
        from_last!()
    ),
    // TCP wrappers: `HOST`, `HOST (ADDRESS)`, each perhaps with a user that
    // the client's own ident service named: `USER@HOST`.
    concat!(
        head!(),
        r"refused connect from (?:.*[@ (])?(?P<ip>[^\s()@]+)\)?",
        end!()
    ),
    concat!(
        head!(),
        "Did not receive identification string from ",
        ip!(),
        port!(),
        end!()
    ),
    concat!(
        head!(),
        "Bad protocol version identification '.*'",
        from_last!()
    ),
    concat!(
        head!(),
        "(?:error: |fatal: )?banner exchange: Connection from",
        address_first!()
    ),
    concat!(
        head!(),
        "(?:error: |fatal: )?Unable to negotiate with",
        address_first!()
    ),
    // After a login it is `Connection from user NAME ADDRESS`.
    concat!(
        head!(),
        "(?:error: |fatal: )?ssh_dispatch_run_fatal: Connection (?:from|to)(?:",
        account!(),
        ")?",
        address_first!()
    ),
    concat!(
        head!(),
        "(?:error: |fatal: )?Timeout before authentication for (?:connection from )?",
        r"(?P<ip>\S+?)\.?(?: port \d+| to \S+, pid = \d+(?: \([a-z ]+\))?)?",
        end!()
    ),
    // Guessing at a server that takes keys only leaves no other trace. Without
    // `authenticating user` it may be a probe that looks whether sshd is alive.
    concat!(
        head!(),
        "(?:Connection (?:closed|reset) by|Disconnected from) authenticating user ",
        // A port has neither dot nor colon.
        r"(?P<user>.*) (?P<ip>\S*[.:]\S*)",
        port!(),
        r" \[preauth\] *$"
    ),
    // The same where the server ends it: another user name, another service, a
    // request that makes no sense. `Too many authentication failures` has been told
    // by `maximum authentication attempts exceeded`. Or where sshd met the end while
    // writing, which without a user may be that of somebody who had logged in.
    concat!(
        head!(),
        "(?:Disconnecting|(?:error: |fatal: )?",
        "(?:dispatch_protocol_error|(?:ssh_)?packet_write_(?:wait|poll)): Connection from)",
        account!(),
        r" (?P<ip>\S+?)",
        port!(),
        r": (?:[^T]|T[^o]).*$"
    ),
    // `RefuseConnection` of sshd 9.9: all that it says of an account.
    concat!(
        head!(),
        r"administratively prohibited connection for (?P<user>\S+) from ",
        ip!(),
        port!(),
        end!()
    ),
    // Older than 8.0: a client of the first protocol, and its banner.
    concat!(
        head!(),
        "Protocol major versions differ for",
        address_first!()
    ),
    // sshd 9.8 holds a peer back that has failed too often. Of connections that
    // end within a request nothing else names the address.
    concat!(
        head!(),
        r"drop connection #\d+ from \[(?P<ip>[^\]\s]+)\]:\d+ on \[[^\]\s]+\]:\d+ ",
        "penalty: failed authentication *$"
    ),
];

/// What a match of each pattern tells of its connection.
pub(super) const TELLS: &[Tells] = &[
    Tells::Failed,
    Tells::Failed,
    Tells::Failed,
    Tells::Sign,
    Tells::Sign,
    Tells::Sign,
    Tells::Pam,
    Tells::Sign,
    Tells::Sign,
    Tells::Sign,
    Tells::Sign,
    Tells::Sign,
    Tells::Sign,
    Tells::Sign,
    Tells::SignWithPid,
    Tells::Sign,
    Tells::Sign,
    Tells::Sign,
    Tells::Sign,
    Tells::SignOfListener,
];

/// A login that went well. Whoever is let in has a name that no attacker typed
/// and that has no blank; a key's text stands behind the address.
pub(super) const LOGINS: &[&str] = &[concat!(
    head!(),
    r"Accepted \S+ for (?P<user>\S+) from ",
    ip!(),
    port!(),
    key_or_end!()
)];

/// What stands in every match of each pattern: one of these.
///
/// Each begins where its first four bytes are rare in logs: those are looked
/// for at once, and only behind them the rest. `Conn`, `Disc` and ` not` stand in
/// half of sshd's lines.
pub(super) const LITERALS: &[&[&str]] = &[
    &["Failed "],
    &["Failed "],
    &["Failed "],
    &["Illegal user", "Invalid user"],
    &["t allowed because "],
    &["ROOT LOGIN REFUSED FROM "],
    &["PAM: "],
    &["maximum authentication attempts exceeded for "],
    &["refused connect from "],
    &["Did not receive identification string from "],
    &["Bad protocol version identification '"],
    &["banner exchange: Connection from "],
    &["Unable to negotiate with "],
    &["ssh_dispatch_run_fatal: Connection "],
    &["Timeout before authentication for "],
    // The same for both: lines that call for the same patterns share an automaton.
    &[" authenticating user "],
    &[" authenticating user "],
    &["administratively prohibited connection for "],
    &["Protocol major versions differ for "],
    &["drop connection #"],
];

pub(super) const TIME_FORMATS: &[&str] = &[
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
];

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
