//! A walk over a line: as far as a table leads, of one line or of two.

use super::{ACTION, Action, Automaton, HERE, Program, REGISTERS, STATE};

/// The place that each register holds.
pub(super) type Registers = [u32; REGISTERS + 1];

/// A walk over a line that is under way.
#[derive(Debug)]
pub(in super::super) struct Walk<'l> {
    pub(in super::super) line: &'l [u8],
    pub(super) at: usize,
    pub(super) state: u16,
    pub(super) registers: Registers,
    /// Of which tables the state is.
    pub(super) round: u64,
    /// Whether there is no walking over this line.
    pub(in super::super) alone: bool,
    /// Whether it is known that nothing matches.
    pub(super) lost: bool,
}

impl Automaton {
    /// Goes as far as the table leads: what it says of the next byte, or none at
    /// the byte `end`.
    #[inline]
    pub(super) fn go(&self, program: &Program, walk: &mut Walk<'_>, end: usize) -> Option<u16> {
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
}

/// An automaton with its program.
pub(in super::super) type Machine<'m> = (&'m Automaton, &'m Program);

/// Takes two walks side by side, as far as the tables lead both: what they say of
/// the next byte of each, where that is no state. A step has to wait for the one
/// before it, but not for those of another line: two lines take little longer
/// than one.
pub(in super::super) fn go_together(
    (one, one_program): Machine<'_>,
    a: &mut Walk<'_>,
    (other, other_program): Machine<'_>,
    b: &mut Walk<'_>,
) -> [Option<u16>; 2] {
    let (one_classes, other_classes) = (one_program.classes(), other_program.classes());
    let (mut states, mut due) = ([a.state, b.state], [None; 2]);
    let mut steps = 0;
    for (&x, &y) in a.line[a.at..].iter().zip(&b.line[b.at..]) {
        let mut first = one.table[entry(states[0], one_classes[usize::from(x)].into())];
        let mut second = other.table[entry(states[1], other_classes[usize::from(y)].into())];
        if first & second < STATE {
            if first < ACTION || second < ACTION {
                due = [first, second].map(|next| (next < STATE).then_some(next));
                break;
            }
            if first < STATE {
                first = one.move_registers(&mut a.registers, first, a.at + steps);
            }
            if second < STATE {
                second = other.move_registers(&mut b.registers, second, b.at + steps);
            }
        }
        states = [first, second];
        steps += 1;
    }
    (a.state, a.at) = (states[0], a.at + steps);
    (b.state, b.at) = (states[1], b.at + steps);
    due
}

/// The entry of a state for a class.
#[inline]
pub(super) fn entry(state: u16, class: u16) -> usize {
    usize::from(state) + usize::from(class)
}

/// Moves the places of registers, one after the other.
pub(super) fn step(registers: &mut Registers, moves: &[(u8, u8)], at: usize) {
    for &(to, from) in moves {
        registers[usize::from(to)] = match from {
            HERE => u32::try_from(at).expect("looked at before the walk"),
            from => registers[usize::from(from)],
        };
    }
}
