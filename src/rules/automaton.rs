//! A line → the first of a list of patterns that matches it, and where the
//! parts of that match stand, in one walk over the line.
//!
//! It is a tagged automaton (Laurikari, "NFAs with Tagged Transitions", 2000)
//! made while it is needed: a state is the list of threads that Pike's machine
//! would follow, the preferred one first, with a register for each part's
//! start and end; what the machine would do at a byte is worked out once and
//! then looked up. So the answer is that of the regular expressions, captures
//! included, at the price of one look at a table a byte. Where the table would
//! grow too large, Pike's machine itself is asked.

use std::collections::HashMap;

use memchr::memchr;
use regex_automata::util::primitives::{NonMaxUsize, PatternID};
use regex_automata::{Anchored, Input};

use super::pattern::PARTS;
use super::program::{Parts, Program};

mod begun;
mod follow;
mod make;
mod walk;

use begun::{Begun, Known, Mark, WORD};
use follow::{At, Moves, Scratch, State, Thread};
use walk::entry;
pub(super) use walk::{Machine, Walk, go_together};

/// A start and an end for each part.
const SLOTS: usize = 2 * PARTS;

/// Registers of a state; patterns that need more are left to Pike's machine.
const REGISTERS: usize = SPARE as usize;

/// One more register, by which others are moved.
const SPARE: u8 = 24;

/// In a slot: not met yet, and met right here.
const UNSET: u8 = u8::MAX;
const HERE: u8 = u8::MAX - 1;

/// Entries of a table at most: few enough that the cache next to a core holds
/// those that are looked at.
pub(super) const MOST: usize = 1 << 15;

/// In a table: not worked out yet, no match, nothing changes any more before
/// the line ends, from here on an action, and from here on the first entry of a
/// state.
const UNKNOWN: u16 = 0;
const DEAD: u16 = 1;
const RESTING: u16 = 2;
const ACTION: u16 = 3;
const STATE: u16 = 1 << 15;

/// Actions at most.
const ACTIONS: usize = (STATE - ACTION) as usize;

/// By state and class of the next byte: the next state, or what else to do. It
/// has a place for the sum of any state and any class, so that none has to be
/// checked; what is not used is never touched.
type Table = [u16; PLACES];
const PLACES: usize = (1 << 16) + (1 << 9);

/// One worker's tables for a program, and the space to work them out.
#[derive(Debug, Clone)]
pub(super) struct Automaton {
    table: Box<Table>,
    /// How many entries of it have a meaning.
    used: usize,
    actions: Vec<Action>,
    states: Vec<State>,
    numbers: HashMap<State, u16>,
    scratch: Scratch,
    begun: Begun,
    /// Bytes walked since the tables were last begun anew.
    walked: usize,
    /// How often they were begun.
    round: u64,
    /// Pike's machine, once it was needed.
    pike: Option<regex_automata::nfa::thompson::pikevm::Cache>,
    /// Whether the tables do not pay.
    given_up: bool,
}

/// A step that moves registers, or the end of the line.
#[derive(Debug, Clone)]
struct Action {
    next: u16,
    /// Which register gets the place of which.
    moves: Moves,
    matched: Option<(PatternID, [u8; SLOTS])>,
}

impl Automaton {
    pub(super) fn new(program: &Program) -> Self {
        let mut automaton = Automaton {
            table: empty_table(),
            used: 0,
            actions: Vec::new(),
            states: Vec::new(),
            numbers: HashMap::new(),
            scratch: Scratch::default(),
            begun: Begun::default(),
            walked: 0,
            round: 0,
            pike: None,
            given_up: program.looks_at_letters(),
        };
        automaton.begin(program);
        automaton
    }

    /// Begins the tables anew.
    fn begin(&mut self, program: &Program) {
        let first = usize::from(STATE);
        self.table[first..first + self.used].fill(UNKNOWN);
        self.used = 0;
        self.actions.clear();
        self.states.clear();
        self.numbers.clear();
        self.begun.clear();
        self.walked = 0;
        self.round += 1;
        let start = Thread {
            at: At::Node(program.start()),
            slots: [UNSET; SLOTS],
        };
        self.number(
            program,
            State {
                threads: vec![start],
                before: None,
            },
        );
    }

    /// Which pattern of `program` matches `line`, the first of those that do,
    /// and where its parts stand.
    pub(super) fn find(&mut self, program: &Program, line: &[u8]) -> Option<(usize, Parts)> {
        let mut walk = self.set_out(program, line);
        self.finish(program, &mut walk)
    }

