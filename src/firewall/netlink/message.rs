//! Bytes -> messages, and back. Pure.

use super::attribute::{Attributes, bytes_at};

/// `NFNL_SUBSYS_NFTABLES`, as the upper byte of a message's type.
const NFTABLES: u16 = 10 << 8;
/// `NLMSG_ERROR`
const REFUSED: u16 = 2;
/// `NLMSG_DONE`
const DONE: u16 = 3;
/// `NLM_F_REQUEST`
const REQUEST: u16 = 1;
/// `NLM_F_DUMP`
const DUMP: u16 = 0x300;
/// `NLM_F_DUMP_INTR`: what is listed has changed meanwhile.
const INTERRUPTED: u16 = 0x10;

/// `struct nlmsghdr` and `struct nfgenmsg`.
const HEADER: usize = 16;
const FAMILY: usize = 4;

/// What can be asked for: `NFT_MSG_GET…`. Each answer has the number before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AskedObject {
    Table = 1,
    Chain = 4,
    Rule = 7,
    Set = 10,
    Element = 13,
    Generation = 16,
}

impl AskedObject {
    fn question(self) -> u16 {
        NFTABLES | self as u16
    }

    fn answer(self) -> u16 {
        self.question() - 1
    }
}

/// A question.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) asked: AskedObject,
    /// Whether all there are shall be told; else one.
    pub(super) all: bool,
    /// `NFPROTO_…`; 0 for every family.
    pub(super) protocol: u8,
    pub(super) attributes: Vec<u8>,
}

impl Question {
    /// Its bytes, with the number by which its answers are known.
    pub(super) fn message(&self, number: u32) -> Vec<u8> {
        let flags = if self.all { DUMP } else { 0 };
        let kind = self.asked.question();
        message(
            kind,
            REQUEST | flags,
            number,
            self.protocol,
            &self.attributes,
        )
    }
}

fn message(kind: u16, flags: u16, number: u32, protocol: u8, attributes: &[u8]) -> Vec<u8> {
    let length = HEADER + FAMILY + attributes.len();
    let mut message = Vec::with_capacity(length);
    message.extend(u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(number.to_ne_bytes());
    message.extend([0; 4]);
    message.extend([protocol, 0, 0, 0]);
    message.extend(attributes);
    message
}

/// A message that came.
#[derive(Debug)]
pub(super) struct ReceivedMessage<'a> {
    pub(super) answer: Answer<'a>,
    /// What is being listed has changed meanwhile, so the list may have gaps.
    pub(super) changed: bool,
}

#[derive(Debug)]
pub(super) enum Answer<'a> {
    /// What was asked for, and the family that it is of.
    Object(u8, Attributes<'a>),
    /// An error's number, positive.
    Refused(i32),
    /// That was the last of several.
    Done,
    /// Nothing that was asked for.
    Other,
}

/// What a message says to the question of this kind and number.
pub(super) fn answer(message: &[u8], asked: AskedObject, number: u32) -> ReceivedMessage<'_> {
    let received = |answer, changed| ReceivedMessage { answer, changed };
    let (Some(kind), Some(flags), Some(to)) = (
        bytes_at(message, 4).map(u16::from_ne_bytes),
        bytes_at(message, 6).map(u16::from_ne_bytes),
        bytes_at(message, 8).map(u32::from_ne_bytes),
    ) else {
        return received(Answer::Other, false);
    };
    if to != number {
        return received(Answer::Other, false);
    }
    // An error's number stands negative behind the header.
    let error = bytes_at(message, HEADER).map(|code| i32::from_ne_bytes(code).wrapping_neg());
    let answer = match (kind, error, message.get(HEADER + FAMILY..)) {
        (REFUSED, Some(error), _) => Answer::Refused(error),
        (DONE, Some(error), _) if error > 0 => Answer::Refused(error),
        (DONE, _, _) => Answer::Done,
        (kind, _, Some(body)) if kind == asked.answer() => {
            Answer::Object(message[HEADER], Attributes(body))
        }
        _ => Answer::Other,
    };
    received(answer, flags & INTERRUPTED != 0)
}

