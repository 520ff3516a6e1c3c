//! What a rule does to the packets of a source, if that is all it does. Pure.
//!
//! How iptables and nft write the source 203.0.113.0/24 and the like:
//!
//! ```text
//! /32             payload 4 bytes, cmp cb 00 71 09
//! /24, /16, /8    payload 3, 2, 1 bytes, cmp with as many
//! others          payload 4 bytes, bitwise & mask, cmp
//! /0              nothing
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::rules::{Expression, KernelRule, RuleVerdict};
use crate::model::{Address, Deny, Family, Subject};

/// What becomes of a packet of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::firewall) enum SourceVerdict {
    /// It is dropped, or rejected with the kernel's default answer.
    Deny(Deny),
    /// It goes to this chain, and does not come back.
    Goto(String),
}

/// `NFT_PAYLOAD_NETWORK_HEADER`
const NETWORK_HEADER: u32 = 1;

/// Where the source stands in the header, and how many bytes it has.
fn place_in_header(family: Family) -> (u32, u32) {
    match family {
        Family::V4 => (12, 4),
        Family::V6 => (8, 16),
    }
}

/// Loads the whole source of a packet.
pub(in crate::firewall) fn source_in_header(family: Family) -> Expression {
    let (offset, length) = place_in_header(family);
    Expression::Payload {
        base: NETWORK_HEADER,
        offset,
        length,
    }
}

/// The rule `-s SOURCE -j DROP`, `-s SOURCE -j REJECT` or `-s SOURCE -g CHAIN` of a table
/// of `family` alone. None if the rule asks or does anything besides, but to count.
pub(in crate::firewall) fn source_rule(
    rule: &KernelRule,
    family: Family,
) -> Option<(Subject, SourceVerdict)> {
    if rule.has_comment {
        return None;
    }
    let (verdict, before) = rule.expressions.split_last()?;
    let verdict = source_verdict(verdict, family)?;
    let source = match before.split_last() {
        Some((Expression::Counter { .. }, source)) => source,
        _ => before,
    };
    Some((source_subject(source, family)?, verdict))
}

fn source_verdict(expression: &Expression, family: Family) -> Option<SourceVerdict> {
    let reject = SourceVerdict::Deny(Deny::Reject);
    // Port unreachable: of ICMP, and of ICMPv6.
    let default_answer = match family {
        Family::V4 => 3,
        Family::V6 => 4,
    };
    match expression {
        Expression::Verdict(RuleVerdict::Drop) => Some(SourceVerdict::Deny(Deny::Drop)),
        Expression::Verdict(RuleVerdict::Goto(chain)) => Some(SourceVerdict::Goto(chain.clone())),
        Expression::Reject { kind: 0, code } if *code == Some(default_answer) => Some(reject),
        // `struct ipt_reject_info`, `struct ip6t_reject_info`: an `enum` whose values are
        // the codes in both of these cases.
        Expression::Target { name, info } if name == "REJECT" => {
            let answer = info.first_chunk().copied().map(u32::from_ne_bytes);
            (answer == Some(default_answer.into())).then_some(reject)
        }
        _ => None,
    }
}

/// The sources of which all packets pass these expressions, and no others; none if the
/// expressions ask for anything else.
pub(in crate::firewall) fn source_subject(
    expressions: &[Expression],
    family: Family,
) -> Option<Subject> {
    let (offset, whole) = place_in_header(family);
    let (loaded, mask, value) = match expressions {
        [] => return subject_of(&[], 0, family),
        [
            Expression::Payload {
                base,
                offset: at,
                length,
            },
            rest @ ..,
        ] if *base == NETWORK_HEADER && *at == offset => match rest {
            [Expression::Equal(value)] => (*length, None, value),
            [Expression::Mask(mask), Expression::Equal(value)] => (*length, Some(mask), value),
            _ => return None,
        },
        _ => return None,
    };
    if !(1..=whole).contains(&loaded) {
        return None;
    }
    let loaded = usize::try_from(loaded).ok()?;
    let mask = mask.map_or(vec![0xff; loaded], Clone::clone);
    if value.len() != loaded || mask.len() != loaded {
        return None;
    }
    subject_of(value, leading_ones(&mask)?, family)
}

/// How many bits the mask begins with; none if others are set behind them.
fn leading_ones(mask: &[u8]) -> Option<u8> {
    let ones: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
    let full = mask.iter().take_while(|byte| **byte == 0xff).count();
    let partly = mask.get(full).map_or(0, |byte| byte.leading_ones());
    let leading = u32::try_from(full * 8).ok()? + partly;
    (leading == ones).then_some(u8::try_from(leading).ok()?)
}

