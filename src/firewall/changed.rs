//! What `check` tells where our part of the firewall is not as the last run left it.

use crate::firewall::FirewallFinding;
use crate::model::{Firewall, plural};

/// `what` has happened to it, which `lets` or `may let` so many banned addresses through.
/// That is an error where there are any.
pub(super) fn changed_by_others(
    firewall: &Firewall,
    what: &str,
    lets: &str,
    bans: usize,
) -> FirewallFinding {
    let when = if firewall.compare {
        "the next run, or `sudo pyfilter restore`, repairs it"
    } else {
        "`sudo pyfilter restore` repairs it (reload_iptables is false, so runs do not look)"
    };
    if bans == 0 {
        return FirewallFinding::Warning(format!("firewall: {what}; {when}"));
    }
    let bans = plural(bans, "banned address", "banned addresses");
    FirewallFinding::Error(format!(
        "firewall: {what}, which {lets} {bans} through; {when}"
    ))
}
