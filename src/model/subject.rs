//! What is counted and banned as one: an address, or a network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

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
                Address::of_v6_bits(v6.to_bits() & !host)
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

    /// Its last address.
    #[must_use]
    pub fn last(self) -> Address {
        match self.address.ip() {
            IpAddr::V4(v4) => {
                let host = u32::MAX.checked_shr(self.length.into()).unwrap_or(0);
                Address::from(Ipv4Addr::from_bits(v4.to_bits() | host))
            }
            IpAddr::V6(v6) => {
                let host = u128::MAX.checked_shr(self.length.into()).unwrap_or(0);
                Address::of_v6_bits(v6.to_bits() | host)
            }
        }
    }

    /// How many leading bits all its addresses share: 0 to 32, or 0 to 128.
    #[must_use]
    pub fn length(self) -> u8 {
        self.length
    }

    /// Whether a ban of it would be wider than any ban may be: /8 of IPv4, /19 of IPv6.
    #[must_use]
    pub fn is_too_wide_to_ban(self) -> bool {
        self.length < Subject::widest_ban(self.family())
    }

    /// The length of the widest networks that may be banned. Larger ones are given to no
    /// single provider.
    #[must_use]
    pub fn widest_ban(family: Family) -> u8 {
        match family {
            Family::V4 => 8,
            Family::V6 => 19,
        }
    }

    /// The single address that it is; none for a network.
    #[must_use]
    pub fn as_address(self) -> Option<Address> {
        self.is_address().then_some(self.address)
    }

    /// Whether it is a single address.
    #[must_use]
    pub fn is_address(self) -> bool {
        self.length == self.family().bits()
    }

    /// Whether they have an address in common: one of them holds the other.
    #[must_use]
    pub fn overlaps(self, other: Subject) -> bool {
        self.holds(other) || other.holds(self)
    }

    /// Whether `other` lies in it, or is it.
    #[must_use]
    pub fn holds(self, other: Subject) -> bool {
        self.family() == other.family()
            && self.length <= other.length
            && Subject::network(other.address, self.length) == self
    }
}

/// Where IPv6 addresses stand for hosts of IPv4, each for another one: `64:ff9b::/96` and
/// `64:ff9b:1::/48` (NAT64: RFC 6052 and RFC 8215), `2001::/32` (Teredo: RFC 4380). Their
/// leading bits say nothing of who the client is.
const IPV4_BEHIND_IPV6: [(u128, u32); 3] = [
    (0x0064_ff9b << 96, 96),
    (0x0064_ff9b_0001 << 80, 48),
    (0x2001_0000 << 96, 32),
];

/// How many leading bits are counted together and banned as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefixes {
    /// Of an IPv4 address: 24 to 32.
    pub ipv4: u8,
    /// Of an IPv6 address: 48 to 128.
    pub ipv6: u8,
}

impl Default for Prefixes {
    /// PyFilter's: each address is counted alone.
    fn default() -> Self {
        Prefixes {
            ipv4: 32,
            ipv6: 128,
        }
    }
}

impl Prefixes {
    /// The length of a family.
    #[must_use]
    pub fn of(self, family: Family) -> u8 {
        match family {
            Family::V4 => self.ipv4,
            Family::V6 => self.ipv6,
        }
    }

    /// The network in which `address` is counted; the address itself where it is counted
    /// alone.
    #[must_use]
    #[inline]
    pub fn subject(self, address: Address) -> Subject {
        match address.ip() {
            IpAddr::V4(_) if self.ipv4 >= 32 => Subject::from(address),
            IpAddr::V4(_) => Subject::network(address, self.ipv4),
            IpAddr::V6(_) if self.ipv6 >= 128 => Subject::from(address),
            IpAddr::V6(v6) if is_ipv4_behind_ipv6(v6.to_bits()) => Subject::from(address),
            IpAddr::V6(_) => Subject::network(address, self.ipv6),
        }
    }

    /// As whom failures of `address` are counted: as that network, or as the address alone
    /// where the network is not formed. `is_formed` says it of a network: one that holds an
    /// address that is never banned is not.
    #[must_use]
    pub fn counted_as(self, address: Address, is_formed: impl FnOnce(Subject) -> bool) -> Subject {
        let subject = self.subject(address);
        if subject.is_address() || is_formed(subject) {
            subject
        } else {
            Subject::from(address)
        }
    }
}

fn is_ipv4_behind_ipv6(bits: u128) -> bool {
    let within = |(network, length): (u128, u32)| (bits ^ network) >> (128 - length) == 0;
    IPV4_BEHIND_IPV6.into_iter().any(within)
}

impl Subject {
    /// Whether it is wider than an address, and its IPv6 addresses stand for hosts of
    /// IPv4.
    #[must_use]
    pub fn holds_ipv4_behind_ipv6(self) -> bool {
        let network = |(bits, length): (u128, u32)| {
            let length = u8::try_from(length).unwrap_or(128);
            Subject::network(Address::of_v6_bits(bits), length)
        };
        !self.is_address()
            && IPV4_BEHIND_IPV6
                .into_iter()
                .any(|range| self.overlaps(network(range)))
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
    use std::net::Ipv6Addr;

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
