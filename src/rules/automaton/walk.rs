//! A walk over a line: where it is, and the registers with which it remembers where
//! the parts stand.

use super::table::{HERE, REGISTERS, SPARE};

/// Register numbers `(to, from)`: `to` gets the place that `from` holds. The moves
/// are made one after the other. `from` may also be [`HERE`], or with [`behind`] a
/// distance from the start of a word.
pub(super) type Moves = Vec<(u8, u8)>;

/// The place that each register holds.
pub(super) type Registers = [u32; REGISTERS + 1];

/// In the moves of a word: with this bit `from` is no register, but so many bytes
/// behind the word's start.
const BEHIND: u8 = 1 << 7;

/// A walk over a line that is under way.
#[derive(Debug)]
pub(super) struct Walk<'l> {
    pub(super) line: &'l [u8],
    pub(super) at: usize,
    pub(super) state: u16,
    pub(super) registers: Registers,
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

/// Orders moves that happen at once so that they can be made one after the other.
/// Invariant: no move writes a register that a later one reads.
///
/// r0 = r1, r1 = r2 is such an order, and the other way round is not. Where moves go
/// in a circle the spare register opens it: r0 = r1, r1 = r0 becomes spare = r0,
/// r0 = r1, r1 = spare.
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
