//! Which POSTs to login pages an access log has, where none of them is a failure: to
//! which of the rule's pages, with which statuses, and to which other paths that look
//! like login pages.

use std::collections::BTreeMap;

use memchr::{memchr, memmem};

use crate::model::{Address, LoginPage, Rule};

use super::library::{BuiltinRule, builtin_of};
use super::matcher::status_behind_request;
use super::requests::{self, Requests};

/// How many other paths are remembered: a client may ask for any number.
const MOST_PATHS: usize = 500;

/// How long such a path may be.
const LONGEST_PATH: usize = 100;

/// One of these is in the path of most login pages.
const WORDS: [&[u8]; 9] = [
    b"login", b"logon", b"signin", b"sign_in", b"sign-in", b"session", b"auth", b"xmlrpc",
    b"anmeld",
];

/// How often each status was the answer.
type Answers = BTreeMap<u16, u64>;

/// The POSTs of an access log that are no failures, in bounded memory.
#[derive(Debug)]
pub struct PostsSeen {
    pages: Vec<LoginPage>,
    requests: Requests,
    statuses: Option<Vec<u16>>,
    /// What the rule inherits from; none if it is the user's own.
    builtin: Option<&'static BuiltinRule>,
    /// By the number of the page.
    asked: BTreeMap<usize, Answers>,
    others: BTreeMap<Vec<u8>, Answers>,
    refused_users: u64,
}

/// A page, or another path, and what it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<'s> {
    /// The url of the rule, or the path as it was sent.
    pub path: &'s [u8],
    /// Its answers, the most frequent first.
    pub answers: Vec<(u16, u64)>,
}

impl Asked<'_> {
    /// How often it was asked for.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.answers.iter().map(|(_, count)| count).sum()
    }
}

impl PostsSeen {
    /// For the login pages of a rule; none if it has none.
    #[must_use]
    pub fn new(rule: &Rule) -> Option<Self> {
        let pages = rule.patterns.iter().map(|pattern| pattern.urls.pages());
        let pages = pages.max_by_key(|pages| pages.len())?;
        (!pages.is_empty()).then(|| PostsSeen {
            requests: Requests::new(pages),
            pages: pages.to_vec(),
            statuses: rule.statuses.clone(),
            builtin: builtin_of(rule),
            asked: BTreeMap::new(),
            others: BTreeMap::new(),
            refused_users: 0,
        })
    }

    /// Adds what is in these lines.
    pub fn read(&mut self, lines: &[u8]) {
        for line in lines.split(|&byte| byte == b'\n') {
            self.line(line);
        }
    }

    fn line(&mut self, line: &[u8]) {
        // A client's quote is escaped, so this one begins the request.
        let Some(quote) = memmem::find(line, b"] \"") else {
            return;
        };
        let (head, request) = (&line[..quote], &line[quote + 3..]);
        let Some(status) = status_behind_request(&line[quote + 2..]) else {
            return;
        };
        let address = &head[..memchr(b' ', head).unwrap_or(head.len())];
        if Address::parse(address).is_none() {
            return;
        }
        if status == 401 && has_user(head) {
            self.refused_users += 1;
        }
        let request = &request[..requests::end(request)];
        let failed = self
            .requests
            .failed(request, Some(status), self.statuses.as_deref());
        match (failed, self.requests.page(request)) {
            (Some(false), Some(page)) => {
                *self
                    .asked
                    .entry(page)
                    .or_default()
                    .entry(status)
                    .or_default() += 1;
            }
            (None, _) if status != 404 => self.other(request, status),
            _ => {}
        }
    }

    fn other(&mut self, request: &[u8], status: u16) {
        let Some(target) = request.strip_prefix(b"POST ") else {
            return;
        };
        let ends = |byte: &u8| b" ?#;".contains(byte);
        let path = &target[..target.iter().position(ends).unwrap_or(target.len())];
        let lower = path.to_ascii_lowercase();
        let looks_like_one = WORDS
            .iter()
            .any(|word| memmem::find(&lower, word).is_some());
        if !looks_like_one || path.len() > LONGEST_PATH {
            return;
        }
        if self.others.len() < MOST_PATHS || self.others.contains_key(path) {
            let answers = self.others.entry(path.to_vec()).or_default();
            *answers.entry(status).or_default() += 1;
        }
    }

    /// The rule's pages to which there were POSTs, the most frequent first.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked<'_>> {
        let path = |page: usize| self.pages[page].url.as_bytes();
        sorted((self.asked.iter()).map(|(page, answers)| (path(*page), answers)))
    }

    /// How many of these POSTs would be failures if the configuration named no
    /// statuses and no patterns.
    #[must_use]
    pub fn failed_by_default(&self) -> u64 {
        let Some(builtin) = self.builtin else {
            return 0;
        };
        let of_page = |(page, answers): (&usize, &Answers)| -> u64 {
            let failures = builtin.failures_at(&self.pages[*page].url);
            let failed = answers.iter();
            let failed = failed.filter(|(status, _)| requests::counts(**status, failures));
            failed.map(|(_, count)| count).sum()
        };
        self.asked.iter().map(of_page).sum()
    }

    /// Other paths that look like login pages, the most frequent first.
    #[must_use]
    pub fn others(&self) -> Vec<Asked<'_>> {
        sorted((self.others.iter()).map(|(path, answers)| (&path[..], answers)))
    }

    /// How many requests named a user and were answered with 401.
    #[must_use]
    pub fn refused_users(&self) -> u64 {
        self.refused_users
    }
}

