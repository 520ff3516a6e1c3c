//! Lines as the servers write them, with text that an attacker made of their
//! own words: whatever he types, only he can be named.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::samples::{Plain, clock};

static SSH_RULE: LazyLock<Plain> = LazyLock::new(|| Plain::new("ssh"));
static MYSQL_RULE: LazyLock<Plain> = LazyLock::new(|| Plain::new("mysql"));
static MARIADB_RULE: LazyLock<Plain> = LazyLock::new(|| Plain::new("mariadb-audit"));
static WEB_RULES: LazyLock<[Plain; 2]> = LazyLock::new(|| ["apache", "nginx"].map(Plain::new));

/// Who types; nobody else ever connected.
pub(super) const ATTACKER: &str = "203.0.113.9";

/// What sshd writes: `IP` is the peer's address, `TEXT` the peer's text, anew
/// at each place.
const SSHD: &[&str] = &[
    "Failed password for invalid user TEXT from IP port 40022 ssh2",
    "Failed password for invalid user TEXT from IP port 40022",
    "Failed password for illegal user TEXT from IP",
    "Failed none for invalid user TEXT from IP port 40022 ssh2",
    "Failed keyboard-interactive/pam for invalid user TEXT from IP port 40022 ssh2",
    "Failed publickey for invalid user TEXT from IP port 40022 ssh2",
    "Failed publickey for invalid user TEXT from IP port 40022 ssh2: RSA SHA256:abc",
    "Failed publickey for invalid user TEXT from IP port 40022 ssh2: RSA 8c:e3:aa",
    "Failed publickey for invalid user TEXT from IP port 40022 ssh2: RSA-CERT SHA256:abc ID TEXT (serial 7) CA RSA SHA256:def",
    "Failed publickey for invalid user TEXT from IP port 40022 ssh2: RSA-CERT ID TEXT (serial 7) CA RSA 8c:e3:aa",
    "Failed hostbased for invalid user TEXT from IP port 40022 ssh2: RSA SHA256:abc, client user \"TEXT\", client host \"TEXT\"",
    "Failed hostbased for root from IP port 40022 ssh2: RSA SHA256:abc, client user \"TEXT\", client host \"TEXT\"",
    "Failed publickey for root from IP port 40022 ssh2: RSA-CERT SHA256:abc ID TEXT (serial 7) CA RSA SHA256:def",
    "Failed rhosts-rsa for root from IP port 40022 ssh1: ruser TEXT",
    "Failed password for invalid user TEXT from UNKNOWN port 65535 ssh2",
    "Failed password for invalid user TEXT from host.example.com port 40022 ssh2",
    "Failed hostbased for root from UNKNOWN port 65535 ssh2: RSA SHA256:abc, client user \"TEXT\", client host \"TEXT\"",
    "Accepted publickey for root from IP port 40022 ssh2: RSA-CERT SHA256:abc ID TEXT (serial 7) CA RSA SHA256:def",
    "Invalid user TEXT from IP port 40022",
    "Invalid user TEXT from IP",
    "Illegal user TEXT from IP",
    "Invalid user TEXT from UNKNOWN port 65535",
    "input_userauth_request: invalid user TEXT [preauth]",
    "error: PAM: User not known to the underlying authentication module for illegal user TEXT from IP",
    "error: PAM: Authentication failure for illegal user TEXT from host.example.com",
    "error: maximum authentication attempts exceeded for invalid user TEXT from IP port 40022 ssh2 [preauth]",
    "Disconnecting invalid user TEXT IP port 40022: Too many authentication failures [preauth]",
    "Disconnecting authenticating user root IP port 40022: Change of username or service not allowed: (root,ssh-connection) -> (TEXT,TEXT) [preauth]",
    "Disconnecting authenticating user root IP port 40022: bad service request TEXT [preauth]",
    "Disconnecting invalid user TEXT IP port 40022: Change of username or service not allowed: (TEXT,TEXT) -> (TEXT,TEXT) [preauth]",
    "Disconnecting invalid user TEXT IP port 40022: bad service request TEXT [preauth]",
    "fatal: ssh_packet_write_wait: Connection from invalid user TEXT IP port 40022: Broken pipe [preauth]",
    "Connection from invalid user TEXT IP port 40022 timed out [preauth]",
    "administratively prohibited connection for invalid user TEXT from IP port 40022",
    "Protocol major versions differ for IP port 40022: SSH-2.0-OpenSSH_7.4 vs. TEXT",
    "probed from IP port 40022 with TEXT.  Don't panic.",
    "Received disconnect from IP port 40022:11: TEXT [preauth]",
    "Received disconnect from IP: 11: TEXT",
    "error: Received disconnect from IP port 40022:3: TEXT [preauth]",
    "refused connect from TEXT@IP (IP)",
    "refused connect from TEXT@IP",
    "refused connect from TEXT@host.example.com (IP)",
    "Bad protocol version identification 'TEXT' from IP port 40022",
    "Bad protocol version identification 'TEXT' from IP",
    "Bad protocol version identification 'TEXT' from UNKNOWN port 65535",
    "error: kex_exchange_identification: client sent invalid protocol identifier \"TEXT\"",
    "Unable to negotiate with IP port 40022: no matching cipher found. Their offer: TEXT [preauth]",
    "fatal: Unable to negotiate with IP: no matching MAC found. Their offer: TEXT",
    "ssh_dispatch_run_fatal: Connection from invalid user TEXT IP port 40022: Broken pipe [preauth]",
    "Connection closed by invalid user TEXT IP port 40022 [preauth]",
    "Connection reset by invalid user TEXT IP port 40022 [preauth]",
    "Disconnected from invalid user TEXT IP port 40022 [preauth]",
    "userauth_pubkey: TEXT [preauth]",
    "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser=TEXT rhost=IP",
];

