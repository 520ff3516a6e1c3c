//! What a fingerprint depends on besides the kernel: the programs and the settings.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use super::programs::{IptablesPrograms, PROGRAMS};
use crate::firewall::RulesetFingerprint;
use crate::firewall::fingerprint::namespace;
use crate::model::{Family, Firewall};
use crate::system;

/// The layout of our chain. In layout 3 it is a tree; in layout 2 it was one list that
/// carried its store's id; in layout 1, which fingerprints did not name, it had the bans
/// alone.
const LAYOUT: u32 = 3;

/// The state now; none where the kernel does not tell.
pub(super) fn take(firewall: &Firewall) -> Option<RulesetFingerprint> {
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
