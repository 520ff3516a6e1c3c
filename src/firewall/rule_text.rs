//! The text of one ban as a rule, which the blacklist files and iptables share:
//! `-s 203.0.113.13/32 -j DROP`. Pure.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::model::{Address, Deny, Family, Subject};

/// `-s 203.0.113.13/32 -j DROP`
pub(super) fn rule_text(subject: Subject, deny: Deny) -> String {
    let mut text = String::new();
    push_rule(&mut text, subject, deny);
    text
}

/// Appends `-s 203.0.113.13/32 -j DROP`. There may be a million of them, so nothing is
/// formatted on the way.
pub(super) fn push_rule(text: &mut String, subject: Subject, deny: Deny) {
    push_source(text, subject);
    text.push_str(" -j ");
    text.push_str(deny.as_str());
}

/// Appends `-s 203.0.113.13/32`.
pub(super) fn push_source(text: &mut String, subject: Subject) {
    text.push_str("-s ");
    match subject.first().ip() {
        IpAddr::V4(v4) => {
            let [first, rest @ ..] = v4.octets();
            push_number(text, first);
            for octet in rest {
                text.push('.');
                push_number(text, octet);
            }
        }
        IpAddr::V6(v6) => {
            let _ = write!(text, "{v6}");
        }
    }
    text.push('/');
    push_number(text, subject.length());
}

fn push_number(text: &mut String, number: u8) {
    let digit = |n: u8| char::from(b'0' + n % 10);
    if number >= 100 {
        text.push(digit(number / 100));
    }
    if number >= 10 {
        text.push(digit(number / 10));
    }
    text.push(digit(number));
}

/// The address of `ADDRESS`, `ADDRESS/32` or `ADDRESS/128`; none for networks, names
/// and addresses of the other family.
pub(super) fn single_address(text: &str, family: Family) -> Option<Address> {
    let bare = text.strip_suffix(whole_mask(family)).unwrap_or(text);
    Address::parse(bare.as_bytes()).filter(|address| address.family() == family)
}

/// The line without `[12:34]`, which `iptables-save -c` prints before each rule.
pub(super) fn without_counters(line: &str) -> &str {
    match line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, rest)) => rest.trim_start(),
        None => line,
    }
}

/// The target `DROP` or `REJECT`.
pub(super) fn deny(target: &str) -> Option<Deny> {
    [Deny::Drop, Deny::Reject]
        .into_iter()
        .find(|deny| deny.as_str() == target)
}

/// The mask of a single address.
fn whole_mask(family: Family) -> &'static str {
    match family {
        Family::V4 => "/32",
        Family::V6 => "/128",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    proptest! {
        #[test]
        fn a_rule_is_written_as_it_would_be_formatted(v4: u32, v6: u128, length: u8) {
            let v6 = Address::from(Ipv6Addr::from_bits(v6));
            for address in [Address::from(Ipv4Addr::from_bits(v4)), v6] {
                let subject = Subject::network(address, length);
                let (first, length) = (subject.first(), subject.length());
                let expected = format!("-s {first}/{length} -j REJECT");
                prop_assert_eq!(rule_text(subject, Deny::Reject), expected);
            }
        }
    }
}
