//! The names that were tried, as the built-in rules find them: `audit` lists them, and
//! `check` warns of an `ignore_patterns` that hides failures by such a name.

use std::path::Path;

use super::samples::clock;
use crate::config::Config;
use crate::rules::{GROUPS, Matcher, Users, Verdict};

/// The name that was tried in a line that is a failure of the rule.
fn tried(rule: &str, line: &str) -> Option<String> {
    let section = Config::defaults(Path::new("/")).rule_named(rule).unwrap();
    let mut matcher = Matcher::with_users(&section, clock("2026-11-22T12:00:00Z")).unwrap();
    let verdict = matcher.line(line.as_bytes(), 0);
    assert!(matches!(verdict, Verdict::Failure(_)), "{rule}: {line}");
    let mut users = Users::default();
    matcher.exchange_users(&mut users);
    Some(String::from_utf8_lossy(users.get(0)?).into_owned())
}

#[test]
fn a_sample_with_a_name_that_was_tried_has_it() {
    let rules = GROUPS.iter().flat_map(|group| group.rules);
    let of_bob: Vec<_> = rules.filter(|rule| rule.sample.contains("bob")).collect();
    assert!(of_bob.len() > 30);
    for rule in of_bob {
        let user = tried(rule.name, rule.sample).unwrap_or_default();
        assert!(user.starts_with("bob"), "{}: {user:?}", rule.name);
    }
}

/// A message, and the name in it.
type Tried = (&'static str, &'static str);

