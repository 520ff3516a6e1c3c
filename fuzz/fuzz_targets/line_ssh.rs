//! Lines of the rule `ssh`.
#![no_main]

use std::sync::LazyLock;

use fuzz::lines::{Read, check};
use libfuzzer_sys::fuzz_target;
use pyfilter::model::Address;

static RULE: LazyLock<Read> = LazyLock::new(|| Read::shipped("ssh"));

fuzz_target!(|data: &[u8]| {
    check(&RULE.plain, &RULE.matcher, data, true);
    hostile(&RULE, data);
});

/// What a client may put into a line: sshd writes no control characters.
fn hostile(rule: &Read, data: &[u8]) {
    let own = Address::parse(b"203.0.113.7").expect("an address");
    let text: Vec<u8> = data
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_control())
        .collect();
    let lines: [(&[u8], &[u8], bool); 7] = [
        (
            b"Failed password for invalid user ",
            b" from 203.0.113.7 port 4242 ssh2",
            true,
        ),
        (
            b"Failed password for ",
            b" from 203.0.113.7 port 4242 ssh2",
            true,
        ),
        (b"Invalid user ", b" from 203.0.113.7 port 4242", true),
        (
            b"Connection closed by invalid user ",
            b" 203.0.113.7 port 4242 [preauth]",
            false,
        ),
        (
            b"Disconnecting authenticating user ",
            b" 203.0.113.7 port 4242: Too many authentication failures [preauth]",
            false,
        ),
        (
            b"Received disconnect from 203.0.113.7 port 4242:11: ",
            b"",
            false,
        ),
        (
            b"Bad protocol version identification '",
            b"' from 203.0.113.7 port 4242",
            false,
        ),
    ];
    for (before, behind, counts) in lines {
        let head = b"2026-11-22T07:30:08.000001+00:00 vm sshd[4242]: ";
        let line = |text: &[u8]| [head, before, text, behind].concat();
        let counted = rule.check_hostile(&line(&text), own);
        // Behind `ssh2: ` stands a key. With one in the name, too, nobody can tell in a
        // line of `Failed`, which then names nobody; `Invalid user` has told it before.
        let may_be_key = before.starts_with(b"Failed")
            && [&text[..], b" "]
                .concat()
                .windows(6)
                .any(|six| matches!(six, [b's', b's', b'h', b'0'..=b'9', b':', b' ']));
        let text = text.escape_ascii();
        assert!(
            counted || !counts || may_be_key,
            "evaded: {}{text}",
            before.escape_ascii()
        );
    }
}
