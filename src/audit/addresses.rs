//! Who failed: a number for each address, and what is known of it.

use std::collections::HashMap;

use foldhash::quality::RandomState;

use crate::model::{Address, Stamp};

/// What is known of an address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) address: Address,
    pub(super) first: Stamp,
    pub(super) last: Stamp,
    /// How often it logged in.
    pub(super) logins: u32,
    /// Whether it is never banned.
    pub(super) never: bool,
    /// Whether it would have been banned.
    pub(super) banned: bool,
}

/// All addresses, numbered in the order in which they were met. The hash is
/// keyed anew in each process: the addresses are the attacker's choice.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    numbers: HashMap<Address, u32, RandomState>,
    pub(super) rows: Vec<Row>,
    last: Option<(Address, u32)>,
}

impl Addresses {
    /// The number of `address`; `never` tells of a new one whether it is never
    /// banned.
    pub(super) fn number(&mut self, address: Address, never: impl FnOnce() -> bool) -> usize {
        if let Some((last, number)) = self.last
            && last == address
        {
            return number as usize;
        }
        let next = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(address).or_insert(next);
        if number == next {
            self.rows.push(Row {
                address,
                first: Stamp::from_secs(i64::MAX),
                last: Stamp::from_secs(i64::MIN),
                logins: 0,
                never: never(),
                banned: false,
            });
        }
        self.last = Some((address, number));
        number as usize
    }
}
