//! A snapshot, as a person or a power failure left it, and one that was written
//! of any addresses and networks.
#![no_main]

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fuzz::Input;
use libfuzzer_sys::fuzz_target;
use pyfilter::firewall::snapshot::{Shown, digest, edits, parse, render};
use pyfilter::model::{Address, Deny, Family, Subject};

const CHAIN: &str = "PYFILTER";

fuzz_target!(|data: &[u8]| {
    for family in Family::BOTH {
        match parse(data, family, CHAIN) {
            Ok(edited) => {
                assert!(
                    edited
                        .subjects
                        .iter()
                        .all(|one| one.family() == family && !one.is_too_wide_to_ban())
                );
                let shown = edited.shown.clone().unwrap_or(shown());
                written(family, &shown, &edited.subjects);
                let asked = edits(&edited, Some(&edited.subjects));
                assert!(asked.lifted.is_empty() && asked.banned.is_empty());
                assert_eq!(edits(&edited, None).banned, edited.subjects);
            }
            Err(fault) => {
                let lines = data.split(|&byte| byte == b'\n').count();
                assert!((1..=lines).contains(&fault.line) && !fault.message.is_empty());
            }
        }
    }
    let mut input = Input(data);
    let mut subjects = BTreeSet::new();
    while !input.is_empty() {
        let bytes = <[u8; 4]>::try_from(input.bytes(4));
        subjects.extend(
            bytes
                .ok()
                .map(|bytes| subject(Ipv4Addr::from(bytes).into())),
        );
        let bytes = <[u8; 16]>::try_from(input.bytes(16));
        subjects.extend(
            bytes
                .ok()
                .map(|bytes| subject(Ipv6Addr::from(bytes).into())),
        );
    }
    for family in Family::BOTH {
        written(family, &shown(), &subjects);
    }
});

fn shown() -> Shown {
    Shown {
        store: "3f9c2a".to_owned(),
        number: u64::MAX,
    }
}

/// The address, or a network around it if it ends in an even number.
fn subject(ip: IpAddr) -> Subject {
    let address = Address::from(ip);
    let bits = address.family().bits();
    let last = match address.ip() {
        IpAddr::V4(v4) => v4.octets()[3],
        IpAddr::V6(v6) => v6.octets()[15],
    };
    let widest = Subject::widest_ban(address.family());
    let length = if last % 2 == 0 {
        widest + last % (bits - widest)
    } else {
        bits
    };
    Subject::network(address, length)
}

/// What is written is read again as it was.
fn written(family: Family, shown: &Shown, subjects: &BTreeSet<Subject>) {
    let own: BTreeSet<Subject> = subjects
        .iter()
        .copied()
        .filter(|one| one.family() == family)
        .collect();
    for deny in [Deny::Drop, Deny::Reject] {
        let text = render(family, shown, CHAIN, deny, subjects);
        let read = parse(text.as_bytes(), family, CHAIN).expect("what was written is whole");
        assert_eq!((read.shown.as_ref(), &read.subjects), (Some(shown), &own));
        // One that was cut is never taken for a shorter one.
        let cut = text.len().saturating_sub(own.len() % 97 + 2);
        assert!(parse(&text.as_bytes()[..cut], family, CHAIN).is_err());
        assert_ne!(digest(text.as_bytes()), digest(&text.as_bytes()[..cut]));
    }
}
