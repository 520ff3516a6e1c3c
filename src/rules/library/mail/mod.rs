//! Mail servers, and web mail.
//!
//! | file | what it holds |
//! |---|---|
//! | `postfix.rs`, `postfix_sasl.rs`, `postfix_log.rs` | Postfix: what it refuses, failed logins, and what both share |
//! | `dovecot.rs`, `dovecot_probes.rs`, `dovecot_log.rs` | Dovecot: failed logins, connections without one, and what both share |
//! | `exim.rs` | Exim |
//! | `sendmail_auth.rs`, `sendmail_reject.rs`, `sendmail_log.rs` | Sendmail: failed logins, what it refuses, and what both share |
//! | `cyrus_imap.rs`, `sieve.rs` | Cyrus |
//! | `courier_auth.rs`, `courier_smtp.rs` | Courier |
//! | `roundcube_auth.rs`, `sogo_auth.rs` | web mail |

use super::contract::BuiltinRule;

#[macro_use]
mod dovecot_log;
#[macro_use]
mod postfix_log;
#[macro_use]
mod sendmail_log;

mod courier_auth;
mod courier_smtp;
mod cyrus_imap;
mod dovecot;
mod dovecot_probes;
mod exim;
mod postfix;
mod postfix_sasl;
mod roundcube_auth;
mod sendmail_auth;
mod sendmail_reject;
mod sieve;
mod sogo_auth;

/// In the order in which they are named to the user.
pub(super) static RULES: &[&BuiltinRule] = &[
    &postfix::RULE,
    &postfix_sasl::RULE,
    &dovecot::RULE,
    &dovecot_probes::RULE,
    &exim::RULE,
    &sendmail_auth::RULE,
    &sendmail_reject::RULE,
    &cyrus_imap::RULE,
    &sieve::RULE,
    &courier_auth::RULE,
    &courier_smtp::RULE,
    &roundcube_auth::RULE,
    &sogo_auth::RULE,
];
