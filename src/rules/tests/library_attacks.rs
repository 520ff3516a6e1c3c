//! The lines of the services of the library, with text that an attacker made of their own
//! words in every place that a client chooses: whatever is typed, only the attacker's
//! address can be named.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::attacks::{ATTACKER, WORDS, named_in};
use super::samples::Plain;
use crate::rules::GROUPS;

/// What a service makes of the text that a client sends.
type Escape = fn(&str) -> String;

/// As it is. A line break is the log's business: syslog writes `#012`.
fn raw(text: &str) -> String {
    text.to_owned()
}

/// nginx's access log.
fn hexadecimal(text: &str) -> String {
    text.replace('\\', r"\x5C").replace('"', r"\x22")
}

/// Apache's access log, and JSON.
fn backslashes(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', r#"\""#)
}

/// The user of basic authentication, which nginx cuts at a colon.
fn up_to_a_colon(text: &str) -> String {
    text.split(':').next().unwrap_or_default().to_owned()
}

/// A greeting, or a name in DNS: one word.
fn word(text: &str) -> String {
    text.replace(char::is_whitespace, "_")
}

/// A name in DNS, as the services write it.
fn dns_name(text: &str) -> String {
    let fits = |char: &char| char.is_ascii_alphanumeric() || ".-_".contains(*char);
    text.chars().filter(fits).collect()
}