/// The first message of several, and the others.
pub(super) fn split(messages: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(u32::from_ne_bytes(bytes_at(messages, 0)?)).ok()?;
    let first = messages
        .get(..length)
        .filter(|first| first.len() >= HEADER)?;
    let rest = messages.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    Some((first, rest))
}

#[cfg(test)]
mod tests {
    use super::super::attribute::{attribute, name_attribute};
    use super::*;
    use proptest::prelude::*;

    const NEW_CHAIN: u16 = NFTABLES | 3;

    fn is_other(message: &[u8], asked: AskedObject, number: u32) -> bool {
        matches!(answer(message, asked, number).answer, Answer::Other)
    }

    #[test]
    fn a_question_is_understood_as_it_was_asked() {
        let wanted = [name_attribute(1, "filter"), name_attribute(3, "PYFILTER")].concat();
        let question = Question {
            asked: AskedObject::Chain,
            all: false,
            protocol: 2,
            attributes: wanted.clone(),
        };
        let asked = question.message(1);
        let expected: &[u8] = if cfg!(target_endian = "little") {
            &[48, 0, 0, 0, 4, 10, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]
        } else {
            &[0, 0, 0, 48, 10, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0]
        };
        assert_eq!(asked, [expected, &wanted].concat());
    }

    #[test]
    fn an_answer_counts_only_to_its_own_question() {
        let generation = attribute(1, &0x0102_0304_u32.to_be_bytes());
        let answered = message(NFTABLES | 15, 0, 7, 0, &generation);
        let Answer::Object(0, attributes) = answer(&answered, AskedObject::Generation, 7).answer
        else {
            panic!("{answered:?}");
        };
        assert_eq!(attributes.u32(1), Some(0x0102_0304));
        assert!(is_other(&answered, AskedObject::Generation, 8));
        assert!(is_other(&answered, AskedObject::Chain, 7));
    }

    #[test]
    fn several_answers_come_in_one_piece() {
        let of = |name| message(NEW_CHAIN, 2, 7, 10, &name_attribute(3, name));
        let piece = [of("INPUT"), of("OUTPUT"), message(DONE, 2, 7, 0, &[])].concat();
        let name = |message| match answer(message, AskedObject::Chain, 7).answer {
            Answer::Object(10, attributes) => attributes.name(3),
            other => panic!("{other:?}"),
        };
        let (first, rest) = split(&piece).unwrap();
        assert_eq!(name(first).as_deref(), Some("INPUT"));
        let (second, rest) = split(rest).unwrap();
        assert_eq!(name(second).as_deref(), Some("OUTPUT"));
        let (third, rest) = split(rest).unwrap();
        assert!(matches!(
            answer(third, AskedObject::Chain, 7).answer,
            Answer::Done
        ));
        assert_eq!(rest, b"");
    }

    #[test]
    fn a_refusal_has_the_errors_number() {
        for kind in [REFUSED, DONE] {
            let mut refused = message(kind, 0, 7, 0, &[0; 16]);
            refused[HEADER..HEADER + 4].copy_from_slice(&(-libc::ENOENT).to_ne_bytes());
            assert!(matches!(
                answer(&refused, AskedObject::Chain, 7).answer,
                Answer::Refused(libc::ENOENT)
            ));
        }
    }

    #[test]
    fn a_list_that_was_changed_meanwhile_is_known() {
        for kind in [NEW_CHAIN, DONE] {
            let listed = message(kind, 2 | INTERRUPTED, 7, 2, &[]);
            assert!(answer(&listed, AskedObject::Chain, 7).changed);
            assert!(!answer(&listed, AskedObject::Chain, 8).changed);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_none(bytes: Vec<u8>, number: u32) {
            let _ = answer(&bytes, AskedObject::Rule, number);
            let mut left = &bytes[..];
            while let Some((first, rest)) = split(left) {
                prop_assert!(rest.len() < left.len());
                let _ = answer(first, AskedObject::Element, number);
                left = rest;
            }
        }
    }
}
