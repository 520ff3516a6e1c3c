//! What all checks use: a value with its path, and the faults found so far.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::fault::{Fault, Faults, TextPosition};
use super::keys::{self, Keys};
use super::raw::{Node, RawEntry, Value};
use super::shown::{escaped, shown};

/// Further faults are counted and not reported.
const MOST: usize = 100;

/// What the checks have found so far.
pub(super) struct Checker<'t> {
    text: &'t str,
    /// The part of the text that is the file whose faults are looked for.
    part: Range<usize>,
    line_starts: Vec<usize>,
    faults: Vec<Fault>,
    more: usize,
    notes: Vec<String>,
}

impl<'t> Checker<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Checker::of_part(text, 0..text.len())
    }

    /// For the file that is `part` of a text of several files. A fault in another part
    /// gets no position.
    pub(super) fn of_part(text: &'t str, part: Range<usize>) -> Self {
        let line_ends = text[part.clone()].match_indices('\n');
        let line_ends = line_ends.map(|(at, _)| part.start + at + 1);
        Checker {
            text,
            line_starts: std::iter::once(part.start).chain(line_ends).collect(),
            part,
            faults: Vec::new(),
            more: 0,
            notes: Vec::new(),
        }
    }

    /// Reports a fault at the byte `offset`.
    pub(super) fn fault(&mut self, offset: usize, path: &str, message: impl Into<String>) {
        if self.faults.len() == MOST {
            self.more += 1;
            return;
        }
        self.faults.push(Fault {
            path: path.to_owned(),
            place: self.place(offset),
            message: message.into(),
        });
    }

    /// Adds a note: the value is valid, but may not mean what the user thinks.
    pub(super) fn note(&mut self, path: &str, sentence: &str) {
        self.notes.push(format!("{path}: {sentence}"));
    }

    /// The notes, or what is wrong with `file`.
    pub(super) fn finish(mut self, file: Option<&Path>) -> Result<Vec<String>, Faults> {
        if self.faults.is_empty() {
            return Ok(std::mem::take(&mut self.notes));
        }
        Err(self.into_faults(file))
    }

    /// The faults as those of `file`, in its order.
    pub(super) fn into_faults(mut self, file: Option<&Path>) -> Faults {
        self.faults.sort_by_key(|fault| fault.place);
        Faults {
            file: file.map(PathBuf::from),
            faults: self.faults,
            more: self.more,
        }
    }

    fn place(&self, offset: usize) -> Option<TextPosition> {
        let is_within = self.part.contains(&offset) || offset == self.part.end;
        let line = self.line_starts.partition_point(|&start| start <= offset);
        let line_start = self.line_starts[line.checked_sub(1).filter(|_| is_within)?];
        let column = self.text[line_start..offset].chars().count() + 1;
        Some(TextPosition { line, column })
    }
}

/// A value with its path.
#[derive(Clone)]
pub(super) struct Field<'t> {
    pub(super) path: String,
    pub(super) node: &'t Node<'t>,
}

impl<'t> Field<'t> {
    pub(super) fn fault(&self, check: &mut Checker, message: impl Into<String>) {
        check.fault(self.node.offset, &self.path, message);
    }

    /// Reports that the value is not `expected`, and what it is.
    pub(super) fn unexpected(&self, check: &mut Checker, expected: &str) {
        self.fault(
            check,
            format!("must be {expected}, not {}", describe(self.node)),
        );
    }