const HEADS: &[&str] = &[
    "Mar  2 04:05:06 web1 sshd[4711]: ",
    "Mar  2 04:05:06 [sshd] ",
    "2026-03-02T04:05:06.123456+00:00 web1 sshd-session[4711]: ",
    "<38>1 2026-03-02T04:05:06Z web1 sshd 4711 - - ",
];

/// Lines of other programs that hold what somebody typed.
const OTHERS: &[&str] = &[
    "Mar  2 04:05:06 web1 sudo:      bob : command not allowed ; COMMAND=TEXT",
    "Mar  2 04:05:06 sudo: TEXT",
    "Mar  2 04:05:06 cron[7]: TEXT",
    "Mar  2 04:05:06 web1 su: TEXT",
    "2026-03-02T04:05:06Z web1 app[7]: TEXT",
    "<38>1 2026-03-02T04:05:06Z web1 app 4711 - - TEXT",
];

const MYSQL: &[&str] = &[
    "2026-03-02 14:05:06 7 [Warning] Access denied for user 'TEXT'@'IP' (using password: YES)",
    "2026-03-02 14:05:06 7 [Warning] Access denied for user 'TEXT'@'IP'",
    "2026-03-02 14:05:06 7 [Warning] Access denied for user 'TEXT'@'localhost' (using password: NO)",
    "2026-03-02 14:05:06 7 [Warning] Access denied for user 'TEXT'@'host.example.com'",
    "2026-03-02 14:05:06 7 [Warning] Access denied for user 'root'@'IP' to database 'TEXT'",
    "2026-03-02 14:05:06 7 [Warning] Access denied for user 'root'@'IP' to database 'TEXT' (using password: YES)",
    "2026-03-02 14:05:06 7 [Warning] Aborted connection 7 to db: 'TEXT' user: 'TEXT' host: 'IP' (Got an error)",
    "Mar  2 04:05:06 db1 mysqld: 260302 14:05:06 [Warning] Access denied for user 'TEXT'@'IP' (using password: YES)",
    "Mar  2 04:05:06 db1 app[7]: TEXT",
];

