//! The message of Drupal about a failed login, through syslog.
//!
//! The address stands before all that a client says.
//!
//! As fail2ban. Of names that are no users, `from` and the address stand in the message. What
//! Drupal says of its own limits (`Flood control blocked`) does not count: it is written of
//! good passwords, too. Logins by JSON write nothing. PHP makes several messages of a text
//! with line breaks ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::forgeable::Forgeable;
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "drupal-auth",
    counts: "failed logins at Drupal, which its module syslog writes",
    proof: Proof::Documentation(
        "the source of Drupal 8, 10 and 11 (SysLog.php, UserLoginForm.php)",
    ),
    sample: "Mar  2 04:05:06 host drupal: https://example.org|1772424306|user|203.0.113.9|https://example.org/user/login||0||Login attempt failed for bob.",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: &[
        "/var/log/syslog",
        "/var/log/messages",
        "/var/log/auth.log",
        "/var/log/user.log",
    ],
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "PHP sends each line of what a client typed to syslog as a message of its own",
    "count the answers of the web server: the rule apache or nginx with `urls` /user/login and `http_status_blocks` 200",
);

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!(r"drupal[\w.-]*"),
        r"https?://[^|\s]+\|\d+\|user\|(?P<ip>[^|\s]+)\|.*\|\d+\|[^|]*\|Login attempt failed f(?:or (?P<user>.*)\.|(?:or|rom) .*)$"
    ),
    &["|Login attempt failed f"],
)];
