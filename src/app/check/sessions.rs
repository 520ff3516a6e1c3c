//! Whether somebody is logged in from an address that is banned.

use crate::model::{Escaped, SubjectSet};
use crate::store::Store;
use crate::system;

use crate::report::CheckFindings;

use crate::judge::AllowList;

pub(super) fn look(allow_list: &AllowList, store: Option<&Store>, findings: &mut CheckFindings) {
    // A store that can not be read has been told of.
    let Some(Ok(bans)) = store.map(Store::in_force) else {
        return;
    };
    let bans: SubjectSet = bans.into_iter().collect();
    for (address, accounts) in system::sessions() {
        if let Some(by) = bans.holder(address)
            && !allow_list.covers(address.into())
        {
            let accounts = Escaped::text(&accounts);
            let within = if by.is_address() {
                String::new()
            } else {
                format!(" with {by}")
            };
            findings.warn(format!(
                "{address} is banned{within}, and {accounts} is logged in from there: `sudo pyfilter unban {by}` lets it in again, settings.ignored_ips for good"
            ));
        }
    }
}
