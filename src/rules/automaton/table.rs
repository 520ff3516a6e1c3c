//! What the numbers in the tables mean.

use crate::rules::pattern::PARTS;

/// A start and an end for each part.
pub(super) const SLOTS: usize = 2 * PARTS;

/// Registers of a state; patterns that need more are left to Pike's machine.
pub(super) const REGISTERS: usize = SPARE as usize;

/// One more register, through which moves in a circle are made.
pub(super) const SPARE: u8 = 24;

/// In a slot, in place of a register: the part was not met yet.
pub(super) const UNSET: u8 = u8::MAX;

/// In a slot, in place of a register: the part begins or ends right here.
pub(super) const HERE: u8 = u8::MAX - 1;

/// Entries of a table at most: few enough for the cache next to a core to hold
/// those that are used.
pub(in crate::rules) const MOST: usize = 1 << 15;

/// An entry of a table: not worked out yet.
pub(super) const UNKNOWN: u16 = 0;
/// No match.
pub(super) const DEAD: u16 = 1;
/// Nothing changes any more before the line ends, or before its next newline.
pub(super) const RESTING: u16 = 2;
/// From here on: the number of an action.
pub(super) const ACTION: u16 = 3;
/// From here on: a state, as the place of its first entry.
pub(super) const STATE: u16 = 1 << 15;

/// Actions at most.
pub(super) const ACTIONS: usize = (STATE - ACTION) as usize;

/// By state and class of the next byte: the next state, or what else to do.
///
/// It has a place for the sum of any `u16` and any class, so that no access has to
/// be checked. Memory that is not used is never touched.
pub(super) type Table = [u16; PLACES];
const PLACES: usize = (1 << 16) + (1 << 9);

/// The place of the entry of a state for a class.
#[inline]
pub(super) fn entry(state: u16, class: u16) -> usize {
    usize::from(state) + usize::from(class)
}

/// A table in which nothing is worked out.
pub(super) fn empty_table() -> Box<Table> {
    let table = vec![UNKNOWN; PLACES].into_boxed_slice();
    table.try_into().expect("it has PLACES entries")
}
