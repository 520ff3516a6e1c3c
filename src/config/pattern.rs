//! `regex_patterns` and `urls` → [`Pattern`]s.

use super::check::{Checker, Field, Section};
use super::raw::Value;
use super::shown::shown;
use crate::model::{LoginPage, Pattern, Positions, Urls};
use crate::rules::{self, BuiltinPattern, BuiltinRule, WebServer};

/// The patterns of a rule: its own, else the built-in ones.
pub(super) fn patterns(
    section: &Section,
    builtin: Option<&'static BuiltinRule>,
    positions: Positions,
    check: &mut Checker,
) -> Vec<Pattern> {
    let urls = urls(section, check);
    let Some(field) = section.get("regex_patterns") else {
        return inherited(section, builtin, urls);
    };
    let urls = urls.or_else(|| pyfilters(builtin?.web?));
    let items = field.list("patterns", check).unwrap_or_default();
    if matches!(&field.node.value, Value::List(items) if items.is_empty()) {
        let message = "must hold a pattern; a rule without this key has the built-in ones";
        field.fault(check, message);
    }
    let mut patterns = Vec::with_capacity(items.len());
    for item in items {
        let Some(written) = written(&item, check) else {
            continue;
        };
        let text = match (written.filled, &urls) {
            (false, _) => Ok(written.text.to_owned()),
            (true, Some(urls)) => fill(written.text, urls),
            (true, None) => Err("is to be filled with urls, and the rule has none".to_owned()),
        };
        let urls = urls.as_deref().filter(|_| written.filled);
        match text.and_then(|text| accepted(text, &written, positions, urls)) {
            Ok(pattern) => patterns.push(pattern),
            Err(wrong) => item.fault(check, wrong),
        }
    }
    patterns
}

fn accepted(
    text: String,
    written: &Written,
    positions: Positions,
    urls: Option<&[String]>,
) -> Result<Pattern, String> {
    rules::check_pattern(&text, positions).map_err(|wrong| {
        if !written.filled && text.contains("{}") {
            format!("{wrong}; to have {{}} filled with the urls write [\"…\", \"urls\"]")
        } else {
            wrong
        }
    })?;
    Ok(Pattern {
        text,
        instant: written.instant,
        positions,
        urls: urls.map_or(Urls::Unused, |urls| {
            Urls::Filled(urls.iter().map(|url| page(url, None)).collect())
        }),
        built_in: false,
    })
}

fn page(url: &str, failures: Option<&'static [u16]>) -> LoginPage {
    LoginPage {
        url: url.to_owned().into(),
        failures,
    }
}

/// The built-in patterns, with the pages for which they are: the built-in ones,
/// or those of `urls`. Unless the section says with which statuses these answer a
/// failed login, each has its own.
fn inherited(
    section: &Section,
    builtin: Option<&'static BuiltinRule>,
    urls: Option<Vec<String>>,
) -> Vec<Pattern> {
    let Some(builtin) = builtin else {
        return Vec::new();
    };
    let mut pages = urls.map_or_else(
        || builtin.pages().to_vec(),
        |urls| {
            let page = |url: &String| page(url, Some(builtin.failures_at(url)));
            urls.iter().map(page).collect()
        },
    );
    if section.get("http_status_blocks").is_some() {
        for page in &mut pages {
            page.failures = None;
        }
    }
    // There are urls in ssh's section, too, if a person writes them there.
    let urls = if builtin.web.is_none() {
        Urls::Unused
    } else {
        Urls::Read(pages)
    };
    let pattern = |pattern: &BuiltinPattern| Pattern {
        text: pattern.text.to_owned(),
        instant: pattern.instant,
        positions: builtin.positions(),
        urls: urls.clone(),
        built_in: true,
    };
    builtin.patterns.iter().map(pattern).collect()
}

/// What PyFilter's own patterns are filled with where the section has no urls.
fn pyfilters(web: WebServer) -> Option<Vec<String>> {
    Some(web.urls.iter().map(|url| (*url).to_owned()).collect())
}

