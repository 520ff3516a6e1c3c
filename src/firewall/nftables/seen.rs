//! Lists our table, over netlink alone.

use std::io;
use std::time::{Duration, Instant};

use super::elements;
use super::error::NftablesError;
use super::layout::{BANS, ENTRIES, SETS, store_of_chain};
use crate::firewall::netlink::{
    KernelChain, KernelRule, KernelSet, NetlinkSocket, TableFamily, TablePath,
};
use crate::model::{Family, Subject};

/// For how long a table is listed again and again that somebody changes meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);

/// A table of our name, as it is in the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SeenTable {
    pub(super) is_dormant: bool,
    pub(super) chains: Vec<KernelChain>,
    /// The rules of each chain with a name of ours.
    pub(super) rules: Vec<(&'static str, Vec<KernelRule>)>,
    pub(super) sets: Vec<KernelSet>,
    /// What the sets of [`SETS`] hold, in that order; none where there is no such set,
    /// or it holds something else than bans.
    pub(super) held: [Option<Vec<Subject>>; 4],
}

/// Our table's path.
pub(super) fn path(name: &str) -> TablePath<'_> {
    TablePath {
        family: TableFamily::Inet,
        name,
    }
}

/// The table of that name; none if there is none.
pub(super) fn list(name: &str) -> Result<Option<SeenTable>, NftablesError> {
    let mut socket = NetlinkSocket::open()?;
    let list = || {
        let before = socket.generation()?;
        let seen = list_once(&mut socket, name)?;
        Ok((seen, socket.generation()? == before))
    };
    settled(list, PATIENCE)
}

/// What `list` gives, which also says whether nobody changed anything meanwhile: elements
/// are listed without a mark that they were changed. On a host on which somebody always
/// changes some table, two listings that are the same are right. At least two are made.
fn settled(
    mut list: impl FnMut() -> io::Result<(Option<SeenTable>, bool)>,
    patience: Duration,
) -> Result<Option<SeenTable>, NftablesError> {
    let begun = Instant::now();
    let mut before: Option<Option<SeenTable>> = None;
    loop {
        let (table, is_certain) = list()?;
        let is_same = |before: &Option<SeenTable>| match (before, &table) {
            (None, None) => true,
            (Some(before), Some(table)) => before.holds_the_same(table),
            _ => false,
        };
        if is_certain || before.as_ref().is_some_and(is_same) {
            return Ok(table);
        }
        if before.is_some() && begun.elapsed() > patience {
            return Err(NftablesError::NeverStill);
        }
        before = Some(table);
    }
}

fn list_once(socket: &mut NetlinkSocket, name: &str) -> io::Result<Option<SeenTable>> {
    let Some(is_dormant) = is_dormant(socket, name)? else {
        return Ok(None);
    };
    let table = path(name);
    let mut seen = SeenTable {
        is_dormant,
        chains: socket.chains_in(table)?,
        sets: socket.sets(table)?,
        ..SeenTable::default()
    };
    // A table that is not ours may be large.
    if seen.store().is_none() && !seen.has_our_sets() {
        return Ok(Some(seen));
    }
    let entries = ENTRIES.iter().map(|(name, _)| *name);
    for chain in entries.chain([BANS]) {
        if seen.chain(chain).is_some() {
            seen.rules.push((chain, socket.rules(table, chain)?));
        }
    }
    for (set, held) in SETS.iter().zip(&mut seen.held) {
        let found = seen.sets.iter().find(|found| found.name == set.name);
        if found.is_some_and(|found| set.is_made_as(found, 0)) {
            let elements = socket.elements(table, set.name)?;
            *held = elements.and_then(|elements| elements::held(*set, elements));
        }
    }
    Ok(Some(seen))
}

/// Whether the table is dormant; none if there is none.
fn is_dormant(socket: &mut NetlinkSocket, name: &str) -> io::Result<Option<bool>> {
    let tables = socket.tables()?;
    let mut ours = tables
        .iter()
        .filter(|table| table.family == TableFamily::Inet && table.name == name);
    Ok(ours.next().map(|table| table.is_dormant))
}

