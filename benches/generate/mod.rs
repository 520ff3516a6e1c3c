//! Logs of any size, the same at every start: sessions of attackers and of
//! everyday life, their lines interleaved as in a real log, at 20 lines a
//! second.

#[allow(dead_code, reason = "for make_log alone")]
pub(crate) mod library;

use std::net::{Ipv4Addr, Ipv6Addr};

use chrono::DateTime;

/// What writes the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// sshd among others, `Mar 22 14:18:18`.
    Ssh,
    /// The same, `2026-03-22T14:18:18.123456+00:00`.
    SshRfc3339,
    /// Combined access log; failed logins are 405.
    Nginx,
    /// The same; failed logins are 200.
    Apache,
    /// MariaDB's error log.
    Mysql,
}

/// Seconds that lines of a session may be late, plus one.
const RING: usize = 128;

const LINES_PER_SECOND: usize = 20;

/// 2026-03-22T14:18:18Z.
const START: i64 = 1_774_189_098;

/// The same numbers at every start: a multiplicative congruential generator
/// with the constants of Lehmer's MCG128.
struct Dice(u128);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0xda94_2042_e4dd_58b5);
        u64::try_from(self.0 >> 64).expect("64 bits are left") % sides
    }

    fn of<T: Copy>(&mut self, things: &[T]) -> T {
        let at = self.roll(things.len() as u64);
        things[usize::try_from(at).expect("a small number")]
    }

    /// One of `count` ranks, the first most often: near enough to Zipf's law.
    fn rank(&mut self, count: u64) -> u64 {
        let within = self.roll(count) + 1;
        self.roll(within)
    }
}

/// The lines of a session: how late each is, and what it says. `@` stands for
/// the time (and the host, in syslog).
type Session = Vec<(usize, String)>;

struct Town {
    dice: Dice,
    attackers: Vec<String>,
    pid: u64,
    program: &'static str,
    failed: u16,
}

const GUESSED: &[&str] = &[
    "admin",
    "test",
    "user",
    "oracle",
    "ubuntu",
    "guest",
    "postgres",
    "git",
    "pi",
    "support",
    "hadoop",
    "mysql",
    "deploy",
    "jenkins",
    "steam",
    "ec2-user",
    "validator",
    "node",
    "1234",
];
const STAFF: &[&str] = &["deploy", "alice", "bob", "carol", "ansible", "backup"];
const AGENTS: &[&str] = &[
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "curl/8.5.0",
    "-",
];
const PAGES: &[&str] = &[
    "/",
    "/login/",
    "/blog/2026/03/spring-release/",
    "/static/css/main.4f1c2a.css",
    "/favicon.ico",
    "/api/v1/items?page=2&sort=-created",
    "/healthz",
];
const PROBES: &[&str] = &[
    "/wp-login.php",
    "/.env",
    "/.git/config",
    "/phpmyadmin/index.php",
];

impl Town {
    fn new(kind: Kind, seed: u64) -> Self {
        let mut dice = Dice(u128::from(seed) << 1 | 1);
        let attackers = (0..10_000).map(|_| address(&mut dice)).collect();
        Town {
            dice,
            attackers,
            pid: 1203,
            program: if kind == Kind::SshRfc3339 {
                "sshd-session"
            } else {
                "sshd"
            },
            failed: if kind == Kind::Nginx { 405 } else { 200 },
        }
    }

    fn attacker(&mut self) -> String {
        let at = self.dice.rank(self.attackers.len() as u64);
        self.attackers[usize::try_from(at).expect("a small number")].clone()
    }

    fn session(&mut self, kind: Kind, attack: bool) -> Session {
        self.pid += 7;
        match (kind, attack) {
            (Kind::Ssh | Kind::SshRfc3339, true) => self.ssh_attack(),
            (Kind::Ssh | Kind::SshRfc3339, false) => self.ssh_life(),
            (Kind::Nginx | Kind::Apache, true) => self.web_attack(),
            (Kind::Nginx | Kind::Apache, false) => self.web_life(),
            (Kind::Mysql, attack) => self.mysql(attack),
        }
    }

