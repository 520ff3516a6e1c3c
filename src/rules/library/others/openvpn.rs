//! The messages of OpenVPN about clients that it does not let in.
//!
//! The address stands before all that a client says. Over UDP a packet without the right key is
//! told of before it belongs to a client: there the address ends the line, with its port, and IPv6
//! has no brackets.
//!
//! fail2ban has no such filter in its releases; this counts what is written of a refused login or
//! certificate. The senders of UDP can be forged ([`FORGEABLE`]). Since 2.7 the protocol stands
//! before an address.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::Forgeable;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "openvpn",
    counts: "refused logins and certificates at OpenVPN, and broken handshakes",
    proof: Proof::Service("OpenVPN 2.6"),
    sample: "Mar  2 04:05:06 host ovpn-server[7]: 203.0.113.9:40022 TLS Auth Error: Auth Username/Password verification failed for peer",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &[
        "/var/log/openvpn/openvpn.log",
        "/var/log/openvpn.log",
        "/var/log/syslog",
        "/var/log/messages",
    ],
    journal: JournalSenders::of(&[
        "openvpn@server.service",
        "openvpn-server@server.service",
        "openvpn.service",
    ])
    .and(&["nobody", "openvpn"]),
    offer: Offer::SwitchedOff(&["usr/sbin/openvpn"]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "its requests come by UDP, and anybody can send them under any address",
    "let OpenVPN ask for its key first (`tls-crypt`), or set `trust_sender` to true all the same (over TCP nothing can be forged)",
);

const TIME_FORMATS: &[&str] = &[
    "%a %b %d %H:%M:%S %Y",
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
];

/// All that stands before the message.
macro_rules! openvpn {
    () => {
        concat!(
            "^",
            priority!(),
            r"(?P<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}|",
            classic_time!(),
            "|",
            iso_time!(),
            ") +(?:",
            tag!(r"(?:ovpn|openvpn)(?:[@-][\w.-]+)?"),
            ")?"
        )
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            openvpn!(),
            r"(?:[^\s/:]+/)?(?:tcp[46]?-server:|udp[46]?:)?",
            address_port!(),
            " ",
            r"(?:TLS Auth Error: Auth Username/Password (?:verification failed for peer|was not provided by peer)|TLS Error: (?:TLS handshake failed|incoming packet authentication failed from .*|cannot locate HMAC in incoming packet from .*|tls-crypt unwrapping failed from .*)|VERIFY ERROR: .*)$"
        ),
        &[
            "TLS Auth Error: Auth Username/Password ",
            "TLS Error: ",
            "VERIFY ERROR: ",
        ],
    ),
    BuiltinPattern::new(
        concat!(
            openvpn!(),
            r"TLS Error: (?:incoming packet authentication failed|cannot locate HMAC in incoming packet|tls-crypt unwrapping failed|can not extract tls-crypt-v2 client key) from \[AF_INET6?\](?P<ip>[0-9A-Fa-f.:]+):\d+(?: \(via [^()]*\))?$"
        ),
        &[" from [AF_INET"],
    ),
];
