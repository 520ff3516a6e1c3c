//! Which bytes must stand in a line for a pattern to match it.
//!
//! A search for a handful of literals over a whole block costs a tenth of a
//! regular expression on each of its lines, so a pattern is tried only on lines
//! that hold one of its required literals.

use regex_syntax::hir::{Class, Hir, HirKind};

/// At most this many alternatives are kept for one pattern. More of them make the
/// search slow, so another part of the pattern is chosen.
const MOST: usize = 16;

/// Bytes beyond this do not make a literal any rarer.
const LONG_ENOUGH: usize = 12;

/// Capitals are rare in logs: a capital is worth this many more bytes. `PAM: ` stands
/// in fewer lines than ` from `.
const CAPITAL: usize = 6;

/// A set of byte strings: at least one of them stands in everything that matches `hir`.
/// None if there is no such set of strings of two bytes or more.
#[must_use]
pub(super) fn required(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let long = |set: &Vec<Vec<u8>>| set.iter().all(|literal| literal.len() > 1);
    let mut best = facts(hir).required.filter(long)?;
    best.sort();
    best.dedup();
    Some(best)
}

/// Whether one of `known` stands in everything that matches `hir`, as far as can be seen.
#[cfg(test)]
pub(super) fn stands_in_all(known: &[&str], hir: &Hir) -> bool {
    let has = |text: &Vec<u8>| {
        let finds = |one: &&str| memchr::memmem::find(text, one.as_bytes()).is_some();
        known.iter().any(finds)
    };
    let all_have = |set: &[Vec<u8>]| !set.is_empty() && set.iter().all(has);
    match hir.kind() {
        HirKind::Capture(capture) => stands_in_all(known, &capture.sub),
        HirKind::Repetition(repetition) => {
            repetition.min > 0 && stands_in_all(known, &repetition.sub)
        }
        HirKind::Alternation(branches) => {
            branches.iter().all(|branch| stands_in_all(known, branch))
        }
        HirKind::Concat(parts) => {
            let mut run = vec![Vec::new()];
            let mut flat = Vec::new();
            flatten(parts, &mut flat);
            for part in flat {
                if all_have(&run) || stands_in_all(known, part) {
                    return true;
                }
                let exact = facts(part).exact;
                let grown = exact.as_ref().and_then(|set| cross(&run, set));
                run = grown.or(exact).unwrap_or_else(|| vec![Vec::new()]);
            }
            all_have(&run)
        }
        _ => facts(hir).exact.is_some_and(|set| all_have(&set)),
    }
}

/// What is known of the texts that match an expression.
struct Facts {
    /// All these texts, if they are few.
    exact: Option<Vec<Vec<u8>>>,
    /// The best set of strings of which one stands in each text.
    required: Option<Vec<Vec<u8>>>,
}

impl Facts {
    fn unknown() -> Self {
        Facts {
            exact: None,
            required: None,
        }
    }

    fn exactly(set: Vec<Vec<u8>>) -> Self {
        Facts {
            required: usable(&set).then(|| set.clone()),
            exact: Some(set),
        }
    }
}

fn facts(hir: &Hir) -> Facts {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Facts::exactly(vec![Vec::new()]),
        HirKind::Literal(literal) => Facts::exactly(vec![literal.0.to_vec()]),
        HirKind::Class(class) => class_set(class).map_or_else(Facts::unknown, Facts::exactly),
        HirKind::Capture(capture) => facts(&capture.sub),
        HirKind::Repetition(repetition) => {
            let inside = facts(&repetition.sub);
            match (repetition.min, repetition.max) {
                (0, Some(1)) => match inside.exact {
                    Some(mut set) if set.len() < MOST => {
                        set.push(Vec::new());
                        Facts {
                            exact: Some(set),
                            required: None,
                        }
                    }
                    _ => Facts::unknown(),
                },
                (0, _) => Facts::unknown(),
                (1, Some(1)) => inside,
                _ => Facts {
                    exact: None,
                    required: inside.required,
                },
            }
        }
        HirKind::Alternation(branches) => branches
            .iter()
            .map(facts)
            .reduce(either)
            .unwrap_or_else(Facts::unknown),
        HirKind::Concat(parts) => concat(parts),
    }
}

/// The two or three bytes of `[Ff]`.
fn class_set(class: &Class) -> Option<Vec<Vec<u8>>> {
    let few: Vec<Vec<u8>> = match class {
        Class::Unicode(class) => {
            let chars = || class.iter().flat_map(|range| range.start()..=range.end());
            (chars().take(5).count() < 5)
                .then(|| chars().map(|c| c.to_string().into_bytes()).collect())?
        }
        Class::Bytes(class) => {
            let bytes = || class.iter().flat_map(|range| range.start()..=range.end());
            (bytes().take(5).count() < 5).then(|| bytes().map(|b| vec![b]).collect())?
        }
    };
    (!few.is_empty()).then_some(few)
}

