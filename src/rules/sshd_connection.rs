//! A line of sshd → the connection that it belongs to, and what it is to that.
//!
//! The host name and the pid stand in the head of the line. syslog writes the head, so
//! a client chooses nothing in it. The patterns of `library/ssh.rs` describe it:
//!
//! | line, behind its time | host | pid |
//! |---|---|---|
//! | ` web1 sshd[4711]: Failed password for root from …` | web1 | 4711 |
//! | ` web1 [sshd][4711] Failed …` | web1 | 4711 |
//! | ` web1 sshd 4711 - - Failed …` (RFC 5424) | web1 | 4711 |
//! | ` sshd: Failed …` | | none |

use memchr::{memchr, memmem};

use crate::model::{Address, ConnectionId, LoginLine, Role};

/// What a line of sshd says of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionMessage {
    /// `Failed METHOD for …`: an attempt; with a method that guesses nothing it is a
    /// sign.
    Failed,
    /// `PAM: …`.
    Pam,
    /// Another line of the process that serves the connection.
    Sign,
    /// A line that the listening process may write; then it names the process that
    /// serves the connection: `…, pid = 4711`.
    SignWithPid,
    /// A line of the listening process, of a connection that no process serves.
    SignOfListener,
}

/// What the line is to its connection. It matched a pattern that says `message`, its
/// client is at `address`, and its time ends at the byte `time_end`.
// Few lines match. Not inlined, so that the code for all other lines stays small.
#[inline(never)]
pub(super) fn login_line(
    message: ConnectionMessage,
    line: &[u8],
    time_end: usize,
    address: Address,
) -> LoginLine {
    let head = Head::behind_time(&line[time_end..]);
    let role = match message {
        ConnectionMessage::Failed if guesses_nothing(head.rest) => Role::Sign,
        ConnectionMessage::Failed => Role::Attempt,
        ConnectionMessage::Pam => Role::PamAttempt,
        ConnectionMessage::Sign
        | ConnectionMessage::SignWithPid
        | ConnectionMessage::SignOfListener => Role::Sign,
    };
    let pid = match message {
        ConnectionMessage::SignWithPid => named_pid(head.rest).or(head.pid),
        ConnectionMessage::SignOfListener => None,
        ConnectionMessage::Failed | ConnectionMessage::Pam | ConnectionMessage::Sign => head.pid,
    };
    LoginLine {
        role,
        connection: pid.map(|pid| ConnectionId::of(address, head.host, pid)),
    }
}

/// What stands behind the time of a line that matches.
#[derive(Debug, PartialEq, Eq)]
struct Head<'l> {
    /// Empty if it is missing.
    host: &'l [u8],
    pid: Option<&'l [u8]>,
    /// The message, and perhaps something of the head before it.
    rest: &'l [u8],
}

impl<'l> Head<'l> {
    fn behind_time(text: &'l [u8]) -> Self {
        let (mut first, mut rest) = word(text);
        // BSD's `<auth.info>`.
        if first.starts_with(b"<") {
            (first, rest) = word(rest);
        }
        // A host name does not end with `:` or `]`.
        if is_tag(first) {
            return Head {
                host: b"",
                pid: pid_of(first),
                rest,
            };
        }
        let (second, behind) = word(rest);
        if is_tag(second) {
            return Head {
                host: first,
                pid: pid_of(second),
                rest: behind,
            };
        }
        // RFC 5424: `HOST sshd PID …`, or `sshd PID …`.
        let (host, (pid, rest)) = if second.starts_with(b"sshd") {
            (first, word(behind))
        } else {
            (&b""[..], (second, behind))
        };
        Head {
            host,
            pid: is_number(pid).then_some(pid),
            rest,
        }
    }
}

/// The next word of a text, without the blanks before it, and the rest.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let blanks = text.iter().take_while(|&&byte| byte == b' ').count();
    let text = &text[blanks..];
    text.split_at(memchr(b' ', text).unwrap_or(text.len()))
}

/// `sshd[4711]:`, `sshd:`, `[sshd]`.
fn is_tag(word: &[u8]) -> bool {
    matches!(word.last(), Some(b':' | b']'))
}

