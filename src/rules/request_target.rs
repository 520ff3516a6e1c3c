//! The target of an HTTP request → the paths that a web server may read in it.
//!
//! One page has countless names: `/login/`, `http://a/login/`, `//login/`,
//! `/x/../%6cogin/.`. A server takes scheme and authority off, cuts the query and
//! the fragment, decodes once, and resolves dot segments (RFC 3986, sections 3,
//! 5.2.4 and 6.2.2). Servers and their settings differ where a slash is doubled
//! or encoded and `..` follows: `/login//..` is `/` to most of them and `/login/`
//! where slashes are not merged. So a target has several readings, and what
//! counts is whether one of them is the page's path.
//! `fixtures/services/web` shows what nginx and Apache do.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem, memrchr};

/// What is left of a target without scheme, authority and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target<'t> {
    /// As it was sent, percent-encoded; begins with a slash.
    pub(super) path: &'t [u8],
    /// Behind the first question mark; empty if there is none.
    pub(super) query: &'t [u8],
}

/// In a decoded path: a slash that was encoded. No server takes a NUL in a path.
const ENCODED_SLASH: u8 = 0;

impl<'t> Target<'t> {
    /// Takes a target apart; none if it names no path, as `*` does.
    pub(super) fn new(target: &'t [u8]) -> Option<Self> {
        let end = memchr2(b'?', b'#', target).unwrap_or(target.len());
        let query = target[end..].strip_prefix(b"?").unwrap_or_default();
        let query = &query[..memchr(b'#', query).unwrap_or(query.len())];
        let path = match &target[..end] {
            path @ [b'/', ..] => path,
            absolute => behind_authority(absolute)?,
        };
        Some(Target { path, query })
    }

    /// Whether a server reads a path for which `is_it` holds. None does if all of
    /// them refuse it.
    pub(super) fn is_read_as(&self, is_it: impl Fn(&[u8]) -> bool) -> bool {
        // Java's servers take the parameters off: `/login/;x`, `/x/..;y/login/`.
        let parameters = || memchr(b';', self.path).is_some();
        is_read_as(self.path, &is_it)
            || parameters() && is_read_as(&without_parameters(self.path), &is_it)
    }

    /// The path that the administrator means: decoded, where no server would
    /// refuse it; a `%` that encodes nothing is one.
    pub(super) fn meant(&self) -> Vec<u8> {
        let mut decoded = lenient(self.path);
        decoded.retain(|&byte| byte != ENCODED_SLASH);
        resolve(&decoded, true)
    }
}

/// The path of `scheme:path` or `scheme://authority/path`.
fn behind_authority(absolute: &[u8]) -> Option<&[u8]> {
    let colon = memchr(b':', absolute)?;
    let (first, more) = absolute[..colon].split_first()?;
    let of_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    if !first.is_ascii_alphabetic() || !more.iter().all(of_scheme) {
        return None;
    }
    let rest = &absolute[colon + 1..];
    let Some(rest) = rest.strip_prefix(b"//") else {
        return rest.starts_with(b"/").then_some(rest);
    };
    Some(memchr(b'/', rest).map_or(b"/", |slash| &rest[slash..]))
}

/// The same for one path. The usual reading is tried first.
fn is_read_as(path: &[u8], is_it: impl Fn(&[u8]) -> bool) -> bool {
    let Some(decoded) = decode(path) else {
        return false;
    };
    let slashes = decoded_slashes(&decoded);
    if is_it(&resolve(&slashes, true)) {
        return true;
    }
    if memmem::find(&decoded, b"..").is_none() {
        return false;
    }
    // Where slashes are not merged `..` takes back the nothing between two.
    if is_it(&resolve(&resolve(&slashes, false), true)) {
        return true;
    }
    // Apache resolves before it decodes the slashes, and again.
    matches!(slashes, Cow::Owned(_))
        && [true, false].into_iter().any(|merge| {
            let resolved = resolve(&decoded, merge);
            is_it(&resolve(&decoded_slashes(&resolved), true))
        })
}

/// Decodes once; none if that can not be done, or if the path has a NUL.
fn decode(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, behind)) = rest.split_first() {
        let (byte, behind) = match byte {
            b'%' => match encoded(behind)? {
                (0, _) => return None,
                (b'/', behind) => (ENCODED_SLASH, behind),
                other => other,
            },
            0 => return None,
            _ => (byte, behind),
        };
        decoded.push(byte);
        rest = behind;
    }
    Some(decoded)
}