    /// Begins to walk over `line`, behind what is known of how it begins.
    pub(super) fn set_out<'l>(&mut self, program: &Program, line: &'l [u8]) -> Walk<'l> {
        let alone = self.given_up || u32::try_from(line.len()).is_err();
        let known = if alone {
            Known::NOTHING
        } else {
            self.begun.follow(line, program.digits_alike())
        };
        let mark = self.begun.mark(known);
        let walk = Walk {
            line,
            at: known.bytes,
            state: mark.state,
            registers: mark.registers,
            round: self.round,
            alone,
            lost: false,
        };
        if known.again.is_some() {
            return self.learn(program, walk, known);
        }
        walk
    }

    /// Goes on over the word that should be known, and notes where it stands then.
    #[cold]
    fn learn<'l>(&mut self, program: &Program, mut walk: Walk<'l>, known: Known) -> Walk<'l> {
        if self.go_to(program, &mut walk, known.bytes + WORD) {
            let (state, registers) = (walk.state, walk.registers);
            self.begun.grow(known, Mark { state, registers });
        } else {
            walk.alone = !walk.lost;
        }
        walk
    }

    /// Whether `walk` is one that goes on.
    pub(super) fn goes_on(&self, walk: &Walk<'_>) -> bool {
        !walk.alone && !walk.lost && walk.round == self.round
    }

    /// Goes on to the end of the line.
    pub(super) fn finish(
        &mut self,
        program: &Program,
        walk: &mut Walk<'_>,
    ) -> Option<(usize, Parts)> {
        if walk.lost {
            return None;
        }
        if walk.round != self.round {
            *walk = self.set_out(program, walk.line);
        }
        if walk.alone {
            return self.ask_pike(program, walk.line);
        }
        self.walked += walk.line.len();
        if !walk.lost && self.go_to(program, walk, walk.line.len()) {
            return self.arrive(program, walk);
        }
        if walk.lost {
            None
        } else {
            self.ask_pike(program, walk.line)
        }
    }

    /// Goes on to the byte `end`. Not if the walk ends before, as in `act`.
    fn go_to(&mut self, program: &Program, walk: &mut Walk<'_>, end: usize) -> bool {
        while let Some(next) = self.go(program, walk, end) {
            if !self.act(program, walk, next, end) {
                return false;
            }
        }
        true
    }

    /// Does what the table says of the next byte, and goes no further than to
    /// the byte `end`. Not if that is the end of the walk: it is lost, or the
    /// tables were full and are begun anew.
    pub(super) fn act(
        &mut self,
        program: &Program,
        walk: &mut Walk<'_>,
        mut next: u16,
        end: usize,
    ) -> bool {
        if walk.round != self.round {
            return false;
        }
        if next == UNKNOWN {
            let Some(found) = self.work_out(program, walk.state, Some(walk.line[walk.at])) else {
                return false;
            };
            next = found;
        }
        if next == DEAD {
            walk.lost = true;
            return false;
        }
        if next == RESTING {
            let at_newline = self.table[entry(walk.state, program.class(b'\n'))];
            let rest = &walk.line[walk.at..end];
            let newline = memchr(b'\n', rest).filter(|_| at_newline != RESTING);
            walk.at = newline.map_or(end, |newline| walk.at + newline);
            return true;
        }
        if next < STATE {
            next = self.move_registers(&mut walk.registers, next, walk.at);
        }
        walk.state = next;
        walk.at += 1;
        true
    }

    /// What the end of the line makes of a walk.
    fn arrive(&mut self, program: &Program, walk: &Walk<'_>) -> Option<(usize, Parts)> {
        let mut end = self.table[entry(walk.state, program.end_class())];
        if end == UNKNOWN {
            let Some(found) = self.work_out(program, walk.state, None) else {
                return self.ask_pike(program, walk.line);
            };
            end = found;
        }
        if end == DEAD {
            return None;
        }
        let (pattern, slots) = self.actions[usize::from(end - ACTION)].matched?;
        let place = |slot: u8| match slot {
            UNSET => Parts::NONE,
            HERE => walk.line.len(),
            register => walk.registers[usize::from(register)] as usize,
        };
        Some((program.place(pattern), Parts::new(slots.map(place))))
    }

    fn ask_pike(&mut self, program: &Program, line: &[u8]) -> Option<(usize, Parts)> {
        let pike = program.pike();
        let cache = self.pike.get_or_insert_with(|| pike.create_cache());
        let mut slots: Vec<Option<NonMaxUsize>> = vec![None; program.pike_slots()];
        let input = Input::new(line).anchored(Anchored::Yes);
        let pattern = pike.search_slots(cache, &input, &mut slots)?;
        let place = |slot: Option<usize>| {
            let place = slot.and_then(|slot| slots[slot]);
            place.map_or(Parts::NONE, NonMaxUsize::get)
        };
        Some((
            program.place(pattern),
            Parts::new(program.slots_of(pattern).map(place)),
        ))
    }
}

fn empty_table() -> Box<Table> {
    let table = vec![UNKNOWN; PLACES].into_boxed_slice();
    table.try_into().expect("it is as long as it is")
}