    #[allow(clippy::too_many_lines, reason = "a list of what sshd says")]
    fn ssh_attack(&mut self) -> Session {
        let (ip, port) = (self.attacker(), 1024 + self.dice.roll(64_000));
        let user = self.dice.of(GUESSED);
        let from = format!("from {ip} port {port}");
        let text: &[(usize, String)] = &match self.dice.roll(100) {
            0..31 => vec![
                (0, format!("Invalid user {user} {from}")),
                (0, "pam_unix(sshd:auth): check pass; user unknown".to_owned()),
                (0, format!("pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip} ")),
                (2, format!("Failed password for invalid user {user} {from} ssh2")),
                (3, format!("Received disconnect {from}:11: Bye Bye [preauth]")),
                (3, format!("Disconnected from invalid user {user} {ip} port {port} [preauth]")),
            ],
            31..41 => vec![
                (0, format!("Invalid user {user} {from}")),
                (1, format!("Connection closed by invalid user {user} {ip} port {port} [preauth]")),
            ],
            41..67 => vec![
                (0, format!("pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip}  user=root")),
                (2, format!("Failed password for root {from} ssh2")),
                (4, format!("Received disconnect {from}:11: Bye Bye [preauth]")),
                (4, format!("Disconnected from authenticating user root {ip} port {port} [preauth]")),
            ],
            67..79 => vec![
                (0, format!("Failed password for root {from} ssh2")),
                (1, format!("Connection closed by authenticating user root {ip} port {port} [preauth]")),
            ],
            79..81 => vec![
                (0, format!("Failed password for root {from} ssh2")),
                (12, format!("message repeated 4 times: [ Failed password for root {from} ssh2]")),
                (12, format!("error: maximum authentication attempts exceeded for root {from} ssh2 [preauth]")),
                (12, format!("Disconnecting authenticating user root {ip} port {port}: Too many authentication failures [preauth]")),
            ],
            81..84 => vec![(0, format!("Did not receive identification string {from}"))],
            84..86 => vec![(0, format!("Unable to negotiate with {ip} port {port}: no matching host key type found. Their offer: ssh-rsa,ssh-dss [preauth]"))],
            86..88 => vec![
                (0, "error: kex_exchange_identification: client sent invalid protocol identifier \"GET / HTTP/1.1\"".to_owned()),
                (0, format!("banner exchange: Connection {from}: invalid format")),
            ],
            88..89 => vec![(0, format!("Bad protocol version identification '\\003' {from}"))],
            89..92 => vec![
                (0, "error: kex_exchange_identification: read: Connection reset by peer".to_owned()),
                (0, format!("Connection reset by {ip} port {port}")),
            ],
            92..96 => vec![(0, format!("Connection closed by {ip} port {port} [preauth]"))],
            96..98 => vec![(120, format!("fatal: Timeout before authentication for {ip} port {port}"))],
            _ => vec![
                (0, format!("User root from {ip} not allowed because not listed in AllowUsers")),
                (1, format!("Failed password for invalid user root {from} ssh2")),
                (1, format!("Connection closed by invalid user root {ip} port {port} [preauth]")),
            ],
        };
        let tag = format!("@ {}[{}]: ", self.program, self.pid);
        text.iter()
            .map(|(late, text)| (*late, tag.clone() + text))
            .collect()
    }

