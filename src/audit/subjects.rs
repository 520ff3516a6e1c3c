//! As whom failures are counted: as the address that failed, or as its network.

use crate::judge::{AddressRow, AddressTable, AllowList, Connections, SubjectState, TrialFailure};
use crate::model::{Address, Prefixes, Subject};

/// What is known of a subject under the rule that is being read.
#[derive(Debug, Default)]
pub(super) struct SubjectFold {
    pub(super) connections: Connections,
    pub(super) state: SubjectState<Vec<TrialFailure>>,
}

/// As whom an address is counted under the rule that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CountedAs {
    /// It has not failed yet.
    Unknown,
    /// As itself.
    Address,
    /// As the network with that number.
    Network(u32),
}

/// A network in which failures are counted.
#[derive(Debug)]
struct NetworkFold {
    network: Subject,
    fold: SubjectFold,
}

impl AddressRow for NetworkFold {
    fn address(&self) -> Address {
        self.network.first()
    }
}

/// The networks in which failures are counted under the rule that is being read, numbered
/// in the order in which they were met. All those of a family are equally wide.
#[derive(Debug, Default)]
pub(super) struct NetworkFolds(AddressTable<NetworkFold>);

impl NetworkFolds {
    /// As whom `address` is counted.
    pub(super) fn counted_as(
        &mut self,
        address: Address,
        prefixes: Prefixes,
        never: &AllowList,
    ) -> CountedAs {
        let network = prefixes.subject(address);
        if network.is_address() {
            return CountedAs::Address;
        }
        let mut number = self.0.find(network.first());
        if number.is_none() && !never.covers(network) {
            let fold = SubjectFold::default();
            number = self.0.add(NetworkFold { network, fold });
        }
        let number = number.and_then(|number| u32::try_from(number).ok());
        number.map_or(CountedAs::Address, CountedAs::Network)
    }

    /// What is known of the subject that an address is counted as; `own` is what is known
    /// of the address itself.
    pub(super) fn fold<'f>(
        &'f mut self,
        counted: CountedAs,
        own: &'f mut SubjectFold,
    ) -> &'f mut SubjectFold {
        match counted {
            CountedAs::Network(number) => &mut self.0.rows_mut()[number as usize].fold,
            CountedAs::Unknown | CountedAs::Address => own,
        }
    }

    /// The subject that `address` is counted as.
    pub(super) fn subject(&self, counted: CountedAs, address: Address) -> Subject {
        match counted {
            CountedAs::Network(number) => self.0.rows()[number as usize].network,
            CountedAs::Unknown | CountedAs::Address => address.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_with_an_allowed_address_is_not_formed() {
        let of = |text: &str| Subject::parse(text).unwrap();
        let never = AllowList::new(vec![of("2001:db8:0:2::7")], Vec::new());
        let prefixes = Prefixes { ipv4: 24, ipv6: 64 };
        let mut networks = NetworkFolds::default();
        for (address, subject) in [
            ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
            ("2001:db8:0:1::8", "2001:db8:0:1::/64"),
            ("2001:db8:0:2::8", "2001:db8:0:2::8"),
            ("203.0.113.9", "203.0.113.0/24"),
            // Behind it may be any host of IPv4.
            ("64:ff9b::203.0.113.9", "64:ff9b::cb00:7109"),
        ] {
            let address = Address::parse(address.as_bytes()).unwrap();
            let counted = networks.counted_as(address, prefixes, &never);
            assert_eq!(networks.subject(counted, address), of(subject));
        }
        assert_eq!(networks.0.rows().len(), 2);
    }
}