/// Events of `server_audit`, as syslog has them.
const MARIADB: &[&str] = &[
    "Mar  2 04:05:06 db1 mysql-server_auditing:  db1,TEXT,IP,7,0,FAILED_CONNECT,,,1045",
    "Mar  2 04:05:06 db1 mysql-server_auditing:  db1,TEXT,IP,7,0,FAILED_CONNECT,TEXT,,1044",
    "Mar  2 04:05:06 db1 mysql-server_auditing:  db1,TEXT,IP,7,0,DISCONNECT,TEXT,,0",
    "Mar  2 04:05:06 db1 mysql-server_auditing:  db1,root,IP,7,0,CHANGEUSER,TEXT,,1045",
    "Mar  2 04:05:06 db1 mysql-server_auditing:  db1,TEXT,TEXT,7,0,CHANGEUSER,TEXT,,1045",
    "Mar  2 04:05:06 db1 mysql-server_auditing:  db1,app,IP,7,9,QUERY,TEXT,'TEXT',0",
    "Mar  2 04:05:06 db1 mysql-server_auditing:  db1,app,IP,7,9,READ,TEXT,TEXT,",
    "Mar  2 04:05:06 db1 mariadbd[7]: TEXT",
];

const WEB: &[&str] = &[
    r#"IP - TEXT [02/Mar/2026:04:05:06 +0000] "GET /TEXT HTTP/1.1" 200 512 "TEXT" "TEXT""#,
    r#"IP - TEXT [02/Mar/2026:04:05:06 +0000] "POST /login/?TEXT HTTP/1.1" 405 512 "TEXT" "TEXT""#,
    r#"IP TEXT TEXT [02/Mar/2026:04:05:06 +0000] "POST /login/ HTTP/1.1" 200 512 "TEXT" "TEXT""#,
    r#"IP - TEXT [02/Mar/2026:04:05:06 +0000] "TEXT" 400 512 "TEXT" "TEXT""#,
];

/// What an attacker's text is made of. His victims are 198.51.100.7 and
/// `2001:db8::7`.
pub(super) const WORDS: &[&str] = &[
    "x",
    "root",
    " ",
    " ",
    " from ",
    " from ",
    "198.51.100.7",
    "198.51.100.7",
    "2001:db8::7",
    " port 22",
    " port ",
    "22",
    " ssh2",
    ": ",
    " ssh2: ",
    ":",
    "RSA SHA256:abc",
    "RSA",
    "ID",
    " ID y",
    " (serial 7) CA RSA SHA256:def",
    ", client user \"",
    "\", client host \"",
    "\"",
    " [preauth]",
    "invalid user ",
    " for ",
    " not allowed because listed in DenyUsers",
    "Failed password for root",
    "Failed publickey for invalid user ",
    "Invalid user ",
    "Connection closed by authenticating user root ",
    "Disconnecting authenticating user root ",
    "dispatch_protocol_error: Connection from authenticating user root ",
    "administratively prohibited connection for root from ",
    "Protocol major versions differ for ",
    "drop connection #0 from [198.51.100.7]:1 on [192.0.2.1]:22 penalty: failed authentication",
    "Unable to negotiate with ",
    "banner exchange: Connection from ",
    "refused connect from ",
    "Timeout before authentication for ",
    "error: PAM: x for root",
    "error: ",
    "UNKNOWN",
    "host.example.com",
    "@",
    "(",
    ")",
    "'",
    "'@'",
    "' to database '",
    "' (using password: YES)",
    "Access denied for user '",
    ",",
    "5,0,",
    ",FAILED_CONNECT,,,1045",
    ",198.51.100.7,5,0,FAILED_CONNECT,,,1045",
    "#012",
    " mysql-server_auditing:  db1,",
    " to ",
    ", pid = 1",
    "Mar  2 04:05:06 web1 sshd[1]: ",
    "sshd[1]: ",
    "[sshd] ",
    "sshd 1 - - ",
    "2026-03-02 14:05:06 7 [Warning] ",
    "mysqld: ",
    " - - ",
    " [02/Mar/2026:04:05:06 +0000] ",
    "QUOTE",
    "POST /login/ HTTP/1.1",
    " 200 ",
    " 405 ",
    "\\",
    "é",
];

