//! A line → the first of a list of patterns that matches it, and where the
//! parts of that match stand, in one walk over the line.
//!
//! It is a tagged automaton (Laurikari, "NFAs with Tagged Transitions", 2000)
//! made while it is needed: a state is the list of threads that Pike's machine
//! would follow, the preferred one first, with a register for each part's
//! start and end; what the machine would do at a byte is worked out once and
//! then looked up. So the answer is that of the regular expressions, captures
//! included, at the price of one look at a table a byte, and of one for all eight
//! bytes of a word that lines have in common. Where the table would grow too
//! large, Pike's machine itself is asked.

use std::collections::HashMap;

use memchr::memchr;
use regex_automata::util::primitives::{NonMaxUsize, PatternID};
use regex_automata::{Anchored, Input};

use super::pattern::PARTS;
use super::program::{Parts, PatternProgram};

mod follow;
mod make;
mod walk;
mod words;

use follow::{At, AutomatonState, Moves, Scratch, Thread};
use walk::{Walk, entry};
use words::{UnknownWord, WordStop, Words};

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
    states: Vec<AutomatonState>,
    numbers: HashMap<AutomatonState, u16>,
    scratch: Scratch,
    words: Words,
    /// Bytes walked since the tables were last begun anew.
    walked: usize,
    /// Pike's machine, once it was needed.
    pike: Option<regex_automata::nfa::thompson::pikevm::Cache>,
    /// Whether the tables do not pay.
    given_up: bool,
}

/// Why a walk does not come to the end of its line.
enum Astray {
    /// Nothing matches.
    Lost,
    /// The tables were full and are begun anew.
    Full,
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
    pub(super) fn new(program: &PatternProgram) -> Self {
        let mut automaton = Automaton {
            table: empty_table(),
            used: 0,
            actions: Vec::new(),
            states: Vec::new(),
            numbers: HashMap::new(),
            scratch: Scratch::default(),
            words: Words::default(),
            walked: 0,
            pike: None,
            given_up: program.looks_at_letters(),
        };
        automaton.begin(program);
        automaton
    }

    /// Begins the tables anew.
    fn begin(&mut self, program: &PatternProgram) {
        let first = usize::from(STATE);
        self.table[first..first + self.used].fill(UNKNOWN);
        self.used = 0;
        self.actions.clear();
        self.states.clear();
        self.numbers.clear();
        self.words.clear();
        self.walked = 0;
        let start = Thread {
            at: At::Node(program.start()),
            slots: [UNSET; SLOTS],
        };
        self.number(
            program,
            AutomatonState {
                threads: vec![start],
                before: None,
            },
        );
    }

    /// Which pattern of `program` matches `line`, the first of those that do,
    /// and where its parts stand.
    pub(super) fn find(&mut self, program: &PatternProgram, line: &[u8]) -> Option<(usize, Parts)> {
        if self.given_up || u32::try_from(line.len()).is_err() {
            return self.ask_pike(program, line);
        }
        self.walked += line.len();
        let mut walk = Walk {
            line,
            at: 0,
            state: STATE,
            registers: [0; REGISTERS + 1],
        };
        match self.walk(program, &mut walk) {
            Ok(()) => self.arrive(program, &walk),
            Err(Astray::Lost) => None,
            Err(Astray::Full) => self.ask_pike(program, line),
        }
    }

    /// Walks to the end of the line, over known words in one step.
    fn walk(&mut self, program: &PatternProgram, walk: &mut Walk<'_>) -> Result<(), Astray> {
        let end = walk.line.len();
        if !self.words.pay() {
            return self.go_to(program, walk, end);
        }
        loop {
            match self.words.go(walk, program.digits_alike()) {
                WordStop::End => return Ok(()),
                WordStop::Lost => return Err(Astray::Lost),
                WordStop::Rest => return self.go_to(program, walk, end),
                WordStop::Unknown(word) => {
                    let (from, at) = (walk.state, walk.at);
                    let end = at + word.length;
                    let went = self.go_to(program, walk, end);
                    if word.again && !matches!(went, Err(Astray::Full)) {
                        self.learn(program, from, &walk.line[at..end], word);
                    }
                    went?;
                }
            }
        }
    }

    /// Notes where a word leads.
    #[cold]
    fn learn(&mut self, program: &PatternProgram, from: u16, word: &[u8], unknown: UnknownWord) {
        if let Some((next, moves)) = self.trace(program, from, word) {
            let ends = next == DEAD || self.table[entry(next, program.class(b' '))] == RESTING;
            self.words.learn(unknown, next, ends, moves);
        }
    }

    /// Goes on to the byte `end`, byte by byte.
    fn go_to(
        &mut self,
        program: &PatternProgram,
        walk: &mut Walk<'_>,
        end: usize,
    ) -> Result<(), Astray> {
        while let Some(next) = self.go(program, walk, end) {
            self.act(program, walk, next, end)?;
        }
        Ok(())
    }

    /// Does what the table says of the next byte, and goes no further than to
    /// the byte `end`.
    fn act(
        &mut self,
        program: &PatternProgram,
        walk: &mut Walk<'_>,
        mut next: u16,
        end: usize,
    ) -> Result<(), Astray> {
        if next == UNKNOWN {
            let found = self.work_out(program, walk.state, Some(walk.line[walk.at]));
            next = found.ok_or(Astray::Full)?;
        }
        if next == DEAD {
            return Err(Astray::Lost);
        }
        if next == RESTING {
            let at_newline = self.table[entry(walk.state, program.class(b'\n'))];
            let rest = &walk.line[walk.at..end];
            let newline = memchr(b'\n', rest).filter(|_| at_newline != RESTING);
            walk.at = newline.map_or(end, |newline| walk.at + newline);
            return Ok(());
        }
        if next < STATE {
            next = self.move_registers(&mut walk.registers, next, walk.at);
        }
        walk.state = next;
        walk.at += 1;
        Ok(())
    }

    /// What the end of the line makes of a walk.
    fn arrive(&mut self, program: &PatternProgram, walk: &Walk<'_>) -> Option<(usize, Parts)> {
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

    fn ask_pike(&mut self, program: &PatternProgram, line: &[u8]) -> Option<(usize, Parts)> {
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