    pub(super) fn text(&self, check: &mut Checker) -> Option<&'t str> {
        let Value::Text(text) = &self.node.value else {
            self.unexpected(check, "a string");
            return None;
        };
        Some(text)
    }

    /// A string that no message repeats.
    pub(super) fn secret(&self, check: &mut Checker) -> Option<&'t str> {
        let Value::Text(text) = &self.node.value else {
            self.fault(check, "must be a string in double quotes, or null");
            return None;
        };
        Some(text)
    }

    /// A string that is not empty.
    pub(super) fn filled(&self, check: &mut Checker) -> Option<&'t str> {
        let text = self.text(check)?;
        if text.is_empty() {
            self.fault(check, "must not be empty");
            return None;
        }
        Some(text)
    }

    /// A path; a relative one is taken from `base`.
    pub(super) fn path_from(&self, base: &Path, check: &mut Checker) -> Option<PathBuf> {
        let text = self.filled(check)?;
        if text.contains('\0') {
            self.fault(check, "must not hold a NUL character");
            return None;
        }
        Some(base.join(text))
    }

    pub(super) fn flag(&self, check: &mut Checker) -> Option<bool> {
        let Value::Flag(flag) = self.node.value else {
            self.unexpected(check, "true or false");
            return None;
        };
        Some(flag)
    }

    /// A whole number of `low..=high`.
    pub(super) fn whole(&self, low: u32, high: u32, check: &mut Checker) -> Option<u32> {
        let number = match &self.node.value {
            Value::Number(number) => *number,
            Value::Text(text) if text.parse::<i64>().is_ok() => {
                let found = describe(self.node);
                let message = format!("must be a whole number, not {found}: remove the quotes");
                self.fault(check, message);
                return None;
            }
            _ => {
                self.unexpected(check, "a whole number");
                return None;
            }
        };
        let message = if number.contains(['.', 'e', 'E']) {
            "must be a whole number, without fraction or exponent".to_owned()
        } else {
            match number.parse::<i128>() {
                Ok(value) if value < low.into() => format!("must be at least {low}"),
                Ok(value) if value <= high.into() => return u32::try_from(value).ok(),
                _ if number.starts_with('-') => format!("must be at least {low}"),
                _ => format!("must be at most {high}"),
            }
        };
        self.fault(check, format!("{message} (is {})", shown(number)));
        None
    }

    /// The meaning of one of `words`.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)], check: &mut Checker) -> Option<T> {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let Value::Text(text) = &self.node.value else {
            self.unexpected(check, &all.join(" or "));
            return None;
        };
        let found = words.iter().find(|(word, _)| word == text);
        if found.is_none() {
            let message = format!("must be {} (is \"{}\")", all.join(" or "), shown(text));
            self.fault(check, message);
        }
        found.map(|(_, meaning)| *meaning)
    }

    /// The values of a list of `what`.
    pub(super) fn list(&self, what: &str, check: &mut Checker) -> Option<Vec<Field<'t>>> {
        let Value::List(items) = &self.node.value else {
            self.unexpected(check, &format!("a list of {what} in square brackets"));
            return None;
        };
        let with_path = |(index, node)| Field {
            path: format!("{}[{index}]", self.path),
            node,
        };
        Some(items.iter().enumerate().map(with_path).collect())
    }

    /// The keys of an object.
    pub(super) fn entries(&self, check: &mut Checker) -> Option<&'t [RawEntry<'t>]> {
        let Value::Object(entries) = &self.node.value else {
            self.unexpected(check, "an object in curly brackets");
            return None;
        };
        let mut first: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
        for entry in entries {
            if let Some(&before) = first.get(&*entry.key) {
                let first = check.place(before);
                let first = first.map_or(String::new(), |TextPosition { line, .. }| {
                    format!(", first in line {line}")
                });
                let message = format!("is here twice{first}: remove one");
                check.fault(entry.offset, &self.path_of(&entry.key), message);
            } else {
                first.insert(&entry.key, entry.offset);
            }
        }
        Some(entries)
    }

    /// An object that may hold `keys`.
    pub(super) fn section(self, keys: &'static Keys, check: &mut Checker) -> Option<Section<'t>> {
        let entries = self.entries(check)?;
        for entry in entries {
            if !keys.names.contains(&&*entry.key) {
                // To look for the right word is slow, and further faults are not
                // reported.
                let message = match check.faults.len() {
                    MOST => String::new(),
                    _ => format!("unknown key; {}", keys::advice(&entry.key, keys)),
                };
                check.fault(entry.offset, &self.path_of(&entry.key), message);
            }
        }
        Some(Section {
            path: self.path,
            entries,
            keys,
        })
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }
}

/// An object with the keys that it may hold.
pub(super) struct Section<'t> {
    pub(super) path: String,
    entries: &'t [RawEntry<'t>],
    keys: &'static Keys,
}

impl<'t> Section<'t> {
    /// A section that sets nothing.
    pub(super) fn empty(keys: &'static Keys) -> Self {
        Section {
            path: String::new(),
            entries: &[],
            keys,
        }
    }

    /// The value of `key`, be it null.
    pub(super) fn get(&self, key: &'static str) -> Option<Field<'t>> {
        debug_assert!(self.keys.names.contains(&key), "{key} is not declared");
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(Field {
            path: join(&self.path, key),
            node: &entry.node,
        })
    }

    /// The value of `key` unless it is null, which is as if it were not there.
    pub(super) fn given(&self, key: &'static str) -> Option<Field<'t>> {
        self.get(key)
            .filter(|field| !matches!(field.node.value, Value::Null))
    }

    /// The object at `key`; an empty one if it is not there.
    pub(super) fn below(
        &self,
        key: &'static str,
        keys: &'static Keys,
        check: &mut Checker,
    ) -> Section<'t> {
        let section = self.get(key).and_then(|field| field.section(keys, check));
        section.unwrap_or_else(|| Section::empty(keys))
    }
}

fn join(path: &str, key: &str) -> String {
    let key = shown(key);
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// What a value is, for a message.
fn describe(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Flag(flag) => flag.to_string(),
        Value::Number(number) => format!("the number {}", escaped(&shown(number))),
        Value::Text(text) => format!("the string \"{}\"", shown(text)),
        Value::List(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
