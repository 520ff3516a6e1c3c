//! What the kernel's `nf_tables` tells of itself over netlink: the generation of its
//! rule set, and whether our chain is there. That is two questions of a hundred bytes;
//! a listing is two programs and each rule.
//!
//! The messages are those of the kernel's `linux/netlink.h` and
//! `linux/netfilter/nf_tables.h`: a header of 16 bytes, a family of 4, attributes.
//! The question for the chain PYFILTER of IPv4, on a little-endian machine:
//!
//! ```text
//! 30000000 040a 0100 01000000 00000000   length 48, kind GET_CHAIN, REQUEST, number 1
//! 02 00 0000                             family IPv4
//! 0b00 0100 "filter" 00 00               length 11, kind TABLE, padded to 12
//! 0d00 0300 "PYFILTER" 00 000000         length 13, kind NAME, padded to 16
//! ```
//!
//! The answer is such a message of the kind `NEW_CHAIN` with the same number. All methods
//! fail where the kernel has no netlink or no `nf_tables`, or does not let us.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

use crate::model::Family;

/// The kernel answers at once, or not at all.
const PATIENCE: Duration = Duration::from_secs(1);

/// `NFNL_SUBSYS_NFTABLES`, as the upper byte of a message's type.
const NFTABLES: u16 = 10 << 8;
const NEW_CHAIN: u16 = NFTABLES | 3;
const GET_CHAIN: u16 = NFTABLES | 4;
const NEW_GENERATION: u16 = NFTABLES | 15;
const GET_GENERATION: u16 = NFTABLES | 16;
/// `NLMSG_ERROR`
const REFUSED: u16 = 2;
/// `NLMSG_DONE`
const DONE: u16 = 3;
/// `NLM_F_REQUEST`
const REQUEST: u16 = 1;
/// `NLM_F_DUMP`
const DUMP: u16 = 0x300;

/// `NFTA_GEN_ID`
const GENERATION: u16 = 1;
/// `NFTA_CHAIN_…`
const TABLE: u16 = 1;
const HANDLE: u16 = 2;
const NAME: u16 = 3;
const USE: u16 = 6;

/// `struct nlmsghdr` and `struct nfgenmsg`.
const HEADER: usize = 16;
const FAMILY: usize = 4;

/// A chain in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChainState {
    /// Its number within its table, which is never used twice there.
    pub(super) handle: u64,
    /// How many rules it holds, and how many jump to it, together.
    pub(super) uses: u32,
}

/// A connection to `nf_tables` of our network namespace: one question and its answer at
/// a time.
pub(super) struct NetlinkSocket {
    socket: OwnedFd,
    asked: u32,
}

impl NetlinkSocket {
    pub(super) fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let protocol = Some(netlink::NETFILTER);
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(NetlinkSocket { socket, asked: 0 })
    }

    /// The generation of the rule set: each commit in this network namespace counts it
    /// up, whoever makes it and to whatever table.
    pub(super) fn generation(&mut self) -> io::Result<u32> {
        let answer = self.ask(GET_GENERATION, 0, &[])?;
        let id = answer.as_deref().and_then(generation_of);
        id.ok_or_else(|| garbled("generation"))
    }

    /// The chain in the filter table of `family`; none if it is not there.
    pub(super) fn chain(&mut self, family: Family, name: &str) -> io::Result<Option<ChainState>> {
        let protocol = protocol(family);
        let mut wanted = attribute(TABLE, b"filter\0");
        wanted.extend(attribute(NAME, &[name.as_bytes(), b"\0"].concat()));
        let Some(answer) = self.ask(GET_CHAIN, protocol, &wanted)? else {
            return Ok(None);
        };
        let state = state_of(&answer);
        state.map(Some).ok_or_else(|| garbled("chain"))
    }

    /// The names of the chains in the filter table of `family`; none if there is no
    /// such table.
    pub(super) fn chains(&mut self, family: Family) -> io::Result<Vec<String>> {
        self.asked += 1;
        let question = message(GET_CHAIN, DUMP, self.asked, protocol(family), &[]);
        send(&self.socket, &question, SendFlags::empty())?;
        let mut buffer = vec![0; 32768];
        let mut names = Vec::new();
        loop {
            let (_, length) = recv(&self.socket, &mut *buffer, RecvFlags::empty())?;
            let mut got = buffer.get(..length).ok_or_else(|| garbled("length"))?;
            while !got.is_empty() {
                let (first, rest) = split(got).ok_or_else(|| garbled("chains"))?;
                got = rest;
                match answer(first, GET_CHAIN, self.asked) {
                    Answer::Other => {}
                    Answer::Attributes(attributes) => names.extend(filter_chain(attributes)),
                    Answer::Done => return Ok(names),
                    Answer::Refused(error) => return Err(io::Error::from_raw_os_error(error)),
                }
            }
        }
    }

    /// The attributes of the answer; none if what is asked for is not there.
    fn ask(&mut self, kind: u16, protocol: u8, attributes: &[u8]) -> io::Result<Option<Vec<u8>>> {
        self.asked += 1;
        let question = message(kind, 0, self.asked, protocol, attributes);
        send(&self.socket, &question, SendFlags::empty())?;
        let mut buffer = vec![0; 8192];
        loop {
            let (_, length) = recv(&self.socket, &mut *buffer, RecvFlags::empty())?;
            let got = buffer.get(..length).ok_or_else(|| garbled("length"))?;
            match answer(got, kind, self.asked) {
                Answer::Other | Answer::Done => {}
                Answer::Attributes(attributes) => return Ok(Some(attributes.to_vec())),
                Answer::Refused(libc::ENOENT) => return Ok(None),
                Answer::Refused(error) => return Err(io::Error::from_raw_os_error(error)),
            }
        }
    }
}

