//! The text of one ban as a rule, which the blacklist files and iptables share:
//! `-s 203.0.113.13/32 -j DROP`. Pure.

use crate::model::{Address, Deny, Family, Subject};

/// `-s 203.0.113.13/32 -j DROP`
pub(super) fn rule_text(subject: Subject, deny: Deny) -> String {
    format!("{} -j {}", source(subject), deny.as_str())
}

/// `-s 203.0.113.13/32`
pub(super) fn source(subject: Subject) -> String {
    format!("-s {}/{}", subject.first(), subject.length())
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
