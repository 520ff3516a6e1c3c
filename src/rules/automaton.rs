//! Finds in one walk over a line the first pattern of a list that matches it, and
//! where the parts of the match stand.
//!
//! It is a tagged automaton (Laurikari, "NFAs with Tagged Transitions", 2000) whose
//! tables are filled while lines are read. Pike's machine follows several threads
//! through the program at once. What it does at a byte depends only on the threads
//! and on the class of the byte, so it is worked out once and looked up from then
//! on. The answer is that of the regular expressions, captures included.
//!
//! * A **state** is the list of threads between two bytes, the preferred one first.
//!   Each thread has a **slot** for the start and the end of each part. A slot names
//!   the register that holds the place, or says that the part was not met yet.
//! * A **register** holds a place in the line. A state names its registers in the
//!   order in which its threads use them, so that equal states look equal.
//! * The **table** has for each state and each class of bytes the next state, or the
//!   number of an action.
//! * An **action** moves places between registers, and then names the next state. At
//!   the end of the line it says which pattern matches.
//! * The **word table** knows where eight bytes lead at once. Lines of a log are
//!   made of the same words.
//! * The **fallback** is Pike's machine itself. It is asked if the table has become
//!   full, or if a look-around needs more than one byte.
//!
//! For example `^(?P<ip>b+)c$`. Before its first line the table knows nothing. The
//! line `bbc` works out
//!
//! | state | its threads | `b` | `c` | end |
//! |---|---|---|---|---|
//! | 0 | at the start; `ip` not met | r0 = here, to 1 | | |
//! | 1 | behind a `b`; `ip` starts at r0 | to 1 | r1 = here, to 2 | |
//! | 2 | behind the `c`; `ip` is r0..r1 | | | match |
//!
//! and ends with r0 = 0 and r1 = 2, so that `ip` is the bytes 0..2. The next line
//! that looks so is read from the table. "Behind a `b`" is one state for the second
//! `b` as for the first: the thread has the same slots. What a line does not meet is
//! never worked out.
//!
//! | file | what it does |
//! |---|---|
//! | `table.rs` | what the numbers in the tables mean |
//! | `walk.rs` | the place of a walk, registers and their moves |
//! | `follow.rs` | what Pike's machine does at a byte |
//! | `make.rs` | fills the tables |
//! | `words.rs` | the word table |

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::quality::RandomState;
use memchr::memchr;
use regex_automata::util::primitives::{NonMaxUsize, PatternID};
use regex_automata::{Anchored, Input};

use super::program::{Parts, PatternProgram};

mod follow;
mod make;
mod table;
mod walk;
mod words;

use follow::{At, AutomatonState, Scratch, Thread};
pub(super) use table::MOST;
use table::{
    ACTION, DEAD, HERE, REGISTERS, RESTING, SLOTS, STATE, Table, UNKNOWN, UNSET, empty_table, entry,
};
use walk::{Moves, Registers, Walk, behind, one_by_one, step};
use words::{UnknownWord, WordStop, Words};

/// A program, and one worker's tables for it.
#[derive(Debug, Clone)]
pub(super) struct Automaton {
    /// Shared by all workers.
    program: Arc<PatternProgram>,
    table: Box<Table>,
    /// How many entries of the table are in use, from [`STATE`] on. Invariant: a
    /// multiple of the program's stride, and at most its room.
    used: usize,
    /// Invariant: at most [`ACTIONS`](table::ACTIONS), so that no number of one is a
    /// state's.
    actions: Vec<Action>,
    /// By the place of its entries, divided by the stride.
    states: Vec<AutomatonState>,
    /// The same the other way round.
    numbers: HashMap<AutomatonState, u16, RandomState>,
    scratch: Scratch,
    /// Invariant: it knows only states of this table, so both are emptied together.
    words: Words,
    /// Bytes walked since the tables were last emptied.
    walked: usize,
    /// The memory of Pike's machine, once it was needed.
    pike: Option<regex_automata::nfa::thompson::pikevm::Cache>,
    /// Whether the tables do not pay: they were full before the lines that filled
    /// them had as many bytes as the table entries.
    given_up: bool,
}

