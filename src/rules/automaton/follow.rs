//! What Pike's machine does at a byte: it follows the threads of a state.
//!
//! A thread waits at a node of the program. To follow it over a byte means to go from
//! that node through everything that takes no byte (alternatives, the start or the
//! end of a group, look-arounds) to the nodes that take this byte, and to wait behind
//! them. A group that starts or ends on the way is noted as [`HERE`].

use regex_automata::nfa::thompson::State as Node;
use regex_automata::util::primitives::{PatternID, StateID};

use super::table::{HERE, REGISTERS, SLOTS, SPARE, UNSET};
use super::walk::{Moves, one_by_one};
use crate::rules::program::PatternProgram;

/// What is known between two bytes of a line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct AutomatonState {
    /// The preferred one first. Invariant: no two wait at the same node, and none is
    /// behind a match.
    pub(super) threads: Vec<Thread>,
    /// The byte before, for look-arounds, or one that they do not tell from it; none
    /// at the start of the line.
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
    /// Where it waits.
    pub(super) at: At,
    /// By slot: the register that holds its place, [`UNSET`], or [`HERE`].
    pub(super) slots: [u8; SLOTS],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum At {
    Node(StateID),
    /// A match, which counts unless a preferred thread comes to one.
    Matched(PatternID),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    /// Nodes that are still to be followed, the preferred one last.
    stack: Vec<(StateID, [u8; SLOTS])>,
    /// Nodes that were followed: a second thread there is never preferred.
    visited: SparseSet,
    /// Nodes behind the byte at which a thread waits.
    reached: SparseSet,
}

/// A set of nodes. It is emptied by counting up `round`: only nodes that are marked
/// with the present round are in it.
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

    /// Adds a node; whether it was not in the set.
    fn insert(&mut self, id: StateID) -> bool {
        let mark = &mut self.marks[id.as_usize()];
        std::mem::replace(mark, self.round) != self.round
    }
}

impl Scratch {
    /// Follows all threads of a state over `byte`, or over the end of the line if none:
    /// the threads behind it, the preferred one first.
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

    /// Follows the nodes on the stack. Whether it came to a match: all threads that
    /// would come later are less preferred, and are dropped.
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
/// equal states look equal. Also gives the moves that bring the places there. None
/// if there are too many registers.
///
/// Slots `[r3, HERE]` become `[r0, r1]` with the moves r0 = r3 and r1 = here.
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
