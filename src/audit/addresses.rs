//! What is known of each address that failed or logged in.

use crate::judge::{AddressRow, AddressTable};
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

impl AddressRow for Row {
    fn address(&self) -> Address {
        self.address
    }
}

/// All addresses, numbered in the order in which they were met.
pub(super) type Addresses = AddressTable<Row>;

/// The number of `address`; `never` says of a new one whether it is never banned.
pub(super) fn number(
    addresses: &mut Addresses,
    address: Address,
    never: impl FnOnce() -> bool,
) -> Option<usize> {
    addresses.find(address).or_else(|| {
        addresses.add(Row {
            address,
            first: Stamp::from_secs(i64::MAX),
            last: Stamp::from_secs(i64::MIN),
            logins: 0,
            never: never(),
            banned: false,
        })
    })
}