    #[allow(clippy::too_many_lines, reason = "a list of what a host says")]
    fn ssh_life(&mut self) -> Session {
        let (n, port) = (self.dice.roll(100_000), 1024 + self.dice.roll(64_000));
        let (pid, user) = (self.pid, self.dice.of(STAFF));
        let ip = format!("10.0.3.{}", n % 60 + 2);
        let sshd = format!("@ {}[{pid}]: ", self.program);
        let stay = usize::try_from(n % 90).expect("a small number");
        match self.dice.roll(12) {
            0..2 => vec![
                (
                    0,
                    format!(
                        "{sshd}Accepted publickey for {user} from {ip} port {port} ssh2: ED25519 SHA256:r1H{n:036}Q"
                    ),
                ),
                (
                    0,
                    format!(
                        "{sshd}pam_unix(sshd:session): session opened for user {user}(uid=1001) by (uid=0)"
                    ),
                ),
                (
                    0,
                    format!("@ systemd-logind[612]: New session {n} of user {user}."),
                ),
                (
                    0,
                    format!(
                        "@ systemd[1]: Started session-{n}.scope - Session {n} of User {user}."
                    ),
                ),
                (
                    stay,
                    format!(
                        "{sshd}Received disconnect from {ip} port {port}:11: disconnected by user"
                    ),
                ),
                (
                    stay,
                    format!("{sshd}Disconnected from user {user} {ip} port {port}"),
                ),
                (
                    stay,
                    format!("{sshd}pam_unix(sshd:session): session closed for user {user}"),
                ),
                (stay, format!("@ systemd-logind[612]: Removed session {n}.")),
            ],
            2 => vec![(0, format!("{sshd}Connection closed by {ip} port {port}"))],
            3..6 => vec![
                (
                    0,
                    format!(
                        "@ CRON[{pid}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"
                    ),
                ),
                (
                    0,
                    format!(
                        "@ CRON[{pid}]: (root) CMD (   cd / && run-parts --report /etc/cron.hourly)"
                    ),
                ),
                (
                    1,
                    format!("@ CRON[{pid}]: pam_unix(cron:session): session closed for user root"),
                ),
            ],
            6 => vec![
                (
                    0,
                    format!(
                        "@ sudo: {user:>8} : TTY=pts/{} ; PWD=/home/{user} ; USER=root ; COMMAND=/usr/bin/apt-get update",
                        n % 9
                    ),
                ),
                (
                    0,
                    format!(
                        "@ sudo: pam_unix(sudo:session): session opened for user root(uid=0) by {user}(uid=1001)"
                    ),
                ),
                (
                    1,
                    "@ sudo: pam_unix(sudo:session): session closed for user root".to_owned(),
                ),
            ],
            7..10 => vec![(
                0,
                format!(
                    "@ kernel: [{}.{n:06}] [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:1f:9c:02:52:54:00:aa:01:01:08:00 SRC=192.0.2.{} DST=10.0.3.1 LEN=40 TOS=0x00 PREC=0x00 TTL=245 ID={port} PROTO=TCP SPT={port} DPT=23 WINDOW=1024 RES=0x00 SYN URGP=0",
                    n * 17,
                    n % 250
                ),
            )],
            10 => vec![
                (
                    0,
                    format!(
                        "@ postfix/smtpd[{pid}]: connect from unknown[192.0.2.{}]",
                        n % 250
                    ),
                ),
                (
                    1,
                    format!(
                        "@ postfix/qmgr[1180]: {n:010X}: from=<news{}@example.com>, size={n}, nrcpt=1 (queue active)",
                        n % 40
                    ),
                ),
                (2, format!("@ postfix/qmgr[1180]: {n:010X}: removed")),
                (
                    3,
                    format!(
                        "@ postfix/smtpd[{pid}]: disconnect from unknown[192.0.2.{}] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5",
                        n % 250
                    ),
                ),
            ],
            _ => vec![
                (
                    0,
                    "@ systemd[1]: Starting logrotate.service - Rotate log files...".to_owned(),
                ),
                (
                    1,
                    "@ systemd[1]: logrotate.service: Deactivated successfully.".to_owned(),
                ),
                (
                    1,
                    "@ systemd[1]: Finished logrotate.service - Rotate log files.".to_owned(),
                ),
            ],
        }
    }

    fn web_attack(&mut self) -> Session {
        let (ip, agent, n) = (self.attacker(), self.dice.of(AGENTS), self.dice.roll(900));
        match self.dice.roll(22) {
            0..10 => {
                let (url, failed) = (
                    self.dice.of(&["/login/", "/login/", "/admin/"]),
                    self.failed,
                );
                let line = format!(
                    "{ip} - - [@] \"POST {url} HTTP/1.1\" {failed} {} \"-\" \"{agent}\"",
                    n + 150
                );
                let times = usize::try_from(n % 8).expect("a small number") + 1;
                (0..times).map(|late| (late, line.clone())).collect()
            }
            10..16 => [(0, 404), (0, 404), (1, 403)]
                .iter()
                .map(|&(late, status)| {
                    let probe = self.dice.of(PROBES);
                    (
                        late,
                        format!(
                            "{ip} - - [@] \"GET {probe} HTTP/1.1\" {status} 153 \"-\" \"{agent}\""
                        ),
                    )
                })
                .collect(),
            16..20 => vec![(
                0,
                format!("{ip} - - [@] \"POST /wp-login.php HTTP/1.1\" 404 {n} \"-\" \"{agent}\""),
            )],
            _ => vec![(
                0,
                format!("{ip} - admin [@] \"GET /private/ HTTP/1.1\" 401 {n} \"-\" \"{agent}\""),
            )],
        }
    }

    fn web_life(&mut self) -> Session {
        let (agent, n) = (self.dice.of(AGENTS), self.dice.roll(100_000));
        let ip = format!("192.0.2.{}", n % 250);
        match self.dice.roll(13) {
            0..10 => (0..5usize)
                .map(|late| {
                    let page = self.dice.of(PAGES);
                    (late, format!("{ip} - - [@] \"GET {page} HTTP/2.0\" 200 {n} \"https://www.example.com/\" \"{agent}\""))
                })
                .collect(),
            10..12 => vec![(0, format!("{ip} - - [@] \"POST /api/v1/session HTTP/1.1\" 201 {n} \"https://www.example.com/login/\" \"{agent}\""))],
            _ => vec![
                (0, format!("{ip} - - [@] \"POST /login/ HTTP/1.1\" 302 0 \"https://www.example.com/login/\" \"{agent}\"")),
                (0, format!("{ip} - - [@] \"GET /account/{n} HTTP/1.1\" 200 {n} \"https://www.example.com/login/\" \"{agent}\"")),
            ],
        }
    }