/// Why a walk does not come to the end of its line.
enum Astray {
    /// Nothing matches.
    Lost,
    /// The tables were full and have been emptied.
    Full,
}

/// A step that moves registers, or the end of the line.
#[derive(Debug, Clone)]
struct Action {
    next: u16,
    moves: Moves,
    /// At the end of the line: the pattern, and the slots of its parts.
    matched: Option<(PatternID, [u8; SLOTS])>,
}

impl Automaton {
    pub(super) fn new(program: Arc<PatternProgram>) -> Self {
        let given_up = program.looks_at_letters();
        let mut automaton = Automaton {
            program,
            table: empty_table(),
            used: 0,
            actions: Vec::new(),
            states: Vec::new(),
            numbers: HashMap::default(),
            scratch: Scratch::default(),
            words: Words::default(),
            walked: 0,
            pike: None,
            given_up,
        };
        automaton.begin();
        automaton
    }

    /// Empties the tables; the state at the start of a line becomes the first one,
    /// so that its number is [`STATE`].
    fn begin(&mut self) {
        let first = usize::from(STATE);
        self.table[first..first + self.used].fill(UNKNOWN);
        self.used = 0;
        self.actions.clear();
        self.states.clear();
        self.numbers.clear();
        self.words.clear();
        self.walked = 0;
        let start = Thread {
            at: At::Node(self.program.start()),
            slots: [UNSET; SLOTS],
        };
        self.number(AutomatonState {
            threads: vec![start],
            before: None,
        });
    }

    /// Whether each line is left to Pike's machine, which is ten times as slow.
    pub(super) fn has_given_up(&self) -> bool {
        self.given_up
    }

    /// The first pattern that matches `line`, and where its parts stand.
    pub(super) fn find(&mut self, line: &[u8]) -> Option<(usize, Parts)> {
        if self.given_up || u32::try_from(line.len()).is_err() {
            return self.ask_pike(line);
        }
        self.walked += line.len();
        let mut walk = Walk {
            line,
            at: 0,
            state: STATE,
            registers: [0; REGISTERS + 1],
        };
        match self.walk(&mut walk) {
            Ok(()) => self.arrive(&walk),
            Err(Astray::Lost) => None,
            Err(Astray::Full) => self.ask_pike(line),
        }
    }

    /// Walks to the end of the line, over known words in one step.
    fn walk(&mut self, walk: &mut Walk<'_>) -> Result<(), Astray> {
        let end = walk.line.len();
        if !self.words.pay() {
            return self.go_to(walk, end);
        }
        loop {
            match self.words.go(walk, self.program.digits_alike()) {
                WordStop::End => return Ok(()),
                WordStop::Lost => return Err(Astray::Lost),
                WordStop::Rest => return self.go_to(walk, end),
                WordStop::Unknown(word) => {
                    // Byte by byte, which fills the table that the word is then
                    // learned from.
                    let (from, at) = (walk.state, walk.at);
                    let end = at + word.length;
                    let went = self.go_to(walk, end);
                    if word.again && !matches!(went, Err(Astray::Full)) {
                        self.learn(from, &walk.line[at..end], word);
                    }
                    went?;
                }
            }
        }
    }

    /// Puts a word into the word table, if the table leads over all of it.
    #[cold]
    fn learn(&mut self, from: u16, word: &[u8], unknown: UnknownWord) {
        if let Some((next, moves)) = self.trace(from, word) {
            let ends = next == DEAD || self.table[entry(next, self.program.class(b' '))] == RESTING;
            self.words.learn(unknown, next, ends, moves);
        }
    }

    /// Walks to the byte `end`, byte by byte.
    fn go_to(&mut self, walk: &mut Walk<'_>, end: usize) -> Result<(), Astray> {
        while let Some(next) = self.go(walk, end) {
            self.act(walk, next, end)?;
        }
        Ok(())
    }

