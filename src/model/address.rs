use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IP address in its one canonical form: IPv4-mapped IPv6 is IPv4, and a
/// zone (`%eth0`) is gone.
///
/// Ordered IPv4 first, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(IpAddr);

/// One number, since addresses are looked up for each failure.
impl Hash for Address {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0 {
            IpAddr::V4(v4) => state.write_u32(v4.to_bits()),
            IpAddr::V6(v6) => state.write_u128(v6.to_bits()),
        }
    }
}

/// The two firewalls of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both, in the order in which they are applied.
    pub const BOTH: [Family; 2] = [Family::V4, Family::V6];

    /// How many bits an address has.
    #[must_use]
    pub fn bits(self) -> u8 {
        match self {
            Family::V4 => 32,
            Family::V6 => 128,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        })
    }
}

impl Address {
    /// The address that `text` is, or `None` for anything else: a host name,
    /// a network, `999.1.1.1`, `1.2.3.4.5`, an address with brackets or blanks.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if let Some(v4) = parse_v4(text) {
            return Some(Address(IpAddr::V4(v4)));
        }
        // The longest text of an address is 45 bytes, a zone as long as a name.
        let text = match memchr::memchr(b'%', text) {
            Some(zone) if text[..zone].contains(&b':') && zone + 1 < text.len() => &text[..zone],
            Some(_) => return None,
            None => text,
        };
        if text.len() > 45 {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        text.parse::<Ipv6Addr>().ok().map(Address::from)
    }

    /// The IPv6 address of these bits, also where it is an IPv4-mapped one.
    pub(super) fn of_v6_bits(bits: u128) -> Self {
        Address(IpAddr::V6(Ipv6Addr::from_bits(bits)))
    }

    /// Which firewall it belongs to.
    #[must_use]
    pub fn family(self) -> Family {
        match self.0 {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }

    /// The address as the standard library has it.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        self.0
    }
}

/// Dotted quad without leading zeros, as the standard library reads it, but
/// without its detour over `str`: this is called for every failure.
fn parse_v4(text: &[u8]) -> Option<Ipv4Addr> {
    let (a, rest) = parse_octet(text)?;
    let (b, rest) = parse_octet(rest.strip_prefix(b".")?)?;
    let (c, rest) = parse_octet(rest.strip_prefix(b".")?)?;
    let (d, rest) = parse_octet(rest.strip_prefix(b".")?)?;
    rest.is_empty().then_some(Ipv4Addr::new(a, b, c, d))
}

/// The number at the start of `text`, of at most three digits, and the rest behind it.
fn parse_octet(text: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |at: usize| {
        let digit = text.get(at)?.wrapping_sub(b'0');
        (digit < 10).then_some(u16::from(digit))
    };
    let first = digit(0)?;
    let Some(second) = digit(1) else {
        return Some((first.try_into().ok()?, &text[1..]));
    };
    if first == 0 {
        return None;
    }
    let two = first * 10 + second;
    let Some(third) = digit(2) else {
        return Some((two.try_into().ok()?, &text[2..]));
    };
    Some(((two * 10 + third).try_into().ok()?, &text[3..]))
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        Address(ip.to_canonical())
    }
}

impl From<Ipv4Addr> for Address {
    fn from(ip: Ipv4Addr) -> Self {
        Address(IpAddr::V4(ip))
    }
}

impl From<Ipv6Addr> for Address {
    fn from(ip: Ipv6Addr) -> Self {
        Address::from(IpAddr::V6(ip))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(address: &str) -> Option<String> {
        Address::parse(address.as_bytes()).map(|address| address.to_string())
    }

    #[test]
    fn what_is_an_address_becomes_canonical() {
        assert_eq!(text("203.0.113.9").as_deref(), Some("203.0.113.9"));
        assert_eq!(text("2001:DB8:0:0::13").as_deref(), Some("2001:db8::13"));
        assert_eq!(text("::ffff:1.2.3.4").as_deref(), Some("1.2.3.4"));
        assert_eq!(text("fe80::1%eth0").as_deref(), Some("fe80::1"));
    }

    #[test]
    fn what_is_not_an_address_is_none() {
        for wrong in [
            "",
            "999.1.1.1",
            "1.2.3.4.5",
            "1.2.3",
            "01.2.3.4",
            "1.2.3.4%eth0",
            "fe80::1%",
            "host",
            "1.2.3.4 ",
            "[::1]",
            "::/0",
            "3405803783",
            "1.2",
            "UNKNOWN",
            "1.2.3.256",
            "+1.2.3.4",
        ] {
            assert_eq!(text(wrong), None, "{wrong:?}");
        }
        assert_eq!(Address::parse(b"\xff\xfe"), None);
        assert_eq!(Address::parse(&[b'1'; 4096]), None);
    }

    proptest! {
        #[test]
        fn every_address_survives_its_text(bits: u128, small: u32) {
            for ip in [IpAddr::from(Ipv6Addr::from_bits(bits)), IpAddr::from(Ipv4Addr::from_bits(small))] {
                let address = Address::from(ip);
                prop_assert_eq!(Address::parse(address.to_string().as_bytes()), Some(address));
            }
        }

        #[test]
        fn agrees_with_the_standard_library(text in "[0-9.]{1,17}") {
            prop_assert_eq!(Address::parse(text.as_bytes()), text.parse::<Ipv4Addr>().ok().map(Address::from));
        }
    }
}
