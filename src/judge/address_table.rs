//! A row for each address or network, found by its first address.
//!
//! Clients choose the addresses, so the hash is keyed anew in each process. There may
//! be millions: the table has a short number for each, and the address itself stands
//! only in its row.

use std::cell::Cell;
use std::hash::BuildHasher as _;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::model::Address;

/// What is known of one address, or of one network.
pub trait AddressRow {
    /// The address, or the first address of the network.
    fn address(&self) -> Address;
}

/// Rows in the order in which they were added, each of another address.
#[derive(Debug)]
pub struct AddressTable<R> {
    rows: Vec<R>,
    /// The numbers of the rows, by the hash of their addresses.
    numbers: HashTable<u32>,
    hasher: RandomState,
    /// The address that was found last, and its number: most often it is asked for
    /// again.
    last: Cell<Option<(Address, usize)>>,
}

impl<R> Default for AddressTable<R> {
    fn default() -> Self {
        AddressTable {
            rows: Vec::new(),
            numbers: HashTable::new(),
            hasher: RandomState::default(),
            last: Cell::new(None),
        }
    }
}

impl<R: AddressRow> AddressTable<R> {
    /// The rows; a row's number is its place.
    #[must_use]
    pub fn rows(&self) -> &[R] {
        &self.rows
    }

    /// The same; their addresses must not be changed.
    pub fn rows_mut(&mut self) -> &mut [R] {
        &mut self.rows
    }

    /// The rows themselves.
    #[must_use]
    pub fn into_rows(self) -> Vec<R> {
        self.rows
    }

    /// The number of the row of `address`, if it has one.
    #[must_use]
    pub fn find(&self, address: Address) -> Option<usize> {
        if let Some((last, number)) = self.last.get()
            && last == address
        {
            return Some(number);
        }
        let is_its = |&number: &u32| self.rows[number as usize].address() == address;
        let hash = self.hasher.hash_one(address);
        let number = *self.numbers.find(hash, is_its)? as usize;
        self.last.set(Some((address, number)));
        Some(number)
    }

    /// Adds the row of an address that has none; its number. None if there is no room:
    /// more than four thousand million addresses fit into no memory.
    pub fn add(&mut self, row: R) -> Option<usize> {
        let (address, number) = (row.address(), self.rows.len());
        let short = u32::try_from(number).ok()?;
        self.rows.push(row);
        let hash = |&number: &u32| self.hasher.hash_one(self.rows[number as usize].address());
        self.numbers
            .insert_unique(self.hasher.hash_one(address), short, hash);
        self.last.set(Some((address, number)));
        Some(number)
    }

    /// Keeps the rows for which `keeps` is true; the others are numbered anew.
    pub fn retain_mut(&mut self, keeps: impl FnMut(&mut R) -> bool) {
        let before = self.rows.len();
        self.rows.retain_mut(keeps);
        if self.rows.len() < before {
            self.numbers.clear();
            for (number, row) in (0..).zip(&self.rows) {
                let hash =
                    |&number: &u32| self.hasher.hash_one(self.rows[number as usize].address());
                let of_row = self.hasher.hash_one(row.address());
                self.numbers.insert_unique(of_row, number, hash);
            }
        }
        self.last.set(None);
    }

    /// How many bytes of memory the table takes, without what the rows point to.
    #[must_use]
    pub fn weight(&self) -> usize {
        let number = size_of::<u32>() + 1;
        self.numbers.capacity() * number + self.rows.len() * size_of::<R>()
    }
}
