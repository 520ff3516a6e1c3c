//! A part of an input: one file or journal, what is to be read of it, and what came
//! of that. It is a row of the reports.

use std::path::Path;
use std::sync::Arc;

use crate::model::{Escaped, PathId, Problem, plural};

use super::blocks::LONGEST_LINE;
use super::journal::{JournalProgress, journal_named};
use super::open::{OpenError, Opened};
use super::reading::Reading;
use super::segment::{Content, Segment};
use super::status::Status;

/// A file or a journal of an input.
#[derive(Debug)]
pub struct InputPart {
    /// The file, or the name of the journal.
    pub path: Arc<Path>,
    /// What stands for that in failures.
    pub id: PathId,
    /// What became of it.
    pub status: Status,
    /// The byte from which it is read.
    pub from: u64,
    /// Why it can not be opened. Fits behind its path.
    pub error: Option<String>,
    /// What came of reading it.
    pub reading: Reading,
    /// How many failures the sink was given.
    pub matched: u64,
    /// How many failures the sink counted them as.
    pub counted: u64,
    /// What is to be read of it, until that is done.
    pub(super) segment: Option<Segment>,
    pub(super) kind: PartKind,
}

/// What a part is, by which the next run goes on with it.
#[derive(Debug)]
pub(super) enum PartKind {
    /// A whole file, or nothing of it: no next run goes on with it.
    File,
    /// The generation of a log with this number, and the file to recognise it by.
    Generation(usize, Opened),
    Journal(JournalProgress),
}

impl InputPart {
    /// A part of which something is to be read.
    pub(super) fn new(path: &Path, status: Status, kind: PartKind, segment: Segment) -> Self {
        InputPart {
            kind,
            from: segment.from(),
            reading: Reading::none_of(&segment),
            segment: Some(segment),
            ..InputPart::idle(path, status, 0)
        }
    }

    /// A part of which nothing is to be read: it was read up to the byte `at`.
    pub(super) fn idle(path: &Path, status: Status, at: u64) -> Self {
        InputPart {
            path: Arc::from(path),
            id: PathId::of(path),
            status,
            from: at,
            error: None,
            reading: Reading {
                end: at,
                ..Reading::default()
            },
            matched: 0,
            counted: 0,
            segment: None,
            kind: PartKind::File,
        }
    }

    /// A whole file. `hint` says what is to be done about one that can not be opened.
    pub(super) fn file(
        path: &Path,
        opened: Result<Segment, OpenError>,
        hint: fn(&OpenError) -> &'static str,
    ) -> Self {
        match opened {
            Ok(segment) => InputPart::new(path, Status::Read, PartKind::File, segment),
            Err(error) => {
                let status = match error {
                    OpenError::Missing => Status::Missing,
                    _ => Status::Unreadable,
                };
                let error = Some(format!("{error}{}", hint(&error)));
                InputPart {
                    error,
                    ..InputPart::idle(path, status, 0)
                }
            }
        }
    }

    /// Whether these are the same bytes of the same file as those of `other`. Two readers
    /// of a journal never are: each has a process of its own.
    pub(super) fn is_like(&self, other: &InputPart) -> bool {
        let is_one_file = match (&self.kind, &other.kind) {
            (PartKind::File, PartKind::File) => true,
            (PartKind::Generation(_, one), PartKind::Generation(_, another)) => {
                one.stat == another.stat
            }
            _ => false,
        };
        let extent = |part: &InputPart| {
            let segment = part.segment.as_ref();
            segment.map(|segment| (segment.from(), segment.left()))
        };
        is_one_file && self.path == other.path && extent(self) == extent(other)
    }

    /// Up to where it was read: a byte, or of a journal the number of its entries.
    #[must_use]
    pub fn to(&self) -> u64 {
        match &self.kind {
            PartKind::Journal(progress) => progress.entries(),
            _ => self.reading.end,
        }
    }

    /// How many bytes are to be read of it, as they stand on the disk.
    pub(super) fn size(&self) -> u64 {
        match self.segment.as_ref().map(|segment| &segment.content) {
            Some(Content::Plain(_, range)) => range.end.saturating_sub(range.start),
            // A journal has no size.
            Some(Content::Stream { .. }) => self.path.metadata().map_or(0, |file| file.len()),
            None => 0,
        }
    }

    /// Why it can not be opened, for the user.
    pub(super) fn unreadable(&self) -> Option<Problem> {
        self.error.as_ref().map(|error| self.problem(error))
    }

    fn problem(&self, told: &str) -> Problem {
        Problem::at(
            &*self.path,
            format!("{}: {told}", Escaped::path(&self.path)),
        )
    }

    /// What is wrong with it after `rule` has read it, or why it was not read to its end.
    pub(super) fn problems(&self, rule: &str) -> Vec<Problem> {
        let mut told = told(&self.path, rule, &self.reading);
        if let PartKind::Journal(progress) = &self.kind {
            told.extend(progress.problems());
        }
        told.iter().map(|told| self.problem(told)).collect()
    }
}

/// What is wrong with a file or journal that was read, each a sentence behind its name.
fn told(path: &Path, rule: &str, reading: &Reading) -> Vec<String> {
    let mut told = Vec::new();
    // What is byte 0 of a journal differs from run to run.
    let is_journal = journal_named(path).is_some();
    let at = |count: u64, offset: u64| match count {
        _ if is_journal => String::new(),
        1 => format!(", at byte {offset}"),
        _ => format!(", the first at byte {offset}"),
    };
    let rule = Escaped::text(rule);
    if let Some(offset) = reading.totals.tally.first_bad_time {
        let count = reading.totals.tally.bad_times;
        let lines = plural(
            count,
            &format!("line matches rule {rule} and has"),
            &format!("lines match rule {rule} and have"),
        );
        let at = at(count, offset);
        told.push(format!("{lines} no time that its time_format reads{at}"));
    }
    if let (count, Some(offset)) = reading.long_lines {
        let at = at(count, offset);
        let lines = plural(
            count,
            &format!("line of more than {LONGEST_LINE} bytes was"),
            &format!("lines of more than {LONGEST_LINE} bytes were"),
        );
        told.push(format!("{lines} left out{at}"));
    }
    if reading.out_of_reach {
        told.push(format!(
            "the byte {} of what is packed in it, up to which it was read, could not be reached again within 60 s, so the rest is left out; read it with: pyfilter scan --rule {rule} {}",
            reading.end,
            Escaped::path(path)
        ));
    }
    if reading.cut_short {
        told.push("was cut while it was read".to_owned());
    }
    if let Some(error) = &reading.error {
        told.push(format!(
            "could not be read beyond byte {}: {error}",
            reading.end
        ));
    }
    told
}
