//! The same failures under other thresholds. They are kept, sixteen bytes each, and
//! tried address by address when a rule has been read.

use rayon::prelude::*;

use crate::judge::{Counts, Trial, TrialOutcome};
use crate::model::{Failure, LinePlace, Thresholds, Variant};

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
    /// Which earlier line of the address this one replaces, by its number among them;
    /// [`Line::MOVES_NONE`] for none.
    moves: u32,
}

impl Line {
    const MOVES_NONE: u32 = u32::MAX;
}

/// The result of one variant so far, over all rules.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    pub(super) variant: Variant,
    /// By the number of an address: whether it would have been banned.
    pub(super) banned: Vec<bool>,
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
    pub(super) fn end_rule(&mut self, own: &Thresholds, rows: &[Row]) {
        if self.records.is_empty() {
            return;
        }
        let (starts, grouped) = group(std::mem::take(&mut self.records), rows.len());
        self.tried.par_iter_mut().for_each(|tried| {
            tried.banned.resize(rows.len(), false);
            let thresholds = tried.variant.over(own);
            for (number, _) in rows.iter().enumerate().filter(|(_, row)| !row.never) {
                let (from, to) = (starts[number] as usize, starts[number + 1] as usize);
                if from == to {
                    continue;
                }
                let TrialOutcome { bans, stopped } =
                    TrialOutcome::of(&thresholds, grouped[from..to].iter().copied().map(trial));
                tried.banned[number] |= bans > 0;
                tried.bans += u64::from(bans);
                tried.stopped += stopped;
            }
        });
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

/// The lines by address, those of each in the order of the log, and where those of
/// each begin.
fn group(records: Vec<Record>, addresses: usize) -> (Vec<u32>, Vec<Line>) {
    let mut starts = vec![0_u32; addresses + 1];
    for record in &records {
        starts[record.address as usize + 1] += 1;
    }
    for number in 0..addresses {
        starts[number + 1] += starts[number];
    }
    let mut next = starts.clone();
    let mut grouped = vec![Line::default(); records.len()];
    for Record { address, line } in records {
        let place = &mut next[address as usize];
        grouped[*place as usize] = line;
        *place += 1;
    }
    (starts, grouped)
}
