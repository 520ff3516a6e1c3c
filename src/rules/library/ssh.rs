//! The messages of OpenSSH's server about a failed login, and about a connection that
//! ended before a login.
//!
//! One failed login counts once, however many of these lines tell of it: each pattern says
//! what its line is to the connection, and `judge/connections.rs` counts. Messages that
//! always come after another one that counts are left out: the ends of connections of
//! invalid users, `PAM: … for illegal user`, `pam_unix(sshd:auth)`, `Received
//! disconnect` and `Disconnecting … Too many authentication failures`.
//!
//! `fixtures/rules/ssh-messages.md` lists every message of OpenSSH 7.4 to 10
//! with which an attempt or a connection ends before a login, whether it
//! counts, and why.

use super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::syslog;
use crate::rules::sshd_connection::ConnectionMessage;

pub(super) const RULE: BuiltinRule = BuiltinRule {
    name: "ssh",
    counts: "failed logins of OpenSSH's server, and connections that end before a login",
    proof: Proof::Service("OpenSSH 9.2 and 10.0"),
    patterns: PATTERNS,
    logins: LOGINS,
    time_formats: syslog::TIME_FORMATS,
    logs: &["/var/log/auth.log", "/var/log/secure"],
    // Where `pam_systemd` is absent, a user who logs in by ssh stays in the control
    // group of `ssh.service`.
    journal: JournalSenders {
        units: &["ssh.service", "sshd.service"],
        users: &[],
        root_only: true,
        identifiers: &["sshd", "sshd-session", "sshd-auth"],
    },
    offer: Offer::Always,
    lends: true,
    sample: "Mar  2 04:05:06 web1 sshd[7]: Failed password for root from 203.0.113.9 port 40022 ssh2",
    addresses: Some("set `UseDNS no` in sshd_config"),
    ..BuiltinRule::NONE
};