    fn mysql(&mut self, attack: bool) -> Session {
        let (n, user) = (self.dice.roll(100_000), self.dice.of(GUESSED));
        let ip = self.attacker();
        vec![match (attack, self.dice.roll(12)) {
            (true, 0) => (
                0,
                format!(
                    "@ {n} [Warning] Aborted connection {n} to db: 'unconnected' user: 'unauthenticated' host: '{ip}' (This connection closed normally without authentication)"
                ),
            ),
            (true, _) => (
                0,
                format!(
                    "@ {n} [Warning] Access denied for user '{user}'@'{ip}' (using password: YES)"
                ),
            ),
            (false, 0..6) => (
                0,
                format!(
                    "@ {n} [Warning] Aborted connection {n} to db: 'shop' user: 'app' host: '10.0.3.7' (Got timeout reading communication packets)"
                ),
            ),
            (false, _) => (
                0,
                format!(
                    "@ {n} [Note] InnoDB: Online DDL : Completed ALTER TABLE of table shop/orders_{n}"
                ),
            ),
        }]
    }
}

fn address(dice: &mut Dice) -> String {
    let number = dice.roll(1 << 32);
    if dice.roll(20) == 0 {
        let [host, network] = [dice.roll(1 << 16), number].map(u128::from);
        return Ipv6Addr::from_bits(0x2001_0db8 << 96 | network << 64 | host).to_string();
    }
    let number = u32::try_from(number).expect("32 bits");
    Ipv4Addr::from_bits(number % 0xc000_0000 + 0x1000_0000).to_string()
}

/// What stands for `@` in this second; a fraction where the kind has one.
fn time(kind: Kind, second: i64, micros: usize) -> String {
    let at = DateTime::from_timestamp(second, 0).expect("a year of four digits");
    match kind {
        Kind::Ssh => at.format("%b %e %H:%M:%S web1").to_string(),
        Kind::SshRfc3339 => {
            let second = at.format("%Y-%m-%dT%H:%M:%S");
            format!("{second}.{micros:06}+00:00 web1")
        }
        Kind::Nginx | Kind::Apache => at.format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        Kind::Mysql => at.format("%Y-%m-%d %H:%M:%S").to_string(),
    }
}

/// A log of at most `bytes`, whole lines. `share` is the part of the lines, in
/// percent, that are from sessions of attackers.
#[allow(dead_code, reason = "not every program here wants one in memory")]
pub(crate) fn log(kind: Kind, share: usize, bytes: usize, seed: u64) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes);
    write(kind, share, bytes, seed, &mut text).expect("memory can be written");
    text
}

/// Writes the same, and never holds more than a second of it: a smaller one is
/// the beginning of a larger one.
pub(crate) fn write(
    kind: Kind,
    share: usize,
    bytes: usize,
    seed: u64,
    out: &mut impl std::io::Write,
) -> std::io::Result<()> {
    let mut town = Town::new(kind, seed);
    let mut ring: Vec<Vec<String>> = vec![Vec::new(); RING];
    let mut owed = [0i64; 2];
    let mut left = bytes;
    for second in START.. {
        let slot = |late: usize| (usize::try_from(second - START).expect("later") + late) % RING;
        let parts = [(true, share), (false, 100 - share)];
        for ((attack, part), owed) in parts.into_iter().zip(&mut owed) {
            *owed += i64::try_from(LINES_PER_SECOND * part).expect("a small number");
            while *owed > 0 {
                for (late, line) in town.session(kind, attack) {
                    ring[slot(late)].push(line);
                    *owed -= 100;
                }
            }
        }
        let lines = std::mem::take(&mut ring[slot(0)]);
        let step = 1_000_000 / lines.len().max(1);
        for (n, line) in lines.iter().enumerate() {
            let mut line = line.replacen('@', &time(kind, second, n * step), 1);
            line.push('\n');
            let Some(rest) = left.checked_sub(line.len()) else {
                return out.flush();
            };
            left = rest;
            out.write_all(line.as_bytes())?;
        }
    }
    Ok(())
}