/// Decodes once what can be decoded.
pub(super) fn lenient(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        let one = Some(behind).filter(|_| byte == b'%').and_then(encoded);
        let (byte, behind) = one.unwrap_or((byte, behind));
        decoded.push(byte);
        rest = behind;
    }
    decoded
}

/// The byte that two hexadecimal digits stand for, and what is behind them.
pub(super) fn encoded(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, behind) = text.split_first_chunk::<2>()?;
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    Some((u8::try_from(high? * 16 + low?).ok()?, behind))
}

fn decoded_slashes(decoded: &[u8]) -> Cow<'_, [u8]> {
    if memchr(ENCODED_SLASH, decoded).is_none() {
        return Cow::Borrowed(decoded);
    }
    let slash = |&byte: &u8| if byte == ENCODED_SLASH { b'/' } else { byte };
    Cow::Owned(decoded.iter().map(slash).collect())
}

fn without_parameters(path: &[u8]) -> Vec<u8> {
    let segments = path.split(|&byte| byte == b'/');
    let cut = segments.map(|segment| &segment[..memchr(b';', segment).unwrap_or(segment.len())]);
    cut.collect::<Vec<_>>().join(&b'/')
}

/// Takes `.` and `..` out of a decoded path, and if `merge` empty segments, too.
/// A `..` at the root leads nowhere: some servers refuse it, older ones do that.
fn resolve(path: &[u8], merge: bool) -> Vec<u8> {
    let mut resolved = Vec::with_capacity(path.len() + 1);
    resolved.push(b'/');
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let mut segments = path.split(|&byte| byte == b'/').peekable();
    // Until the last segment `resolved` ends with a slash.
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            b"." => {}
            b"" if merge || last => {}
            b".." => {
                let above = &resolved[..resolved.len() - 1];
                resolved.truncate(memrchr(b'/', above).unwrap_or(0) + 1);
            }
            _ => {
                resolved.extend_from_slice(segment);
                if !last {
                    resolved.push(b'/');
                }
            }
        }
    }
    resolved
}