/// All that stands before sshd's message.
macro_rules! head {
    () => {
        concat!(stamp!(), tag!("sshd(?:-session|-auth)?"))
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

/// It may also be a host name, or sshd's `UNKNOWN`: the matcher refuses these.
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

/// The user of a connection: an account that exists. Its name has no blank, and no
/// client chose it. The client's text may stand behind the address, so the first
/// address is the true one.
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

/// A method by which a login of an existing user failed: any word but `publickey` and
/// `none`, so one that begins with neither `pu` nor `no`. A client offers one key after
/// the other, and asks with `none` what it may try.
macro_rules! method {
    () => {
        r"(?:[^\spn]\S*|p[^\su]\S*|n[^\so]\S*)"
    };
}

/// Any text without `ssh2: ` (or another digit), which divides a key from what
/// is before it.
///
/// The client chooses both the user name and the key's text (a certificate's ID, a
/// client's user and host). With one `ssh2: ` in the line the address stands before it.
/// With two it is not known which one is sshd's.
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

/// A pattern: what its line says of the connection, the literals of which one stands
/// in every match, and the message behind the head.
///
/// Each literal begins where its first four bytes are rare in logs: those are looked for
/// at once, and only behind them the rest. `Conn`, `Disc` and ` not` stand in half of
/// sshd's lines.
macro_rules! pattern {
    ($says:ident, [$($literal:literal),+], $($message:tt)+) => {
        BuiltinPattern::new(concat!(head!(), $($message)+), &[$($literal),+])
            .of(ConnectionMessage::$says)
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    // No client chose the name of an account that exists: the first address is the true
    // one, whatever the text of a key behind it is.
    pattern!(
        Failed,
        ["Failed "],
        "Failed ",
        method!(),
        r" for (?P<user>\S+|<invalid username>) from ",
        ip!(),
        port!(),
        key_or_end!()
    ),
    // A name that the client chose, and no key: the last address.
    pattern!(
        Failed,
        ["Failed "],
        r"Failed (?:\S+ for (?:invalid|illegal) user|",
        method!(),
        " for) (?P<user>",
        no_key!(),
        ")",
        from_last!()
    ),
    // A name that the client chose, and a key, which ends in a fingerprint or, for a
    // client's host, in a quote.
    pattern!(
        Failed,
        ["Failed "],
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
    pattern!(
        Sign,
        ["Illegal user", "Invalid user"],
        "(?:Invalid|Illegal) user(?: (?P<user>.*))?",
        from_last!()
    ),
    // The reason is sshd's and has neither dot nor colon, so no address.
    pattern!(
        Sign,
        ["t allowed because "],
        "User (?P<user>.+) from ",
        ip!(),
        " not allowed because [\\w' -]+",
        end!()
    ),
    pattern!(
        Sign,
        ["ROOT LOGIN REFUSED FROM "],
        "ROOT LOGIN REFUSED FROM ",
        ip!(),
        port!(),
        end!()
    ),
    // PAM's text has one `for` only in "retries for service"; `for illegal
    // user NAME` has said `Invalid user`, and its NAME could hold a `for`.
    pattern!(
        Pam,
        ["PAM: "],
        r"(?:error: )?PAM: (?:(?:[^\sf]\S*|f[^\so]\S*) )+(?:for service )?",
        r"for (?P<user>\S+) from ",
        ip!(),
        r"(?: via \S+)?",
        end!()
    ),
    pattern!(
        Sign,
        ["maximum authentication attempts exceeded for "],
        "(?:error: )?maximum authentication attempts exceeded for ",
        "(?:(?:invalid|illegal) user )?(?P<user>.*)",
        from_last!()
    ),
    // TCP wrappers: `HOST`, `HOST (ADDRESS)`, each perhaps with a user that
    // the client's own ident service named: `USER@HOST`.
    pattern!(
        Sign,
        ["refused connect from "],
        r"refused connect from (?:.*[@ (])?(?P<ip>[^\s()@]+)\)?",
        end!()
    ),
    pattern!(
        Sign,
        ["Did not receive identification string from "],
        "Did not receive identification string from ",
        ip!(),
        port!(),
        end!()
    ),
    pattern!(
        Sign,
        ["Bad protocol version identification '"],
        "Bad protocol version identification '.*'",
        from_last!()
    ),
    pattern!(
        Sign,
        ["banner exchange: Connection from "],
        "(?:error: |fatal: )?banner exchange: Connection from",
        address_first!()
    ),
    pattern!(
        Sign,
        ["Unable to negotiate with "],
        "(?:error: |fatal: )?Unable to negotiate with",
        address_first!()
    ),
    // After a login it is `Connection from user NAME ADDRESS`.
    pattern!(
        Sign,
        ["ssh_dispatch_run_fatal: Connection "],
        "(?:error: |fatal: )?ssh_dispatch_run_fatal: Connection (?:from|to)(?:",
        account!(),
        ")?",
        address_first!()
    ),
    pattern!(
        SignWithPid,
        ["Timeout before authentication for "],
        "(?:error: |fatal: )?Timeout before authentication for (?:connection from )?",
        r"(?P<ip>\S+?)\.?(?: port \d+| to \S+, pid = \d+(?: \([a-z ]+\))?)?",
        end!()
    ),
    // An attack on a server that takes only keys leaves no other trace. Without
    // `authenticating user` it may be a probe that checks whether sshd is alive.
    pattern!(
        Sign,
        [" authenticating user "],
        "(?:Connection (?:closed|reset) by|Disconnected from) authenticating user ",
        // A port has neither dot nor colon.
        r"(?P<user>.*) (?P<ip>\S*[.:]\S*)",
        port!(),
        r" \[preauth\] *$"
    ),
    // The same where the server ends it: another user name, another service, a request
    // that makes no sense. Before `Too many authentication failures` always comes
    // `maximum authentication attempts exceeded`. Or where sshd met the end while
    // writing, which without a user may be that of somebody who had logged in.
    pattern!(
        Sign,
        [" authenticating user "],
        "(?:Disconnecting|(?:error: |fatal: )?",
        "(?:dispatch_protocol_error|(?:ssh_)?packet_write_(?:wait|poll)): Connection from)",
        account!(),
        r" (?P<ip>\S+?)",
        port!(),
        r": (?:[^T]|T[^o]).*$"
    ),
    // `RefuseConnection` of sshd 9.9: all that it says of an account.
    pattern!(
        Sign,
        ["administratively prohibited connection for "],
        r"administratively prohibited connection for (?P<user>\S+) from ",
        ip!(),
        port!(),
        end!()
    ),
    // Older than 8.0: a client of the first protocol, and its banner.
    pattern!(
        Sign,
        ["Protocol major versions differ for "],
        "Protocol major versions differ for",
        address_first!()
    ),
    // sshd 9.8 holds a peer back that has failed too often. Of connections that
    // end within a request nothing else names the address.
    pattern!(
        SignOfListener,
        ["drop connection #"],
        r"drop connection #\d+ from \[(?P<ip>[^\]\s]+)\]:\d+ on \[[^\]\s]+\]:\d+ ",
        "penalty: failed authentication *$"
    ),
];

/// A login that went well. The name of an account has no blank, and no client chose it.
/// The text of a key stands behind the address.
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
