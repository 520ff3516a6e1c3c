//! A snapshot from the one before it: ten bans more among a million are ten lines more,
//! and none of the others is formatted anew. Pure.

use super::{END, Edits, Shown, begin, push_line};
use crate::model::{Deny, Family, Subject};

/// What [`super::render`] gives for `shown`, made from `text`, which it gave for the set
/// with the number `before`: without the lines of `changes.lifted`, and with those of
/// `changes.banned`. None where the text was made with another chain or target, or where
/// it is not what the changes say.
#[must_use]
pub fn amended(
    text: &str,
    before: u64,
    shown: &Shown,
    (family, chain, deny): (Family, &str, Deny),
    changes: &Edits,
) -> Option<String> {
    let was = Shown {
        number: before,
        ..shown.clone()
    };
    let lines = Lines {
        text: (text.strip_prefix(&*begin(family, &was, chain))?).strip_suffix(END)?,
        family,
        before: format!("-A {chain} -s "),
        behind: format!(" -j {}", deny.as_str()),
    };
    // All lines were made with one target, so the first one tells.
    if !lines.text.is_empty() {
        lines.at(0)?;
    }
    let lifted = changes.lifted.iter().map(|subject| (*subject, false));
    let banned = changes.banned.iter().map(|subject| (*subject, true));
    let mut all: Vec<(Subject, bool)> = lifted.chain(banned).collect();
    all.sort_unstable();
    let mut new = begin(family, shown, chain);
    new.reserve(lines.text.len() + all.len() * 80 + END.len());
    let mut taken = 0;
    for (subject, is_banned) in all {
        let place = lines.place_of(subject, taken)?;
        new.push_str(&lines.text[taken..place.begin]);
        if is_banned {
            push_line(&mut new, chain, subject, deny);
        }
        if is_banned != place.is_free() {
            return None;
        }
        taken = place.end;
    }
    new.push_str(&lines.text[taken..]);
    new.push_str(END);
    Some(new)
}

/// The lines of the bans, in the order of their subjects.
struct Lines<'a> {
    text: &'a str,
    family: Family,
    /// What stands before the subject of each, and behind it.
    before: String,
    behind: String,
}

/// Where the line of a subject is, or would be: then it is empty.
struct Place {
    begin: usize,
    end: usize,
}

impl Place {
    fn is_free(&self) -> bool {
        self.begin == self.end
    }
}

impl Lines<'_> {
    /// The subject of the line that begins there, and where the line ends.
    fn at(&self, begin: usize) -> Option<(Subject, usize)> {
        let line = self.text[begin..].split_inclusive('\n').next()?;
        let source = line.strip_suffix('\n')?.strip_suffix(&*self.behind)?;
        let subject = Subject::parse(source.strip_prefix(&*self.before)?)?;
        let is_ours = subject.family() == self.family;
        is_ours.then_some((subject, begin + line.len()))
    }

    /// Halves what lies behind `from` until the place is found.
    fn place_of(&self, subject: Subject, from: usize) -> Option<Place> {
        let (mut begin, mut end) = (from, self.text.len());
        while begin < end {
            let middle = begin + (end - begin) / 2;
            let newline = self.text[begin..middle].rfind('\n');
            let line = newline.map_or(begin, |newline| begin + newline + 1);
            let (found, next) = self.at(line)?;
            match found.cmp(&subject) {
                std::cmp::Ordering::Less => begin = next,
                std::cmp::Ordering::Equal => {
                    return Some(Place {
                        begin: line,
                        end: next,
                    });
                }
                std::cmp::Ordering::Greater => end = line,
            }
        }
        Some(Place { begin, end: begin })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::firewall::snapshot::render;
    use crate::model::Address;
    use proptest::prelude::*;

    fn shown(number: u64) -> Shown {
        Shown {
            store: "3f9c2a".to_owned(),
            number,
        }
    }

    /// Addresses and networks of both families, of which several are drawn twice.
    fn subjects() -> impl Strategy<Value = BTreeSet<Subject>> {
        let subject = (0..40_u32, any::<bool>()).prop_map(|(n, is_v4)| {
            let length = if n % 3 == 0 { 16 + (n % 16) as u8 } else { 128 };
            let spread = n.wrapping_mul(0x9e37_79b9);
            let address = if is_v4 {
                Address::from(Ipv4Addr::from_bits(spread))
            } else {
                Address::from(Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(spread)))
            };
            Subject::network(address, length)
        });
        prop::collection::btree_set(subject, 0..40)
    }

    proptest! {
        #[test]
        fn an_amended_text_is_the_one_that_would_be_made(
            before in subjects(), after in subjects(), reject: bool,
        ) {
            let deny = if reject { Deny::Reject } else { Deny::Drop };
            for family in Family::BOTH {
                let text = render(family, &shown(7), "PYFILTER", deny, &before);
                let of_family = |subject: &&Subject| subject.family() == family;
                let changes = Edits {
                    lifted: before.difference(&after).filter(of_family).copied().collect(),
                    banned: after.difference(&before).filter(of_family).copied().collect(),
                };
                let form = (family, "PYFILTER", deny);
                let amended = amended(&text, 7, &shown(9), form, &changes);
                let made = render(family, &shown(9), "PYFILTER", deny, &after);
                prop_assert_eq!(amended, Some(made));
            }
        }
    }

    #[test]
    fn another_text_than_is_meant_is_made_anew() {
        let one = Subject::parse("192.0.2.1").unwrap();
        let bans = BTreeSet::from([one]);
        let text = render(Family::V4, &shown(7), "PYFILTER", Deny::Drop, &bans);
        let none = Edits::default();
        let form = (Family::V4, "PYFILTER", Deny::Drop);
        assert!(amended(&text, 7, &shown(8), form, &none).is_some());
        assert_eq!(
            amended(&text, 6, &shown(8), form, &none),
            None,
            "its number"
        );
        let cut = &text[..text.len() - 1];
        assert_eq!(amended(cut, 7, &shown(8), form, &none), None, "its end");
        for form in [
            (Family::V4, "BANNED", Deny::Drop),
            (Family::V4, "PYFILTER", Deny::Reject),
            (Family::V6, "PYFILTER", Deny::Drop),
        ] {
            assert_eq!(amended(&text, 7, &shown(8), form, &none), None, "{form:?}");
        }
        // What is banned now stands in it already, and what is not banned any more does not.
        let banned = Edits {
            banned: bans.clone(),
            ..Edits::default()
        };
        assert_eq!(amended(&text, 7, &shown(8), form, &banned), None);
        let lifted = Edits {
            lifted: BTreeSet::from([Subject::parse("192.0.2.2").unwrap()]),
            ..Edits::default()
        };
        assert_eq!(amended(&text, 7, &shown(8), form, &lifted), None);
    }
}