    /// Does what the table says of the next byte, `next`, which is no state. Walks no
    /// further than to the byte `end`.
    fn act(&mut self, walk: &mut Walk<'_>, mut next: u16, end: usize) -> Result<(), Astray> {
        if next == UNKNOWN {
            let found = self.work_out(walk.state, Some(walk.line[walk.at]));
            next = found.ok_or(Astray::Full)?;
        }
        if next == DEAD {
            return Err(Astray::Lost);
        }
        if next == RESTING {
            // The state stays what it is for every byte but a newline, which `.` and
            // `$` may tell from others.
            let at_newline = self.table[entry(walk.state, self.program.class(b'\n'))];
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

    /// Walks as far as the table leads. What the table says of the next byte, which
    /// is then no state; none at the byte `end`.
    #[inline]
    fn go(&self, walk: &mut Walk<'_>, end: usize) -> Option<u16> {
        let (table, classes) = (&self.table, self.program.classes());
        let mut state = walk.state;
        for (at, &byte) in (walk.at..end).zip(&walk.line[walk.at..end]) {
            let mut next = table[entry(state, classes[usize::from(byte)].into())];
            if next < STATE {
                if next < ACTION {
                    (walk.state, walk.at) = (state, at);
                    return Some(next);
                }
                next = self.move_registers(&mut walk.registers, next, at);
            }
            state = next;
        }
        (walk.state, walk.at) = (state, end);
        None
    }

    /// Makes the moves of an action at the byte `at`; the next state.
    #[inline]
    fn move_registers(&self, registers: &mut Registers, action: u16, at: usize) -> u16 {
        let Action { moves, next, .. } = &self.actions[usize::from(action - ACTION)];
        step(registers, moves, at);
        *next
    }

    /// Where the table leads from a state over `word`, and the moves of all its bytes
    /// as one list; none if an entry is not worked out.
    ///
    /// Each register begins with its own number, and the actions move these numbers.
    /// What a register holds at the end is where its place comes from: a register
    /// before the word, or a distance from the word's start.
    fn trace(&self, from: u16, word: &[u8]) -> Option<(u16, Moves)> {
        let mut places = [0; REGISTERS + 1];
        for (register, place) in (0..).zip(&mut places) {
            *place = register;
        }
        let mut state = from;
        for (at, &byte) in (0..).zip(word) {
            let next = self.table[entry(state, self.program.class(byte))];
            match next {
                UNKNOWN => return None,
                DEAD => return Some((DEAD, Moves::new())),
                RESTING => {}
                STATE.. => state = next,
                ACTION.. => {
                    let Action { moves, next, .. } = &self.actions[usize::from(next - ACTION)];
                    for &(to, from) in moves {
                        places[usize::from(to)] = match from {
                            HERE => behind(at),
                            from => places[usize::from(from)],
                        };
                    }
                    state = *next;
                }
            }
        }
        let held = self.states[usize::from(state - STATE) / self.program.stride()].registers();
        let moves = (0..held).map(|to| (to, places[usize::from(to)]));
        Some((
            state,
            one_by_one(moves.filter(|(to, from)| to != from).collect()),
        ))
    }

    /// What the table says of the end of the line.
    fn arrive(&mut self, walk: &Walk<'_>) -> Option<(usize, Parts)> {
        let mut end = self.table[entry(walk.state, self.program.end_class())];
        if end == UNKNOWN {
            let Some(found) = self.work_out(walk.state, None) else {
                return self.ask_pike(walk.line);
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
        Some((self.program.place(pattern), Parts::new(slots.map(place))))
    }

    /// The same by Pike's machine.
    fn ask_pike(&mut self, line: &[u8]) -> Option<(usize, Parts)> {
        let pike = self.program.pike();
        let cache = self.pike.get_or_insert_with(|| pike.create_cache());
        let mut slots: Vec<Option<NonMaxUsize>> = vec![None; self.program.pike_slots()];
        let input = Input::new(line).anchored(Anchored::Yes);
        let pattern = pike.search_slots(cache, &input, &mut slots)?;
        let place = |slot: Option<usize>| {
            let place = slot.and_then(|slot| slots[slot]);
            place.map_or(Parts::NONE, NonMaxUsize::get)
        };
        Some((
            self.program.place(pattern),
            Parts::new(self.program.slots_of(pattern).map(place)),
        ))
    }
}
