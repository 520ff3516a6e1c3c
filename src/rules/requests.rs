//! Which requests of an access log are for the pages of a rule.

use std::cell::Cell;

use memchr::{memchr, memchr3, memrchr2};

use crate::model::LoginPage;

use super::request_target::{Target, lenient, unescape};

/// The requests that log in: `POST` to one of the pages.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    pages: Vec<Page>,
    /// By [`bucket`] of their path: the places of the pages. Most paths have none
    /// there, however many pages there are.
    buckets: Vec<Vec<usize>>,
    /// Whether the path of some page has a blank, which only older servers take.
    blanks: bool,
}

/// A page, read from its url.
#[derive(Debug, Clone)]
struct Page {
    /// Its place in the list that was given.
    number: usize,
    /// As servers read it.
    path: Vec<u8>,
    /// Whether it is a file, as `/login.php`: Apache starts it for what is
    /// behind it, too, `/login.php/x`.
    file: bool,
    /// What must be in the query, in any order: `route=login`.
    query: Vec<Vec<u8>>,
    /// The statuses of a failed login there, if it has its own.
    failures: Option<&'static [u16]>,
    /// How nearly all requests for it begin, `POST /login/`, if every server reads
    /// that as this page, whatever the query says.
    start: Option<Vec<u8>>,
}

/// In any case: to some applications `post` is the same.
const METHOD: &[u8] = b"POST";

const BUCKETS: usize = 64;

/// Where the pages are that a path may be: by its first letters, `lo` of `/login/`.
/// What is behind the name of a file changes nothing, since such a path has three
/// bytes or more.
fn bucket(path: &[u8]) -> usize {
    let letter = |place| path.get(place).map_or(0, |&byte: &u8| usize::from(byte));
    (letter(1) * 5 + letter(2)) % BUCKETS
}

impl Requests {
    /// The requests for these pages. A page whose url is no path has none.
    pub(super) fn new(pages: &[LoginPage]) -> Self {
        let page = |(number, page): (usize, &LoginPage)| {
            let target = Target::new(page.url.as_bytes())?;
            let path = target.meant();
            let name = path.rsplit(|&byte| byte == b'/').next()?;
            let query = parameters(target.query);
            let request = [b"POST ", &path[..], b" "].concat();
            let is_plain = plain_path(&request).is_some_and(|(_, behind)| behind.len() == 1);
            Some(Page {
                number,
                file: memchr(b'.', name).is_some(),
                start: (is_plain && query.is_empty())
                    .then(|| request[..request.len() - 1].to_vec()),
                query,
                path,
                failures: page.failures,
            })
        };
        let pages: Vec<Page> = pages.iter().enumerate().filter_map(page).collect();
        let mut buckets = vec![Vec::new(); BUCKETS];
        for (place, page) in pages.iter().enumerate() {
            buckets[bucket(&page.path)].push(place);
        }
        Requests {
            blanks: pages
                .iter()
                .any(|page| page.path.iter().any(|&byte| is_blank(byte))),
            buckets,
            pages,
        }
    }

    /// Whether `text` may begin with such a request. The request ends at a quote that
    /// is not escaped, or with the line. Behind a plain path nothing is looked at.
    pub(super) fn may_begin(&self, text: &[u8]) -> bool {
        let is_whole = |behind: &[u8]| matches!(behind.first(), Some(b' ' | b'?' | b'#'));
        if self.begun(text).any(|(_, behind)| is_whole(behind)) {
            return true;
        }
        match plain_path(text) {
            Some((path, _)) if !self.blanks => self.at(path).next().is_some(),
            _ => is_post(text) && self.any(&text[..end(text)], |_| true),
        }
    }

    /// The number of the first page for which the request line is, as the log
    /// shows it.
    pub(super) fn page(&self, request: &[u8]) -> Option<usize> {
        let page = Cell::new(None);
        self.any(request, |found| {
            page.set(Some(found.number));
            true
        });
        page.get()
    }