/// Of a rule: what stands before each of its messages, and the messages.
const TRIED: &[(&str, &str, &[Tried])] = &[
    (
        "proxmox",
        "Mar  2 04:05:06 host pvedaemon[7]: authentication failure; rhost=203.0.113.9 ",
        &[
            ("user=root@pam msg=no such user ('root@pam')", "root@pam"),
            ("user=bob@pve", "bob@pve"),
        ],
    ),
    (
        "dropbear",
        "Mar  2 04:05:06 host dropbear[7]: ",
        &[
            (
                "Too-long password attempt for 'a 'b'' from 203.0.113.9:7",
                "a 'b'",
            ),
            (
                "Pubkey auth bad signature for 'bob' with key SHA256:x from 203.0.113.9:7",
                "bob",
            ),
            (
                "Login attempt with wrong user bob from 203.0.113.9:7",
                "bob",
            ),
        ],
    ),
    (
        "cyrus-imap",
        "Mar  2 04:05:06 host cyrus/imap[7]: badlogin: [203.0.113.9] ",
        &[
            ("plaintext (a (b)) [SASL(-13): user not found: x]", "a (b)"),
            ("plaintext (bob) invalid user", "bob"),
            ("plaintext bob SASL(-13): authentication failure: x", "bob"),
        ],
    ),
    (
        "postfix-sasl",
        "Mar  2 04:05:06 host postfix/smtpd[7]: warning: x[203.0.113.9]: SASL PLAIN authentication failed: ",
        &[
            ("(reason unavailable), sasl_username=monitor", "monitor"),
            (
                "UGFzc3dvcmQ6, sasl_username=a, sasl_username=b",
                "a, sasl_username=b",
            ),
        ],
    ),
    (
        "sendmail-auth",
        "Mar  2 04:05:06 host sm-mta[7]: 62245671000007: AUTH failure (PLAIN): ",
        &[(
            "user not found (-20) SASL(-13): x, user=a, relay=[198.51.100.7], relay=pc [203.0.113.9]",
            "a, relay=[198.51.100.7]",
        )],
    ),
    (
        "asterisk",
        "[Mar  2 04:05:06] NOTICE[7] chan.c: ",
        &[
            ("203.0.113.9 failed to authenticate as 'bob'", "bob"),
            (
                "Host 203.0.113.9 failed MD5 authentication for 'bob' (a != b)",
                "bob",
            ),
            ("No registration for peer 'bob' (from 203.0.113.9)", "bob"),
            ("Peer 'bob' is not dynamic (from 203.0.113.9)", "bob"),
        ],
    ),
    (
        "asterisk",
        "[Mar  2 04:05:06] SECURITY[7] res_security_log.c: SecurityEvent=\"InvalidPassword\",EventTV=\"x\",Severity=\"Error\",Service=\"SIP\",EventVersion=\"2\",",
        &[(
            "AccountID=\"bob\",SessionID=\"x\",RemoteAddress=\"IPV4/UDP/203.0.113.9/5060\",Challenge=\"x\"",
            "bob",
        )],
    ),
    (
        "freeswitch",
        "2026-03-02 04:05:06.123456 [WARNING] sofia_reg.c:2906 ",
        &[
            (
                "SIP auth failure (REGISTER) on sofia profile 'x' for [1000@192.0.2.1] from ip 203.0.113.9",
                "1000@192.0.2.1",
            ),
            (
                "Can't find user [bob@192.0.2.1] from 203.0.113.9",
                "bob@192.0.2.1",
            ),
        ],
    ),
    (
        "monit",
        "[UTC Mar  2 04:05:06] error    : ",
        &[
            (
                "HttpRequest: access denied -- client [203.0.113.9]: unknown user 'it's me'",
                "it's me",
            ),
            (
                "Warning: Client '203.0.113.9' supplied wrong password for user 'admin' accessing monit httpd",
                "admin",
            ),
        ],
    ),
    (
        "postgresql",
        "2026-03-02 04:05:06.123 UTC [7] 203.0.113.9 FATAL:  ",
        &[
            ("password authentication failed for user \"a\" b\"", "a\" b"),
            (
                "no pg_hba.conf entry for host \"203.0.113.9\", user \"bob\", database \"db\", no encryption",
                "bob",
            ),
            ("role \"bob\" does not exist", "bob"),
        ],
    ),
    (
        "postgresql",
        "{\"timestamp\":\"2026-03-02 04:05:06.123 UTC\",\"remote_host\":\"203.0.113.9\",\"error_severity\":\"FATAL\",",
        &[(
            "\"message\":\"password authentication failed for user \\\"a\\\"b\\\"\"}",
            "a\\\"b",
        )],
    ),
    (
        "solid-pop3d",
        "Mar  2 04:05:06 host solid-pop3d[7]: ",
        &[
            (
                "APOP authentication failed for user a - b - 203.0.113.9",
                "a - b",
            ),
            (
                "user bob doesn't exist - pc.example.org (203.0.113.9)",
                "bob",
            ),
            ("can't find APOP secret for user bob - 203.0.113.9", "bob"),
        ],
    ),
    (
        "uwimap-auth",
        "Mar  2 04:05:06 host imapd[7]: ",
        &[
            (
                "Login disabled user=a b host=pc.example.org [203.0.113.9]",
                "a b",
            ),
            (
                "Failed bob override of user=alice host=[203.0.113.9]",
                "alice",
            ),
        ],
    ),
    (
        "wuftpd",
        "Mar  2 04:05:06 host ftpd[7]: ",
        &[
            ("failed login from bob @ pc [203.0.113.9], root", "root"),
            (
                "FTP LOGIN REFUSED (access denied) FROM pc [203.0.113.9], a b",
                "a b",
            ),
        ],
    ),
    (
        "zoneminder",
        "[Mon Mar 02 04:05:06.123456 2026] [php:notice] [pid 7] [client 203.0.113.9:40022] ",
        &[
            ("ERR [Could not retrieve user bob details]", "bob details"),
            (
                "WAR [Login denied for user \\\"bob\\\"], referer: http://a/",
                "bob",
            ),
        ],
    ),
    (
        "apache-auth",
        "[Mon Mar 02 04:05:06.123456 2026] [auth:error] [pid 7:tid 8] [client 203.0.113.9:40022] ",
        &[
            (
                "AH01790: user `bob' in realm `x' not found: /digest/",
                "bob",
            ),
            (
                "AH01663: Authorization of user bob to access / failed, reason: x",
                "bob",
            ),
            (
                "AH01695: auth_ldap authenticate: user a b authentication failed; URI /x [x]",
                "a b",
            ),
        ],
    ),
    (
        "lighttpd-auth",
        "2026-03-02 04:05:06: (mod_auth.c.863) ",
        &[
            (
                "password doesn't match for /x username: bob, IP: 203.0.113.9",
                "bob",
            ),
            (
                "digest: auth failed for bob: wrong password, IP: 203.0.113.9",
                "bob",
            ),
        ],
    ),
];

#[test]
fn each_message_with_a_name_that_was_tried_has_it() {
    for (rule, head, messages) in TRIED {
        for (message, user) in *messages {
            let line = format!("{head}{message}");
            assert_eq!(tried(rule, &line).as_deref(), Some(*user), "{line}");
        }
    }
}

/// What Cyrus writes in place of a name that it does not know yet, what stands in place of
/// one in others, and a name that is not written.
#[test]
fn what_is_no_name_is_not_taken_for_one() {
    let lines = [
        (
            "cyrus-imap",
            "Mar  2 04:05:06 host cyrus/imap[7]: badlogin: [203.0.113.9] PLAIN (-notset-) [SASL(-13): user not found: x]",
        ),
        (
            "wuftpd",
            "Mar  2 04:05:06 host wu-ftpd[7]: failed login from pc.example.org [203.0.113.9], [unknown]",
        ),
        (
            "vaultwarden",
            "[2026-03-02 04:05:06.123][vaultwarden::api::identity][ERROR] Incorrect client_secret. IP: 203.0.113.9. Organization: x.",
        ),
        (
            "dropbear",
            "Mar  2 04:05:06 host dropbear[7]: Login attempt for nonexistent user from 203.0.113.9:7",
        ),
    ];
    for (rule, line) in lines {
        assert_eq!(tried(rule, line), None, "{line}");
    }
}
