//! A section of `settings.rules` → [`Rule`].

use std::path::{Path, PathBuf};

use super::check::{Checker, Field, Section};
use super::raw::{RawEntry, Value};
use super::shown::escaped;
use super::{keys, pattern, unused, values};
use crate::model::{Aggregate, Family, Positions, Rule, SourceSpec, Thresholds};
use crate::rules::{self, BuiltinRule};

/// The rule that `entry` of the object `rules` is.
pub(super) fn rule(
    rules: &Field,
    entry: &RawEntry,
    defaults: (&Thresholds, Option<Aggregate>),
    base: &Path,
    check: &mut Checker,
) -> Option<Rule> {
    let name = &*entry.key;
    let field = Field {
        path: rules.path_of(name),
        node: &entry.node,
    };
    if name.trim().is_empty() || name.trim() != name || name.chars().any(char::is_control) {
        let message = "the name of a rule must not be empty, begin or end with a blank, or hold \
                       control characters";
        check.fault(entry.offset, &field.path, message);
    }
    let section = field.section(&keys::RULE, check)?;
    let has_patterns = section.get("regex_patterns").is_some();
    let known = rules::builtin(name);
    let builtin = known.filter(|builtin| builtin.lends || !has_patterns);
    if known.is_none() && !has_patterns {
        check.fault(entry.offset, &section.path, without_patterns(name));
    }
    if known.is_some() && builtin.is_none() {
        check.note(
            &section.path,
            &format!(
                "there is a built-in rule of this name, of which nothing holds beside \
                 regex_patterns: delete them to use it (`pyfilter rules {name}` shows it), or \
                 call this one otherwise"
            ),
        );
    }
    Some(checked(name, &section, builtin, defaults, base, check))
}

fn without_patterns(name: &str) -> String {
    let names = rules::names();
    let near = keys::nearest(name, &names);
    let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
    format!("needs regex_patterns: only the built-in rules (`pyfilter rules`) have their own{near}")
}

/// A built-in rule as it is.
pub(super) fn builtin(
    builtin: &'static BuiltinRule,
    thresholds: &Thresholds,
    aggregate: Option<Aggregate>,
) -> Rule {
    let section = Section::empty(&keys::RULE);
    let nowhere = Path::new("/");
    checked(
        builtin.name,
        &section,
        Some(builtin),
        (thresholds, aggregate),
        nowhere,
        &mut Checker::new(""),
    )
}

fn checked(
    name: &str,
    section: &Section,
    builtin: Option<&'static BuiltinRule>,
    (thresholds, aggregate): (&Thresholds, Option<Aggregate>),
    base: &Path,
    check: &mut Checker,
) -> Rule {
    let positions = builtin.map_or(Positions::TimeAddress, BuiltinRule::positions);
    let enabled = section.get("enabled").and_then(|field| field.flag(check));
    let sources = sources(section, builtin, base, check);
    let rule = Rule {
        name: name.into(),
        is_built_in: builtin.is_some(),
        enabled: enabled.unwrap_or(true),
        olddir: olddir(section, check),
        patterns: pattern::patterns(section, builtin, positions, check),
        ignored: ignored(section, builtin, check),
        time_formats: time_formats(section, builtin, check),
        statuses: statuses(section, builtin, check),
        thresholds: values::thresholds(section, thresholds.clone(), check),
        aggregate: values::aggregate(section, aggregate, check),
        senders_are_trusted: senders_are_trusted(section, builtin, &sources, check),
        sources,
    };
    note_aggregate(&rule, section, check);
    unused::note(section, builtin, &rule, check);
    let web = rule.statuses.is_some() || section.get("urls").is_some();
    let unnamed = |text: &str| !text.contains("<ip>");
    if builtin.is_none() && web && rule.patterns.iter().any(|pattern| unnamed(&pattern.text)) {
        check.note(
            &section.path,
            &format!(
                "outside of {} the first group of a pattern is the time and the second the \
                 address; in an access log it is the other way round: name them, (?P<ip>…) and \
                 (?P<time>…)",
                rules::names_in_words(BuiltinRule::is_web_server)
            ),
        );
    }
    rule
}