    /// Whether the request line is a failed request for a page: its status is one of
    /// the page's own, else one of `statuses`, else any. None if it is for no page.
    pub(super) fn failed(
        &self,
        request: &[u8],
        status: Option<u16>,
        statuses: Option<&[u16]>,
    ) -> Option<bool> {
        let asked = Cell::new(false);
        let failed = self.any(request, |page| {
            asked.set(true);
            let statuses = page.failures.or(statuses);
            statuses.is_none_or(|statuses| status.is_some_and(|status| counts(status, statuses)))
        });
        asked.get().then_some(failed)
    }

    /// Whether the request line is for a page for which `is_it` holds.
    fn any(&self, request: &[u8], is_it: impl Fn(&Page) -> bool) -> bool {
        let mut begun = self.begun(request);
        if begun.any(|(page, behind)| ends_plainly(behind) && is_it(page)) {
            return true;
        }
        if let Some((path, behind)) = plain_path(request)
            && ends_plainly(behind)
        {
            let mut pages = self.at(path).peekable();
            if pages.peek().is_none() {
                return false;
            }
            if pages.all(|page| page.query.is_empty()) {
                return self.at(path).any(is_it);
            }
        }
        self.reads(request, is_it)
    }

    /// The pages with which the text begins as nearly all requests do, each with
    /// what stands behind its path.
    fn begun<'r>(&'r self, text: &'r [u8]) -> impl Iterator<Item = (&'r Page, &'r [u8])> {
        let path = text.get(METHOD.len() + 1..).unwrap_or_default();
        self.buckets[bucket(path)].iter().filter_map(|&place| {
            let page = &self.pages[place];
            let behind = text.strip_prefix(&page.start.as_ref()?[..])?;
            Some((page, behind))
        })
    }

    /// The pages that this path is.
    fn at<'r>(&'r self, path: &'r [u8]) -> impl Iterator<Item = &'r Page> {
        let places = self.buckets[bucket(path)].iter();
        places
            .map(|&place| &self.pages[place])
            .filter(move |page| page.is_at(path))
    }

    /// The same, for any spelling.
    fn reads(&self, request: &[u8], is_it: impl Fn(&Page) -> bool) -> bool {
        if !is_post(request) {
            return false;
        }
        let behind = unescape(&request[METHOD.len()..]);
        // Otherwise it is another method, which only begins so.
        if !behind.first().is_some_and(|&byte| is_blank(byte)) {
            return false;
        }
        let Some(target) = Target::new(without_version(&behind)) else {
            return false;
        };
        target.is_read_as(|path| {
            let mut pages = self.at(path);
            pages.any(|page| page.is_asked_by(target.query) && is_it(page))
        })
    }
}

impl Page {
    fn is_at(&self, path: &[u8]) -> bool {
        let behind = path.strip_prefix(&self.path[..]);
        behind.is_some_and(|behind| behind.is_empty() || self.file && behind[0] == b'/')
    }

    fn is_asked_by(&self, query: &[u8]) -> bool {
        self.query.is_empty() || {
            let given = parameters(query);
            self.query.iter().all(|wanted| given.contains(wanted))
        }
    }
}

/// Whether an answer with this status is one of `statuses`. A 200 becomes 206 or
/// 416 where the client asks for a range of the page, after the page has done
/// its work.
pub(super) fn counts(status: u16, statuses: &[u16]) -> bool {
    statuses.contains(&status) || matches!(status, 206 | 416) && statuses.contains(&200)
}

