use std::hash::{Hash as _, Hasher as _};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::Address;

/// Addresses that are never banned, whatever asks for it.
#[derive(Debug, Clone, Default)]
pub struct AllowList {
    networks: Vec<IpNet>,
    own: Vec<Address>,
}

impl AllowList {
    /// `networks` are the configured ones, `own` the host's own addresses.
    #[must_use]
    pub fn new(networks: Vec<IpNet>, own: Vec<Address>) -> Self {
        AllowList { networks, own }
    }

    /// Adds networks to the configured ones.
    pub fn add(&mut self, networks: impl IntoIterator<Item = IpNet>) {
        self.networks.extend(networks);
    }

    /// Why `address` is never banned, or that it may be. Half a sentence that
    /// fits behind the address: "is a loopback address".
    #[must_use]
    pub fn why(&self, address: Address) -> Option<&'static str> {
        if let Some(kind) = special(address.ip()) {
            return Some(kind);
        }
        if self.own.contains(&address) {
            return Some("is an address of this host");
        }
        self.networks
            .iter()
            .any(|network| network.contains(&address.ip()))
            .then_some("is in ignored_ips")
    }

    /// Whether only this host never bans `address`: it is in `ignored_ips` or an
    /// address of the host, and is not one that no host bans.
    #[must_use]
    pub fn is_ignored_here(&self, address: Address) -> bool {
        special(address.ip()).is_none() && self.why(address).is_some()
    }

    /// The network of `ignored_ips` that `address` is in: the narrowest.
    #[must_use]
    pub fn network(&self, address: Address) -> Option<IpNet> {
        let networks = self.networks.iter();
        let around = networks.filter(|network| network.contains(&address.ip()));
        around.max_by_key(|network| network.prefix_len()).copied()
    }

    /// A number that changes with the addresses that are never banned. The order in
    /// which they were given does not matter.
    #[must_use]
    pub fn fingerprint(&self) -> i64 {
        // Link-local addresses come and go with containers, and are never banned anyway.
        let own = self.own.iter().filter(|own| special(own.ip()).is_none());
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

    /// Whether `address` is never banned.
    #[must_use]
    pub fn covers(&self, address: Address) -> bool {
        self.why(address).is_some()
    }
}

/// Addresses that no rule of any firewall should ever block.
fn special(ip: IpAddr) -> Option<&'static str> {
    if ip.is_loopback() {
        return Some("is a loopback address");
    }
    // All of 0.0.0.0/8 means "this network" (RFC 1122, 3.2.1.3).
    if ip.is_unspecified() || matches!(ip, IpAddr::V4(v4) if v4.octets()[0] == 0) {
        return Some("is the unspecified address");
    }
    if ip.is_multicast() {
        return Some("is a multicast address");
    }
    match ip {
        IpAddr::V4(v4) if v4.is_broadcast() => Some("is the broadcast address"),
        IpAddr::V4(v4) if v4.is_link_local() => Some("is a link-local address"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("is a link-local address"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never(address: &str) -> bool {
        let networks = vec![
            "10.0.0.0/8".parse().unwrap(),
            "2001:db8:1::/48".parse().unwrap(),
        ];
        let own = vec![Address::parse(b"203.0.113.1").unwrap()];
        AllowList::new(networks, own).covers(Address::parse(address.as_bytes()).unwrap())
    }

    #[test]
    fn the_fingerprint_is_of_who_is_never_banned_and_not_of_the_order() {
        let fingerprint = |networks: &[&str], own: &[&str]| {
            let networks = networks.iter().map(|network| network.parse().unwrap());
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
}
