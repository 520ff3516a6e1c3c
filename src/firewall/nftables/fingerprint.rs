//! What a fingerprint depends on besides the kernel: the program and the settings.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use super::layout::{BANS, table_name};
use super::program;
use super::seen::path;
use crate::firewall::RulesetFingerprint;
use crate::firewall::fingerprint::namespace;
use crate::model::Firewall;
use crate::system;

/// The layout of our table.
const LAYOUT: u32 = 1;

/// The state now; none where the kernel does not tell. The table is one for both
/// families: where the kernel has no IPv6 it counts for IPv4 alone.
pub(super) fn take(firewall: &Firewall) -> Option<RulesetFingerprint> {
    let table = table_name(&firewall.chain);
    let taken = RulesetFingerprint::take(
        || place(firewall, &table),
        |socket| {
            let bans = socket.chain_in(path(&table), BANS)?;
            Ok([bans, bans.filter(|_| system::kernel_has_ipv6())])
        },
    );
    taken.ok()
}

/// Whose firewall it is, and what is wanted of it.
fn place(firewall: &Firewall, table: &str) -> io::Result<String> {
    let nft = program::find(firewall.programs.as_deref()).map_err(io::Error::other)?;
    let there = fs::metadata(&nft.path)?;
    let (file, changed) = (
        (there.dev(), there.ino()),
        (there.ctime(), there.ctime_nsec()),
    );
    Ok(format!(
        "nftables, layout {LAYOUT}, {}, IPv6 {}, {file:?} {} {changed:?}, table {table:?}, {}",
        namespace()?,
        system::kernel_has_ipv6(),
        there.size(),
        firewall.deny.as_str()
    ))
}