fn text() -> impl Strategy<Value = String> {
    let words = proptest::collection::vec(proptest::sample::select(WORDS), 0..10);
    prop_oneof![
        words.prop_map(|words| words.concat()),
        piece(SSHD),
        piece(MYSQL),
        piece(MARIADB)
    ]
}

/// A message, or a piece of it, with a victim in the peer's place.
fn piece(messages: &'static [&'static str]) -> impl Strategy<Value = String> {
    let cuts = (
        prop_oneof![Just(0), 0usize..90],
        prop_oneof![Just(0), 0usize..40],
    );
    (proptest::sample::select(messages), cuts).prop_map(|(message, (front, back))| {
        let message = message.replace("IP", "198.51.100.7").replace("TEXT", "y");
        let end = message.len().saturating_sub(back);
        message.get(front..end).unwrap_or_default().to_owned()
    })
}

/// Fills `template`, in which `IP` is the attacker, and looks who is named.
fn named(rule: &Plain, template: &str, texts: &[String], quote: &str) -> Result<(), TestCaseError> {
    named_in(rule, &template.replace("IP", ATTACKER), texts, quote)
}

/// Fills `template` and looks who is named.
pub(super) fn named_in(
    rule: &Plain,
    template: &str,
    texts: &[String],
    quote: &str,
) -> Result<(), TestCaseError> {
    let mut texts = texts.iter().cycle();
    let mut line = String::new();
    for (at, part) in template.split("TEXT").enumerate() {
        if at > 0 {
            line += &texts.next().unwrap().replace("QUOTE", quote);
        }
        line += part;
    }
    let found = rule.find(line.as_bytes(), &mut clock("2026-11-22T12:00:00Z"));
    let (_, ip, _) = found.unwrap_or((0, ATTACKER.to_owned(), String::new()));
    prop_assert_eq!(ip, ATTACKER, "{}", line);
    Ok(())
}

/// What the web servers make of a quote and a backslash.
fn escaped(texts: &[String], quote: &str, backslash: &str) -> Vec<String> {
    let escape = |text: &String| text.replace('\\', backslash).replace('"', quote);
    texts.iter().map(escape).collect()
}

proptest! {
    #[test]
    fn nobody_is_named_by_what_is_typed_at_sshd(texts in proptest::collection::vec(text(), 3)) {
        for head in HEADS {
            for message in SSHD {
                named(&SSH_RULE, &format!("{head}{message}"), &texts, "\"")?;
            }
        }
        for line in OTHERS {
            let text = texts.concat();
            let line = line.replace("TEXT", &text.replace("QUOTE", "\""));
            prop_assert_eq!(SSH_RULE.find(line.as_bytes(), &mut clock("2026-11-22T12:00:00Z")), None);
        }
    }

    #[test]
    fn nobody_is_named_by_what_is_typed_at_mysql(texts in proptest::collection::vec(text(), 3)) {
        for line in MYSQL {
            named(&MYSQL_RULE, line, &texts, "\"")?;
        }
    }

    #[test]
    fn nobody_is_named_by_what_is_typed_at_mariadb(texts in proptest::collection::vec(text(), 3)) {
        for line in MARIADB {
            named(&MARIADB_RULE, line, &texts, "\"")?;
        }
    }

    #[test]
    fn nobody_is_named_by_what_is_typed_at_a_web_server(texts in proptest::collection::vec(text(), 5)) {
        let escapes = [(r#"\""#, r"\\"), (r"\x22", r"\x5C")];
        for (rule, (quote, backslash)) in WEB_RULES.iter().zip(escapes) {
            for line in WEB {
                named(rule, line, &escaped(&texts, quote, backslash), quote)?;
            }
        }
    }
}
