//! `blacklist.v4` and `blacklist.v6`: the bans of a family as a text that a person may
//! edit and iptables-restore can read. Pure.
//!
//! | file | what it does |
//! |---|---|
//! | `amend` | a file from the one before it, where few bans have changed |
//!
//! An example of an edit. The file shows the bans of number 1234, and a person has
//! deleted the line of 192.0.2.1 and added one for 192.0.2.9:
//!
//! ```text
//! # pyfilter snapshot: store 3f9c2a, bans 1234
//! *filter
//! :PYFILTER - [0:0]
//! -A PYFILTER -s 192.0.2.2/32 -j DROP
//! -A PYFILTER -s 192.0.2.9/32 -j DROP
//! COMMIT
//! ```
//!
//! The bans in force at number 1234 were 192.0.2.1 and 192.0.2.2, so 192.0.2.1 is
//! un-banned and 192.0.2.9 is banned by hand.

use std::collections::BTreeSet;

use crate::firewall::rule_text::{deny, push_rule, without_counters};
use crate::model::{Deny, Family, GivenSubject, Subject};

#[cfg(test)]
mod tests;

mod amend;

pub use amend::amended;

const HEADER: &str = "# pyfilter snapshot:";

/// Whose bans a snapshot shows: the store, and the number of the ban set, which
/// counts up when bans change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The store's id.
    pub store: String,
    /// The number of the ban set.
    pub number: u64,
}

/// What a whole snapshot says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// Its family.
    pub family: Family,
    /// What its header names; none in a file of PyFilter's own.
    pub shown: Option<Shown>,
    /// The addresses and networks of its lines.
    pub subjects: BTreeSet<Subject>,
    /// What is told of its lines: a network was written with host bits.
    pub warnings: Vec<String>,
}

/// Why a snapshot is not whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct SnapshotFault {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// What an edit asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    /// Their lines were removed.
    pub lifted: BTreeSet<Subject>,
    /// Their lines were added.
    pub banned: BTreeSet<Subject>,
}

/// The snapshot of the family's bans among `subjects`, which are in order: the chain
/// alone, no hook, for `iptables-restore --noflush`.
#[must_use]
pub fn render<'a>(
    family: Family,
    shown: &Shown,
    chain: &str,
    deny: Deny,
    subjects: impl IntoIterator<Item = &'a Subject>,
) -> String {
    let mut text = begin(family, shown, chain);
    let of_family = |subject: &&Subject| subject.family() == family;
    for subject in subjects.into_iter().filter(of_family) {
        push_line(&mut text, chain, *subject, deny);
    }
    text.push_str(END);
    text
}

/// What stands before the bans.
fn begin(family: Family, shown: &Shown, chain: &str) -> String {
    let (store, number) = (&shown.store, shown.number);
    format!(
        "{HEADER} store {store}, bans {number}
# The banned {family} addresses and networks. To un-ban one, delete its line and
# save; to ban one, add a line like the others: no names.
# The next run does the rest. All other lines must stay as they are.
*filter
:{chain} - [0:0]
"
    )
}

/// What stands behind the bans.
const END: &str = "COMMIT\n";

fn push_line(text: &mut String, chain: &str, subject: Subject, deny: Deny) {
    text.push_str("-A ");
    text.push_str(chain);
    text.push(' ');
    push_rule(text, subject, deny);
    text.push('\n');
}

/// A digest by which a snapshot's text is recognized. Nobody but its owner writes the
/// file, so no key is needed.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    let digest = siphasher::sip128::SipHasher13::new().hash(bytes);
    format!("{:016x}{:016x}", digest.h1, digest.h2)
}

/// Reads a snapshot, or a file that PyFilter 1 or 2 wrote with iptables-save. In such a
/// file only the single addresses count that INPUT drops or rejects; all other lines, and
/// networks, are passed over.
///
/// # Errors
/// The file is cut, or has a line that is no ban of an address or a network of its family. Then
/// nothing may be concluded from what is missing in it.
pub fn parse(bytes: &[u8], family: Family, chain: &str) -> Result<Edited, SnapshotFault> {
    let mut reader = Reader {
        family,
        kind: None,
        chains: BTreeSet::from(["INPUT", chain]),
        place: Place::Before,
        subjects: BTreeSet::new(),
        warnings: Vec::new(),
    };
    let mut last = 0;
    for (number, line) in (1..).zip(bytes.split(|&b| b == b'\n')) {
        last = number;
        let fault = |message| SnapshotFault {
            line: number,
            message,
        };
        let line = std::str::from_utf8(line)
            .map_err(|_| fault("holds bytes that are not text".to_owned()))
            .or_else(|error| reader.passes_over().then_some("").ok_or(error))?;
        reader.line(line.trim()).map_err(fault)?;
    }
    let fault = |line, message: &str| {
        let message = message.to_owned();
        Err(SnapshotFault { line, message })
    };
    match (&reader.kind, reader.place) {
        (None, _) => fault(
            1,
            "the header `# pyfilter snapshot: store …, bans …` is missing",
        ),
        (_, Place::Before) => fault(last, "`*filter` is missing"),
        (_, Place::Within) => fault(last, "the file ends without COMMIT: it was cut"),
        (Some(SnapshotLineKind::Ours(shown)), Place::After) => Ok(Edited {
            family,
            shown: Some(shown.clone()),
            subjects: reader.subjects,
            warnings: reader.warnings,
        }),
        (Some(SnapshotLineKind::PyFilter), Place::After) => Ok(Edited {
            family,
            shown: None,
            subjects: reader.subjects,
            warnings: reader.warnings,
        }),
    }
}