/// Of each rule: what becomes of a client's text, and lines in which it stands. `PEER` is
/// the client's address.
const LINES: &[(&str, Escape, &[&str])] = &[
    (
        "pam-generic",
        raw,
        &[
            "Mar  2 04:05:06 host vsftpd: pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=TEXT rhost=PEER  user=TEXT",
            "Mar  2 04:05:06 host auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=TEXT rhost=PEER ",
            "Mar  2 04:05:06 host login[7]: pam_unix(login:auth): 2 more authentication failures; logname= uid=0 euid=0 tty=/dev/pts/1 ruser= rhost=PEER  user=TEXT",
            "Mar  2 04:05:06 host sudo: TEXT",
            "Mar  2 04:05:06 host vsftpd[7]: [TEXT] FAIL LOGIN: Client \"PEER\"",
        ],
    ),
    (
        "dropbear",
        raw,
        &[
            "Mar  2 04:05:06 host dropbear[7]: Bad password attempt for 'TEXT' from PEER:40022",
            "Mar  2 04:05:06 host dropbear[7]: Login attempt with wrong user TEXT from PEER:40022",
            "Mar  2 04:05:06 host dropbear[7]: Pubkey auth bad signature for 'root' with key TEXT from PEER:40022",
            "Mar  2 04:05:06 host dropbear[7]: Exit before auth from <PEER:40022>: (user 'TEXT', 3 fails): Max auth tries reached - user 'TEXT'",
        ],
    ),
    (
        "xrdp",
        raw,
        &[
            "[20260302-04:05:06] [INFO ] AUTHFAIL: user=TEXT ip=PEER time=1772424306",
            "Mar  2 04:05:06 host xrdp-sesman[7]: [INFO ] AUTHFAIL: user=TEXT ip=PEER time=1772424306",
        ],
    ),
    (
        "proxmox",
        raw,
        &[
            "Mar  2 04:05:06 host pvedaemon[7]: authentication failure; rhost=PEER user=TEXT msg=TEXT",
            "Mar  2 04:05:06 host proxmox-backup-proxy[7]: authentication failure; rhost=[PEER]:40022 user=TEXT msg=TEXT",
            "Mar  2 04:05:06 host pvedaemon[7]: openid authentication failure; rhost=PEER msg=TEXT",
            "Mar  2 04:05:06 host pvedaemon[7]: authentication failure; rhost= user=TEXT msg=TEXT",
            "2026-03-02T04:05:06Z: authentication failure; rhost=PEER:40022 user=TEXT msg=TEXT",
        ],
    ),
    (
        "webmin-auth",
        raw,
        &[
            "Mar  2 04:05:06 host webmin[7]: Invalid login as TEXT from PEER",
            "Mar  2 04:05:06 host webmin[7]: Unknown SSL certificate TEXT",
        ],
    ),
    (
        "cockpit",
        raw,
        &[
            "Mar  2 04:05:06 host cockpit-session[7]: pam_unix(cockpit:auth): authentication failure; logname= uid=0 euid=0 tty= ruser= rhost=PEER  user=TEXT",
        ],
    ),
    (
        "postfix",
        raw,
        &[
            "Mar  2 04:05:06 host postfix/smtpd[7]: NOQUEUE: reject: RCPT from unknown[PEER]: 554 5.7.1 <TEXT>: Relay access denied; from=<TEXT> to=<TEXT> proto=ESMTP helo=<TEXT>",
            "Mar  2 04:05:06 host postfix/smtpd[7]: NOQUEUE: reject: RCPT from unknown[PEER]: 450 4.1.8 <TEXT>: Sender address rejected: Domain not found; from=<TEXT> to=<TEXT> proto=ESMTP helo=<TEXT>",
            "Mar  2 04:05:06 host postfix/postscreen[7]: PREGREET 14 after 0.08 from [PEER]:40022: TEXT",
            "Mar  2 04:05:06 host postfix/smtpd[7]: warning: non-SMTP command from unknown[PEER]: TEXT",
            "Mar  2 04:05:06 host postfix/cleanup[7]: 4F2A: reject: header Subject: TEXT from unknown[PEER]; from=<TEXT> to=<TEXT>: TEXT",
        ],
    ),
    (
        "postfix",
        dns_name,
        &[
            "Mar  2 04:05:06 host postfix/smtpd[7]: too many errors after RCPT from TEXT[PEER]",
            "Mar  2 04:05:06 host postfix/smtpd[7]: NOQUEUE: too many errors after RCPT from TEXT[PEER]",
            "Mar  2 04:05:06 host postfix/smtpd[7]: NOQUEUE: reject: RCPT from TEXT[PEER]: 554 5.7.1 x",
        ],
    ),
    (
        "postfix-sasl",
        raw,
        &[
            "Mar  2 04:05:06 host postfix/smtpd[7]: warning: unknown[PEER]: SASL TEXT authentication failed: TEXT, sasl_username=TEXT",
            "Mar  2 04:05:06 host postfix/smtpd[7]: warning: unknown[PEER]: SASL PLAIN authentication failed: TEXT, sasl_username=TEXT",
        ],
    ),
    (
        "dovecot",
        raw,
        &[
            "Mar  2 04:05:06 host dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<TEXT>, method=PLAIN, rip=PEER, lip=192.0.2.1, session=<x>",
            "Mar 02 04:05:06 imap-login: Info: Login aborted: Connection closed (auth failed, 1 attempts in 2 secs) (auth_failed): user=<TEXT>, method=PLAIN, rip=PEER, lip=192.0.2.1, TLS, session=<x>",
            "Mar  2 04:05:06 host dovecot: imap-login: Disconnected: Connection closed: read(size=395) failed: Connection reset by peer (auth failed, 1 attempts in 2 secs): user=<TEXT>, method=PLAIN, rip=PEER, lip=192.0.2.1, TLS: read(size=395) failed: Connection reset by peer, session=<x>",
            "Mar  2 04:05:06 host dovecot: auth: passwd-file(TEXT,PEER,<x>): unknown user",
        ],
    ),
    (
        "dovecot-probes",
        raw,
        &[
            "Mar  2 04:05:06 host dovecot: imap-login: Disconnected: Connection closed (no auth attempts in 2 secs): user=<TEXT>, rip=PEER, lip=192.0.2.1, session=<x>",
            "Mar  2 04:05:06 host dovecot: imap-login: Login aborted: Logged out (auth aborted by client, 1 attempts in 0 secs) (auth_aborted_by_client): user=<TEXT>, method=LOGIN, rip=PEER, lip=192.0.2.1, session=<x>",
        ],
    ),
    (
        "exim",
        raw,
        &[
            "2026-03-02 04:05:06 login_server authenticator failed for (TEXT) [PEER]: 535 Incorrect authentication data (set_id=TEXT)",
            "2026-03-02 04:05:06 H=(TEXT) [PEER] F=<TEXT> rejected RCPT <TEXT>: relay not permitted",
            "2026-03-02 04:05:06 SMTP protocol synchronization error (input sent without waiting for greeting): rejected connection from H=[PEER] input=\"TEXT\"",
            "2026-03-02 04:05:06 SMTP call from (TEXT) [PEER] dropped: too many syntax or protocol errors (last command was \"TEXT\", C=TEXT)",
        ],
    ),
    (
        "sendmail-auth",
        raw,
        &[
            "Mar  2 04:05:06 host sm-mta[7]: 62245671000007: AUTH failure (LOGIN): authentication failure (-13) SASL(-13): x, user=TEXT, relay=[PEER]",
            "Mar  2 04:05:06 host sm-mta[7]: 62245671000007: TEXT [PEER]: possible SMTP attack: command=AUTH, count=5",
        ],
    ),
    (
        "sendmail-reject",
        raw,
        &[
            "Mar  2 04:05:06 host sm-mta[7]: 62245671000007: ruleset=check_rcpt, arg1=<TEXT>, relay=[PEER], reject=550 5.7.1 <TEXT>... Relaying denied",
            "Mar  2 04:05:06 host sm-mta[7]: 62245671000007: ruleset=check_rcpt, arg1=<TEXT>, relay=[PEER], reject=450 4.4.0 <TEXT>... Relaying temporarily denied. Cannot resolve PTR record for PEER",
            "Mar  2 04:05:06 host sm-mta[7]: 62245671000007: from=<TEXT>, size=0, nrcpts=0, proto=ESMTP, relay=[PEER]",
        ],
    ),
    (
        "cyrus-imap",
        raw,
        &[
            "Mar  2 04:05:06 host cyrus/imap[7]: badlogin: [PEER] plaintext (TEXT) [SASL(-13): TEXT]",
        ],
    ),
    (
        "sieve",
        raw,
        &["Mar  2 04:05:06 host cyrus/sieve[7]: badlogin: [PEER] TEXT authentication failure"],
    ),
    (
        "courier-auth",
        raw,
        &[
            "Mar  2 04:05:06 host imapd: LOGIN FAILED, user=TEXT, ip=[PEER], port=[40022]",
            "Mar  2 04:05:06 host imapd: LOGIN, user=TEXT, ip=[PEER], port=[40022], protocol=IMAP",
        ],
    ),
    (
        "courier-smtp",
        raw,
        &[
            "Mar  2 04:05:06 host courieresmtpd: error,relay=PEER,port=40022,from=<TEXT>,to=<TEXT>: 513 Relaying denied.",
            "Mar  2 04:05:06 host courieresmtpd: error,relay=PEER,port=40022,msg=\"535 Authentication failed.\",cmd: TEXT",
        ],
    ),
    (
        "roundcube-auth",
        raw,
        &[
            "[02-Mar-2026 04:05:06 +0000]: <5f2a9c1e> Failed login for TEXT from PEER in session 5f2a9c1e7d3b8a60 (error: 1)",
            "Mar  2 04:05:06 host roundcube[7]: <5f2a9c1e> IMAP Error: Login failed for TEXT against localhost from PEER. AUTHENTICATE PLAIN: Authentication failed. in /a/b.php on line 211 (POST /?_task=login)",
            "[02-Mar-2026 04:05:06 +0000]: <5f2a9c1e> IMAP Error: Login failed for TEXT from PEER. AUTHENTICATE PLAIN: Authentication failed. in /a/b.php on line 211 (POST /?_task=login)",
        ],
    ),
    (
        "sogo-auth",
        raw,
        &[
            "Mar 02 04:05:06 sogod [7]: SOGoRootPage Login from 'PEER' for user 'TEXT' might not have worked - password policy: 65535  grace: -1  expire: -1  bound: 0",
            "Mar 02 04:05:06 sogod [7]: SOGoRootPage Login from '198.51.100.7, PEER' for user 'TEXT' might not have worked",
            "Mar 02 04:05:06 sogod [7]: SOGoRootPage Login from 'TEXT, PEER' for user 'TEXT' might not have worked - password policy: 65535  grace: -1  expire: -1  bound: 0",
        ],
    ),
    (
        "nginx-http-auth",
        hexadecimal,
        &["PEER - TEXT [02/Mar/2026:04:05:06 +0000] \"TEXT\" 401 179 \"TEXT\" \"TEXT\""],
    ),
    (
        "nginx-http-auth",
        up_to_a_colon,
        &[
            "2026/03/02 04:05:06 [error] 7#7: *3 user \"TEXT\": password mismatch, client: PEER, server: localhost, request: \"GET /p HTTP/1.1\", host: \"a\"",
            "2026/03/02 04:05:06 [error] 7#7: *3 user \"TEXT\" was not found in \"/a\", client: PEER, server: localhost, request: \"GET /p HTTP/1.1\", host: \"a\"",
        ],
    ),
    (
        "nginx-limit-req",
        raw,
        &[
            "2026/03/02 04:05:06 [error] 7#7: *5 limiting requests, excess: 1.000 by zone \"one\", client: PEER, server: localhost, request: \"TEXT\", host: \"TEXT\", referrer: \"TEXT\"",
        ],
    ),
    (
        "nginx-forbidden",
        raw,
        &[
            "2026/03/02 04:05:06 [error] 7#7: *6 access forbidden by rule, client: PEER, server: localhost, request: \"TEXT\", host: \"TEXT\", referrer: \"TEXT\"",
            "2026/03/02 04:05:06 [error] 7#7: *6 directory index of \"/var/www/TEXT/\" is forbidden, client: PEER, server: localhost, request: \"GET TEXT HTTP/1.1\", host: \"TEXT\"",
            "2026/03/02 04:05:06 [error] 7#7: *6 open() \"/var/www/TEXT\" failed (2: No such file or directory), client: PEER, server: localhost, request: \"TEXT\", host: \"TEXT\"",
        ],
    ),
    (
        "nginx-botsearch",
        hexadecimal,
        &[
            "PEER - TEXT [02/Mar/2026:04:05:06 +0000] \"GET /pmaTEXT HTTP/1.1\" 404 153 \"TEXT\" \"TEXT\"",
        ],
    ),
    (
        "nginx-botsearch",
        raw,
        &[
            "2026/03/02 04:05:06 [error] 7#7: *4 open() \"/var/www/TEXT\" failed (2: No such file or directory), client: PEER, server: localhost, request: \"GET /pmaTEXT HTTP/1.1\", host: \"TEXT\", referrer: \"TEXT\"",
        ],
    ),
    (
        "nginx-bad-request",
        hexadecimal,
        &["PEER - TEXT [02/Mar/2026:04:05:06 +0000] \"TEXT\" 400 157 \"TEXT\" \"TEXT\""],
    ),
    (
        "apache-auth",
        backslashes,
        &[
            "[Mon Mar 02 04:05:06.123456 2026] [auth_basic:error] [pid 7:tid 8] [client PEER:40022] AH01618: user TEXT not found: /TEXT, referer: TEXT",
            "[Mon Mar 02 04:05:06.123456 2026] [auth_digest:error] [pid 7:tid 8] [client PEER:40022] AH01776: invalid nonce TEXT received - length is not TEXT",
            "[Mon Mar 02 04:05:06 2026] [error] [client PEER] user TEXT: password mismatch: TEXT",
        ],
    ),
    (
        "apache-badbots",
        backslashes,
        &["PEER - - [02/Mar/2026:04:05:06 +0000] \"TEXT\" 200 4523 \"TEXT\" \"sqlmapTEXT\""],
    ),
    (
        "apache-noscript",
        backslashes,
        &[
            "[Mon Mar 02 04:05:06.123456 2026] [php:error] [pid 7] [client PEER:40022] script '/var/www/TEXT.php' not found or unable to stat, referer: TEXT",
        ],
    ),
    (
        "apache-botsearch",
        backslashes,
        &[
            "[Mon Mar 02 04:05:06.123456 2026] [core:info] [pid 7] [client PEER:40022] AH00128: File does not exist: /var/www/pmaTEXT, referer: TEXT",
        ],
    ),
    (
        "apache-overflows",
        backslashes,
        &[
            "[Mon Mar 02 04:05:06.123456 2026] [core:error] [pid 7] [client PEER:40022] AH00126: Invalid URI in request TEXT",
        ],
    ),
    (
        "apache-modsecurity",
        backslashes,
        &[
            "[Mon Mar 02 04:05:06.123456 2026] [security2:error] [pid 7] [client PEER:40022] [client PEER] ModSecurity: Access denied with code 403 (phase 2). Pattern match \"TEXT\" at ARGS:TEXT.",
        ],
    ),
    (
        "lighttpd-auth",
        backslashes,
        &[
            "2026-03-02 04:05:06: (mod_auth.c.863) password doesn't match for /TEXT username: TEXT IP: PEER",
            "2026-03-02 04:05:06: (mod_auth.c.1562) digest: auth failed for TEXT: wrong password, IP: PEER",
        ],
    ),
    (
        "haproxy-http-auth",
        backslashes,
        &[
            "Mar  2 04:05:06 host haproxy[7]: PEER:40022 [02/Mar/2026:04:05:06.123] web web/<NOSRV> 0/-1/-1/-1/0 401 182 - - PR-- 1/1/0/0/0 0/0 \"TEXT\"",
        ],
    ),
    (
        "traefik-auth",
        backslashes,
        &[
            r#"{"ClientAddr":"PEER:40022","ClientHost":"PEER","ClientUsername":"TEXT","DownstreamStatus":401,"RequestPath":"TEXT","level":"info","msg":"","request_User-Agent":"TEXT","time":"2026-03-02T04:05:06Z"}"#,
        ],
    ),
    (
        "traefik-auth",
        raw,
        &[
            r#"PEER - TEXT [02/Mar/2026:04:05:06 +0000] "GET /TEXT HTTP/2.0" 401 17 "TEXT" "TEXT" 7 "a@docker" "-" 1ms"#,
            r#"PEER - - [02/Mar/2026:04:05:06 +0000] "GET /TEXT HTTP/2.0" 200 17 "TEXT" "TEXT""#,
        ],
    ),
    (
        "squid",
        word,
        &["1772424306.123      0 PEER TCP_DENIED/403 3854 TEXT TEXT TEXT HIER_NONE/- text/html"],
    ),
    (
        "squid",
        raw,
        &[
            "1772424306.123      0 PEER TCP_DENIED/407 3854 GET http://a/ TEXT HIER_NONE/- text/html",
        ],
    ),
    (
        "phpmyadmin-syslog",
        raw,
        &["Mar  2 04:05:06 host phpMyAdmin[7]: user denied: TEXT (mysql-denied) from PEER"],
    ),
    (
        "nextcloud",
        backslashes,
        &[
            r#"{"reqId":"x","time":"2026-03-02T04:05:06+00:00","remoteAddr":"PEER","url":"TEXT","message":"Login failed: TEXT (Remote IP: PEER)","userAgent":"TEXT"}"#,
            r#"{"reqId":"x","time":"2026-03-02T04:05:06+00:00","remoteAddr":"PEER","url":"TEXT","message":"Two-factor challenge failed: TEXT (Remote IP: PEER)","userAgent":"TEXT"}"#,
            r#"Mar  2 04:05:06 host Nextcloud[7]: {"reqId":"x","time":"2026-03-02T04:05:06+00:00","url":"TEXT","message":"Login failed: 'TEXT' (Remote IP: 'PEER')","userAgent":"TEXT"}"#,
        ],
    ),
    (
        "drupal-auth",
        raw,
        &[
            "Mar  2 04:05:06 host drupal: https://example.org|1772424306|user|PEER|https://example.org/TEXT|TEXT|0||Login attempt failed for TEXT.",
        ],
    ),
    (
        "gitea",
        raw,
        &[
            "2026/03/02 04:05:06 HTTPRequest [W] Failed authentication attempt for TEXT from PEER:40022: user does not exist [uid: 0, name: TEXT]",
            "2026/03/02 04:05:06 .../web/auth/auth.go:204:SignInPost() [W] Failed authentication attempt for TEXT from PEER: Email address does not exist [email: TEXT]",
            "2026/03/02 04:05:06 modules/ssh/ssh.go:314:sshConnectionFailed() [W] Failed connection from PEER:40022 with error: [ssh: no auth passed yet, ssh: unknown method \"TEXT\"]",
            "2026/03/02 04:05:06 modules/ssh/ssh.go:314:sshConnectionFailed() [W] Failed connection from PEER:40022 with error: ssh: disconnect, reason 11: TEXT",
            "2026/03/02 04:05:06 modules/ssh/ssh.go:200:publicKeyHandler() [W] Invalid SSH username TEXT - must use git for all git operations via ssh",
            "Mar  2 04:05:06 host gitea[7]: 2026/03/02 04:05:06 .../auth.go:204:SignInPost() [W] Failed authentication attempt for TEXT from PEER:40022: user's password is invalid [uid: 0, name: TEXT]",
        ],
    ),
    (
        "gitlab",
        backslashes,
        &[
            r#"{"severity":"INFO","time":"2026-03-02T04:05:06.123Z","meta.user":"TEXT","message":"Failed Login: username=TEXT ip=PEER"}"#,
            r#"{"severity":"INFO","message":"Failed Login: username=TEXT ip=PEER","time":"2026-03-02T04:05:06.123Z"}"#,
        ],
    ),
    (
        "grafana",
        backslashes,
        &[
            r#"logger=context userId=0 orgId=0 uname="TEXT" t=2026-03-02T04:05:06Z level=info msg="Invalid username or password" error="TEXT" remote_addr=PEER traceID="#,
            r#"logger=context userId=0 orgId=0 uname= t=2026-03-02T04:05:06Z level=info msg="Request Completed" path="TEXT" remote_addr=PEER referer="TEXT""#,
            r#"logger=context userId=0 orgId=0 uname= t=2026-03-02T04:05:06Z level=info msg=Unauthorized error="[password-auth.failed] TEXT" remote_addr=PEER traceID="#,
            r#"logger=context userId=0 orgId=0 uname= t=2026-03-02T04:05:06Z level=info msg="Request Completed" path="TEXT" remote_addr=PEER referer="TEXT" errorMessageID=password-auth.failed error="TEXT""#,
            r#"Mar  2 04:05:06 host grafana[7]: logger=context t=2026-03-02T04:05:06Z level=info msg="Request Completed" path="TEXT" remote_addr=PEER referer="TEXT" errorMessageID=password-auth.failed error="TEXT""#,
        ],
    ),
    (
        "vaultwarden",
        raw,
        &[
            "[2026-03-02 04:05:06.123][vaultwarden::api::identity][ERROR] Username or password is incorrect. Try again. IP: PEER. Username: TEXT.",
            "[2026-03-02 04:05:06.123][request][INFO] GET /TEXT",
            "Mar  2 04:05:06 host vaultwarden[7]: [2026-03-02 04:05:06.123][vaultwarden::api::identity][ERROR] Username or password is incorrect. Try again. IP: PEER. Username: TEXT.",
        ],
    ),
    (
        "vsftpd",
        raw,
        &[
            "Mon Mar  2 04:05:06 2026 [pid 7] [TEXT] FAIL LOGIN: Client \"PEER\"",
            "Mon Mar  2 04:05:06 2026 [pid 7] [ftp] OK LOGIN: Client \"PEER\", anon password \"TEXT\"",
            "Mar  2 04:05:06 host vsftpd[7]: [TEXT] FTP command: Client \"PEER\", \"TEXT\"",
        ],
    ),
    (
        "proftpd",
        raw,
        &[
            "2026-03-02 04:05:06,123 host proftpd[7] host.example.org (pc.example.org[PEER]): USER TEXT (Login failed): Incorrect password",
            "Mar  2 04:05:06 host proftpd[7]: host.example.org (pc.example.org[PEER]): USER TEXT: no such user found from pc [PEER] to 192.0.2.1:21",
        ],
    ),
    (
        "pure-ftpd",
        raw,
        &[
            "Mar  2 04:05:06 host pure-ftpd: (?@PEER) [WARNING] Authentication failed for user [TEXT]",
        ],
    ),
    (
        "wuftpd",
        raw,
        &[
            "Mar  2 04:05:06 host wu-ftpd[7]: failed login from TEXT @ pc.example.org [PEER], bob",
            "Mar  2 04:05:06 host ftpd[7]: FTP LOGIN REFUSED (access denied) FROM pc.example.org [PEER], TEXT",
            "Mar  2 04:05:06 host ftpd[7]: FTP LOGIN REFUSED (access denied) FROM TEXT @ pc.example.org [PEER], TEXT",
        ],
    ),
    (
        "named-refused",
        word,
        &[
            "Mar  2 04:05:06 host named[7]: client @0x7f1234567890 PEER#40022 (TEXT): query (cache) 'TEXT/A/IN' denied",
        ],
    ),
    (
        "nsd",
        word,
        &["[1772424306] nsd[7]: info: axfr for TEXT from PEER refused, no acl matches"],
    ),
    (
        "openvpn",
        raw,
        &[
            "Mar  2 04:05:06 host ovpn-server[7]: PEER:40022 TLS Auth Error: TEXT",
            "Mar  2 04:05:06 host ovpn-server[7]: PEER:40022 VERIFY ERROR: depth=0, error=x: CN=TEXT, serial=7",
            "Mar  2 04:05:06 host ovpn-server[7]: PEER:40022 peer info: TEXT",
        ],
    ),
    (
        "softethervpn",
        raw,
        &[
            "2026-03-02 04:05:06.123 Connection \"CID-7\": User authentication failed. The user name that has been provided was \"TEXT\", from PEER.",
        ],
    ),
    (
        "3proxy",
        word,
        &[
            "1772424306.123  SOCK5.1080 00006 TEXT PEER:40022 0.0.0.0:0 0 0 0 CONNECT_TEXT",
            "Mar  2 04:05:06 host 3proxy[7]: 1772424306.123  SOCK5.1080 00006 TEXT PEER:40022 0.0.0.0:0 0 0 0 CONNECT_TEXT",
        ],
    ),
    (
        "asterisk",
        raw,
        &[
            "[Mar  2 04:05:06] NOTICE[7][C-00000001]: chan_sip.c:28468 handle_request_register: Registration from 'TEXT' failed for 'PEER:5060' - Wrong password",
            "[2026-03-02 04:05:06] NOTICE[7]: res_pjsip/pjsip_distributor.c:676 log_failed_request: Request 'REGISTER' from 'TEXT' failed for 'PEER:5060' (callid: TEXT) - No matching endpoint found",
            "[Mar  2 04:05:06] NOTICE[7] manager.c: PEER failed to authenticate as 'TEXT'",
            "[Mar  2 04:05:06] NOTICE[7] chan_iax2.c: No registration for peer 'TEXT' (from PEER)",
            "[Mar  2 04:05:06] NOTICE[7] res_pjsip_session.c:  anonymous: Call (UDP:PEER:5060) to extension 'TEXT' rejected because extension not found in context 'public'.",
            "[2026-03-02 04:05:06] SECURITY[7] res_security_log.c: SecurityEvent=\"ChallengeResponseFailed\",EventTV=\"x\",Severity=\"Error\",Service=\"PJSIP\",EventVersion=\"1\",AccountID=\"TEXT\",SessionID=\"TEXT\",LocalAddress=\"IPV4/UDP/192.0.2.1/5060\",RemoteAddress=\"IPV4/UDP/PEER/5060\",Challenge=\"TEXT\",Response=\"TEXT\",ExpectedResponse=\"\"",
            "[2026-03-02 04:05:06] SECURITY[7] res_security_log.c: SecurityEvent=\"InvalidPassword\",EventTV=\"x\",Severity=\"Error\",Service=\"SIP\",EventVersion=\"2\",AccountID=\"TEXT\",SessionID=\"TEXT\",LocalAddress=\"IPV4/UDP/192.0.2.1/5060\",RemoteAddress=\"IPV4/UDP/PEER/5060\",Challenge=\"x\"",
        ],
    ),
    (
        "freeswitch",
        raw,
        &[
            "2026-03-02 04:05:06.123456 [WARNING] sofia_reg.c:1792 SIP auth failure (REGISTER) on sofia profile 'internal' for [TEXT] from ip PEER",
            "2026-03-02 04:05:06.123456 [WARNING] sofia_reg.c:2906 Can't find user [TEXT@TEXT] from PEER",
        ],
    ),
    (
        "murmur",
        raw,
        &[
            "<W>2026-03-02 04:05:06.123 1 => <7:TEXT(-1)> Rejected connection from PEER:40022: Invalid server password",
            "Mar  2 04:05:06 host mumble-server[7]: <W>2026-03-02 04:05:06.123 1 => <7:TEXT(-1)> Rejected connection from PEER:40022: Invalid server password",
        ],
    ),
    (
        "postgresql",
        raw,
        &[
            "2026-03-02 04:05:06.123 UTC [7] TEXT@TEXT PEER FATAL:  password authentication failed for user \"TEXT\"",
            "2026-03-02 04:05:06.123 UTC [7] PEER FATAL:  no pg_hba.conf entry for host \"PEER\", user \"TEXT\", database \"TEXT\", no encryption",
            "2026-03-02 04:05:06.123 UTC [7] PEER TEXT@TEXT FATAL:  password authentication failed for user \"TEXT\"",
        ],
    ),
    (
        "postgresql",
        backslashes,
        &[
            r#"{"timestamp":"2026-03-02 04:05:06.123 UTC","user":"TEXT","dbname":"TEXT","pid":7,"remote_host":"PEER","remote_port":40022,"error_severity":"FATAL","message":"password authentication failed for user \"TEXT\"","application_name":"TEXT"}"#,
        ],
    ),
    (
        "mongodb-auth",
        backslashes,
        &[
            r#"{"t":{"$date":"2026-03-02T04:05:06.123+00:00"},"s":"I","c":"ACCESS","id":5286307,"ctx":"conn7","msg":"Failed to authenticate","attr":{"user":"TEXT","client":"PEER:40022","error":"TEXT"}}"#,
        ],
    ),
    (
        "ejabberd-auth",
        raw,
        &[
            "2026-03-02 04:05:06.123456+00:00 [warning] <0.500.0>@ejabberd_c2s:process_auth_result/3:304 (tls|<0.500.0>) Failed c2s PLAIN authentication for TEXT@example.org from PEER: Invalid username or password",
        ],
    ),
    (
        "znc-adminlog",
        raw,
        &["[2026-03-02 04:05:06] [TEXT] failed to login from PEER"],
    ),
    (
        "monit",
        raw,
        &[
            "[2026-03-02T04:05:06+0000] warning  : HttpRequest: access denied -- client [PEER]: wrong password for user 'TEXT'",
        ],
    ),
    (
        "zoneminder",
        backslashes,
        &[
            "[Mon Mar 02 04:05:06.123456 2026] [php:notice] [pid 7] [client PEER:40022] WAR [Login denied for user \"TEXT\"], referer: TEXT",
        ],
    ),
    (
        "perdition",
        raw,
        &[
            "Mar  2 04:05:06 host perdition.imaps[7]: Auth: PEER:40022->192.0.2.1:993 client-secure=ssl authorisation_id=NONE authentication_id=\"TEXT\" server=\"mail:143\" protocol=IMAP4 server-secure=plaintext status=\"failed: Re-Authentication Failure\"",
        ],
    ),
    (
        "uwimap-auth",
        raw,
        &[
            "Mar  2 04:05:06 host imapd[7]: Login failed user=TEXT auth=TEXT host=pc.example.org [PEER]",
        ],
    ),
    (
        "solid-pop3d",
        raw,
        &["Mar  2 04:05:06 host solid-pop3d[7]: authentication failed: no such user: TEXT - PEER"],
    ),
];