fn either(a: Facts, b: Facts) -> Facts {
    let union = |a: Option<Vec<Vec<u8>>>, b: Option<Vec<Vec<u8>>>| {
        let mut all = a?;
        all.extend(b?);
        (all.len() <= MOST).then_some(all)
    };
    Facts {
        exact: union(a.exact, b.exact),
        required: union(a.required, b.required),
    }
}

/// Joins parts that stand side by side: exact neighbours grow into longer strings, and
/// the best string on the way is the required one.
fn concat(parts: &[Hir]) -> Facts {
    let mut run = vec![Vec::new()];
    let mut exact = true;
    let mut best: Option<Vec<Vec<u8>>> = None;
    let mut flat = Vec::new();
    flatten(parts, &mut flat);
    for part in flat {
        let inside = facts(part);
        let grown = inside.exact.as_ref().and_then(|set| cross(&run, set));
        if let Some(grown) = grown {
            run = grown;
        } else {
            better(&mut best, Some(run));
            exact = false;
            better(&mut best, inside.required);
            run = inside.exact.unwrap_or_else(|| vec![Vec::new()]);
        }
    }
    better(&mut best, Some(run.clone()));
    Facts {
        exact: exact.then_some(run),
        required: best,
    }
}

/// Groups do not keep neighbours apart: `"(P.*)` is `"P.*`.
fn flatten<'h>(parts: &'h [Hir], flat: &mut Vec<&'h Hir>) {
    for part in parts {
        match part.kind() {
            HirKind::Concat(parts) => flatten(parts, flat),
            HirKind::Capture(capture) => flatten(std::slice::from_ref(&capture.sub), flat),
            _ => flat.push(part),
        }
    }
}

fn cross(a: &[Vec<u8>], b: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    (a.len() * b.len() <= MOST).then(|| {
        a.iter()
            .flat_map(|head| b.iter().map(move |tail| [head.as_slice(), tail].concat()))
            .collect()
    })
}

fn better(best: &mut Option<Vec<Vec<u8>>>, candidate: Option<Vec<Vec<u8>>>) {
    let Some(candidate) = candidate.filter(|set| usable(set)) else {
        return;
    };
    if best
        .as_ref()
        .is_none_or(|best| score(&candidate) > score(best))
    {
        *best = Some(candidate);
    }
}

fn usable(set: &[Vec<u8>]) -> bool {
    !set.is_empty() && set.iter().all(|literal| !literal.is_empty())
}

/// How good a set is: long, rare and few strings are good. The worst string of the set
/// counts.
fn score(set: &[Vec<u8>]) -> usize {
    let rarity = |literal: &Vec<u8>| {
        let capital = literal.iter().any(u8::is_ascii_uppercase);
        literal.len().min(LONG_ENOUGH) + if capital { CAPITAL } else { 0 }
    };
    let alternatives = set.len().ilog2() as usize;
    let worst = set.iter().map(rarity).min().unwrap_or(0);
    worst.saturating_sub(alternatives / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn literals(pattern: &str) -> Option<Vec<String>> {
        let hir = regex_syntax::ParserBuilder::new()
            .utf8(false)
            .unicode(false)
            .build()
            .parse(pattern)
            .unwrap();
        required(&hir).map(|set| {
            set.into_iter()
                .map(|l| String::from_utf8(l).unwrap())
                .collect()
        })
    }

    #[test]
    fn the_longest_part_that_must_be_there_is_found() {
        assert_eq!(
            literals(r"^\w+ Failed password for .* from (\S+)"),
            Some(vec![" Failed password for ".into()])
        );
        assert_eq!(
            literals("(?:Invalid|Illegal) user .*"),
            Some(vec!["Illegal user ".into(), "Invalid user ".into()])
        );
        assert_eq!(
            literals(r#"(.*) \[(.*)\] "POST (/login/|/admin/) HTTP"#).unwrap(),
            [r#"] "POST /admin/ HTTP"#, r#"] "POST /login/ HTTP"#]
        );
        assert_eq!(
            literals(r"^\w+ PAM: .* for invalid user .* from (\S+)"),
            Some(vec![" PAM: ".into()])
        );
        assert_eq!(literals(r#"(.*)\] "(P.*)" (200)"#).unwrap(), [r#"] "P"#]);
        assert_eq!(literals("(?:abcd)?x"), None);
        assert_eq!(literals(r"\d+"), None);
        assert_eq!(literals("(?:abc)+"), Some(vec!["abc".into()]));
        assert_eq!(literals("abc|x*"), None);
    }

    proptest! {
        /// Whatever matches holds one of the literals.
        #[test]
        fn a_match_always_holds_a_required_literal(
            pattern in r"([abc]|ab|\(a\|bc\)|\(ab\)\?|\(bca\)\+|\[ab\]|c\*|\(\?i:ab\)|\^){1,8}",
            text in "[abcAB]{0,24}",
        ) {
            let Ok(regex) = regex::bytes::RegexBuilder::new(&pattern).unicode(false).build() else { return Ok(()) };
            if let (Some(set), true) = (literals(&pattern), regex.is_match(text.as_bytes())) {
                prop_assert!(set.iter().any(|l| text.contains(l.as_str())), "{pattern} {text} {set:?}");
            }
        }
    }
}
