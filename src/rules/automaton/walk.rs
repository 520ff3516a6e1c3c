//! A walk over a line, byte by byte as the tables lead.

pub(super) use super::follow::Moves;
use super::follow::one_by_one;
use super::{
    ACTION, Action, Automaton, DEAD, HERE, PatternProgram, REGISTERS, RESTING, STATE, UNKNOWN,
};

/// The place that each register holds.
pub(super) type Registers = [u32; REGISTERS + 1];

/// In the moves of a word: from so many bytes behind its start.
const BEHIND: u8 = 1 << 7;

/// A walk over a line that is under way.
#[derive(Debug)]
pub(super) struct Walk<'l> {
    pub(super) line: &'l [u8],
    pub(super) at: usize,
    pub(super) state: u16,
    pub(super) registers: Registers,
}

impl Automaton {
    /// Goes as far as the table leads: what it says of the next byte, or none at
    /// the byte `end`.
    #[inline]
    pub(super) fn go(
        &self,
        program: &PatternProgram,
        walk: &mut Walk<'_>,
        end: usize,
    ) -> Option<u16> {
        let (table, classes) = (&self.table, program.classes());
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

    /// Does an action over the byte `at`, and says which state is next.
    #[inline]
    pub(super) fn move_registers(&self, registers: &mut Registers, action: u16, at: usize) -> u16 {
        let Action { moves, next, .. } = &self.actions[usize::from(action - ACTION)];
        step(registers, moves, at);
        *next
    }

    /// Where the tables lead from a state over `word`, and what moves meanwhile;
    /// none if they do not lead so far.
    pub(super) fn trace(
        &self,
        program: &PatternProgram,
        from: u16,
        word: &[u8],
    ) -> Option<(u16, Moves)> {
        let mut places = [0; REGISTERS + 1];
        for (register, place) in (0..).zip(&mut places) {
            *place = register;
        }
        let mut state = from;
        for (at, &byte) in (0..).zip(word) {
            let next = self.table[entry(state, program.class(byte))];
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
        let held = self.states[usize::from(state - STATE) / program.stride()].registers();
        let moves = (0..held).map(|to| (to, places[usize::from(to)]));
        Some((
            state,
            one_by_one(moves.filter(|(to, from)| to != from).collect()),
        ))
    }
}

/// The entry of a state for a class.
#[inline]
pub(super) fn entry(state: u16, class: u16) -> usize {
    usize::from(state) + usize::from(class)
}

/// The move from so many bytes behind the start of a word.
pub(super) fn behind(bytes: u8) -> u8 {
    BEHIND | bytes
}

/// Moves the places of registers over a word that starts at the byte `at`.
pub(super) fn step_over(registers: &mut Registers, moves: &[(u8, u8)], at: usize) {
    for &(to, from) in moves {
        registers[usize::from(to)] = if from < BEHIND {
            registers[usize::from(from)]
        } else {
            place(at + usize::from(from & !BEHIND))
        };
    }
}

/// Moves the places of registers, one after the other.
pub(super) fn step(registers: &mut Registers, moves: &[(u8, u8)], at: usize) {
    for &(to, from) in moves {
        registers[usize::from(to)] = match from {
            HERE => place(at),
            from => registers[usize::from(from)],
        };
    }
}

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("looked at before the walk")
}