static RULES: LazyLock<Vec<Plain>> =
    LazyLock::new(|| LINES.iter().map(|(name, ..)| Plain::new(name)).collect());

/// Words of all services; or a line of this one, or a piece of it, with a victim in the
/// client's place.
fn text(lines: &'static [&'static str]) -> impl Strategy<Value = String> {
    let words = proptest::collection::vec(proptest::sample::select(WORDS), 0..6);
    let cut = (proptest::sample::select(lines), 0usize..300, 0usize..300);
    let piece = cut.prop_map(|(line, front, back)| {
        let line = line.replace("PEER", "198.51.100.7").replace("TEXT", "y");
        let end = line.len().saturating_sub(back);
        line.get(front.min(end)..end).unwrap_or_default().to_owned()
    });
    let whole = proptest::sample::select(lines);
    let whole = whole.prop_map(|line| line.replace("PEER", "198.51.100.7").replace("TEXT", "y"));
    let parts = prop_oneof![words.prop_map(|words| words.concat()), piece, whole];
    proptest::collection::vec(parts, 1..4).prop_map(|parts| parts.concat())
}

/// Which line of the table, and what is typed at it.
fn attack() -> impl Strategy<Value = (usize, Vec<String>)> {
    (0..LINES.len()).prop_flat_map(|place| {
        let texts = proptest::collection::vec(text(LINES[place].2), 4);
        (Just(place), texts)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_named_by_what_is_typed_at_a_service_of_the_library((place, texts) in attack()) {
        let (_, escape, lines) = LINES[place];
        let texts: Vec<String> = texts.iter().map(|text| escape(text)).collect();
        for line in lines {
            named_in(&RULES[place], &line.replace("PEER", ATTACKER), &texts, "\"")?;
        }
    }
}

/// A line that no attacker has touched counts, or is there to be passed over.
#[test]
fn each_service_of_the_table_has_a_line_that_counts() {
    for ((name, ..), rule) in LINES.iter().zip(RULES.iter()) {
        let lines = LINES.iter().filter(|(other, ..)| other == name);
        let lines = lines.flat_map(|(.., lines)| lines.iter());
        let mut plain = lines.map(|line| line.replace("PEER", ATTACKER).replace("TEXT", "bob"));
        let mut clock = super::samples::clock("2026-11-22T12:00:00Z");
        let counts = |line: String| rule.find(line.as_bytes(), &mut clock).is_some();
        assert!(plain.any(counts), "{name}");
    }
}

/// Rules in whose lines no client chooses a text, or whose patterns are those of the rule
/// `apache`.
const WITHOUT_TEXT: [&str; 4] = ["bitwarden", "wordpress", "scanlogd", "portsentry"];

#[test]
fn each_rule_of_the_library_is_attacked() {
    for rule in GROUPS[1..].iter().flat_map(|group| group.rules) {
        let is_attacked = LINES.iter().any(|(name, ..)| *name == rule.name);
        assert!(
            is_attacked != WITHOUT_TEXT.contains(&rule.name),
            "{}",
            rule.name
        );
    }
}
