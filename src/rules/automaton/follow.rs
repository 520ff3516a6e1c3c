//! What Pike's machine would do at a byte: the threads of a state, followed.

use regex_automata::nfa::thompson::State as Node;
use regex_automata::util::primitives::{PatternID, StateID};

use super::{HERE, PatternProgram, REGISTERS, SLOTS, SPARE, UNSET};

/// Which register gets the place of which.
pub(super) type Moves = Vec<(u8, u8)>;

/// Where the automaton stands between two bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct AutomatonState {
    pub(super) threads: Vec<Thread>,
    /// The byte before, or one that no look-around tells from it; none at the
    /// start of the line.
    pub(super) before: Option<u8>,
}

impl AutomatonState {
    /// How many registers hold a place.
    pub(super) fn registers(&self) -> u8 {
        let slots = self.threads.iter().flat_map(|thread| thread.slots);
        let held = slots.filter(|&slot| slot < SPARE).max();
        held.map_or(0, |last| last + 1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Thread {
    pub(super) at: At,
    /// In which register each slot's place is.
    pub(super) slots: [u8; SLOTS],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum At {
    Node(StateID),
    /// A match that stands unless a thread before it comes to one.
    Matched(PatternID),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    stack: Vec<(StateID, [u8; SLOTS])>,
    visited: SparseSet,
    reached: SparseSet,
}

/// A set that is emptied by counting up.
#[derive(Debug, Clone, Default)]
struct SparseSet {
    round: u32,
    marks: Vec<u32>,
}

impl SparseSet {
    fn clear(&mut self, size: usize) {
        self.marks.resize(size, 0);
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.marks.fill(0);
            self.round = 1;
        }
    }

    /// Whether it was not in it.
    fn insert(&mut self, id: StateID) -> bool {
        let mark = &mut self.marks[id.as_usize()];
        std::mem::replace(mark, self.round) != self.round
    }
}

impl Scratch {
    /// Follows all threads of a state over `byte`, or over the end of the
    /// line: their successors, the preferred first.
    pub(super) fn follow(
        &mut self,
        program: &PatternProgram,
        state: &AutomatonState,
        byte: Option<u8>,
    ) -> Vec<Thread> {
        self.visited.clear(program.nodes());
        self.reached.clear(program.nodes());
        let mut next = Vec::new();
        for thread in &state.threads {
            let At::Node(node) = thread.at else {
                next.push(*thread);
                break;
            };
            self.stack.push((node, thread.slots));
            if self.explore(program, state.before, byte, &mut next) {
                break;
            }
        }
        self.stack.clear();
        next
    }

    /// Follows what is on the stack; whether it came to a match, behind which
    /// nothing is preferred any more.
    fn explore(
        &mut self,
        program: &PatternProgram,
        before: Option<u8>,
        byte: Option<u8>,
        next: &mut Vec<Thread>,
    ) -> bool {
        while let Some((id, mut slots)) = self.stack.pop() {
            if !self.visited.insert(id) {
                continue;
            }
            let reached = match program.node(id) {
                Node::ByteRange { trans } => byte
                    .filter(|&byte| trans.matches_byte(byte))
                    .map(|_| trans.next),
                Node::Sparse(sparse) => byte.and_then(|byte| sparse.matches_byte(byte)),
                Node::Dense(dense) => byte.and_then(|byte| dense.matches_byte(byte)),
                Node::Look { look, next } => {
                    if program.looks(*look, before, byte) {
                        self.stack.push((*next, slots));
                    }
                    None
                }
                Node::Union { alternates } => {
                    let alternates = alternates.iter().rev();
                    self.stack.extend(alternates.map(|&node| (node, slots)));
                    None
                }
                Node::BinaryUnion { alt1, alt2 } => {
                    self.stack.extend([(*alt2, slots), (*alt1, slots)]);
                    None
                }
                Node::Capture {
                    next,
                    pattern_id,
                    slot,
                    ..
                } => {
                    if let Some(slot) = program.part_slot(*pattern_id, slot.as_usize()) {
                        slots[slot] = HERE;
                    }
                    self.stack.push((*next, slots));
                    None
                }
                Node::Fail => None,
                Node::Match { pattern_id } => {
                    let at = At::Matched(*pattern_id);
                    next.push(Thread { at, slots });
                    return true;
                }
            };
            if let Some(node) = reached.filter(|&node| self.reached.insert(node)) {
                let at = At::Node(node);
                next.push(Thread { at, slots });
            }
        }
        false
    }
}

/// Numbers the registers in the order in which the threads name them, so that
/// equal states look equal; and the moves that bring the places there. None if
/// there are too many.
pub(super) fn renumber(mut threads: Vec<Thread>) -> Option<(Vec<Thread>, Moves)> {
    let mut moves = Moves::new();
    for slot in threads.iter_mut().flat_map(|thread| &mut thread.slots) {
        if *slot != UNSET {
            let known = moves.iter().find(|(_, from)| from == slot);
            *slot = if let Some((to, _)) = known {
                *to
            } else {
                let to = u8::try_from(moves.len()).ok()?;
                moves.push((to, *slot));
                to
            };
        }
    }
    let fit = moves.len() <= REGISTERS;
    moves.retain(|(to, from)| to != from);
    fit.then(|| (threads, one_by_one(moves)))
}

/// Moves that happen at once, in an order in which each can be made after the
/// other: none writes what a later one reads. Where they go in a circle the
/// spare register opens it.
pub(super) fn one_by_one(mut moves: Moves) -> Moves {
    let mut ordered = Moves::new();
    while let Some(&(circle, _)) = moves.first() {
        let is_read = |to: u8| moves.iter().any(|&(_, from)| from == to);
        if let Some(free) = moves.iter().position(|&(to, _)| !is_read(to)) {
            ordered.push(moves.remove(free));
        } else {
            ordered.push((SPARE, circle));
            for (_, from) in &mut moves {
                if *from == circle {
                    *from = SPARE;
                }
            }
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::walk::step;
    use super::*;

    proptest! {
        /// One after the other they do what they do at once.
        #[test]
        fn moves_that_are_made_in_turn_do_the_same(froms in prop::collection::vec(prop_oneof![
            4 => 0u8..8, 1 => Just(HERE)
        ], 1..8)) {
            let registers = std::array::from_fn(|n| 100 + u32::try_from(n).unwrap());
            let moves: Moves = (0..).zip(froms).filter(|(to, from)| to != from).collect();
            let mut at_once = registers;
            for &(to, from) in &moves {
                at_once[usize::from(to)] = if from == HERE { 7 } else { registers[usize::from(from)] };
            }
            let mut in_turn = registers;
            step(&mut in_turn, &one_by_one(moves), 7);
            prop_assert_eq!(&in_turn[..REGISTERS], &at_once[..REGISTERS]);
        }
    }
}