/// Notes where the bans of a rule are as wide as the networks that they would lead to.
fn note_aggregate(rule: &Rule, section: &Section, check: &mut Checker) {
    let Some(aggregate) = rule.aggregate else {
        return;
    };
    for (family, key) in Family::BOTH.into_iter().zip(["ipv4", "ipv6"]) {
        let (own, wide) = (
            rule.thresholds.prefixes.of(family),
            aggregate.networks.of(family),
        );
        if own <= wide {
            check.note(
                &section.path,
                &format!(
                    "{key}_prefix is {own}, so aggregate.{key}, which is {wide}, has no effect: a \
                     network of that length has room for one ban only"
                ),
            );
        }
    }
}

fn sources(
    section: &Section,
    builtin: Option<&'static BuiltinRule>,
    base: &Path,
    check: &mut Checker,
) -> Vec<SourceSpec> {
    let old = section.get("log_file");
    let field = match (section.get("log_files"), old) {
        (Some(_), Some(old)) => {
            old.fault(
                check,
                "is the old name of log_files, which is here too: remove one",
            );
            return Vec::new();
        }
        (new, old) => new.or(old),
    };
    let mut texts = Vec::new();
    let usual = builtin.map(BuiltinRule::usual_places);
    let usual = usual.filter(|usual| !usual.is_empty());
    let Some(field) = field else {
        return usual.map(SourceSpec::Auto).into_iter().collect();
    };
    flatten(&field, &mut texts, check);
    let mut sources = Vec::with_capacity(texts.len());
    for (field, text) in texts {
        let source = match (text, usual) {
            ("auto", Some(usual)) => Ok(Some(SourceSpec::Auto(usual))),
            ("auto", None) => Err(
                "auto finds the logs of built-in rules alone: write the path of this one"
                    .to_owned(),
            ),
            _ => values::source(text, base),
        };
        match source {
            Ok(source) => sources.extend(source.filter(|source| !sources.contains(source))),
            Err(wrong) => field.fault(check, wrong),
        }
    }
    sources
}

/// The directories to which logrotate moves the rule's logs.
fn olddir(section: &Section, check: &mut Checker) -> Vec<PathBuf> {
    let mut texts = Vec::new();
    if let Some(field) = section.given("olddir") {
        flatten(&field, &mut texts, check);
    }
    let named = texts.into_iter().filter(|(_, text)| !text.is_empty());
    named.map(|(_, text)| PathBuf::from(text)).collect()
}

/// The texts of `"…"`, `["…"]`, or `[["…"]]` as PyFilter 1 wrote it.
fn flatten<'t>(field: &Field<'t>, texts: &mut Vec<(Field<'t>, &'t str)>, check: &mut Checker) {
    match &field.node.value {
        Value::Text(text) => texts.push((field.clone(), text)),
        Value::List(_) => {
            for item in field.list("paths", check).unwrap_or_default() {
                flatten(&item, texts, check);
            }
        }
        _ => field.unexpected(check, "a path, or a list of paths in square brackets"),
    }
}

/// The expressions of lines that are no failures: the built-in ones, and those of the
/// section.
fn ignored(
    section: &Section,
    builtin: Option<&'static BuiltinRule>,
    check: &mut Checker,
) -> Vec<String> {
    let has_patterns = section.get("regex_patterns").is_some();
    let inherited = builtin.filter(|_| !has_patterns);
    let inherited = inherited.map_or(&[][..], |builtin| builtin.ignored);
    let mut ignored: Vec<String> = inherited.iter().map(|text| (*text).to_owned()).collect();
    let own = section.get("ignore_patterns");
    for item in own
        .and_then(|field| field.list("patterns", check))
        .unwrap_or_default()
    {
        let Some(text) = item.text(check) else {
            continue;
        };
        match rules::check_ignore_pattern(text) {
            Ok(()) => ignored.push(text.to_owned()),
            Err(wrong) => item.fault(check, wrong),
        }
    }
    ignored
}