/// The id of the store that the table of that name carries, and whether its sets look
/// like ours; none if there is no such table.
pub(super) fn owner(name: &str) -> Result<Option<(Option<String>, bool)>, NftablesError> {
    let mut socket = NetlinkSocket::open()?;
    if is_dormant(&mut socket, name)?.is_none() {
        return Ok(None);
    }
    let seen = SeenTable {
        chains: socket.chains_in(path(name))?,
        sets: socket.sets(path(name))?,
        ..SeenTable::default()
    };
    Ok(Some((seen.store().map(str::to_owned), seen.has_our_sets())))
}

impl SeenTable {
    pub(super) fn chain(&self, name: &str) -> Option<&KernelChain> {
        self.chains.iter().find(|chain| chain.name == name)
    }

    /// The id of the store that the table carries.
    pub(super) fn store(&self) -> Option<&str> {
        let mut ids = self
            .chains
            .iter()
            .filter_map(|chain| store_of_chain(&chain.name));
        ids.next()
    }

    /// Whether it has all our sets, whatever is in them.
    pub(super) fn has_our_sets(&self) -> bool {
        let mut sets = SETS.iter();
        sets.all(|set| self.sets.iter().any(|found| set.is_made_as(found, 0)))
    }

    /// Whether nobody changed it between two listings. The rules are not looked at: they
    /// count packets, and their listing has a mark.
    fn holds_the_same(&self, other: &SeenTable) -> bool {
        self.is_dormant == other.is_dormant
            && self.chains == other.chains
            && self.sets == other.sets
            && self.held == other.held
    }

    pub(super) fn rules(&self, chain: &str) -> &[KernelRule] {
        let mut chains = self.rules.iter();
        chains
            .find(|(name, _)| *name == chain)
            .map_or(&[], |(_, rules)| rules)
    }

    /// How many bans of this family it holds, addresses and networks.
    pub(super) fn held_of(&self, family: Family) -> (usize, usize) {
        let mut counts = (0, 0);
        for (set, held) in SETS.iter().zip(&self.held) {
            let held = held.as_ref().map_or(0, Vec::len);
            match (set.family == family, set.is_of_networks) {
                (false, _) => {}
                (true, false) => counts.0 += held,
                (true, true) => counts.1 += held,
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(addresses: &[&str]) -> SeenTable {
        let held = addresses.iter().map(|text| Subject::parse(text).unwrap());
        SeenTable {
            held: [Some(held.collect()), None, None, None],
            ..SeenTable::default()
        }
    }

    /// What comes of these listings, with no patience, and how many of them are made.
    fn of(
        listings: &[(Option<SeenTable>, bool)],
    ) -> (Result<Option<SeenTable>, NftablesError>, usize) {
        let mut made = 0;
        let list = || {
            made += 1;
            Ok(listings[made - 1].clone())
        };
        let seen = settled(list, Duration::ZERO);
        (seen, made)
    }

    #[test]
    fn a_listing_during_which_something_changed_is_made_again() {
        let (one, two) = (holding(&["192.0.2.1"]), holding(&["192.0.2.2"]));
        let changed = |seen: &SeenTable| (Some(seen.clone()), false);
        let certain = |seen: &SeenTable| (Some(seen.clone()), true);

        let (seen, made) = of(&[certain(&one)]);
        assert_eq!((seen.unwrap(), made), (Some(one.clone()), 1));
        // However long the first took.
        let (seen, made) = of(&[changed(&one), certain(&two)]);
        assert_eq!((seen.unwrap(), made), (Some(two.clone()), 2));
        // Somebody changes another table all the time.
        let (seen, made) = of(&[changed(&one), changed(&one)]);
        assert_eq!((seen.unwrap(), made), (Some(one.clone()), 2));
        let (seen, made) = of(&[(None, false), (None, false)]);
        assert_eq!((seen.unwrap(), made), (None, 2));
        for listings in [
            [changed(&one), changed(&two)],
            [(None, false), changed(&two)],
        ] {
            let (seen, made) = of(&listings);
            assert!(matches!(seen, Err(NftablesError::NeverStill)), "{seen:?}");
            assert_eq!(made, 2);
        }
    }
}