/// The bytes that an access log shows as `\xHH`, `\"`, `\\`, `\t` and the like.
pub(super) fn unescape(logged: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr(b'\\', logged) else {
        return Cow::Borrowed(logged);
    };
    let (plain, mut rest) = logged.split_at(first);
    let mut bytes = Vec::with_capacity(logged.len());
    bytes.extend_from_slice(plain);
    while let Some((&byte, behind)) = rest.split_first() {
        let (byte, behind) = match (byte, behind) {
            (b'\\', [b'x', digits @ ..]) => encoded(digits).unwrap_or((byte, behind)),
            (b'\\', [letter, behind @ ..]) => (escape(*letter), behind),
            _ => (byte, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    Cow::Owned(bytes)
}

fn escape(letter: u8) -> u8 {
    match letter {
        b'b' => 0x08,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 0x0b,
        b'f' => 0x0c,
        b'r' => b'\r',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    /// Each path that a server reads, the usual one first.
    fn readings(target: &Target<'_>) -> Vec<Vec<u8>> {
        let readings = RefCell::new(Vec::new());
        let no = target.is_read_as(|path| {
            readings.borrow_mut().push(path.to_vec());
            false
        });
        assert!(!no);
        readings.into_inner()
    }

    fn readings_of(target: &str) -> Vec<String> {
        let target = Target::new(target.as_bytes()).unwrap();
        let text = |path: Vec<u8>| path.escape_ascii().to_string();
        let mut readings: Vec<_> = readings(&target).into_iter().map(text).collect();
        readings.sort();
        readings.dedup();
        readings
    }

    #[test]
    fn one_page_has_many_names() {
        for target in [
            "/login/",
            "//login/",
            "/login//",
            "/./login/.",
            "/x/../login/",
            "/login/x/..",
            "/%6cogin%2f",
            "/%2e/x/%2E%2e/login/",
            "/../login/",
            "/login/?next=/",
            "/login/#a?b",
            "http://a/login/",
            "X+y-z.1://u:p@[::1]:80//login/?x#y",
            "http:/login/",
            "http:///login/",
        ] {
            assert_eq!(readings_of(target), ["/login/"], "{target}");
        }
        for (target, path) in [
            ("/%256cogin/", "/%6cogin/"),
            ("/login/%3f", "/login/?"),
            ("/LOGIN/", "/LOGIN/"),
            ("/login", "/login"),
            ("//a/login/", "/a/login/"),
            ("/login%c0%af", r"/login\xc0\xaf"),
            ("http://a?/login/", "/"),
            ("/...", "/..."),
        ] {
            assert_eq!(readings_of(target), [path], "{target}");
        }
    }

    #[test]
    fn servers_differ_in_doubled_and_encoded_slashes_and_parameters() {
        for (target, readings) in [
            ("/login//..", ["/", "/login/"]),
            ("/a%2fb/../login/", ["/a/login/", "/login/"]),
            ("/login/;x", ["/login/", "/login/;x"]),
            ("/x/..;y/login/", ["/login/", "/x/..;y/login/"]),
        ] {
            assert_eq!(readings_of(target), readings, "{target}");
        }
    }

    #[test]
    fn what_every_server_refuses_is_read_by_none() {
        for target in ["/%", "/%2", "/%zz/../login/", "/%00", "/\0", "/%u006c"] {
            let target = Target::new(target.as_bytes()).unwrap();
            assert!(readings(&target).is_empty(), "{target:?}");
        }
        for target in [
            "",
            "*",
            "login/",
            "a:80",
            "http:login/",
            "://a/",
            "1x://a/",
            r"\login\",
            "%2flogin/",
        ] {
            assert_eq!(Target::new(target.as_bytes()), None, "{target}");
        }
    }

    #[test]
    fn a_log_shows_bytes_in_two_ways() {
        for (logged, bytes) in [
            (r"/a b", &b"/a b"[..]),
            (r"\x22\xFf\x5C", b"\"\xff\\"),
            (r#"\"\\\t\r\n\b\v"#, b"\"\\\t\r\n\x08\x0b"),
            (r"\x4", b"\\x4"),
            (r"\xzz\", b"\\xzz\\"),
        ] {
            assert_eq!(unescape(logged.as_bytes()), bytes, "{logged}");
        }
    }

    /// Replaces in the text until nothing is left to replace.
    fn naive(path: &str) -> String {
        let mut path = path.replace("%2e", ".").replace("%6c", "l");
        if path.ends_with("/.") || path.ends_with("/..") {
            path.push('/');
        }
        loop {
            let before = path.clone();
            path = path.replace("//", "/").replace("/./", "/");
            if path != before {
                continue;
            }
            let Some(up) = path.find("/../") else {
                return path;
            };
            let parent = path[..up].rfind('/').unwrap_or(0);
            path.replace_range(parent..up + 3, "");
        }
    }

    fn encode(path: &[u8]) -> String {
        path.iter().fold(String::new(), |mut text, &byte| {
            if byte.is_ascii_alphanumeric() || byte == b'/' {
                text.push(char::from(byte));
            } else {
                let _ = write!(text, "%{byte:02X}");
            }
            text
        })
    }

    proptest! {
        #[test]
        fn the_first_reading_is_that_of_a_naive_one(path in "(/|/x|\\.|%2e|%6c|l){0,12}") {
            let path = format!("/{path}");
            let target = Target::new(path.as_bytes()).unwrap();
            let first = String::from_utf8(readings(&target).remove(0)).unwrap();
            prop_assert_eq!(first, naive(&path));
        }

        /// So a path that was read is read again as itself.
        #[test]
        fn to_read_what_was_read_changes_nothing(path in "(/|\\.|\\.\\.|%2f|%2e|%25|;|[a-z]|%[c-f][0-9]){0,12}") {
            let path = format!("/{path}");
            for reading in readings(&Target::new(path.as_bytes()).unwrap()) {
                let again = encode(&reading);
                let again = readings(&Target::new(again.as_bytes()).unwrap());
                prop_assert!(again.iter().all(|path| *path == reading), "{path}");
            }
        }

        #[test]
        fn any_bytes_can_be_read(target in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = unescape(&target);
            if let Some(target) = Target::new(&target) {
                let _ = target.meant();
                for reading in readings(&target) {
                    prop_assert!(reading.starts_with(b"/"));
                    prop_assert!(memmem::find(&reading, b"//").is_none());
                }
            }
        }
    }
}
