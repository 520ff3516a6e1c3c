//! The patterns of a rule, each compiled when a line first calls for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::Rule;

use super::automaton::{self, Automaton};
use super::pattern::RulePattern;
use super::program::{Parts, PatternProgram};

/// How many programs for several patterns are made at most. A line that needs another
/// choice is tried pattern by pattern.
const MOST: usize = 32;

/// A choice of patterns, by their places in the order in which they are tried. All
/// patterns from the 64th on share one bit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct PatternSet(u64);

impl PatternSet {
    pub(super) const ALL: PatternSet = PatternSet(u64::MAX);

    pub(super) fn only(place: usize) -> Self {
        PatternSet(1 << place.min(63))
    }

    pub(super) fn add(&mut self, other: PatternSet) {
        self.0 |= other.0;
    }

    fn has(self, place: usize) -> bool {
        self.0 & PatternSet::only(place).0 != 0
    }
}

/// The patterns of a rule. Each worker has a clone: clones share the programs, but not
/// the tables that are written to.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    shared: Arc<Shared>,
    own: Vec<WorkerAutomaton>,
    /// By the first pattern of a choice: the place in `own` that served it last.
    last: [usize; 64],
}

#[derive(Debug)]
struct Shared {
    /// In the order in which they are tried: instant ones first.
    patterns: Vec<RulePattern>,
    programs: Mutex<HashMap<Choice, Arc<PatternProgram>>>,
    room: usize,
    users: bool,
}

#[derive(Debug, Clone)]
struct WorkerAutomaton {
    choice: Choice,
    automaton: Automaton,
}

/// Patterns that are compiled together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Choice {
    Several(PatternSet),
    One(usize),
}

impl Patterns {
    /// Reads the patterns of a rule; `users` says whether user names are wanted.
    ///
    /// # Errors
    /// A pattern that can not be compiled.
    pub(super) fn new(rule: &Rule, users: bool) -> Result<Self, String> {
        Self::with_room(rule, users, automaton::MOST)
    }

    /// The same with tables of `room` entries.
    pub(super) fn with_room(rule: &Rule, users: bool, room: usize) -> Result<Self, String> {
        let mut patterns: Vec<RulePattern> = rule
            .patterns
            .iter()
            .enumerate()
            .map(|(number, pattern)| RulePattern::new(number, pattern))
            .collect::<Result<_, _>>()?;
        patterns.sort_by_key(|pattern| !pattern.instant);
        let programs = Mutex::new(HashMap::new());
        Ok(Patterns {
            shared: Arc::new(Shared {
                patterns,
                programs,
                room,
                users,
            }),
            own: Vec::new(),
            last: [0; 64],
        })
    }

    /// In the order in which they are tried.
    pub(super) fn all(&self) -> &[RulePattern] {
        &self.shared.patterns
    }

    /// The first of the called patterns that matches `line`, and where its
    /// parts stand.
    pub(super) fn first(&mut self, called: PatternSet, line: &[u8]) -> Option<(usize, Parts)> {
        match self.called(called) {
            Ok(own) if !self.own[own].automaton.has_given_up() => {
                self.own[own].automaton.find(line)
            }
            // The tables of one pattern have room for what those of all had not.
            Ok(_) | Err(TooMany) => self.from(0, called, line),
        }
    }

    /// The same, from the pattern in that place on.
    pub(super) fn from(
        &mut self,
        place: usize,
        called: PatternSet,
        line: &[u8],
    ) -> Option<(usize, Parts)> {
        (place..self.all().len())
            .filter(|&place| called.has(place))
            .find_map(|place| {
                let own = self.own(Choice::One(place)).ok()?;
                self.own[own].automaton.find(line)
            })
    }

    /// The place of this worker's automaton for all called patterns.
    #[inline]
    fn called(&mut self, called: PatternSet) -> Result<usize, TooMany> {
        let choice = Choice::Several(called);
        let first = called.0.trailing_zeros() as usize % 64;
        let last = self.last[first];
        if self.own.get(last).is_some_and(|own| own.choice == choice) {
            return Ok(last);
        }
        self.last[first] = self.own(choice)?;
        Ok(self.last[first])
    }

    /// The place of this worker's automaton for a choice.
    fn own(&mut self, choice: Choice) -> Result<usize, TooMany> {
        if let Some(known) = self.own.iter().position(|own| own.choice == choice) {
            return Ok(known);
        }
        let program = self.shared.program(choice).ok_or(TooMany)?;
        self.own.push(WorkerAutomaton {
            choice,
            automaton: Automaton::new(program),
        });
        Ok(self.own.len() - 1)
    }
}

#[cfg(test)]
impl Patterns {
    /// Whether lines are left to Pike's machine: those of one pattern whose tables do not
    /// pay, or of several that are not tried one by one.
    pub(super) fn have_given_up(&self) -> bool {
        let is_tried = |place| {
            let mut own = self.own.iter();
            own.any(|one| one.choice == Choice::One(place))
        };
        let mut given_up = self.own.iter().filter(|own| own.automaton.has_given_up());
        given_up.any(|own| match own.choice {
            Choice::One(_) => true,
            Choice::Several(called) => {
                let mut places = 0..self.all().len();
                !places.any(|place| called.has(place) && is_tried(place))
            }
        })
    }
}

/// No further program may be made.
struct TooMany;

impl Shared {
    fn program(&self, choice: Choice) -> Option<Arc<PatternProgram>> {
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = programs.get(&choice) {
            return Some(program.clone());
        }
        if matches!(choice, Choice::Several(_)) && programs.len() >= MOST {
            return None;
        }
        let places = (0..self.patterns.len()).filter(|&place| match choice {
            Choice::Several(called) => called.has(place),
            Choice::One(one) => place == one,
        });
        let chosen = places.map(|place| (place, &self.patterns[place]));
        let program = Arc::new(PatternProgram::new(chosen, self.room, self.users)?);
        programs.insert(choice, program.clone());
        Some(program)
    }
}