/// The list of urls; none if the section has none.
fn urls(section: &Section, check: &mut Checker) -> Option<Vec<String>> {
    let field = section.get("urls")?;
    let items = field.list("paths", check).unwrap_or_default();
    if matches!(&field.node.value, Value::List(items) if items.is_empty()) {
        field.fault(check, "must hold a path, such as \"/login/\"");
    }
    let text = |item: Field| item.filled(check).map(str::to_owned);
    Some(items.into_iter().filter_map(text).collect())
}

/// A pattern with its flags, as the file has it.
struct Written<'t> {
    text: &'t str,
    instant: bool,
    filled: bool,
}

/// `"…"`, or `["…"]` with `true`, `false` and `"urls"` behind it, each once.
fn written<'t>(field: &Field<'t>, check: &mut Checker) -> Option<Written<'t>> {
    let items = match &field.node.value {
        Value::Text(text) => {
            return Some(Written {
                text,
                instant: false,
                filled: false,
            });
        }
        Value::List(_) => field.list("patterns", check)?,
        Value::Flag(flag) => {
            let message =
                format!("a pattern and its flag stand in brackets of their own: [\"…\", {flag}]");
            field.fault(check, message);
            return None;
        }
        _ => {
            field.unexpected(check, "a pattern, or [\"…\", true], or [\"…\", \"urls\"]");
            return None;
        }
    };
    let Some((text, flags)) = items.split_first() else {
        field.fault(check, "must hold a pattern: [\"…\", true]");
        return None;
    };
    let text = text.text(check)?;
    let (mut instant, mut filled) = (None, None);
    for flag in flags {
        let repeated = match &flag.node.value {
            Value::Flag(value) => instant.replace(*value).is_some(),
            Value::Text(word) if word == "urls" => filled.replace(true).is_some(),
            _ => {
                flag.unexpected(check, "true (bans at once), false, or \"urls\"");
                return None;
            }
        };
        if repeated {
            flag.fault(check, "is the second of its kind: remove one");
            return None;
        }
    }
    Some(Written {
        text,
        instant: instant.unwrap_or(false),
        filled: filled.unwrap_or(false),
    })
}

/// `text` with the urls in the place of `{}` and with single braces for doubled
/// ones, as Python's `str.format` reads it.
fn fill(text: &str, urls: &[String]) -> Result<String, String> {
    let urls = alternatives(urls);
    let mut out = String::with_capacity(text.len() + urls.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (with, taken) = if rest.starts_with("{}") {
            (&*urls, 2)
        } else if rest.starts_with("{0}") {
            (&*urls, 3)
        } else if rest.starts_with("{{") {
            ("{", 2)
        } else if rest.starts_with("}}") {
            ("}", 2)
        } else {
            let end = rest.find('}').map_or(1, |end| end + 1);
            let brace = &rest[..end];
            return Err(format!(
                "in a pattern with \"urls\" braces are doubled: {} and not {}",
                shown(&brace.replace('{', "{{").replace('}', "}}")),
                shown(brace)
            ));
        };
        out.push_str(with);
        rest = &rest[taken..];
    }
    out.push_str(rest);
    Ok(out)
}

/// The urls as literal text, one of them; a group of their own, so that a
/// pattern that has `{}` without one means what it says.
fn alternatives(urls: &[String]) -> String {
    let urls: Vec<String> = urls.iter().map(|url| regex::escape(url)).collect();
    format!("(?:{})", urls.join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_fill_a_pattern_as_literal_text() {
        let urls = ["/login.php".to_owned(), "/a{2}".to_owned()];
        let filled = |text| fill(text, &urls);
        assert_eq!(
            filled(r"(\d{{1,3}}) ({}) }}").unwrap(),
            r"(\d{1,3}) ((?:/login\.php|/a\{2\})) }"
        );
        assert_eq!(filled("{0}").unwrap(), r"(?:/login\.php|/a\{2\})");
        assert_eq!(filled("none").unwrap(), "none");
        assert_eq!(
            filled(r"\d{1,3} {}").unwrap_err(),
            "in a pattern with \"urls\" braces are doubled: {{1,3}} and not {1,3}"
        );
        assert_eq!(
            filled("a}").unwrap_err(),
            "in a pattern with \"urls\" braces are doubled: }} and not }"
        );
        assert!(filled("a{").is_err());
        assert!(filled("{ä").is_err());
    }
}
