//! Which addresses are banned, and which are nobody's; the same at every start (pure).

use std::collections::HashSet;
use std::io::{self, Write};
use std::net::Ipv4Addr;

/// How the banned addresses lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Anywhere.
    Random,
    /// A hundred in each of some random /24.
    Clustered,
}

impl Layout {
    pub(crate) const BOTH: [Layout; 2] = [Layout::Random, Layout::Clustered];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Layout::Random => "random",
            Layout::Clustered => "clustered",
        }
    }
}

/// How many banned addresses a /24 of [`Layout::Clustered`] has.
const OF_A_CLUSTER: usize = 100;

/// How many failures ban an address, by default.
const FAILURES: usize = 5;

/// Numbers that look random: the generator `SplitMix64`.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// An address that can be a stranger's.
    fn address(&mut self) -> Ipv4Addr {
        loop {
            let [a, b, c, d, ..] = self.roll().to_le_bytes();
            let address = Ipv4Addr::new(a, b, c, d);
            if is_a_strangers(address) {
                return address;
            }
        }
    }
}

/// Neither one that is never banned, nor one of the two ends of the wire.
fn is_a_strangers(address: Ipv4Addr) -> bool {
    let [first, second, third, last] = address.octets();
    (1..224).contains(&first)
        && ![10, 127].contains(&first)
        && [first, second] != [169, 254]
        && [first, second, third] != [192, 0, 2]
        && (1..255).contains(&last)
}

/// The addresses of one case.
#[derive(Debug)]
pub(crate) struct Addresses {
    /// Those that are banned at once.
    pub(crate) first: Vec<Ipv4Addr>,
    /// Those that come later.
    pub(crate) ten_more: Vec<Ipv4Addr>,
    /// Addresses that are nobody's, anywhere.
    pub(crate) anywhere: Vec<Ipv4Addr>,
    /// Addresses that are nobody's, each beside one that is banned.
    pub(crate) beside: Vec<Ipv4Addr>,
}

impl Addresses {
    /// `count` addresses to ban, and at most `nobodys` of each kind that are not.
    pub(crate) fn new(layout: Layout, count: usize, nobodys: usize) -> Self {
        let mut dice = Dice(1);
        let mut all = HashSet::new();
        let mut first = Vec::with_capacity(count);
        while first.len() < count {
            let address = dice.address();
            let hosts = match layout {
                Layout::Random => vec![address],
                Layout::Clustered => hosts_beside(address, &mut dice, OF_A_CLUSTER),
            };
            let new = hosts.into_iter().filter(|host| all.insert(*host));
            let missing = count - first.len();
            first.extend(new.take(missing));
        }
        // `take` may have left some in `all` that are not banned at once.
        let mut all: HashSet<Ipv4Addr> = first.iter().copied().collect();
        shuffle(&mut first, &mut dice);
        let mut ten_more = Vec::new();
        while ten_more.len() < 10 {
            let network = first[ten_more.len() % first.len()];
            let address = match layout {
                Layout::Random => dice.address(),
                Layout::Clustered => hosts_beside(network, &mut dice, 1)[0],
            };
            if all.insert(address) {
                ten_more.push(address);
            }
        }
        let anywhere = std::iter::repeat_with(|| dice.address())
            .filter(|address| !all.contains(address))
            .take(nobodys)
            .collect();
        let neighbours = first.iter().flat_map(|banned| {
            let bits = banned.to_bits();
            [bits.wrapping_sub(1), bits.wrapping_add(1)].map(Ipv4Addr::from_bits)
        });
        let beside = neighbours
            .filter(|address| !all.contains(address) && is_a_strangers(*address))
            .take(nobodys)
            .collect();
        Addresses {
            first,
            ten_more,
            anywhere,
            beside,
        }
    }
}

/// Different hosts of the /24 of `network`, at random.
fn hosts_beside(network: Ipv4Addr, dice: &mut Dice, count: usize) -> Vec<Ipv4Addr> {
    let [a, b, c, _] = network.octets();
    let mut hosts: Vec<u8> = (1..255).collect();
    shuffle(&mut hosts, dice);
    let chosen = hosts.into_iter().take(count);
    chosen.map(|d| Ipv4Addr::new(a, b, c, d)).collect()
}

fn shuffle<T>(items: &mut [T], dice: &mut Dice) {
    for at in (1..items.len()).rev() {
        let bound = at as u64 + 1;
        let other = usize::try_from(dice.roll() % bound).unwrap_or(0);
        items.swap(at, other);
    }
}

/// Writes a log of sshd in which each address fails often enough to be banned, all at
/// the time `stamp`.
pub(crate) fn write_log(
    addresses: &[Ipv4Addr],
    stamp: &str,
    log: &mut impl Write,
) -> io::Result<()> {
    // Each address has a process of sshd, whose number is used again after a while.
    for (address, process) in addresses.iter().zip((1000..30_000).cycle()) {
        for _ in 0..FAILURES {
            writeln!(
                log,
                "{stamp} web1 sshd[{process}]: Failed password for root from {address} port 40022 ssh2"
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_different_and_the_same_at_every_start() {
        for layout in Layout::BOTH {
            for count in [5, 1050] {
                let made = Addresses::new(layout, count, 50);
                assert_eq!((made.first.len(), made.ten_more.len()), (count, 10));
                let banned: HashSet<_> = made.first.iter().chain(&made.ten_more).collect();
                assert_eq!(banned.len(), count + 10, "{layout:?}");
                assert!(banned.iter().all(|address| is_a_strangers(**address)));
                let nobodys = || made.anywhere.iter().chain(&made.beside);
                assert!(nobodys().all(|address| !banned.contains(address)));
                assert!(!made.anywhere.is_empty() && !made.beside.is_empty());
                assert_eq!(Addresses::new(layout, count, 50).first, made.first);
            }
        }
    }

    #[test]
    fn a_cluster_is_a_hundred_addresses_of_a_network() {
        let made = Addresses::new(Layout::Clustered, 1000, 1);
        let network = |address: &Ipv4Addr| address.to_bits() >> 8;
        let networks: HashSet<u32> = made.first.iter().map(network).collect();
        assert_eq!(networks.len(), 10);
        assert!(
            made.ten_more
                .iter()
                .all(|new| networks.contains(&network(new)))
        );
    }

    #[test]
    fn an_address_is_banned_by_five_lines() {
        let mut log = Vec::new();
        write_log(&[Ipv4Addr::new(11, 2, 3, 4)], "NOW", &mut log).unwrap();
        let log = String::from_utf8(log).unwrap();
        assert_eq!(log.matches("NOW web1 sshd[1000]: ").count(), 5);
        assert_eq!(log.matches(" from 11.2.3.4 port ").count(), 5);
    }
}