/// The network that begins with these bytes; none if it has host bits, or is IPv4 within
/// IPv6, which is not banned as that.
fn subject_of(first: &[u8], length: u8, family: Family) -> Option<Subject> {
    let ip = match family {
        Family::V4 => {
            let mut bytes = [0; 4];
            bytes.get_mut(..first.len())?.copy_from_slice(first);
            IpAddr::from(Ipv4Addr::from(bytes))
        }
        Family::V6 => {
            let mut bytes = [0; 16];
            bytes.get_mut(..first.len())?.copy_from_slice(first);
            IpAddr::from(Ipv6Addr::from(bytes))
        }
    };
    let address = Address::from(ip);
    let subject = Subject::network(address, length);
    let is_whole = subject.first() == address && subject.length() == length;
    (is_whole && subject.family() == family).then_some(subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn payload(offset: u32, length: u32) -> Expression {
        Expression::Payload {
            base: NETWORK_HEADER,
            offset,
            length,
        }
    }

    fn counter() -> Expression {
        Expression::Counter {
            packets: 1,
            bytes: 2,
        }
    }

    fn drops() -> Expression {
        Expression::Verdict(RuleVerdict::Drop)
    }

    fn read(expressions: &[Expression]) -> Option<String> {
        let rule = KernelRule {
            handle: 1,
            expressions: expressions.to_vec(),
            has_comment: false,
        };
        let (subject, verdict) = source_rule(&rule, Family::V4)?;
        Some(format!("{subject} {verdict:?}"))
    }

    #[test]
    fn a_source_is_known_in_each_length() {
        let of = |source: &[Expression]| read(&[source, &[counter(), drops()]].concat());
        let eq = |bytes: &[u8]| Expression::Equal(bytes.to_vec());
        let mask = |bytes: &[u8]| Expression::Mask(bytes.to_vec());
        for (source, expected) in [
            (vec![payload(12, 4), eq(&[1, 2, 3, 4])], "1.2.3.4"),
            (vec![payload(12, 3), eq(&[1, 2, 3])], "1.2.3.0/24"),
            (vec![payload(12, 1), eq(&[1])], "1.0.0.0/8"),
            (
                vec![
                    payload(12, 4),
                    mask(&[255, 255, 255, 254]),
                    eq(&[1, 2, 3, 4]),
                ],
                "1.2.3.4/31",
            ),
            (
                vec![payload(12, 4), mask(&[128, 0, 0, 0]), eq(&[128, 0, 0, 0])],
                "128.0.0.0/1",
            ),
            (vec![], "0.0.0.0/0"),
        ] {
            assert_eq!(of(&source), Some(format!("{expected} Deny(Drop)")));
        }
        for (source, why) in [
            (vec![payload(16, 4), eq(&[1, 2, 3, 4])], "the destination"),
            (
                vec![payload(12, 4), Expression::Unequal(vec![1, 2, 3, 4])],
                "all but this",
            ),
            (
                vec![payload(12, 5), eq(&[1, 2, 3, 4, 5])],
                "more than the source",
            ),
            (vec![payload(12, 4), eq(&[1, 2, 3])], "another length"),
            (
                vec![payload(12, 4), mask(&[255, 0, 255, 0]), eq(&[1, 0, 3, 0])],
                "no network",
            ),
            (
                vec![payload(12, 4), mask(&[255, 0, 0, 0]), eq(&[1, 2, 0, 0])],
                "never true",
            ),
            (vec![payload(12, 4)], "nothing compared"),
            (vec![counter()], "two counters"),
            (
                vec![Expression::Match {
                    name: "comment".to_owned(),
                    info: vec![],
                }],
                "a match",
            ),
        ] {
            assert_eq!(of(&source), None, "{why}");
        }
    }

    #[test]
    fn only_the_default_answer_is_ours() {
        let target = |answer: u32| Expression::Target {
            name: "REJECT".to_owned(),
            info: [&answer.to_ne_bytes()[..], &[0; 4]].concat(),
        };
        let reject = |kind, code| Expression::Reject { kind, code };
        for ours in [target(3), reject(0, Some(3))] {
            assert_eq!(read(&[ours]).as_deref(), Some("0.0.0.0/0 Deny(Reject)"));
        }
        for other in [
            target(7),
            reject(1, None),
            reject(2, Some(3)),
            reject(0, Some(13)),
        ] {
            assert_eq!(read(&[other]), None);
        }
        let goto = Expression::Verdict(RuleVerdict::Goto("A".to_owned()));
        assert_eq!(read(&[goto]).as_deref(), Some("0.0.0.0/0 Goto(\"A\")"));
        let jump = Expression::Verdict(RuleVerdict::Jump("A".to_owned()));
        assert_eq!(read(&[jump]), None);
        assert_eq!(read(&[Expression::Verdict(RuleVerdict::Accept)]), None);
        assert_eq!(read(&[drops(), counter()]), None);
    }

    #[test]
    fn ipv4_within_ipv6_is_none() {
        let mut mapped = [0; 16];
        mapped[10..12].fill(0xff);
        assert_eq!(subject_of(&mapped, 128, Family::V6), None);
        assert_eq!(subject_of(&mapped, 96, Family::V6), None);
    }

    proptest! {
        #[test]
        fn every_network_is_read_as_it_is_written(bits: u32, length in 0_u8..=32) {
            let subject = Subject::network(Address::from(Ipv4Addr::from_bits(bits)), length);
            let IpAddr::V4(first) = subject.first().ip() else { unreachable!() };
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            let source = [
                payload(12, 4),
                Expression::Mask(mask.to_be_bytes().to_vec()),
                Expression::Equal(first.octets().to_vec()),
            ];
            prop_assert_eq!(source_subject(&source, Family::V4), Some(subject));
        }

        #[test]
        fn any_mask_is_a_length_or_none(
            mask in proptest::collection::vec(any::<u8>(), 0..=16),
        ) {
            if let Some(length) = leading_ones(&mask) {
                let ones: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
                prop_assert_eq!(u32::from(length), ones);
            }
        }
    }
}
