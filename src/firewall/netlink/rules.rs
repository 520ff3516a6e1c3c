//! Attributes -> rules. Pure.
//!
//! A rule is a list of expressions. Each loads something of the packet into a register,
//! compares a register, or does something with the packet; the first comparison that
//! fails ends the rule. `iptables -A PYFILTER -s 203.0.113.0/25 -j DROP` is:
//!
//! ```text
//! payload   4 bytes of the network header from byte 12      the source
//! bitwise   & ff ff ff 80
//! cmp       == cb 00 71 00
//! counter
//! immediate drop
//! ```
//!
//! Which registers are used is not read: what iptables and nft write for the rules that
//! are known here needs one alone.

use super::attribute::Attributes;

/// A rule of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::firewall) struct KernelRule {
    /// Its number within its table.
    pub(in crate::firewall) handle: u64,
    pub(in crate::firewall) expressions: Vec<Expression>,
    /// Whether its writer has added something that the kernel does not read: a comment.
    pub(in crate::firewall) has_comment: bool,
}

/// A part of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::firewall) enum Expression {
    /// Loads bytes of the packet.
    Payload {
        /// `NFT_PAYLOAD_…`: 1 is the network header.
        base: u32,
        offset: u32,
        length: u32,
    },
    /// Keeps these bits alone.
    Mask(Vec<u8>),
    /// Goes on if what was loaded is this.
    Equal(Vec<u8>),
    /// Goes on if what was loaded is not this.
    Unequal(Vec<u8>),
    /// Loads what is known of the packet: `NFT_META_…`.
    Meta(u32),
    /// Goes on if what was loaded is in the set of that name.
    InSet(String),
    Counter {
        packets: u64,
        bytes: u64,
    },
    Verdict(RuleVerdict),
    /// Answers the sender: `NFT_REJECT_…`, and the code of ICMP.
    Reject {
        kind: u32,
        code: Option<u8>,
    },
    /// A match of iptables, with its bytes.
    Match {
        name: String,
        info: Vec<u8>,
    },
    /// A target of iptables, with its bytes.
    Target {
        name: String,
        info: Vec<u8>,
    },
    /// Anything else, by its name.
    Other(String),
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::firewall) enum RuleVerdict {
    Accept,
    Drop,
    Return,
    Jump(String),
    Goto(String),
    /// Any other, by its number.
    Other(u32),
}

/// `NFTA_RULE_…`
const HANDLE: u16 = 3;
const EXPRESSIONS: u16 = 4;
const COMMENT: u16 = 7;

/// `NFTA_EXPR_…`
const NAME: u16 = 1;
const DATA: u16 = 2;

/// `NFTA_DATA_…`
const VALUE: u16 = 1;
const VERDICT: u16 = 2;

/// The rule. What is not understood of it is [`Expression::Other`], so that no rule is
/// taken for less than it is.
pub(super) fn rule(object: Attributes<'_>) -> KernelRule {
    let list = object.within(EXPRESSIONS).unwrap_or(Attributes(&[]));
    KernelRule {
        handle: object.u64(HANDLE).unwrap_or(0),
        expressions: list
            .iter()
            .map(|(_, value)| expression(Attributes(value)))
            .collect(),
        has_comment: object.value(COMMENT).is_some_and(|text| !text.is_empty()),
    }
}

fn expression(parts: Attributes<'_>) -> Expression {
    let name = parts.name(NAME).unwrap_or_default();
    let data = parts.within(DATA).unwrap_or(Attributes(&[]));
    let known = match name.as_str() {
        "payload" => payload(data),
        "bitwise" => mask(data),
        "cmp" => comparison(data),
        "meta" => meta(data),
        "lookup" => in_set(data),
        "counter" => counter(data),
        "immediate" => verdict(data),
        "reject" => reject(data),
        "match" => extension(data).map(|(name, info)| Expression::Match { name, info }),
        "target" => extension(data).map(|(name, info)| Expression::Target { name, info }),
        _ => None,
    };
    known.unwrap_or(Expression::Other(name))
}

/// `NFTA_PAYLOAD_…`: one with a destination loads, one with a source writes.
fn payload(data: Attributes<'_>) -> Option<Expression> {
    data.u32(1)?;
    Some(Expression::Payload {
        base: data.u32(2)?,
        offset: data.u32(3)?,
        length: data.u32(4)?,
    })
}

/// `NFTA_BITWISE_…`: a mask, and nothing exchanged or shifted.
fn mask(data: Attributes<'_>) -> Option<Expression> {
    let mask = data.within(4)?.value(VALUE)?;
    let exchanged = data.within(5)?.value(VALUE)?;
    let is_mask = data.u32(6).unwrap_or(0) == 0 && exchanged.iter().all(|byte| *byte == 0);
    is_mask.then(|| Expression::Mask(mask.to_vec()))
}

/// `NFTA_CMP_…`: equal or not.
fn comparison(data: Attributes<'_>) -> Option<Expression> {
    let value = data.within(3)?.value(VALUE)?.to_vec();
    match data.u32(2)? {
        0 => Some(Expression::Equal(value)),
        1 => Some(Expression::Unequal(value)),
        _ => None,
    }
}

