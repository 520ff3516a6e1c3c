//! Whether somebody is logged in from an address that is banned.

use crate::store::Store;
use crate::system;

use crate::report::CheckFindings;

use crate::judge::AllowList;

pub(super) fn look(allow_list: &AllowList, store: Option<&Store>, findings: &mut CheckFindings) {
    // A store that can not be read has been told of.
    let Some(Ok(bans)) = store.map(Store::in_force) else {
        return;
    };
    for (address, accounts) in system::sessions() {
        if bans.contains(&address) && !allow_list.covers(address) {
            let accounts = crate::model::Escaped::text(&accounts);
            findings.warn(format!(
                "{address} is banned, and {accounts} is logged in from there: `sudo pyfilter unban {address}` lets it in again, settings.ignored_ips for good"
            ));
        }
    }
}
