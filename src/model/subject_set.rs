use std::collections::HashSet;

use super::{Address, NetworkMap, Subject};

/// Addresses and networks, asked for what they hold.
#[derive(Debug, Clone, Default)]
pub struct SubjectSet {
    addresses: HashSet<Address>,
    networks: NetworkMap<()>,
}

impl SubjectSet {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.networks.is_empty()
    }

    /// The subject of them that is `address`, or the widest that holds it.
    #[must_use]
    pub fn holder(&self, address: Address) -> Option<Subject> {
        let network = self.networks.around(address.into()).next();
        let network = network.map(|(network, ())| network);
        network.or_else(|| self.addresses.get(&address).copied().map(Subject::from))
    }
}

impl FromIterator<Subject> for SubjectSet {
    fn from_iter<All: IntoIterator<Item = Subject>>(all: All) -> Self {
        let mut set = SubjectSet::default();
        for subject in all {
            match subject.as_address() {
                Some(address) => drop(set.addresses.insert(address)),
                None => set.networks.insert(subject, ()),
            }
        }
        set
    }
}
