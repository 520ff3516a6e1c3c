//! The file's text → a tree of values that know where they stand.
//!
//! `serde_json` reads the syntax. The tree keeps what `serde_json` drops: the place of
//! every value, keys that are there twice, and numbers as they were written.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep lists and objects may be nested. A configuration needs seven levels.
pub(super) const DEEPEST: usize = 64;

/// A value, and the byte of the text at which it begins.
#[derive(Debug, Clone)]
pub(super) struct Node<'t> {
    pub(super) offset: usize,
    pub(super) value: Value<'t>,
}

/// A value as it was written.
#[derive(Debug, Clone)]
pub(super) enum Value<'t> {
    Null,
    Flag(bool),
    Number(&'t str),
    Text(String),
    List(Vec<Node<'t>>),
    Object(Vec<RawEntry<'t>>),
}

/// A key of an object with its value; the offset is the key's.
#[derive(Debug, Clone)]
pub(super) struct RawEntry<'t> {
    pub(super) key: String,
    pub(super) offset: usize,
    pub(super) node: Node<'t>,
}

/// Text that is no JSON: what is wrong, and at which byte.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) offset: usize,
    pub(super) message: String,
}

/// The tree of the JSON in a part of a text; offsets count from the start of the
/// whole text. Entries whose key begins with `//` are comments and are left out.
pub(super) fn parse(text: &str, part: Range<usize>) -> Result<Node<'_>, Malformed> {
    // The outermost raw value is checked to its last byte. The levels below can only
    // find faults in the content of strings.
    let raw: &RawValue = serde_json::from_str(&text[part.clone()])
        .map_err(|error| syntax(text, part.start, part.end, &error))?;
    node(text, raw, 0)
}

fn node<'t>(text: &'t str, raw: &'t RawValue, depth: usize) -> Result<Node<'t>, Malformed> {
    let offset = offset_in(text, raw.get());
    let value = match raw.get().as_bytes().first() {
        Some(b'{' | b'[') if depth == DEEPEST => {
            return Err(Malformed {
                offset,
                message: format!("is nested deeper than {DEEPEST} levels"),
            });
        }
        Some(b'{') => Value::Object(entries(text, raw, depth)?),
        Some(b'[') => {
            let items: Vec<&RawValue> = inner(text, raw)?;
            let items = items.into_iter().map(|item| node(text, item, depth + 1));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        Some(b'"') => Value::Text(inner(text, raw)?),
        Some(b't') => Value::Flag(true),
        Some(b'f') => Value::Flag(false),
        Some(b'n') => Value::Null,
        _ => Value::Number(raw.get()),
    };
    Ok(Node { offset, value })
}

fn entries<'t>(
    text: &'t str,
    raw: &'t RawValue,
    depth: usize,
) -> Result<Vec<RawEntry<'t>>, Malformed> {
    let pairs: Pairs<'t> = inner(text, raw)?;
    let mut entries = Vec::with_capacity(pairs.0.len());
    let mut gap = offset_in(text, raw.get()) + 1;
    for (key, value) in pairs.0 {
        // Between two values of an object stands one key, and blanks.
        let offset = gap + text[gap..].find('"').unwrap_or(0);
        gap = offset_in(text, value.get()) + value.get().len();
        if !key.starts_with("//") {
            let node = node(text, value, depth + 1)?;
            entries.push(RawEntry { key, offset, node });
        }
    }
    Ok(entries)
}

/// One level of `raw`. It is known to be well-formed, except for the content of
/// strings.
fn inner<'t, T: Deserialize<'t>>(text: &str, raw: &'t RawValue) -> Result<T, Malformed> {
    let start = offset_in(text, raw.get());
    let end = start + raw.get().len();
    serde_json::from_str(raw.get()).map_err(|error| syntax(text, start, end, &error))
}

/// Where `part`, which was cut from `text`, begins in it.
fn offset_in(text: &str, part: &str) -> usize {
    part.as_ptr().addr() - text.as_ptr().addr()
}

/// The error of the part `start..end` of the text, in words, with its place.
fn syntax(text: &str, start: usize, end: usize, error: &serde_json::Error) -> Malformed {
    let line_start = match error.line() {
        0 | 1 => start,
        line => {
            let mut breaks = text[start..end].match_indices('\n');
            breaks.nth(line - 2).map_or(end, |(at, _)| start + at + 1)
        }
    };
    // serde_json counts bytes, including the last one that it has read.
    let mut offset = (line_start + error.column().saturating_sub(1)).min(end);
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let said = error.to_string();
    let said = said
        .rsplit_once(" at line ")
        .map_or(&*said, |(said, _)| said);
    let message = if error.is_eof() {
        "the file ends too early: a closing bracket or quote is missing".to_owned()
    } else if let Some(advice) = advice(said, &text[..offset], &text[offset..]) {
        advice.to_owned()
    } else {
        format!("is not JSON: {said}")
    };
    Malformed { offset, message }
}

