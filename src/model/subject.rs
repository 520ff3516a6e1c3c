//! What is counted and banned as one: an address, or a network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Address, Family};

/// An address, or a network without host bits. An address is a network of one.
///
/// Ordered IPv4 first, then by number, then the wider one first: so a network stands
/// before all that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    address: Address,
    length: u8,
}

impl Subject {
    /// The network of the first `length` bits of `address`; host bits are cut, and a
    /// length beyond that of an address is that of an address.
    #[must_use]
    pub fn network(address: Address, length: u8) -> Self {
        let length = length.min(address.family().bits());
        let address = match address.ip() {
            IpAddr::V4(v4) => {
                let host = u32::MAX.checked_shr(length.into()).unwrap_or(0);
                Address::from(Ipv4Addr::from_bits(v4.to_bits() & !host))
            }
            IpAddr::V6(v6) => {
                let host = u128::MAX.checked_shr(length.into()).unwrap_or(0);
                Address::from(Ipv6Addr::from_bits(v6.to_bits() & !host))
            }
        };
        Subject { address, length }
    }

    /// The subject of `203.0.113.9`, `203.0.113.0/24` or `2001:db8::/32`. None for
    /// anything else, and for a network with host bits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Some((address, length)) = text.split_once('/') else {
            return Address::parse(text.as_bytes()).map(Subject::from);
        };
        let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let address = Address::parse(address.as_bytes())?;
        let length: u8 = length.parse().ok().filter(|_| plain(length))?;
        let network = Subject::network(address, length);
        (network.address == address && network.length == length).then_some(network)
    }

    /// Which firewall it belongs to.
    #[must_use]
    pub fn family(self) -> Family {
        self.address.family()
    }

    /// Its first address.
    #[must_use]
    pub fn first(self) -> Address {
        self.address
    }

    /// How many leading bits all its addresses share: 0 to 32, or 0 to 128.
    #[must_use]
    pub fn length(self) -> u8 {
        self.length
    }

    /// Whether it is a single address.
    #[must_use]
    pub fn is_address(self) -> bool {
        self.length == self.family().bits()
    }

    /// Whether `other` lies in it, or is it.
    #[must_use]
    pub fn holds(self, other: Subject) -> bool {
        self.family() == other.family()
            && self.length <= other.length
            && Subject::network(other.address, self.length) == self
    }
}

impl From<Address> for Subject {
    fn from(address: Address) -> Self {
        Subject {
            length: address.family().bits(),
            address,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_address() {
            self.address.fmt(f)
        } else {
            write!(f, "{}/{}", self.address, self.length)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(subject: &str) -> Option<String> {
        Subject::parse(subject).map(|subject| subject.to_string())
    }

    #[test]
    fn an_address_is_a_network_of_one() {
        assert_eq!(text("203.0.113.9").as_deref(), Some("203.0.113.9"));
        assert_eq!(text("203.0.113.9/32").as_deref(), Some("203.0.113.9"));
        assert_eq!(text("203.0.113.0/24").as_deref(), Some("203.0.113.0/24"));
        assert_eq!(text("2001:db8::/32").as_deref(), Some("2001:db8::/32"));
        assert_eq!(text("0.0.0.0/0").as_deref(), Some("0.0.0.0/0"));
        for wrong in [
            "203.0.113.9/24",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.0/+24",
            "::/129",
            "a/8",
        ] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_network_stands_before_what_it_holds() {
        let of = |text| Subject::parse(text).unwrap();
        let (wide, narrow, one) = (of("10.0.0.0/8"), of("10.0.0.0/24"), of("10.0.0.0"));
        assert!(wide < narrow && narrow < one);
        assert!(wide.holds(narrow) && wide.holds(one) && wide.holds(wide) && !narrow.holds(wide));
        assert!(!of("::/0").holds(one));
    }

    proptest! {
        #[test]
        fn every_subject_survives_its_text(bits: u128, small: u32, length in 0_u8..=128) {
            for ip in [IpAddr::from(Ipv6Addr::from_bits(bits | 1 << 127)), IpAddr::from(Ipv4Addr::from_bits(small))] {
                let subject = Subject::network(Address::from(ip), length);
                prop_assert_eq!(Subject::parse(&subject.to_string()), Some(subject));
                prop_assert!(subject.holds(Subject::from(Address::from(ip))));
            }
        }
    }
}
