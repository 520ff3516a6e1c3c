//! Rules of others that block one address: for `explain`, `unban` and `check`.

use std::io;
use std::net::IpAddr;

use smallvec::SmallVec;

use super::seen::path;
use crate::firewall::netlink::{
    Expression, KernelRule, KernelTable, NetlinkSocket, RuleVerdict, SET_OF_INTERVALS, SetElement,
    TableFamily, TablePath, source_in_header, source_subject,
};
use crate::model::{Address, Family, Subject};

/// More rules than this of one chain are not looked through: the kernel takes the square
/// of their number for that.
const MOST_RULES: u32 = 5000;

/// More chains than this are not looked through.
const MOST_CHAINS: usize = 2000;

/// The rules outside our table that drop or reject what comes from one address, or from
/// the addresses of a set.
#[derive(Debug, Default)]
pub(super) struct OtherRules {
    /// Each with the command that deletes it.
    addresses: Vec<(Address, String)>,
    sets: Vec<BlockingSet>,
}

/// A set whose addresses a rule blocks.
#[derive(Debug, PartialEq, Eq)]
struct BlockingSet {
    family: Family,
    table_family: TableFamily,
    table: String,
    set: String,
}

impl OtherRules {
    /// Lists all tables but ours, and all chains but those named `chain`, which is what our
    /// chain is called in iptables. What can not be listed is left out.
    pub(super) fn list(table: &str, chain: &str) -> Self {
        let mut found = OtherRules::default();
        // Nothing to do about a failure: a missing hint is no fault.
        let _ = found.gather(table, chain);
        found
    }

    fn gather(&mut self, table: &str, own_chain: &str) -> io::Result<()> {
        let mut socket = NetlinkSocket::open()?;
        let mut left = MOST_CHAINS;
        for KernelTable { family, name, .. } in socket.tables()? {
            let is_ours = path(table)
                == TablePath {
                    family,
                    name: &name,
                };
            let sees_sources = matches!(
                family,
                TableFamily::Inet | TableFamily::Ip | TableFamily::Ip6
            );
            if is_ours || !sees_sources || !is_plain(&name) {
                continue;
            }
            let of = TablePath {
                family,
                name: &name,
            };
            for chain in socket.chains_in(of)? {
                let is_long = chain.state.uses > MOST_RULES;
                if is_long || chain.name == own_chain || !is_plain(&chain.name) || left == 0 {
                    continue;
                }
                left -= 1;
                for rule in socket.rules(of, &chain.name)? {
                    self.take_up(of, &chain.name, &rule);
                }
            }
        }
        Ok(())
    }

    fn take_up(&mut self, table: TablePath<'_>, chain: &str, rule: &KernelRule) {
        match blocked_by(rule, table.family) {
            Some(Blocked::Address(address)) => {
                let (family, name, handle) = (table.family.as_str(), table.name, rule.handle);
                let command = format!("nft delete rule {family} {name} {chain} handle {handle}");
                self.addresses.push((address, command));
            }
            Some(Blocked::InSet(family, set)) if is_plain(&set) => {
                let set = BlockingSet {
                    family,
                    table_family: table.family,
                    table: table.name.to_owned(),
                    set,
                };
                if !self.sets.contains(&set) {
                    self.sets.push(set);
                }
            }
            _ => {}
        }
    }

    /// The commands after which these rules let `address` through.
    pub(super) fn blocking(&self, address: Address) -> Vec<String> {
        let rules = self.addresses.iter();
        let rules = rules.filter(|(blocked, _)| *blocked == address);
        let mut commands: Vec<String> = rules.map(|(_, command)| command.clone()).collect();
        let sets = self
            .sets
            .iter()
            .filter(|set| set.family == address.family());
        if let Ok(mut socket) = NetlinkSocket::open() {
            let holding = sets.filter(|set| set.holds(&mut socket, address).unwrap_or(false));
            commands.extend(holding.map(|set| set.command(address)));
        }
        commands
    }
}

impl BlockingSet {
    /// Whether it holds exactly this address, and not only a network with it.
    fn holds(&self, socket: &mut NetlinkSocket, address: Address) -> io::Result<bool> {
        let table = TablePath {
            family: self.table_family,
            name: &self.table,
        };
        let key = |address: IpAddr, is_interval_end| SetElement {
            key: match address {
                IpAddr::V4(v4) => SmallVec::from_slice(&v4.octets()),
                IpAddr::V6(v6) => SmallVec::from_slice(&v6.octets()),
            },
            is_interval_end,
        };
        let wanted = key(address.ip(), false);
        let found = socket.element(table, &self.set, &wanted)?;
        if found.is_none_or(|found| found.key != wanted.key) {
            return Ok(false);
        }
        let sets = socket.sets(table)?;
        let of_intervals = sets.iter().find(|set| set.name == self.set);
        if of_intervals.is_none_or(|set| set.flags & SET_OF_INTERVALS == 0) {
            return Ok(true);
        }
        // The end of an interval is the first address behind it.
        let Some(behind) = next(address.ip()) else {
            return Ok(true);
        };
        let end = key(behind, true);
        let found = socket.element(table, &self.set, &end)?;
        Ok(found.is_some_and(|found| found.key == end.key))
    }

