use std::hash::{Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::LazyLock;

use crate::model::{Address, Subject};

/// Addresses that are never banned, whatever asks for it.
#[derive(Debug, Clone, Default)]
pub struct AllowList {
    networks: Vec<Subject>,
    own: Vec<Address>,
}

impl AllowList {
    /// `networks` are the configured ones, `own` the host's own addresses.
    #[must_use]
    pub fn new(networks: Vec<Subject>, own: Vec<Address>) -> Self {
        AllowList { networks, own }
    }

    /// Adds networks to the configured ones.
    pub fn add(&mut self, networks: impl IntoIterator<Item = Subject>) {
        self.networks.extend(networks);
    }

    /// Why `subject` is never banned, or that it may be. Half a sentence that fits behind
    /// the subject: "is a loopback address", "holds 127.0.0.1, which is a loopback
    /// address".
    #[must_use]
    pub fn why(&self, subject: Subject) -> Option<String> {
        let (address, kind) = self.first_in(subject)?;
        Some(if subject.is_address() {
            kind.to_owned()
        } else {
            format!("holds {address}, which {kind}")
        })
    }

    /// The address in `subject` that is never banned, and why: "is a loopback address".
    /// Where there are several it is one of them.
    #[must_use]
    pub fn first_in(&self, subject: Subject) -> Option<(Address, &'static str)> {
        if let Some(found) = special(subject) {
            return Some(found);
        }
        let own = self.own.iter().find(|&&own| subject.holds(own.into()));
        if let Some(own) = own {
            return Some((*own, "is an address of this host"));
        }
        let network = self.networks.iter();
        let mut network = network.filter(|network| network.overlaps(subject));
        let network = network.next()?;
        Some((network.first().max(subject.first()), "is in ignored_ips"))
    }

    /// Whether only this host never bans `subject`: it holds an address of `ignored_ips`
    /// or of the host, and none that no host bans.
    #[must_use]
    pub fn is_ignored_here(&self, subject: Subject) -> bool {
        special(subject).is_none() && self.covers(subject)
    }

    /// The network of `ignored_ips` that `address` is in: the narrowest.
    #[must_use]
    pub fn network(&self, address: Address) -> Option<Subject> {
        let networks = self.networks.iter();
        let around = networks.filter(|network| network.holds(address.into()));
        around.max_by_key(|network| network.length()).copied()
    }

    /// A number that changes with the addresses that are never banned. The order in
    /// which they were given does not matter.
    #[must_use]
    pub fn fingerprint(&self) -> i64 {
        // Link-local addresses come and go with containers, and are never banned anyway.
        let own = self.own.iter();
        let own = own.filter(|&&own| special(own.into()).is_none());
        let mut all: Vec<String> = own.map(ToString::to_string).collect();
        all.extend(self.networks.iter().map(|network| format!("in {network}")));
        all.sort_unstable();
        all.dedup();
        // A new version of the program may have other special addresses.
        all.push(env!("CARGO_PKG_VERSION").to_owned());
        let mut hasher = siphasher::sip::SipHasher13::new();
        all.hash(&mut hasher);
        hasher.finish().cast_signed()
    }

    /// Whether `subject` is never banned: it is or holds an address that is never
    /// banned.
    #[must_use]
    pub fn covers(&self, subject: Subject) -> bool {
        self.first_in(subject).is_some()
    }
}

/// The addresses that no rule of any firewall should ever block.
static SPECIAL: LazyLock<Vec<(Subject, &str)>> = LazyLock::new(|| {
    let ranges = [
        ("127.0.0.0/8", "is a loopback address"),
        ("::1", "is a loopback address"),
        // All of 0.0.0.0/8 means "this network" (RFC 1122, 3.2.1.3).
        ("0.0.0.0/8", "is the unspecified address"),
        ("::", "is the unspecified address"),
        ("224.0.0.0/4", "is a multicast address"),
        ("ff00::/8", "is a multicast address"),
        ("255.255.255.255", "is the broadcast address"),
        ("169.254.0.0/16", "is a link-local address"),
        ("fe80::/10", "is a link-local address"),
    ];
    let parsed = ranges.into_iter();
    let parsed = parsed.filter_map(|(range, why)| Some((Subject::parse(range)?, why)));
    parsed.collect()
});

/// Whether the first byte of its addresses says that a subject holds none of these: it is
/// asked for each subject that fails.
fn is_ordinary(subject: Subject) -> bool {
    let has_one_first_byte = subject.length() >= 8;
    has_one_first_byte
        && match subject.first().ip() {
            IpAddr::V4(v4) => !matches!(v4.octets()[0], 0 | 127 | 169 | 224..),
            IpAddr::V6(v6) => !matches!(v6.octets()[0], 0 | 0xfe..),
        }
}

/// An address in `subject` that is one of these, and what it is.
fn special(subject: Subject) -> Option<(Address, &'static str)> {
    if is_ordinary(subject) {
        return None;
    }
    let found = SPECIAL.iter().find(|(range, _)| range.overlaps(subject));
    found.map(|(range, why)| (range.first().max(subject.first()), *why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never(address: &str) -> bool {
        let networks = vec![
            Subject::parse("10.0.0.0/8").unwrap(),
            Subject::parse("2001:db8:1::/48").unwrap(),
        ];
        let own = vec![Address::parse(b"203.0.113.1").unwrap()];
        AllowList::new(networks, own).covers(Address::parse(address.as_bytes()).unwrap().into())
    }

    #[test]
    fn the_fingerprint_is_of_who_is_never_banned_and_not_of_the_order() {
        let fingerprint = |networks: &[&str], own: &[&str]| {
            let networks = networks
                .iter()
                .map(|network| Subject::parse(network).unwrap());
            let own = own
                .iter()
                .map(|own| Address::parse(own.as_bytes()).unwrap());
            AllowList::new(networks.collect(), own.collect()).fingerprint()
        };
        let of = fingerprint(
            &["10.0.0.0/8", "192.0.2.0/24"],
            &["198.51.100.1", "198.51.100.2"],
        );
        let turned = fingerprint(
            &["192.0.2.0/24", "10.0.0.0/8"],
            &["198.51.100.2", "198.51.100.1"],
        );
        assert_eq!(turned, of);
        let veth = fingerprint(
            &["10.0.0.0/8", "192.0.2.0/24"],
            &["198.51.100.1", "198.51.100.2", "fe80::1"],
        );
        assert_eq!(veth, of, "link-local addresses are never banned anyway");
        for (networks, own) in [
            (&["10.0.0.0/8"][..], &["198.51.100.1", "198.51.100.2"][..]),
            (&["10.0.0.0/8", "192.0.2.0/24"], &["198.51.100.1"]),
            (
                &["10.0.0.0/8", "192.0.2.0/24", "198.51.100.1/32"],
                &["198.51.100.2"],
            ),
        ] {
            assert_ne!(fingerprint(networks, own), of, "{networks:?} {own:?}");
        }
    }

    #[test]
    fn who_is_never_banned() {
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "169.254.169.254",
            "fe80::1",
            "fe80::1%eth0",
            "10.1.2.3",
            "::ffff:10.1.2.3",
            "2001:db8:1::5",
            "203.0.113.1",
            "::ffff:127.0.0.1",
        ] {
            assert!(never(address), "{address}");
        }
        for address in [
            "203.0.113.9",
            "11.0.0.1",
            "2001:db8:2::5",
            "192.168.1.1",
            "fd00::1",
        ] {
            assert!(!never(address), "{address}");
        }
    }

    #[test]
    fn a_network_is_never_banned_for_an_address_that_it_holds() {
        let networks = vec![Subject::parse("10.0.0.0/8").unwrap()];
        let own = vec![Address::parse(b"203.0.113.7").unwrap()];
        let list = AllowList::new(networks, own);
        let why = |subject| list.why(Subject::parse(subject).unwrap());
        for (network, said) in [
            (
                "203.0.113.0/24",
                "holds 203.0.113.7, which is an address of this host",
            ),
            ("10.1.0.0/16", "holds 10.1.0.0, which is in ignored_ips"),
            ("8.0.0.0/6", "holds 10.0.0.0, which is in ignored_ips"),
            (
                "126.0.0.0/7",
                "holds 127.0.0.0, which is a loopback address",
            ),
            ("::/0", "holds ::1, which is a loopback address"),
            ("fe80::/64", "holds fe80::, which is a link-local address"),
        ] {
            assert_eq!(why(network).as_deref(), Some(said));
        }
        assert_eq!(why("10.1.2.3").as_deref(), Some("is in ignored_ips"));
        assert_eq!(why("203.0.112.0/24"), None);
        assert_eq!(why("2001:db8::/32"), None);
    }
}
