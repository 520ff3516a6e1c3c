//! The message of `pam_unix` about a wrong password, of services other than sshd.
//!
//! ```text
//! pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=NAME rhost=ADDRESS  user=NAME
//! ```
//!
//! The client chooses both names, and one of them stands before the address. So the
//! first name has no blank, and the last one no `=`: no other reading is left.
//! Only programs that ask PAM for somebody on the network are believed, for another
//! one may write a client's text where this message begins.
//!
//! As fail2ban, without sshd, which tells of it itself. `pam_unix` says at the end of a
//! login how many more attempts there were: the line counts as many.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "pam-generic",
    counts: "wrong passwords of services that ask PAM (vsftpd, ProFTPD, Dovecot, saslauthd, login and others), without sshd",
    proof: Proof::Service("Linux-PAM 1.5.2 and 1.7.0"),
    sample: "Mar  2 04:05:06 host vsftpd: pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=bob rhost=203.0.113.9  user=bob",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::AUTH_LOGS,
    journal: JournalSenders::of(&[
        "saslauthd.service",
        "vsftpd.service",
        "proftpd.service",
        "pure-ftpd.service",
        "dovecot.service",
        "xrdp-sesman.service",
    ])
    .and(&["dovecot", "dovenull"]),
    offer: Offer::SwitchedOff(&[]),
    addresses: Some("let the service hand addresses to PAM (ProFTPD: `UseReverseDNS off`)"),
    ..BuiltinRule::NONE
};

/// Behind the service: the names of who asks, and the address.
macro_rules! remote {
    () => {
        concat!(
            r"logname=\S* uid=\d+ euid=\d+ tty=\S* ruser=(?P<ruser>\S*) ",
            r"rhost=(?P<ip>[^\s=]+)(?: {1,2}user=(?P<user>[^=]*)| *)$"
        )
    };
}

macro_rules! pam {
    () => {
        concat!(
            head!(
                r"(?:[\w-]*ftpd?(?:-\w+)?|login|remote|rlogin|in\.\w+|auth|auth-worker|dovecot-auth|saslauthd|xrdp-sesman|xrdp-sesexec|cockpit-session|webmin|imapd?|pop3d?|ipop3d|smbd|cupsd|ejabberd|perl)"
            ),
            // Any service but sshd.
            r"pam_unix\((?:[^s\W][\w.-]*|s(?:[^s\W][\w.-]*|s(?:[^h\W][\w.-]*|h(?:[^d\W][\w.-]*|d[\w.-]+)?)?)?):auth\): ",
        )
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(pam!(), "authentication failure; ", remote!()),
        &[":auth): authentication failure; "],
    ),
    BuiltinPattern::new(
        concat!(pam!(), r"\d+ more authentication failures?; ", remote!()),
        &[" more authentication failure"],
    )
    .counting(" more authentication failure"),
];