/// Whether a user is named behind the address and the user of identd: `203.0.113.9 -
/// alice [22/Mar/…`.
fn has_user(head: &[u8]) -> bool {
    let end = memmem::rfind(head, b" [").unwrap_or(head.len());
    let user = head[..end].splitn(3, |&byte| byte == b' ').nth(2);
    !matches!(user, None | Some(b"-" | b"\"\"" | b""))
}

fn sorted<'s>(all: impl Iterator<Item = (&'s [u8], &'s Answers)>) -> Vec<Asked<'s>> {
    let mut all: Vec<Asked> = all
        .map(|(path, answers)| {
            let mut answers: Vec<_> = answers
                .iter()
                .map(|(&status, &count)| (status, count))
                .collect();
            answers.sort_by_key(|&(status, count)| (std::cmp::Reverse(count), status));
            Asked { path, answers }
        })
        .collect();
    all.sort_by_key(|asked| std::cmp::Reverse(asked.count()));
    all
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;
    use crate::rules::{Clock, Matcher, Verdict};

    fn rule(name: &str) -> Rule {
        Config::defaults(Path::new("/")).rule_named(name).unwrap()
    }

    fn line(user: &str, request: &str, status: u16) -> String {
        format!("203.0.113.9 - {user} [22/Mar/2018:14:18:18 +0000] \"{request}\" {status} 1\n")
    }

    #[test]
    fn a_rule_without_login_pages_sees_none() {
        assert!(PostsSeen::new(&rule("ssh")).is_none());
    }

    #[test]
    fn the_most_frequent_come_first() {
        let mut seen = PostsSeen::new(&rule("nginx")).unwrap();
        let posts = [
            ("/login", 200, 1),
            ("/login", 302, 2),
            ("/wp-login.php?x", 302, 4),
            ("/a/login", 200, 1),
            ("/a/session?b", 200, 2),
        ];
        for (path, status, times) in posts {
            seen.read(
                line("-", &format!("POST {path} HTTP/1.1"), status)
                    .repeat(times)
                    .as_bytes(),
            );
        }
        let shown = |asked: Vec<Asked>| -> Vec<(String, Vec<(u16, u64)>)> {
            let shown = |asked: Asked| {
                (
                    String::from_utf8_lossy(asked.path).into_owned(),
                    asked.answers,
                )
            };
            asked.into_iter().map(shown).collect()
        };
        assert_eq!(
            shown(seen.asked()),
            [
                ("/wp-login.php".to_owned(), vec![(302, 4)]),
                ("/login".to_owned(), vec![(302, 2), (200, 1)])
            ]
        );
        assert_eq!(
            shown(seen.others()),
            [
                ("/a/session".to_owned(), vec![(200, 2)]),
                ("/a/login".to_owned(), vec![(200, 1)])
            ]
        );
    }

    #[test]
    fn a_user_is_known_by_a_name() {
        let refused = |user: &str| {
            let mut seen = PostsSeen::new(&rule("apache")).unwrap();
            seen.read(line(user, "GET / HTTP/1.1", 401).as_bytes());
            seen.read(line(user, "GET / HTTP/1.1", 200).as_bytes());
            seen.refused_users()
        };
        assert_eq!(["-", "\"\""].map(refused), [0, 0]);
        assert_eq!(["alice", "a [b] - c", "-a"].map(refused), [1, 1, 1]);
    }

    proptest! {
        /// A POST to a login page is a failure, or it is seen here; never both.
        #[test]
        fn what_is_no_failure_is_seen(
            posts in prop::collection::vec(
                ("//?(wp-login\\.php|login|login/|admin/|x/\\.\\./login|other)", "(\\?[a-z=&]{0,5})?", prop::sample::select(vec![200, 206, 302, 401, 404, 422, 500]), any::<bool>()),
                0..20,
            ),
        ) {
            let rule = rule("nginx");
            let mut matcher = Matcher::new(&rule, Clock::new(0)).unwrap();
            let mut seen = PostsSeen::new(&rule).unwrap();
            let pages = Requests::new(rule.patterns[0].urls.pages());
            let (mut asked, mut failed) = (0, 0);
            for (path, query, status, is_post) in posts {
                let method = if is_post { "POST" } else { "GET" };
                let request = format!("{method} {path}{query} HTTP/1.1");
                let line = line("-", &request, status);
                seen.read(line.as_bytes());
                asked += u64::from(pages.page(request.as_bytes()).is_some());
                failed += u64::from(matches!(matcher.line(line.trim_end().as_bytes(), 0), Verdict::Failure(_)));
            }
            let seen: u64 = seen.asked().iter().map(Asked::count).sum();
            prop_assert_eq!(seen + failed, asked);
        }

        #[test]
        fn any_bytes_are_read_and_few_are_kept(
            lines in prop::collection::vec(("[a-z]{0,9}", any::<u16>()), 0..900),
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut seen = PostsSeen::new(&rule("nginx")).unwrap();
            seen.read(&bytes);
            for (path, status) in lines {
                seen.read(line("-", &format!("POST /login{path}x HTTP/1.1"), status).as_bytes());
            }
            prop_assert!(seen.others().len() <= MOST_PATHS);
        }
    }
}