fn is_post(text: &[u8]) -> bool {
    let method = text.get(..METHOD.len());
    method.is_some_and(|method| method.eq_ignore_ascii_case(METHOD))
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// The path behind `POST` and one blank, if every server reads it as it stands,
/// and what is behind it: a blank, the query or the fragment.
#[inline]
fn plain_path(request: &[u8]) -> Option<(&[u8], &[u8])> {
    let path = request.strip_prefix(b"POST ")?;
    if path.first() != Some(&b'/') {
        return None;
    }
    let mut length = 0;
    loop {
        match BYTES[usize::from(*path.get(length)?)] {
            Byte::Plain => {}
            Byte::Slash if !matches!(path.get(length + 1), Some(b'/' | b'.')) => {}
            Byte::End => return Some(path.split_at(length)),
            Byte::Slash | Byte::Other => return None,
        }
        length += 1;
    }
}

/// Whether the path ends where this begins, whatever the server: with the query, the
/// fragment, or the version.
fn ends_plainly(behind: &[u8]) -> bool {
    matches!(
        behind,
        [b'?' | b'#', ..]
            | [
                b' ',
                b'H',
                b'T',
                b'T',
                b'P',
                b'/',
                b'0'..=b'9',
                b'.',
                b'0'..=b'9'
            ]
    )
}

/// What a byte is to a plain path.
#[derive(Clone, Copy)]
enum Byte {
    Plain,
    /// Plain if no slash and no dot is behind it.
    Slash,
    End,
    Other,
}

static BYTES: [Byte; 256] = {
    let mut bytes = [Byte::Other; 256];
    let mut byte = b'!';
    while byte < 0x7f {
        bytes[byte as usize] = match byte {
            b'/' => Byte::Slash,
            b'?' | b'#' => Byte::End,
            b'%' | b';' | b'"' | b'\\' => Byte::Other,
            _ => Byte::Plain,
        };
        byte += 1;
    }
    bytes[b' ' as usize] = Byte::End;
    bytes
};

/// Where the request ends.
pub(super) fn end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr3(b'"', b'\\', b'\n', text.get(at..).unwrap_or_default()) {
        at += found;
        if text[at] != b'\\' {
            return at;
        }
        at += 2;
    }
    text.len()
}

/// The target: without the blanks round it, and without the version, if there
/// is one. What is between them may have blanks: older servers take them.
fn without_version(behind: &[u8]) -> &[u8] {
    let blanks = |text: &mut &[u8]| {
        while let [head @ .., last] = text
            && is_blank(*last)
        {
            *text = head;
        }
        while let [first, tail @ ..] = text
            && is_blank(*first)
        {
            *text = tail;
        }
    };
    let mut text = behind;
    blanks(&mut text);
    if let Some(blank) = memrchr2(b' ', b'\t', text)
        && is_version(&text[blank + 1..])
    {
        text = &text[..blank];
        blanks(&mut text);
    }
    text
}

/// `HTTP/1.1`; Apache may take it in small letters.
fn is_version(word: &[u8]) -> bool {
    word.split_at_checked(5).is_some_and(|(name, number)| {
        let digits = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        name.eq_ignore_ascii_case(b"HTTP/") && number.iter().all(digits)
    })
}

