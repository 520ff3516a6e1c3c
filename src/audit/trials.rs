//! The same failures under other thresholds. They are kept, sixteen bytes each, and
//! tried subject by subject when a rule has been read.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::judge::{AllowList, Counts, Trial, TrialOutcome};
use crate::model::{Failure, LinePlace, Prefixes, Subject, Thresholds, Variant};

use super::addresses::Row;

/// The bit of a count that says that the failure bans at once.
const INSTANT: u32 = 1 << 31;

/// A line that counts something.
#[derive(Debug, Clone, Copy)]
struct Record {
    address: u32,
    line: Line,
}

/// The same without its address.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    /// Unix seconds.
    at: u32,
    /// How many failures it adds, with [`INSTANT`].
    count: u32,
    /// Which earlier line this one replaces, by its number among those of the rule, or of
    /// the subject once they are grouped; [`Line::MOVES_NONE`] for none.
    moves: u32,
}

impl Line {
    const MOVES_NONE: u32 = u32::MAX;
}

/// The result of one variant so far, over all rules.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    pub(super) variant: Variant,
    /// By the number of an address: whether it would have been banned, as itself.
    pub(super) banned: Vec<bool>,
    /// The networks that would have been banned.
    pub(super) networks: Vec<Subject>,
    pub(super) bans: u64,
    pub(super) stopped: u64,
}

/// Every variant, and the failures of the rule that is being read.
#[derive(Debug)]
pub(super) struct Trials {
    pub(super) tried: Vec<Tried>,
    records: Vec<Record>,
}

impl Trials {
    pub(super) fn new(variants: Vec<Variant>) -> Self {
        let tried = |variant| Tried {
            variant,
            banned: Vec::new(),
            networks: Vec::new(),
            bans: 0,
            stopped: 0,
        };
        Trials {
            tried: variants.into_iter().map(tried).collect(),
            records: Vec::new(),
        }
    }

    /// Keeps a failure of the address with that number; `counts` says how many failures
    /// it is.
    pub(super) fn keep(&mut self, address: usize, failure: &Failure, counts: Counts) {
        if self.tried.is_empty() {
            return;
        }
        let instant = if failure.instant { INSTANT } else { 0 };
        let moves = counts.moves.map(LinePlace::number);
        let moves = moves.and_then(|number| u32::try_from(number).ok());
        self.records.push(Record {
            address: u32::try_from(address).unwrap_or(u32::MAX),
            line: Line {
                at: u32::try_from(failure.at.secs.max(0)).unwrap_or(u32::MAX),
                count: counts.new.min(INSTANT - 1) | instant,
                moves: moves.unwrap_or(Line::MOVES_NONE),
            },
        });
    }

    /// Tries every variant on the failures that were kept since the last time,
    /// all of one rule with the thresholds `own`.
    pub(super) fn end_rule(&mut self, own: &Thresholds, rows: &[Row], never: &AllowList) {
        if self.records.is_empty() {
            return;
        }
        let records = std::mem::take(&mut self.records);
        let prefixes = |tried: &Tried| tried.variant.over(own).prefixes;
        let mut all: Vec<Prefixes> = Vec::new();
        for tried in self.tried.iter().map(prefixes) {
            if !all.contains(&tried) {
                all.push(tried);
            }
        }
        for of in all {
            let grouped = Grouped::of(&records, rows, of, never);
            let tried = self.tried.par_iter_mut();
            tried
                .filter(|tried| prefixes(tried) == of)
                .for_each(|tried| grouped.judge(tried, own, rows));
        }
    }
}

fn trial(Line { at, count, moves }: Line) -> Trial {
    Trial {
        at: i64::from(at),
        counts: Counts {
            new: count & !INSTANT,
            moves: (moves != Line::MOVES_NONE).then(|| LinePlace::nth(moves.into())),
        },
        instant: count & INSTANT != 0,
    }
}

/// The lines by subject, those of each in the order of the log. The number of an address
/// that is counted alone is its own; the networks are numbered behind all addresses.
struct Grouped {
    networks: Vec<Subject>,
    /// Where the lines of each begin, and at last where those of the last one end.
    starts: Vec<u32>,
    lines: Vec<Line>,
}

impl Grouped {
    fn of(records: &[Record], rows: &[Row], prefixes: Prefixes, never: &AllowList) -> Self {
        let (numbers, networks) = numbered(rows, prefixes, never);
        let number = |record: &Record| {
            let address = record.address;
            let number = numbers.get(address as usize);
            number.copied().unwrap_or(address) as usize
        };
        let count = rows.len() + networks.len();
        let mut starts = vec![0_u32; count + 1];
        for record in records {
            starts[number(record) + 1] += 1;
        }
        for number in 0..count {
            starts[number + 1] += starts[number];
        }
        let mut next = starts.clone();
        let mut lines = vec![Line::default(); records.len()];
        // By the number of a line under the rule: its number under its subject. A line
        // replaces one that stands before it.
        let mut under_subject: Vec<u32> = Vec::with_capacity(records.len());
        for record in records {
            let number = number(record);
            let place = &mut next[number];
            let moves = under_subject.get(record.line.moves as usize);
            lines[*place as usize] = Line {
                moves: moves.copied().unwrap_or(Line::MOVES_NONE),
                ..record.line
            };
            under_subject.push(*place - starts[number]);
            *place += 1;
        }
        Grouped {
            networks,
            starts,
            lines,
        }
    }

    /// Tries one variant.
    fn judge(&self, tried: &mut Tried, own: &Thresholds, rows: &[Row]) {
        tried.banned.resize(rows.len(), false);
        let thresholds = tried.variant.over(own);
        for (number, bounds) in self.starts.windows(2).enumerate() {
            let lines = &self.lines[bounds[0] as usize..bounds[1] as usize];
            let never = rows.get(number).is_some_and(|row| row.never);
            if lines.is_empty() || never {
                continue;
            }
            let lines = lines.iter().copied().map(trial);
            let TrialOutcome { bans, stopped } = TrialOutcome::of(&thresholds, lines);
            tried.bans += u64::from(bans);
            tried.stopped += stopped;
            if bans == 0 {
                continue;
            }
            match tried.banned.get_mut(number) {
                Some(banned) => *banned = true,
                None => tried.networks.push(self.networks[number - rows.len()]),
            }
        }
    }
}

/// By the number of an address the number of the subject that it is counted as, and the
/// networks. Nothing where each address is counted alone.
fn numbered(rows: &[Row], prefixes: Prefixes, never: &AllowList) -> (Vec<u32>, Vec<Subject>) {
    let mut networks = Vec::new();
    if prefixes == Prefixes::default() {
        return (Vec::new(), networks);
    }
    let mut known: HashMap<Subject, Option<u32>> = HashMap::new();
    let numbers = (0..).zip(rows).map(|(number, row)| {
        let subject = prefixes.subject(row.address);
        if subject.is_address() {
            return number;
        }
        let network = known.entry(subject).or_insert_with(|| {
            if never.covers(subject) {
                return None;
            }
            networks.push(subject);
            u32::try_from(rows.len() + networks.len() - 1).ok()
        });
        network.unwrap_or(number)
    });
    (numbers.collect(), networks)
}
