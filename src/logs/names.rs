//! Which file is a generation of which log, and which is older: by the names
//! that logrotate, newsyslog and savelog give. Pure.

use std::cmp::{Ordering, Reverse};

/// Endings of compressed files.
const PACKED: [&[u8]; 8] = [
    b".gz", b".bz2", b".xz", b".zst", b".lzma", b".Z", b".lz4", b".zip",
];

/// What a name says of a generation's age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Age {
    /// `auth.log.2.gz`: the higher the older.
    Number(u64),
    /// `auth.log-20260322`: the parts of a date, the higher the younger.
    Date(Vec<u64>),
    /// `auth.log.gz`: nothing.
    Unknown,
}

/// The name without the ending of a compressed file.
pub(super) fn unpacked(name: &[u8]) -> &[u8] {
    PACKED
        .iter()
        .find_map(|ending| name.strip_suffix(*ending))
        .unwrap_or(name)
}

/// The names of the logs that a file called `name` may be a generation of, and
/// how old it is then: `auth.log.1`, `auth.log-20260322.gz`, `auth.log.gz`,
/// and, with logrotate's `extension`, `auth.1.log`.
pub(super) fn bases(name: &[u8]) -> Vec<(Vec<u8>, Age)> {
    let rest = unpacked(name);
    let mut bases = Vec::new();
    if rest.len() < name.len() {
        bases.push((rest.to_vec(), Age::Unknown));
    }
    if let Some((stem, age)) = split(rest) {
        bases.push((stem.to_vec(), age));
    }
    if let Some(dot) = rest.iter().rposition(|&byte| byte == b'.')
        && let Some((stem, age)) = split(&rest[..dot])
    {
        bases.push(([stem, &rest[dot..]].concat(), age));
    }
    bases
}

/// The name before a number or date, which a `.`, `-` or `_` sets apart.
fn split(name: &[u8]) -> Option<(&[u8], Age)> {
    let is_age = |byte: u8| byte.is_ascii_digit() || b".-_:T".contains(&byte);
    let mut start = name
        .iter()
        .rposition(|&byte| !is_age(byte))
        .map_or(0, |last| last + 1);
    // A `T` of the log's own name is none of a date.
    while start < name.len() && !b".-_".contains(&name[start]) {
        start += 1;
    }
    let (stem, tail) = name.split_at(start);
    let numbers: Vec<u64> = tail
        .split(|byte| !byte.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| {
            digits.iter().fold(0u64, |n, digit| {
                n.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
            })
        })
        .collect();
    match (stem, &numbers[..]) {
        ([], _) | (_, []) => None,
        (_, [number]) if *number < 10_000 => Some((stem, Age::Number(*number))),
        _ => Some((stem, Age::Date(numbers))),
    }
}

/// Sorts generations, oldest first: by their names where these are of one
/// kind, else by when they were last written. `facts` gives an item's age,
/// its last write, and its path.
pub(super) fn sort_by_age<T, P: Ord>(items: &mut [T], facts: impl Fn(&T) -> (&Age, i64, P)) {
    let all = |kind: fn(&Age) -> bool| items.iter().all(|item| kind(facts(item).0));
    let by_name =
        all(|age| matches!(age, Age::Number(_))) || all(|age| matches!(age, Age::Date(_)));
    items.sort_by(|a, b| {
        let ((age_a, time_a, path_a), (age_b, time_b, path_b)) = (facts(a), facts(b));
        let named = match (age_a, age_b) {
            (Age::Number(a), Age::Number(b)) => Reverse(a).cmp(&Reverse(b)),
            (Age::Date(a), Age::Date(b)) => a.cmp(b),
            _ => Ordering::Equal,
        };
        let named = if by_name { named } else { Ordering::Equal };
        named
            .then(time_a.cmp(&time_b))
            .then_with(|| path_a.cmp(&path_b))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(name: &str) -> Vec<(String, Age)> {
        bases(name.as_bytes())
            .into_iter()
            .map(|(base, age)| (String::from_utf8(base).unwrap(), age))
            .collect()
    }

    fn age(name: &str, base: &str) -> Option<Age> {
        of(name)
            .into_iter()
            .find(|(of, _)| of == base)
            .map(|(_, age)| age)
    }

    #[test]
    fn the_names_that_rotations_give() {
        for (name, number) in [
            ("auth.log.1", 1),
            ("auth.log.12.gz", 12),
            ("auth.log.0", 0),
            ("auth.log.3.zst", 3),
            ("auth.1.log", 1),
        ] {
            assert_eq!(age(name, "auth.log"), Some(Age::Number(number)), "{name}");
        }
        for name in [
            "auth.log-20260322",
            "auth.log-20260322.gz",
            "auth-20260322.log.xz",
            "auth.log.20260322",
        ] {
            assert_eq!(
                age(name, "auth.log"),
                Some(Age::Date(vec![20_260_322])),
                "{name}"
            );
        }
        assert_eq!(
            age("auth.log-2026-03-22T14", "auth.log"),
            Some(Age::Date(vec![2026, 3, 22, 14]))
        );
        assert_eq!(
            age("auth.log-20260322-1774189098.bz2", "auth.log"),
            Some(Age::Date(vec![20_260_322, 1_774_189_098]))
        );
        assert_eq!(age("auth.log.gz", "auth.log"), Some(Age::Unknown));
        assert_eq!(
            age("secure-20260322", "secure"),
            Some(Age::Date(vec![20_260_322]))
        );
        assert_eq!(age("SMART-2", "SMART"), Some(Age::Number(2)));
    }

    #[test]
    fn other_logs_are_no_generations() {
        for name in [
            "auth.log",
            "auth.log.bak",
            "auth.log.old",
            "auth.log-site",
            "other.log.1",
            "auth.log~",
            "1",
            ".1",
            "auth.log.",
            "auth.logs.1",
        ] {
            assert_eq!(age(name, "auth.log"), None, "{name}");
        }
    }

    #[test]
    fn the_oldest_comes_first() {
        let sorted = |names: &[&str]| {
            let mut items: Vec<(usize, String, Age)> = names
                .iter()
                .enumerate()
                .map(|(n, name)| (n, (*name).to_owned(), age(name, "a.log").unwrap()))
                .collect();
            sort_by_age(&mut items, |(n, name, age)| {
                (age, i64::try_from(*n).unwrap(), name.clone())
            });
            items
                .into_iter()
                .map(|(_, name, _)| name)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            sorted(&["a.log.1", "a.log.10.gz", "a.log.2.gz"]),
            ["a.log.10.gz", "a.log.2.gz", "a.log.1"]
        );
        assert_eq!(
            sorted(&["a.log-20260302", "a.log-20251231.gz"]),
            ["a.log-20251231.gz", "a.log-20260302"]
        );
        // Of two kinds: as they were last written.
        assert_eq!(
            sorted(&["a.log-20260302", "a.log.1"]),
            ["a.log-20260302", "a.log.1"]
        );
    }

    proptest! {
        #[test]
        fn no_name_is_too_strange(name: Vec<u8>) {
            for (base, _) in bases(&name) {
                prop_assert!(!base.is_empty() && base.len() < name.len());
            }
        }
    }
}