/// What to do about an error between `before` and `rest`, for common mistakes.
fn advice(said: &str, before: &str, rest: &str) -> Option<&'static str> {
    let before = before.trim_end();
    let rest = rest.trim_start();
    let begins = |words: &[&str]| words.iter().any(|word| rest.starts_with(word));
    if said == "invalid escape" {
        Some(r"a \ in a string is written twice, so \\d for \d")
    } else if said.starts_with("control character") {
        Some("a line ends inside of a string: is its closing quote missing?")
    } else if begins(&["//", "#", "/*"]) {
        Some(r#"JSON has no comments; write one as a key that begins with //: "//": "…""#)
    } else if begins(&["}", "]"]) && before.ends_with(',') {
        Some("a comma before the closing bracket: remove it")
    } else if said.starts_with("expected `,`") && begins(&["\""]) {
        Some("a comma is missing before this")
    } else if begins(&["'"]) {
        Some("strings stand in double quotes")
    } else if begins(&["True", "False", "None"]) {
        Some("JSON writes true, false and null")
    } else if said == "key must be a string" {
        Some("a key in double quotes is expected here")
    } else if said == "trailing characters" {
        Some("text after the end of the configuration")
    } else {
        None
    }
}

/// The pairs of an object in their order, doubles included.
struct Pairs<'t>(Vec<(String, &'t RawValue)>);

impl<'t> Deserialize<'t> for Pairs<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'t> Visitor<'t> for Collect {
            type Value = Pairs<'t>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Pairs<'t>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Node<'_>, Malformed> {
        super::parse(text, 0..text.len())
    }

    fn plain(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Flag(flag) => (*flag).into(),
            Value::Number(number) => serde_json::from_str(number).unwrap(),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(plain).collect(),
            Value::Object(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), plain(&entry.node)))
                .collect(),
        }
    }

    fn malformed(text: &str) -> (usize, String) {
        let Malformed { offset, message } = parse(text).unwrap_err();
        (offset, message)
    }

    #[test]
    fn every_value_knows_where_it_stands() {
        let text = "{ \"a\" : [1,\n  \"ü\\n\"], \"//\": 0, \"//\": 1,\n\"b\":{\"c\": null}}";
        let tree = parse(text).unwrap();
        let Value::Object(entries) = &tree.value else {
            panic!("{tree:?}")
        };
        let [a, b] = &entries[..] else {
            panic!("{entries:?}")
        };
        assert!(text[a.offset..].starts_with("\"a\""));
        assert!(text[a.node.offset..].starts_with("[1"));
        assert!(text[b.offset..].starts_with("\"b\""));
        assert!(text[b.node.offset..].starts_with("{\"c\""));
        assert_eq!(
            plain(&tree),
            serde_json::json!({"a": [1, "ü\n"], "b": {"c": null}})
        );
    }

    #[test]
    fn syntax_errors_say_where_and_what() {
        let is = |text, offset, message: &str| {
            assert_eq!(malformed(text), (offset, message.to_owned()), "{text}");
        };
        is(
            "{\"a\": 1,\n}",
            9,
            "a comma before the closing bracket: remove it",
        );
        is("{\n  a: 1}", 4, "a key in double quotes is expected here");
        is("{} x", 3, "text after the end of the configuration");
        is("{\"a\": x}", 6, "is not JSON: expected value");
        is(
            "[\"\\ud800\"]",
            8,
            "is not JSON: unexpected end of hex escape",
        );
        is("{\"a\": 1\n \"b\": 2}", 9, "a comma is missing before this");
        is("{'a': 1}", 1, "strings stand in double quotes");
        is("{\"a\": True}", 6, "JSON writes true, false and null");
        is(
            r#"{"a": "\d"}"#,
            8,
            r"a \ in a string is written twice, so \\d for \d",
        );
        let (_, open) = malformed("{\"a\": \"b\n}");
        assert_eq!(
            open,
            "a line ends inside of a string: is its closing quote missing?"
        );
        let early = "the file ends too early: a closing bracket or quote is missing";
        is("{\"a\": [1", 7, early);
        let comment = r#"JSON has no comments; write one as a key that begins with //: "//": "…""#;
        is("{\n// hello\n\"a\": 1}", 2, comment);
        is("{\"a\": 1 # no\n}", 8, comment);
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
        assert!(parse(&nested(DEEPEST)).is_ok());
        let (offset, message) = malformed(&nested(DEEPEST + 1));
        assert_eq!(offset, DEEPEST);
        assert_eq!(message, "is nested deeper than 64 levels");
        assert!(parse(&nested(100_000)).is_err());
        assert!(parse(&"[".repeat(1_000_000)).is_err());
    }

    proptest! {
        #[test]
        fn accepts_what_serde_json_accepts(
            text in r#"([\[\]{}:,0-9a. \n"\\eE+-]|"[ab]"|"[ab]":|true|null|"\\u00e4"|"\\ud800"){0,12}"#
        ) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            match (parse(&text), theirs) {
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(plain(&ours), theirs),
                (Err(_), Err(_)) => {}
                // A number that no float holds is for the checks to refuse.
                (Ok(_), Err(error)) if error.to_string().contains("out of range") => {}
                (ours, theirs) => prop_assert!(false, "{ours:?} {theirs:?}"),
            }
        }
    }
}