/// The pid in a tag: digits in its last brackets.
fn pid_of(tag: &[u8]) -> Option<&[u8]> {
    let tag = tag.strip_suffix(b":").unwrap_or(tag).strip_suffix(b"]")?;
    let before = tag.iter().rposition(|byte| !byte.is_ascii_digit())?;
    let pid = &tag[before + 1..];
    (tag[before] == b'[' && !pid.is_empty()).then_some(pid)
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Whether the method of a line `Failed METHOD …` only asks, or offers a key. sshd
/// writes such lines for users that do not exist.
fn guesses_nothing(rest: &[u8]) -> bool {
    let message = rest.trim_ascii_start();
    let method = match message.strip_prefix(b"Failed ") {
        Some(method) => method,
        // Solaris' `[ID …]` or structured data stands before it.
        None => match memmem::find(message, b"Failed ") {
            Some(at) => &message[at + b"Failed ".len()..],
            None => return false,
        },
    };
    matches!(word(method).0, b"none" | b"publickey")
}

/// The pid of `Timeout before authentication for connection from … to …, pid = 4711`. A
/// client can write nothing between the addresses and the pid.
fn named_pid(message: &[u8]) -> Option<&[u8]> {
    let named = &message[memmem::find(message, b", pid = ")? + b", pid = ".len()..];
    let digits = named
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    (digits > 0).then(|| &named[..digits])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::rules::{Clock, Matcher, Verdict, all};

    fn shipped() -> Matcher {
        let rule = Config::defaults(std::path::Path::new("/")).rule_named("ssh");
        Matcher::new(&rule.unwrap(), Clock::in_zone(1_774_189_098, |_| 0)).unwrap()
    }

    /// What the line of 203.0.113.9 is, by all of the matcher.
    fn of(matcher: &mut Matcher, line: &str) -> LoginLine {
        match matcher.line(line.as_bytes(), 0) {
            Verdict::Failure(failure) => failure.login.unwrap(),
            other => panic!("{line}: {other:?}"),
        }
    }

    fn id(host: &str, pid: &str) -> ConnectionId {
        let address = Address::parse(b"203.0.113.9").unwrap();
        ConnectionId::of(address, host.as_bytes(), pid.as_bytes())
    }

    /// What stands before a message, with its host and its pid.
    const HEADS: &[(&str, Option<(&str, &str)>)] = &[
        ("Mar 22 14:18:18 web1 sshd[4711]: ", Some(("web1", "4711"))),
        (
            "Mar  2 14:18:18 web1  sshd-session[4711]: ",
            Some(("web1", "4711")),
        ),
        (
            "2026-03-22T14:18:18.1+00:00 web1 sshd-auth[4711]: ",
            Some(("web1", "4711")),
        ),
        (
            "2026-03-22 14:18:18 web1 sshd[4711] ",
            Some(("web1", "4711")),
        ),
        ("Mar 22 14:18:18 web1 [sshd][4711] ", Some(("web1", "4711"))),
        (
            "Mar 22 14:18:18 2001:db8::1 sshd[4711]: ",
            Some(("2001:db8::1", "4711")),
        ),
        ("Mar 22 14:18:18 sshd[4711]: ", Some(("", "4711"))),
        (
            "Mar 22 14:18:18 <auth.info> web1 sshd[4711]: ",
            Some(("web1", "4711")),
        ),
        (
            "Mar 22 14:18:18 web1 sshd[4711]: [ID 800047 auth.info] ",
            Some(("web1", "4711")),
        ),
        (
            "<38>Mar 22 14:18:18 web1 sshd[4711]: ",
            Some(("web1", "4711")),
        ),
        (
            "<38>1 2026-03-22T14:18:18Z web1 sshd 4711 - - ",
            Some(("web1", "4711")),
        ),
        (
            "<38>1 2026-03-22T14:18:18Z web1 sshd 4711 ID47 [a b=\"c]\"] ",
            Some(("web1", "4711")),
        ),
        (
            "<38>1 2026-03-22T14:18:18Z sshd 4711 - - ",
            Some(("", "4711")),
        ),
        (
            "<38>1 2026-03-22T14:18:18Z sshd sshd 4711 - - ",
            Some(("sshd", "4711")),
        ),
        ("Mar 22 14:18:18 sshd sshd[4711]: ", Some(("sshd", "4711"))),
        ("<38>1 2026-03-22T14:18:18Z web1 sshd - - - ", None),
        ("Mar 22 14:18:18 web1 sshd: ", None),
        ("Mar 22 14:18:18 web1 [sshd]: ", None),
        ("Mar 22 14:18:18 sshd: ", None),
    ];

    #[test]
    fn host_and_pid_are_read_from_every_head() {
        let mut matcher = shipped();
        let failed = "Failed password for root from 203.0.113.9 port 7 ssh2";
        for &(head, named) in HEADS {
            let connection = named.map(|(host, pid)| id(host, pid));
            let line = format!("{head}{failed}");
            let found = of(&mut matcher, &line);
            assert_eq!(found.role, Role::Attempt, "{line}");
            assert_eq!(found.connection, connection, "{line}");
        }
    }

    const MESSAGES: &[(&str, Role)] = &[
        (
            "Failed password for root from IP port 7 ssh2",
            Role::Attempt,
        ),
        (
            "Failed keyboard-interactive/pam for root from IP port 7 ssh2",
            Role::Attempt,
        ),
        (
            "Failed hostbased for root from IP port 7 ssh2",
            Role::Attempt,
        ),
        (
            "Failed password for invalid user x from IP port 7 ssh2",
            Role::Attempt,
        ),
        (
            "message repeated 3 times: [ Failed password for root from IP port 7 ssh2]",
            Role::Attempt,
        ),
        (
            "Failed none for invalid user x from IP port 7 ssh2",
            Role::Sign,
        ),
        (
            "message repeated 3 times: [ Failed none for invalid user x from IP port 7 ssh2]",
            Role::Sign,
        ),
        (
            "Failed publickey for invalid user x from IP port 7 ssh2",
            Role::Sign,
        ),
        (
            "Failed publickey for invalid user x from IP port 7 ssh2: RSA SHA256:abc",
            Role::Sign,
        ),
        (
            "error: PAM: Authentication failure for root from IP",
            Role::PamAttempt,
        ),
        ("Invalid user x from IP port 7", Role::Sign),
        (
            "User x from IP not allowed because not listed in AllowUsers",
            Role::Sign,
        ),
        ("ROOT LOGIN REFUSED FROM IP port 7", Role::Sign),
        (
            "error: maximum authentication attempts exceeded for root from IP port 7 ssh2",
            Role::Sign,
        ),
        (
            "Connection closed by authenticating user root IP port 7 [preauth]",
            Role::Sign,
        ),
    ];

    #[test]
    fn attempts_are_told_from_signs() {
        let mut matcher = shipped();
        for &(message, role) in MESSAGES {
            let line = format!(
                "Mar 22 14:18:18 web1 sshd[7]: {}",
                message.replace("IP", "203.0.113.9")
            );
            let found = of(&mut matcher, &line);
            assert_eq!(
                (found.role, found.connection),
                (role, Some(id("web1", "7"))),
                "{line}"
            );
        }
    }

    /// A client types the name, and what it says when it leaves.
    #[test]
    fn no_name_makes_a_sign_of_an_attempt_or_names_another_connection() {
        let mut matcher = shipped();
        let names = [
            "Failed none for x",
            "none",
            "publickey for invalid user x",
            "sshd[9]: Failed none for invalid user x",
            "x, pid = 9",
            "web2 sshd[9]: x",
        ];
        for name in names {
            for (message, role) in [
                (
                    format!("Failed password for invalid user {name} from 203.0.113.9 port 7 ssh2"),
                    Role::Attempt,
                ),
                (
                    format!("Invalid user {name} from 203.0.113.9 port 7"),
                    Role::Sign,
                ),
                (
                    format!(
                        "User {name} from 203.0.113.9 not allowed because not listed in AllowUsers"
                    ),
                    Role::Sign,
                ),
                (
                    format!("Bad protocol version identification '{name}' from 203.0.113.9 port 7"),
                    Role::Sign,
                ),
            ] {
                let line = format!("Mar 22 14:18:18 web1 sshd[7]: {message}");
                let found = of(&mut matcher, &line);
                assert_eq!(
                    (found.role, found.connection),
                    (role, Some(id("web1", "7"))),
                    "{line}"
                );
            }
        }
    }

    #[test]
    fn lines_of_the_process_that_listens_are_of_the_connection_that_they_name_or_of_none() {
        let mut matcher = shipped();
        for (message, connection) in [
            (
                "Timeout before authentication for connection from 203.0.113.9 to 203.0.113.1, pid = 4712",
                Some(id("web1", "4712")),
            ),
            (
                "fatal: Timeout before authentication for 203.0.113.9 port 7",
                Some(id("web1", "4711")),
            ),
            (
                "drop connection #10 from [203.0.113.9]:7 on [203.0.113.1]:22 penalty: failed authentication",
                None,
            ),
        ] {
            let line = format!("Mar 22 14:18:18 web1 sshd[4711]: {message}");
            let found = of(&mut matcher, &line);
            assert_eq!(
                found,
                LoginLine {
                    role: Role::Sign,
                    connection
                },
                "{line}"
            );
        }
    }

    #[test]
    fn other_rules_and_own_patterns_have_no_connections() {
        let config = Config::defaults(std::path::Path::new("/"));
        for rule in all().filter(|rule| rule.name != "ssh") {
            let mut patterns = rule.patterns.iter();
            assert!(patterns.all(|pattern| pattern.connection.is_none()));
        }
        let mut rule = config.rule_named("ssh").unwrap();
        for pattern in &mut rule.patterns {
            pattern.built_in = false;
        }
        let mut own = Matcher::new(&rule, Clock::in_zone(1_774_189_098, |_| 0)).unwrap();
        let line = b"Mar 22 14:18:18 web1 sshd[7]: Invalid user x from 203.0.113.9 port 7";
        let Verdict::Failure(failure) = own.line(line, 0) else {
            panic!("no failure");
        };
        assert_eq!(failure.login, None);
    }
}
