//! The messages of Asterisk about failed registrations and calls, and its security events.
//!
//! A client chooses the name before the address, in quotes, and the id of the call behind it: the
//! text that stands before the address stands nowhere else in a line that counts. In the other
//! messages all that it chooses is behind the address, or the address ends the line.
//!
//! As fail2ban, but of the calls to a number that there is not only those of guests: a phone that
//! has logged in may be mistaken. A login at the manager under a name that there is not is told of
//! twice. Of a call with a wrong password `chan_sip`, up to Asterisk 20, writes no address: only
//! the security event of it counts.
//!
//! All this does not help against what Asterisk makes of control characters ([`FORGEABLE`]):
//! it writes a line break in a called number as it is, and in each message it takes what stands
//! from an escape character up to the next `m` for a colour and drops it, the true address as well.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::Forgeable;
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "asterisk",
    counts: "failed registrations and logins, and calls of strangers, at Asterisk",
    proof: Proof::Documentation("the source of Asterisk 22.10, and of chan_sip in 18"),
    sample: "[Mar  2 04:05:06] NOTICE[7] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '\"1000\" <sip:1000@192.0.2.1>' failed for '203.0.113.9:5060' (callid: x) - No matching endpoint found",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: &[
        "/var/log/asterisk/messages",
        "/var/log/asterisk/messages.log",
        "/var/log/asterisk/full",
        "/var/log/asterisk/full.log",
        "/var/log/asterisk/security",
        "/var/log/asterisk/security.log",
    ],
    journal: JournalSenders::of(&["asterisk.service"]).and(&["asterisk"]),
    offer: Offer::SwitchedOff(&["usr/sbin/asterisk"]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "Asterisk writes a line break in a called number as it is and takes out what a client puts behind an escape character, so that a client can name another address; and its requests by UDP can come from any address",
    "let Asterisk itself refuse unknown networks (acl.conf), or set `trust_sender` to true all the same",
);

/// All that stands before the message. In a file Asterisk writes the stamp in brackets, the
/// level, and the file of its source; in syslog and on a console also the line and the function.
macro_rules! asterisk {
    () => {
        concat!(
            "^",
            priority!(),
            r"(?:\[)?(?P<time>[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)?|",
            iso_time!(),
            r")\]? +(?:",
            tag!("asterisk"),
            r")?(?:NOTICE|SECURITY|WARNING)\[\d+\](?:\[C-[0-9a-f]+\])?:? (?:[\w./-]+:(?:\d+)? (?:(?:in )?\w+: )?)?"
        )
    };
}

/// Text in which `' f` stands nowhere, so that no `' failed for '` does.
macro_rules! without_failed {
    () => {
        r"(?:[^']|'+(?: '+)*(?:[^ ']| [^f']))*(?:'+(?: '+)* ?)?"
    };
}

/// Text in which `",Rem` stands nowhere, so that no other `",RemoteAddress="` does.
macro_rules! without_remote {
    () => {
        concat!(
            r#"(?:[^"]|"+(?:,(?:Re?)?"+)*(?:[^",]|,[^"R]|,R[^"e]|,Re[^"m]))*"#,
            r#"(?:"+(?:,(?:Re?)?"+)*(?:,(?:Re?)?)?)?"#
        )
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            asterisk!(),
            r"(?:Registration|Request '\w+') from '(?P<user>",
            without_failed!(),
            r")' failed for '",
            address_port!(),
            r"' ?(?:\(callid: ",
            without_failed!(),
            r"\) )?- (?:Wrong password|Username/auth name mismatch|No matching peer found|Not a local domain|Peer is not supposed to register|Device does not match ACL|ACL error \(permit/deny\)|No matching endpoint found(?: after \d+ tries in [\d.]+ ms)?|Failed to authenticate|Device not configured to use this transport type|Not match Endpoint(?: Contact)? ACL|Error to authenticate)$"
        ),
        &["' failed for '"],
    ),
    BuiltinPattern::new(
        concat!(
            asterisk!(),
            r"(?:Host )?",
            address_port!(),
            r" (?:failed to authenticate as |tried to authenticate with nonexistent user |failed MD5 authentication for |did not provide proper plaintext password for |denied access to register peer )(?:'(?P<user>.*)'.*|.*)$"
        ),
        &[
            "failed to authenticate as ",
            "tried to authenticate with nonexistent user ",
            "failed MD5 authentication for ",
            "did not provide proper plaintext password for ",
            "denied access to register peer ",
        ],
    ),
    BuiltinPattern::new(
        concat!(
            asterisk!(),
            r#"SecurityEvent="(?:FailedACL|InvalidAccountID|ChallengeResponseFailed|InvalidPassword|AuthMethodNotAllowed)",EventTV="[^"]*",Severity="[^"]*",Service="[^"]*",EventVersion="\d+",AccountID="(?P<user>[^"]*)"#,
            without_remote!(),
            r#"",RemoteAddress="IPV[46]/(?:\w+/)?(?P<ip>[^/"]+)/\d+"(?:,(?:[^"R]|R[^"e]|Re[^"m])"#,
            without_remote!(),
            ")?$"
        ),
        &["SecurityEvent=\""],
    ),
    BuiltinPattern::new(
        concat!(
            asterisk!(),
            r"No registration for peer '(?P<user>.*)' \(from (?P<ip>[^()\s]+)\)$"
        ),
        &["No registration for peer '"],
    ),
    // The name is that of the endpoint for guests; `chan_sip` has none for them.
    BuiltinPattern::new(
        concat!(
            asterisk!(),
            r" ?(?:Call from '(?:anonymous)?'|(?:PJSIP/)?anonymous(?:-[0-9a-f]+)?: Call) \((?:[A-Z]+:)?",
            address_port!(),
            r"\) to extension '.*' rejected because extension not found in context '[^']*'\.$"
        ),
        &["' rejected because extension not found in context '"],
    ),
    // What FreePBX lets Asterisk write of a guest.
    BuiltinPattern::new(
        concat!(
            asterisk!(),
            r#"Ext\. s:(?:\d+ in @ [\w-]+:)? "Rejecting unknown SIP connection from "#,
            address_port!(),
            "\"$"
        ),
        &["\"Rejecting unknown SIP connection from "],
    ),
    BuiltinPattern::new(
        concat!(
            asterisk!(),
            r"Peer '(?P<user>.*)' is not dynamic \(from (?P<ip>[^()\s]+)\)$"
        ),
        &["' is not dynamic (from "],
    ),
];