/// The parameters of a query, decoded.
fn parameters(query: &[u8]) -> Vec<Vec<u8>> {
    let parts = query.split(|&byte| byte == b'&');
    let decoded = |part: &[u8]| {
        let blank = |&byte: &u8| if byte == b'+' { b' ' } else { byte };
        lenient(&part.iter().map(blank).collect::<Vec<u8>>())
    };
    parts.filter(|part| !part.is_empty()).map(decoded).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn requests(urls: &[impl AsRef<str>]) -> Requests {
        let page = |url: &str, failures| LoginPage {
            url: url.to_owned().into(),
            failures,
        };
        let pages: Vec<_> = urls.iter().map(|url| page(url.as_ref(), None)).collect();
        Requests::new(&pages)
    }

    impl Requests {
        fn has(&self, request: &[u8]) -> bool {
            self.page(request).is_some()
        }
    }

    #[test]
    fn each_page_has_its_own_statuses_else_those_of_the_rule_else_any() {
        let page = |url: &'static str, failures| LoginPage {
            url: url.into(),
            failures,
        };
        let pages = [
            page("/own", Some(&[200, 401][..])),
            page("/other", Some(&[401])),
            page("/rules", None),
            page("/own?and=more", Some(&[302])),
        ];
        let requests = Requests::new(&pages);
        let failed = |path: &str, status: u16, statuses: Option<&[u16]>| {
            let request = format!("POST {path} HTTP/1.1");
            requests.failed(request.as_bytes(), Some(status), statuses)
        };
        for statuses in [None, Some(&[405][..])] {
            assert_eq!(failed("/own", 206, statuses), Some(true));
            assert_eq!(failed("/other", 200, statuses), Some(false));
            assert_eq!(failed("//other", 401, statuses), Some(true));
            assert_eq!(failed("/rules", 200, statuses), Some(statuses.is_none()));
            assert_eq!(failed("/none", 401, statuses), None);
            // A request for two pages fails where it fails at one of them.
            assert_eq!(failed("/own?and=more", 302, statuses), Some(true));
            assert_eq!(failed("/own?x&and=more#y", 200, statuses), Some(true));
            assert_eq!(failed("/own?and=less", 302, statuses), Some(false));
        }
        let unknown = |path: &str, statuses| {
            requests.failed(format!("POST {path} HTTP/1.1").as_bytes(), None, statuses)
        };
        assert_eq!(unknown("/rules", None), Some(true));
        assert_eq!(unknown("/rules", Some(&[405][..])), Some(false));
        assert_eq!(unknown("/own", None), Some(false));
    }

    #[test]
    fn a_request_is_a_post_to_one_of_the_urls() {
        let requests = requests(&["/login/", "/café/", "/a b", "/100%", "http://any.where/x"]);
        for request in [
            "POST /login/ HTTP/1.1",
            "post /login/ http/1.1",
            "POST  /login/?a b HTTP/2.0 ",
            r"POST\t/login/\tHTTP/1.1",
            "POST /login/",
            "POST /login/#",
            r"POST /caf\xC3\xa9/ HTTP/1.1",
            "POST /caf%c3%A9/ HTTP/1.1",
            "POST /a b HTTP/1.1",
            "POST /a%20b HTTP/1.1",
            "POST /100%25 HTTP/1.1",
            "POST /x HTTP/1.1",
            "POST ftp://else.where/x HTTP/1.1",
        ] {
            assert!(requests.has(request.as_bytes()), "{request}");
            let text = format!("{request}\" 200 1 \"-\"");
            assert!(requests.may_begin(text.as_bytes()), "{text}");
            assert!(requests.may_begin(format!("{request}\n").as_bytes()));
        }
        for request in [
            "",
            "POST",
            "POST ",
            "GET /login/ HTTP/1.1",
            "POSTX /login/ HTTP/1.1",
            "POST/login/ HTTP/1.1",
            "POST /login/more HTTP/1.1",
            "POST /login/ x HTTP/1.1",
            "POST /login/HTTP/1.1",
            "POST /Login/ HTTP/1.1",
            r#"POST /login/\" HTTP/1.1"#,
            "POST * HTTP/1.1",
        ] {
            assert!(!requests.has(request.as_bytes()), "{request}");
        }
    }

    #[test]
    fn a_quote_or_the_end_of_the_line_ends_a_request() {
        let requests = requests(&["/x"]);
        assert!(requests.may_begin(b"POST /x?\\\" HTTP/1.1\" 200 \"POST /y\""));
        assert!(!requests.may_begin(b"POST /y\" 200 \"POST /x\""));
        assert!(!requests.may_begin(b"POST /y\nPOST /x"));
        assert!(!requests.may_begin(b"POST /x\\"));
    }

    #[test]
    fn a_file_is_started_for_what_stands_behind_it_and_a_directory_is_not() {
        let requests = requests(&["/a.d/login", "/b/", "/c.php"]);
        let has = |path: &str| requests.has(format!("POST {path} HTTP/1.1").as_bytes());
        assert!(has("/c.php") && has("/c.php/") && has("/c.php/x/y") && has("/%63.php%2Fx"));
        assert!(has("/a.d/login") && has("/b/"));
        assert!(!has("/c.phpx") && !has("/a.d/login/x") && !has("/b/x"));
    }

    #[test]
    fn the_parameters_of_a_url_may_stand_anywhere_in_the_query() {
        let requests = requests(&["/i.php?route=log+in&a=b"]);
        let has = |path: &str| requests.has(format!("POST {path} HTTP/1.1").as_bytes());
        assert!(has("/i.php?route=log+in&a=b"));
        assert!(has("/i.php?x&a=%62&y&r%6fute=log%20in#z"));
        assert!(!has("/i.php?a=b") && !has("/i.php") && !has("/i.php?route=log+in&a=bc"));
    }

    #[test]
    fn a_url_that_is_no_path_has_no_request() {
        let requests = requests(&["login", "*", ""]);
        for target in ["login", "*", "/", "/login", ""] {
            assert!(!requests.has(format!("POST {target} HTTP/1.1").as_bytes()));
        }
    }

    /// One step in which a request is spelled otherwise.
    fn respell(target: &str, step: u8, place: usize) -> String {
        let slashes: Vec<usize> = target.match_indices('/').map(|(at, _)| at).collect();
        let slash = slashes[place % slashes.len()];
        let insert = |text: &str| format!("{}{text}{}", &target[..slash], &target[slash..]);
        let letters: Vec<usize> = (target.match_indices(|c: char| c.is_ascii_alphabetic()))
            .map(|(at, _)| at)
            .filter(|&at| {
                at == 0 || !target[..at].ends_with('%') && !target[..at - 1].ends_with('%')
            })
            .collect();
        match step % 5 {
            0 => insert("/"),
            1 => insert("/."),
            2 => insert("/x/.."),
            3 => insert("/%2E/y%7A/.%2e"),
            _ => letters
                .get(place % letters.len().max(1))
                .map_or(target.to_owned(), |&at| {
                    format!(
                        "{}%{:02x}{}",
                        &target[..at],
                        target.as_bytes()[at],
                        &target[at + 1..]
                    )
                }),
        }
    }

    proptest! {
        #[test]
        fn a_page_is_found_however_its_path_is_spelled(
            steps in prop::collection::vec((any::<u8>(), any::<usize>()), 0..8),
            front in prop::sample::select(vec!["", "http://a", "X://u@[::1]:1"]),
            back in prop::sample::select(vec!["", "?", "?a#b", "#", "/.", "//", "/x/.."]),
        ) {
            let path = steps.iter().fold("/login/".to_owned(), |path, &(step, place)| respell(&path, step, place));
            let request = format!("POST {front}{path}{back} HTTP/1.1");
            prop_assert!(requests(&["/login/"]).has(request.as_bytes()), "{}", request);
        }

        /// What is looked at first answers as the whole does, or lets too much pass.
        #[test]
        fn any_text_is_answered_as_its_request(
            text in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                "(/|a|/a|/a\\.b|%61|\\.|;|\\?|#| | HTTP/1.1|\"|\\\\|\n){0,9}".prop_map(String::into_bytes),
            ],
            urls in prop::collection::vec("\\PC{0,12}|/a|/a/|/a\\.b|/a b|/|/a\\?a|/\\?a", 0..4),
        ) {
            let requests = requests(&urls);
            let text = [&b"POST "[..], &text].concat();
            let request = &text[..end(&text)];
            prop_assert_eq!(requests.has(request), requests.reads(request, |_| true));
            // Which pages it is for says each page alone.
            for (number, url) in urls.iter().enumerate() {
                let alone = self::requests(&[url]).has(request);
                prop_assert_eq!(alone, requests.any(request, |page| page.number == number));
            }
            prop_assert!(requests.may_begin(&text) || !requests.has(request));
        }
    }
}