    fn command(&self, address: Address) -> String {
        let (family, table, set) = (self.table_family.as_str(), &self.table, &self.set);
        format!("nft delete element {family} {table} {set} {{ {address} }}")
    }
}

fn next(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => Some(IpAddr::V4(v4.to_bits().checked_add(1)?.into())),
        IpAddr::V6(v6) => Some(IpAddr::V6(v6.to_bits().checked_add(1)?.into())),
    }
}

/// Whose packets a rule blocks.
#[derive(Debug, PartialEq, Eq)]
enum Blocked {
    Address(Address),
    InSet(Family, String),
}

/// Whose packets the rule blocks, whatever else it asks of them; none if it blocks
/// nothing, or more than single addresses.
fn blocked_by(rule: &KernelRule, table: TableFamily) -> Option<Blocked> {
    let blocks = match rule.expressions.last()? {
        Expression::Verdict(verdict) => *verdict == RuleVerdict::Drop,
        Expression::Reject { .. } => true,
        Expression::Target { name, .. } => name == "REJECT",
        _ => false,
    };
    if !blocks {
        return None;
    }
    let families = Family::BOTH.into_iter().filter(|family| match table {
        TableFamily::Ip => *family == Family::V4,
        TableFamily::Ip6 => *family == Family::V6,
        _ => true,
    });
    let mut pairs = families.flat_map(|family| {
        let pairs = rule.expressions.windows(2);
        pairs.map(move |pair| (family, pair))
    });
    pairs.find_map(|(family, pair)| match pair {
        [source, Expression::InSet(set)] if *source == source_in_header(family) => {
            Some(Blocked::InSet(family, set.clone()))
        }
        pair => {
            let subject = source_subject(pair, family).filter(|of: &Subject| of.is_address())?;
            Some(Blocked::Address(subject.first()))
        }
    })
}

/// Whether a shell and `nft` take the name as it is.
fn is_plain(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    !name.starts_with('-') && !name.is_empty() && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(expressions: &[Expression]) -> KernelRule {
        KernelRule {
            handle: 12,
            expressions: expressions.to_vec(),
            has_comment: true,
        }
    }

    fn source() -> Expression {
        Expression::Payload {
            base: 1,
            offset: 12,
            length: 4,
        }
    }

    #[test]
    fn rules_of_one_address_and_of_sets_are_found() {
        let drops = Expression::Verdict(RuleVerdict::Drop);
        let port = [Expression::Meta(16), Expression::Equal(vec![6])];
        let address = [source(), Expression::Equal(vec![192, 0, 2, 7])];
        let of_port = [&port[..], &address, std::slice::from_ref(&drops)].concat();
        let expected = Address::parse(b"192.0.2.7").unwrap();
        for table in [TableFamily::Ip, TableFamily::Inet] {
            let found = blocked_by(&rule(&of_port), table);
            assert_eq!(found, Some(Blocked::Address(expected)));
        }
        assert_eq!(blocked_by(&rule(&of_port), TableFamily::Ip6), None);
        let accepts = Expression::Verdict(RuleVerdict::Accept);
        let accepted = [&address[..], &[accepts]].concat();
        assert_eq!(blocked_by(&rule(&accepted), TableFamily::Ip), None);
        let network = [
            source(),
            Expression::Mask(vec![255, 255, 255, 0]),
            drops.clone(),
        ];
        assert_eq!(blocked_by(&rule(&network), TableFamily::Ip), None);
        let set = [source(), Expression::InSet("f2b".to_owned()), drops];
        let found = blocked_by(&rule(&set), TableFamily::Inet);
        assert_eq!(found, Some(Blocked::InSet(Family::V4, "f2b".to_owned())));
    }

    #[test]
    fn a_name_that_is_more_than_a_name_is_in_no_command() {
        assert!(is_plain("f2b-table") && is_plain("_x.1"));
        assert!(!is_plain("-x") && !is_plain("") && !is_plain("$(reboot)"));
    }
}
