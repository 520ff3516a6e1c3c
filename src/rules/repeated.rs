//! `message repeated N times: [ … ]`: one line of the log that stands for N.

use std::borrow::Cow;

/// How the words begin.
const WORDS: &[u8] = b"message repeated ";

/// The part of these words that is rare: many words begin with `mess`.
pub(super) const RARE: &[u8] = b"repeated ";

/// The line that was repeated and how often, or `line` itself and 1.
///
/// The words count only at the start of a message, behind the head of the line: a
/// client may have sent them further on.
#[must_use]
pub(super) fn unfold(line: &[u8]) -> (Cow<'_, [u8]>, u32) {
    let once = (Cow::Borrowed(line), 1);
    if !line.ends_with(b"]") {
        return once;
    }
    let Some(start) = message(line) else {
        return once;
    };
    let Some(rest) = line[start..].strip_prefix(WORDS) else {
        return once;
    };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let Some(inner) = rest[digits..].strip_prefix(b" times: [") else {
        return once;
    };
    let number = rest[..digits].iter().fold(0u32, |n, b| {
        n.saturating_mul(10).saturating_add(u32::from(b - b'0'))
    });
    if digits == 0 || number == 0 {
        return once;
    }
    let inner = inner[..inner.len() - 1].trim_ascii();
    (Cow::Owned([&line[..start], inner].concat()), number)
}

/// Where the message begins: behind the first `: `, or, in RFC 5424, behind
/// the structured data.
fn message(line: &[u8]) -> Option<usize> {
    if let Some(fields) = line
        .strip_prefix(b"<")
        .and_then(|_| memchr::memmem::find(line, b">1 "))
        && fields <= 4
    {
        return behind_structured_data(line, fields + 3);
    }
    memchr::memmem::find(line, b": ").map(|colon| colon + 2)
}

/// RFC 5424, 6: TIMESTAMP HOSTNAME APP-NAME PROCID MSGID, then `-` or `[…]…`,
/// in whose values `"`, `\` and `]` are escaped, then the message.
fn behind_structured_data(line: &[u8], mut at: usize) -> Option<usize> {
    for _ in 0..5 {
        at += memchr::memchr(b' ', line.get(at..)?)? + 1;
    }
    if line.get(at) == Some(&b'-') {
        return (line.get(at + 1) == Some(&b' ')).then_some(at + 2);
    }
    let (mut quoted, mut escaped) = (false, false);
    for (n, &byte) in line.get(at..)?.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b' ' if !quoted && line[at + n - 1] == b']' => return Some(at + n + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfolded(line: &str) -> (String, u32) {
        let (line, count) = unfold(line.as_bytes());
        (String::from_utf8(line.into_owned()).unwrap(), count)
    }

    #[test]
    fn a_repeated_message_is_the_message_and_its_number() {
        for (head, text) in [
            (
                "Mar 22 14:18:18 vps sshd[7]: ",
                "Failed password for root from 203.0.113.9 port 1 ssh2",
            ),
            (
                "2026-03-22T14:18:18.1+00:00 vps sshd-session[7]: ",
                "Invalid user  from 203.0.113.9 port 1",
            ),
            (
                "<38>1 2026-03-22T14:18:18Z vps sshd 7 - - ",
                "Failed password for root from 203.0.113.9",
            ),
            (
                r#"<38>1 2026-03-22T14:18:18Z vps sshd 7 - [a b="\" - x"][c d="] "] "#,
                "Failed password",
            ),
        ] {
            let line = format!("{head}message repeated 4 times: [ {text}]");
            assert_eq!(unfolded(&line), (format!("{head}{text}"), 4));
        }
    }

    #[test]
    fn the_words_typed_by_an_attacker_count_once() {
        for line in [
            "Mar 22 14:18:18 vps sshd[7]: Invalid user x: message repeated 9 times: [ a]",
            "Mar 22 14:18:18 vps sshd[7]: Invalid user message repeated 9 times: [ Failed password for a from 192.0.2.1]",
            "<38>1 2026-03-22T14:18:18Z vps sshd 7 - - Invalid user - message repeated 9 times: [ a]",
            "<38>1 2026-03-22T14:18:18Z vps sshd 7 - - Invalid user x: message repeated 9 times: [ a]",
            "Mar 22 14:18:18 vps sshd[7]: message repeated 0 times: [ a]",
            "Mar 22 14:18:18 vps sshd[7]: message repeated times: [ a]",
            "Mar 22 14:18:18 vps sshd[7]: message repeated 5 times: [ a",
            "message repeated 5 times: [",
            "]",
            "",
        ] {
            assert_eq!(unfolded(line), (line.to_owned(), 1));
        }
    }

    #[test]
    fn a_number_beyond_all_bounds_stays_a_number() {
        let line = "Mar 22 14:18:18 vps sshd[7]: message repeated 99999999999999999999 times: [ a]";
        assert_eq!(unfolded(line).1, u32::MAX);
    }
}