fn garbled(what: &str) -> io::Error {
    io::Error::other(format!(
        "nf_tables' answer about the {what} is not understood"
    ))
}

/// `NFPROTO_…`
fn protocol(family: Family) -> u8 {
    match family {
        Family::V4 => 2,
        Family::V6 => 10,
    }
}

fn message(kind: u16, flags: u16, sequence: u32, protocol: u8, attributes: &[u8]) -> Vec<u8> {
    let length = HEADER + FAMILY + attributes.len();
    let mut message = Vec::with_capacity(length);
    message.extend(u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((REQUEST | flags).to_ne_bytes());
    message.extend(sequence.to_ne_bytes());
    message.extend([0; 4]);
    message.extend([protocol, 0, 0, 0]);
    message.extend(attributes);
    message
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut attribute = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

#[derive(Debug, PartialEq, Eq)]
enum Answer<'a> {
    /// What was asked for.
    Attributes(&'a [u8]),
    /// An error's number, positive.
    Refused(i32),
    /// That was the last of several.
    Done,
    /// Nothing that was asked for.
    Other,
}

/// What a message says to the question of this kind and number.
fn answer(message: &[u8], asked: u16, sequence: u32) -> Answer<'_> {
    let (Some(length), Some(kind), Some(number)) = (
        four(message, 0).map(u32::from_ne_bytes),
        two(message, 4).map(u16::from_ne_bytes),
        four(message, 8).map(u32::from_ne_bytes),
    ) else {
        return Answer::Other;
    };
    let Some(message) = usize::try_from(length)
        .ok()
        .and_then(|end| message.get(..end))
    else {
        return Answer::Other;
    };
    let expected = if asked == GET_CHAIN {
        NEW_CHAIN
    } else {
        NEW_GENERATION
    };
    match (kind, message.get(HEADER + FAMILY..)) {
        _ if number != sequence => Answer::Other,
        (REFUSED, _) => four(message, HEADER).map_or(Answer::Other, |code| {
            Answer::Refused(i32::from_ne_bytes(code).wrapping_neg())
        }),
        (DONE, _) => Answer::Done,
        (kind, Some(attributes)) if kind == expected => Answer::Attributes(attributes),
        _ => Answer::Other,
    }
}

/// The first message of several, and the others.
fn split(messages: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(u32::from_ne_bytes(four(messages, 0)?)).ok()?;
    let first = messages
        .get(..length)
        .filter(|first| first.len() >= HEADER)?;
    let rest = messages.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    Some((first, rest))
}

/// The name of the chain, if it is one of the filter table.
fn filter_chain(attributes: &[u8]) -> Option<String> {
    let name = value(attributes, NAME)?.strip_suffix(b"\0")?;
    let name = std::str::from_utf8(name).ok()?;
    (value(attributes, TABLE)? == b"filter\0").then(|| name.to_owned())
}

fn generation_of(attributes: &[u8]) -> Option<u32> {
    four(value(attributes, GENERATION)?, 0).map(u32::from_be_bytes)
}

fn state_of(attributes: &[u8]) -> Option<ChainState> {
    let handle = value(attributes, HANDLE)?.try_into().ok()?;
    Some(ChainState {
        handle: u64::from_be_bytes(handle),
        uses: four(value(attributes, USE)?, 0).map(u32::from_be_bytes)?,
    })
}

/// The value of the attribute of this kind.
fn value(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16::from_ne_bytes(two(attributes, 0)?));
        // The upper two bits are flags.
        let kind = u16::from_ne_bytes(two(attributes, 2)?) & 0x3fff;
        let value = attributes.get(4..length)?;
        if kind == wanted {
            return Some(value);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

fn two(bytes: &[u8], at: usize) -> Option<[u8; 2]> {
    bytes.get(at..at + 2)?.try_into().ok()
}

fn four(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..at + 4)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_question_is_understood_as_it_was_asked() {
        let wanted = [
            attribute(TABLE, b"filter\0"),
            attribute(NAME, b"PYFILTER\0"),
        ]
        .concat();
        let asked = message(GET_CHAIN, 0, 7, 2, &wanted);
        assert_eq!(asked.len() % 4, 0);
        assert_eq!(
            four(&asked, 0),
            Some(u32::try_from(asked.len()).unwrap().to_ne_bytes())
        );
        assert_eq!(
            value(&asked[HEADER + FAMILY..], NAME),
            Some(&b"PYFILTER\0"[..])
        );
        assert_eq!(value(&asked[HEADER + FAMILY..], USE), None);
    }

    #[test]
    fn an_answer_counts_only_to_its_own_question() {
        let generation = attribute(GENERATION, &0x0102_0304_u32.to_be_bytes());
        let answered = message(NEW_GENERATION, 0, 7, 0, &generation);
        let Answer::Attributes(attributes) = answer(&answered, GET_GENERATION, 7) else {
            panic!("{answered:?}");
        };
        assert_eq!(generation_of(attributes), Some(0x0102_0304));
        assert_eq!(answer(&answered, GET_GENERATION, 8), Answer::Other);
        assert_eq!(answer(&answered, GET_CHAIN, 7), Answer::Other);

        let chain = [
            attribute(HANDLE, &5_u64.to_be_bytes()),
            attribute(USE, &100_001_u32.to_be_bytes()),
        ];
        let state = ChainState {
            handle: 5,
            uses: 100_001,
        };
        assert_eq!(state_of(&chain.concat()), Some(state));
    }

    #[test]
    fn several_answers_come_in_one_piece() {
        let of = |table: &[u8], name: &[u8]| {
            let attributes = [attribute(TABLE, table), attribute(NAME, name)].concat();
            message(NEW_CHAIN, 0, 7, 2, &attributes)
        };
        let piece = [of(b"filter\0", b"INPUT\0"), of(b"nat\0", b"OUTPUT\0")].concat();
        let (first, rest) = split(&piece).unwrap();
        let name = |message| match answer(message, GET_CHAIN, 7) {
            Answer::Attributes(attributes) => filter_chain(attributes),
            other => panic!("{other:?}"),
        };
        assert_eq!(name(first).as_deref(), Some("INPUT"));
        let (second, rest) = split(rest).unwrap();
        assert_eq!(name(second), None, "another table's");
        assert_eq!(rest, b"");
        let done = message(DONE, 0, 7, 0, &[]);
        assert_eq!(answer(&done, GET_CHAIN, 7), Answer::Done);
    }

    #[test]
    fn a_refusal_has_the_errors_number() {
        let mut refused = message(REFUSED, 0, 7, 0, &[0; 16]);
        refused[HEADER..HEADER + 4].copy_from_slice(&(-libc::ENOENT).to_ne_bytes());
        assert_eq!(
            answer(&refused, GET_CHAIN, 7),
            Answer::Refused(libc::ENOENT)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_none(bytes: Vec<u8>, kind: u16, sequence: u32) {
            if let Answer::Attributes(attributes) = answer(&bytes, kind, sequence) {
                let _ = (generation_of(attributes), state_of(attributes));
            }
            let _ = (generation_of(&bytes), state_of(&bytes), filter_chain(&bytes));
            let mut left = &bytes[..];
            while let Some((_, rest)) = split(left) {
                prop_assert!(rest.len() < left.len());
                left = rest;
            }
        }
    }
}
