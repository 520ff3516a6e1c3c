//! The messages of Asterisk about failed registrations and calls, and its security events.
//!
//! The name that a client gives stands before the address, in quotes; neither it nor the id of the
//! call holds such a quote, and what stands behind is one of a few words. In a security event the
//! fields are in their order, and none of those behind the address is one of those before it.
//!
//! As fail2ban's most frequent messages. The senders of UDP can be forged ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::Forgeable;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "asterisk",
    counts: "failed registrations and calls at Asterisk",
    proof: Proof::Documentation("the source of Asterisk 20"),
    sample: "[2026-03-02 04:05:06] NOTICE[7]: res_pjsip/pjsip_distributor.c:676 log_failed_request: Request 'REGISTER' from '\"1000\" <sip:1000@192.0.2.1>' failed for '203.0.113.9:5060' (callid: x) - No matching endpoint found",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &[
        "/var/log/asterisk/security",
        "/var/log/asterisk/messages",
        "/var/log/asterisk/messages.log",
        "/var/log/asterisk/full",
    ],
    journal: JournalSenders::of(&["asterisk.service"]).and(&["asterisk"]),
    offer: Offer::SwitchedOff(&["usr/sbin/asterisk"]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "its requests come by UDP, and anybody can send them under any address",
    "let Asterisk listen on TLS alone, or set `trust_sender` to true all the same",
);

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

const TIME_FORMATS: &[&str] = &[
    "%Y-%m-%d %H:%M:%S%.f",
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
];

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            asterisk!(),
            r"(?:Registration|Request '\w+') from '(?P<user>[^']*)' failed for '",
            address_port!(),
            r"' ?(?:\(callid: [^'()]*\) )?- (?:Wrong password|Username/auth name mismatch|No matching peer found|Not a local domain|Peer is not supposed to register|Device does not match ACL|ACL error \(permit/deny\)|No matching endpoint found(?: after \d+ tries in [\d.]+ ms)?|Failed to authenticate|Device not configured to use this transport type|Not match Endpoint(?: Contact)? ACL|Error to authenticate)$"
        ),
        &["' failed for '"],
    ),
    BuiltinPattern::new(
        concat!(
            asterisk!(),
            r"(?:Host (?P<ip>[0-9A-Fa-f.:]+) failed (?:to authenticate|MD5 authentication for) .*)$"
        ),
        &[" failed "],
    ),
    BuiltinPattern::new(
        concat!(
            asterisk!(),
            r#"SecurityEvent="(?:FailedACL|InvalidAccountID|ChallengeResponseFailed|InvalidPassword|AuthMethodNotAllowed)",EventTV="[^"]*",Severity="[^"]*",Service="[^"]*",EventVersion="\d+",AccountID="(?P<user>[^"]*)",SessionID="[^"]*",LocalAddress="[^"]*","#,
            r#"RemoteAddress="IPV[46]/\w+/(?P<ip>[^/"]+)/\d+"(?:,(?:Challenge|ReceivedChallenge|Response|ExpectedResponse|ReceivedHash|ACLName|AuthMethod|Module|UsingPassword)="[^"]*")*$"#
        ),
        &["SecurityEvent=\""],
    ),
];