/// What a person did to a snapshot that showed the bans `in_force` (of both families). If
/// those are not known, all lines are bans, and nothing is lifted. A line that was shown
/// and is still there is no edit, even if the ban has been lifted since.
#[must_use]
pub fn edits(edited: &Edited, in_force: Option<&BTreeSet<Subject>>) -> Edits {
    let none = BTreeSet::new();
    let of_family = |subject: &&Subject| subject.family() == edited.family;
    let shown: BTreeSet<Subject> = in_force
        .unwrap_or(&none)
        .iter()
        .filter(of_family)
        .copied()
        .collect();
    Edits {
        lifted: shown.difference(&edited.subjects).copied().collect(),
        banned: edited.subjects.difference(&shown).copied().collect(),
    }
}

enum SnapshotLineKind {
    Ours(Shown),
    PyFilter,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Before,
    Within,
    After,
}

struct Reader<'a> {
    family: Family,
    kind: Option<SnapshotLineKind>,
    chains: BTreeSet<&'a str>,
    place: Place,
    subjects: BTreeSet<Subject>,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    fn passes_over(&self) -> bool {
        matches!(self.kind, Some(SnapshotLineKind::PyFilter))
    }

    fn line(&mut self, line: &'a str) -> Result<(), String> {
        if let Some(comment) = line.strip_prefix('#') {
            return self.comment(line, comment.trim());
        }
        match (line, self.place) {
            ("", _) => {}
            ("*filter", Place::Before) => self.place = Place::Within,
            ("COMMIT", Place::Within) => self.place = Place::After,
            (line, Place::Within) => match self.rule(line) {
                Ok(()) => {}
                Err(_) if self.passes_over() => {}
                Err(message) => return Err(message),
            },
            _ if self.passes_over() => {}
            (_, Place::Before) => return Err(format!("`{}` before `*filter`", cut(line))),
            (_, Place::After) => return Err(format!("`{}` after COMMIT", cut(line))),
        }
        Ok(())
    }

    fn comment(&mut self, line: &str, comment: &str) -> Result<(), String> {
        if let Some(rest) = line.strip_prefix(HEADER) {
            let shown = header(rest.trim()).ok_or("the header is damaged")?;
            if matches!(&self.kind, Some(SnapshotLineKind::Ours(before)) if *before != shown) {
                return Err("a second header, unlike the first".to_owned());
            }
            self.kind = Some(SnapshotLineKind::Ours(shown));
        } else if comment.starts_with("Generated by ip") && self.kind.is_none() {
            self.kind = Some(SnapshotLineKind::PyFilter);
        }
        Ok(())
    }

    fn rule(&mut self, line: &'a str) -> Result<(), String> {
        let words: Vec<&str> = without_counters(line).split_ascii_whitespace().collect();
        let no_ban = || format!("`{}` is no ban of an address or a network", cut(line));
        let (chain, address, target) = match words[..] {
            // The chain may have been called otherwise when the file was written.
            [name, "-"] | [name, "-", _] if name.starts_with(':') => {
                self.chains.insert(&name[1..]);
                return Ok(());
            }
            [":INPUT", ..] => return Ok(()),
            ["-A", chain, "-s", address, "-j", target] => (chain, address, target),
            [
                "-A",
                chain,
                "-s",
                address,
                "-j",
                "REJECT",
                "--reject-with",
                _,
            ] => (chain, address, "REJECT"),
            _ => return Err(no_ban()),
        };
        let known = match self.kind {
            Some(SnapshotLineKind::PyFilter) => chain == "INPUT",
            _ => self.chains.contains(chain),
        };
        if !known || deny(target).is_none() {
            return Err(no_ban());
        }
        let subject = self.subject(address)?;
        self.subjects.insert(subject);
        Ok(())
    }

    /// The subject of a line.
    fn subject(&mut self, text: &str) -> Result<Subject, String> {
        let shown = cut(text);
        let given = GivenSubject::parse(text).map_err(|wrong| format!("`{shown}` {wrong}"))?;
        let subject = given.subject;
        if subject.family() != self.family {
            return Err(format!(
                "`{shown}` is {}: its line belongs into blacklist.{}",
                subject.family(),
                match subject.family() {
                    Family::V4 => "v4",
                    Family::V6 => "v6",
                }
            ));
        }
        if !subject.is_address() && self.passes_over() {
            return Err(format!(
                "`{shown}` is a network, which PyFilter never banned"
            ));
        }
        if subject.is_too_wide_to_ban() {
            let widest = Subject::widest_ban(self.family);
            return Err(format!("`{shown}` is wider than any ban may be: /{widest}"));
        }
        self.warnings.extend(given.cut_warning(text));
        Ok(subject)
    }
}

/// `store 3f9c2a, bans 1234`
fn header(text: &str) -> Option<Shown> {
    let (store, number) = text.strip_prefix("store ")?.split_once(", bans ")?;
    let plain = !store.is_empty()
        && store
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    Some(Shown {
        store: plain.then(|| store.to_owned())?,
        number: number.parse().ok()?,
    })
}

/// What a message shows of a line.
fn cut(line: &str) -> &str {
    match line.char_indices().nth(60) {
        Some((end, _)) => &line[..end],
        None => line,
    }
}
