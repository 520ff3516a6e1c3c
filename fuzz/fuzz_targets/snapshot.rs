//! A snapshot, as a person or a power failure left it, and one that was written
//! of any addresses.
#![no_main]

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fuzz::Input;
use libfuzzer_sys::fuzz_target;
use pyfilter::firewall::snapshot::{Shown, digest, edits, parse, render};
use pyfilter::model::{Address, Deny, Family};

const CHAIN: &str = "PYFILTER";

fuzz_target!(|data: &[u8]| {
    for family in Family::BOTH {
        match parse(data, family, CHAIN) {
            Ok(edited) => {
                assert!(
                    edited
                        .addresses
                        .iter()
                        .all(|address| address.family() == family)
                );
                let shown = edited.shown.clone().unwrap_or(shown());
                written(family, &shown, &edited.addresses);
                let asked = edits(&edited, Some(&edited.addresses));
                assert!(asked.lifted.is_empty() && asked.banned.is_empty());
                assert_eq!(edits(&edited, None).banned, edited.addresses);
            }
            Err(fault) => {
                let lines = data.split(|&byte| byte == b'\n').count();
                assert!((1..=lines).contains(&fault.line) && !fault.message.is_empty());
            }
        }
    }
    let mut input = Input(data);
    let mut addresses = BTreeSet::new();
    while !input.is_empty() {
        let bytes = <[u8; 4]>::try_from(input.bytes(4));
        addresses.extend(
            bytes
                .ok()
                .and_then(|bytes| address(Ipv4Addr::from(bytes).into())),
        );
        let bytes = <[u8; 16]>::try_from(input.bytes(16));
        addresses.extend(
            bytes
                .ok()
                .and_then(|bytes| address(Ipv6Addr::from(bytes).into())),
        );
    }
    for family in Family::BOTH {
        written(family, &shown(), &addresses);
    }
});

fn shown() -> Shown {
    Shown {
        store: "3f9c2a".to_owned(),
        number: u64::MAX,
    }
}

fn address(ip: IpAddr) -> Option<Address> {
    Address::parse(ip.to_string().as_bytes())
}

/// What is written is read again as it was.
fn written(family: Family, shown: &Shown, addresses: &BTreeSet<Address>) {
    let own: BTreeSet<Address> = addresses
        .iter()
        .copied()
        .filter(|one| one.family() == family)
        .collect();
    for deny in [Deny::Drop, Deny::Reject] {
        let text = render(family, shown, CHAIN, deny, addresses);
        let read = parse(text.as_bytes(), family, CHAIN).expect("what was written is whole");
        assert_eq!((read.shown.as_ref(), &read.addresses), (Some(shown), &own));
        // One that was cut is never taken for a shorter one.
        let cut = text.len().saturating_sub(own.len() % 97 + 2);
        assert!(parse(&text.as_bytes()[..cut], family, CHAIN).is_err());
        assert_ne!(digest(text.as_bytes()), digest(&text.as_bytes()[..cut]));
    }
}