/// `NFTA_META_…`: one with a destination loads.
fn meta(data: Attributes<'_>) -> Option<Expression> {
    data.u32(1)?;
    Some(Expression::Meta(data.u32(2)?))
}

/// `NFTA_LOOKUP_…`: of a set, not turned round, and without a map's value.
fn in_set(data: Attributes<'_>) -> Option<Expression> {
    let is_plain = data.value(3).is_none() && data.u32(5).unwrap_or(0) == 0;
    let name = data.name(1).filter(|_| is_plain)?;
    Some(Expression::InSet(name))
}

/// `NFTA_COUNTER_…`
fn counter(data: Attributes<'_>) -> Option<Expression> {
    Some(Expression::Counter {
        packets: data.u64(2)?,
        bytes: data.u64(1)?,
    })
}

/// `NFTA_IMMEDIATE_…`, `NFTA_VERDICT_…`: an immediate value for the register 0.
fn verdict(data: Attributes<'_>) -> Option<Expression> {
    let verdict = data.within(2)?.within(VERDICT)?;
    let code = verdict.u32(1).filter(|_| data.u32(1) == Some(0))?;
    Some(Expression::Verdict(match code.cast_signed() {
        0 => RuleVerdict::Drop,
        1 => RuleVerdict::Accept,
        -3 => RuleVerdict::Jump(verdict.name(2)?),
        -4 => RuleVerdict::Goto(verdict.name(2)?),
        -5 => RuleVerdict::Return,
        _ => RuleVerdict::Other(code),
    }))
}

/// `NFTA_REJECT_…`
fn reject(data: Attributes<'_>) -> Option<Expression> {
    Some(Expression::Reject {
        kind: data.u32(1)?,
        code: data.u8(2),
    })
}

/// `NFTA_MATCH_…`, `NFTA_TARGET_…`
fn extension(data: Attributes<'_>) -> Option<(String, Vec<u8>)> {
    Some((data.name(1)?, data.value(3)?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::super::attribute::{attribute, name_attribute};
    use super::*;
    use proptest::prelude::*;

    /// The bytes of an expression.
    fn written(name: &str, data: &[Vec<u8>]) -> Vec<u8> {
        let data = attribute(DATA, &data.concat());
        attribute(1, &[name_attribute(NAME, name), data].concat())
    }

    fn number(kind: u16, number: u32) -> Vec<u8> {
        attribute(kind, &number.to_be_bytes())
    }

    fn read(expressions: &[Vec<u8>]) -> Vec<Expression> {
        rule(Attributes(&attribute(EXPRESSIONS, &expressions.concat()))).expressions
    }

    fn value(kind: u16, bytes: &[u8]) -> Vec<u8> {
        attribute(kind, &attribute(VALUE, bytes))
    }

    #[test]
    fn what_is_turned_round_or_written_is_something_else() {
        let lookup = |more: &[Vec<u8>]| {
            let data = [&[name_attribute(1, "v4"), number(2, 1)], more].concat();
            read(&[written("lookup", &data)])
        };
        assert_eq!(lookup(&[]), [Expression::InSet("v4".to_owned())]);
        let other = [Expression::Other("lookup".to_owned())];
        assert_eq!(lookup(&[number(5, 1)]), other, "not in the set");
        assert_eq!(lookup(&[number(3, 0)]), other, "a map");

        let writes = written(
            "payload",
            &[number(5, 1), number(2, 1), number(3, 12), number(4, 4)],
        );
        assert_eq!(read(&[writes]), [Expression::Other("payload".to_owned())]);
        let mask = |exchanged: &[u8]| {
            let data = [value(4, &[255, 0]), value(5, exchanged), number(6, 0)];
            read(&[written("bitwise", &data)])
        };
        assert_eq!(mask(&[0, 0]), [Expression::Mask(vec![255, 0])]);
        assert_eq!(mask(&[0, 1]), [Expression::Other("bitwise".to_owned())]);
        let less = written("cmp", &[number(2, 2), value(3, &[1])]);
        assert_eq!(read(&[less]), [Expression::Other("cmp".to_owned())]);
    }

    #[test]
    fn a_verdict_is_known_with_its_chain() {
        let of = |code: i32, chain: &[Vec<u8>]| {
            let code = number(1, code.cast_unsigned());
            let verdict = attribute(VERDICT, &[&[code], chain].concat().concat());
            read(&[written(
                "immediate",
                &[number(1, 0), attribute(2, &verdict)],
            )])
        };
        assert_eq!(of(0, &[]), [Expression::Verdict(RuleVerdict::Drop)]);
        let jump = RuleVerdict::Jump("bans".to_owned());
        assert_eq!(
            of(-3, &[name_attribute(2, "bans")]),
            [Expression::Verdict(jump)]
        );
        assert_eq!(of(-3, &[]), [Expression::Other("immediate".to_owned())]);
        let queue = RuleVerdict::Other(3);
        assert_eq!(of(3, &[]), [Expression::Verdict(queue)]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_rule(bytes: Vec<u8>) {
            let _ = rule(Attributes(&bytes));
        }

        #[test]
        fn any_bytes_are_an_expression(name in "payload|bitwise|cmp|meta|lookup|counter|immediate|reject|match|target", bytes: Vec<u8>) {
            let found = read(&[written(&name, &[bytes])]);
            prop_assert_eq!(found.len(), 1);
        }
    }
}
