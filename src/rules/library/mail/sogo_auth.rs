//! The message of SOGo about a failed login.
//!
//! SOGo writes the header `X-Forwarded-For`, in which each proxy adds the address that it
//! sees: the last one is that of our own proxy. Neither what stands before it nor the name
//! behind it holds `' f`, so that no header takes the place of the rest of the line.
//!
//! As fail2ban, which passes over a client that sends such a header itself. SOGo writes a
//! line break in a name as it is, so that its log can be forged ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::Forgeable;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "sogo-auth",
    counts: "failed logins at SOGo",
    proof: Proof::Service("SOGo 5.8 and 5.12"),
    sample: "Mar 02 04:05:06 sogod [7]: SOGoRootPage Login from '203.0.113.9' for user 'bob' might not have worked - password policy: 65535  grace: -1  expire: -1  bound: 0",
    patterns: PATTERNS,
    time_formats: &["%b %d %H:%M:%S"],
    logs: &["/var/log/sogo/sogo.log"],
    journal: JournalSenders::of(&["sogo.service", "sogod.service"]),
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "SOGo writes a line break in a user's name into its log as it is",
    "count the answers of the web server before it: the rule nginx or apache with `urls` /SOGo/connect",
);

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    r"^(?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) sogod \[\d+\]: (?:\|?SOGo\|? )?SOGoRootPage Login from '(?:[^']*, )?(?P<ip>[^\s',]+)' for user '(?P<user>(?:[^']|'(?:'| ')*(?:[^' ]| [^'f]))*(?:'(?:'| ')* ?)?)' might not have worked(?: - password policy: \d*  grace: -?\d*  expire: -?\d*  bound: -?\d*)?\s*$",
    &["SOGoRootPage Login from '"],
)];