/// What the section says; else whether nobody can forge what is in any of the sources.
fn senders_are_trusted(
    section: &Section,
    builtin: Option<&'static BuiltinRule>,
    sources: &[SourceSpec],
    check: &mut Checker,
) -> bool {
    let said = section.get("trust_sender");
    let said = said.and_then(|field| field.flag(check));
    let can_be_forged = |builtin: &BuiltinRule| {
        let mut sources = sources.iter();
        sources.any(|source| builtin.forgeable_in(source).is_some())
    };
    said.unwrap_or(!builtin.is_some_and(can_be_forged))
}

/// The rule's own formats. A rule that keeps the built-in patterns keeps their formats
/// too. A rule that is not built in and has no formats tries all known ones.
fn time_formats(
    section: &Section,
    builtin: Option<&'static BuiltinRule>,
    check: &mut Checker,
) -> Vec<String> {
    let own = section.get("time_format");
    let mut formats = own
        .as_ref()
        .map_or_else(Vec::new, |field| own_formats(field, check));
    let keeps_patterns = section.get("regex_patterns").is_none();
    let inherited: &[&BuiltinRule] = match &builtin {
        Some(builtin) if own.is_none() || keeps_patterns => std::slice::from_ref(builtin),
        _ => &[],
    };
    let all = builtin.is_none() && own.is_none();
    let all = all.then_some(rules::KNOWN_FORMATS).into_iter();
    let inherited = inherited.iter().map(|builtin| builtin.time_formats);
    for format in inherited.chain(all).flatten() {
        if !formats.iter().any(|known| known == format) {
            formats.push((*format).to_owned());
        }
    }
    formats
}

fn own_formats(field: &Field, check: &mut Checker) -> Vec<String> {
    let items = match &field.node.value {
        Value::List(_) => field.list("formats", check).unwrap_or_default(),
        _ => vec![field.clone()],
    };
    if items.is_empty() {
        field.fault(check, "must hold a format, such as \"%b %d %H:%M:%S\"");
    }
    let mut formats = Vec::with_capacity(items.len());
    for item in items {
        let Some(text) = item.text(check) else {
            continue;
        };
        match rules::Formats::new(&[text]) {
            Ok(_) => formats.push(text.to_owned()),
            Err(wrong) => item.fault(check, escaped(&wrong.to_string())),
        }
    }
    formats
}

fn statuses(
    section: &Section,
    builtin: Option<&'static BuiltinRule>,
    check: &mut Checker,
) -> Option<Vec<u16>> {
    let Some(field) = section.get("http_status_blocks") else {
        let builtin = builtin?;
        // With the built-in patterns each login page has its own.
        let own_patterns = section.get("regex_patterns").is_some();
        let of_web = builtin.web.filter(|_| own_patterns).map(|web| web.statuses);
        return builtin.codes.or(of_web).map(<[u16]>::to_vec);
    };
    let given = given_statuses(&field, check);
    // Their lines have no HTTP status: with this setting none would count.
    if unused::has_built_in_conditions(section, builtin) {
        return builtin?.codes.map(<[u16]>::to_vec);
    }
    given
}

fn given_statuses(field: &Field, check: &mut Checker) -> Option<Vec<u16>> {
    if matches!(field.node.value, Value::Null) {
        return None;
    }
    let items = field.list("statuses", check)?;
    if items.is_empty() {
        field.fault(check, "must hold a status, such as 401; null is any");
    }
    let number = |item: Field| u16::try_from(item.whole(100, 599, check)?).ok();
    Some(items.into_iter().filter_map(number).collect())
}
