//! What a fingerprint depends on besides the kernel: the programs and the settings.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use super::leftover::has_legacy_filter;
use super::programs::{IptablesPrograms, PROGRAMS};
use super::saved::SavedTables;
use crate::firewall::RulesetFingerprint;
use crate::firewall::fingerprint::namespace;
use crate::model::{Family, Firewall};
use crate::system;

/// The layout of our chain. In layout 3 it is a tree; in layout 2 it was one list that
/// carried its store's id; in layout 1, which fingerprints did not name, it had the bans
/// alone.
const LAYOUT: u32 = 3;

/// The state now, and the tables, where they had to be listed for it. That is so for
/// legacy: its tables count nothing.
pub(super) fn look(firewall: &Firewall) -> (Option<RulesetFingerprint>, Option<SavedTables>) {
    let counted = counted(firewall);
    let is_ours = |counted: &RulesetFingerprint| {
        let mut families = Family::BOTH.into_iter();
        families.any(|family| counted.has_chain(family))
    };
    let is_legacy =
        !counted.as_ref().is_some_and(is_ours) && Family::BOTH.into_iter().any(has_legacy_filter);
    let place = place(firewall).ok().filter(|_| is_legacy);
    let Some((place, saved)) = place.zip(is_legacy.then(|| SavedTables::save(firewall)).flatten())
    else {
        return (counted, None);
    };
    let tables = saved.fingerprints(&firewall.chain);
    let fingerprint = RulesetFingerprint::of_text(place, tables);
    (Some(fingerprint), Some(saved))
}

/// The state of `nf_tables` now; none where the kernel does not tell.
pub(super) fn counted(firewall: &Firewall) -> Option<RulesetFingerprint> {
    let taken = RulesetFingerprint::take(
        || place(firewall),
        |socket| {
            let v4 = socket.chain(Family::V4, &firewall.chain)?;
            let v6 = socket.chain(Family::V6, &firewall.chain)?;
            Ok([v4, v6])
        },
    );
    taken.ok()
}

/// Whose firewall it is, and what is wanted of it.
fn place(firewall: &Firewall) -> io::Result<String> {
    let mut place = format!(
        "layout {LAYOUT}, {}, IPv6 {}",
        namespace()?,
        system::kernel_has_ipv6(),
    );
    for family in Family::BOTH {
        let iptables = IptablesPrograms::new(family, firewall.programs.as_deref());
        for program in PROGRAMS {
            let found = iptables.find(program.of(family));
            let there = fs::metadata(found.map_err(io::Error::other)?.path)?;
            let (file, changed) = (
                (there.dev(), there.ino()),
                (there.ctime(), there.ctime_nsec()),
            );
            let _ = write!(place, ", {file:?} {} {changed:?}", there.size());
        }
    }
    let Firewall {
        chain, hooks, deny, ..
    } = firewall;
    Ok(format!(
        "{place}, chain {chain:?}, hooks {hooks:?}, {}",
        deny.as_str()
    ))
}
