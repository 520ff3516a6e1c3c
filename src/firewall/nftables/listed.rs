//! Our table as it was listed, with the settings for which it was.

use std::cell::OnceCell;

use super::error::NftablesError;
use super::layout::table_name;
use super::others::OtherRules;
use super::seen::{self, SeenTable};
use crate::model::Firewall;

/// Our table, listed for these settings.
#[derive(Debug)]
pub(super) struct ListedTable {
    pub(super) firewall: Firewall,
    pub(super) table: String,
    /// None if it is not there.
    pub(super) seen: Result<Option<SeenTable>, NftablesError>,
    /// The rules of others, listed when they are asked for.
    others: OnceCell<OtherRules>,
}

impl ListedTable {
    /// Lists our table.
    pub(super) fn list(firewall: &Firewall) -> Self {
        ListedTable {
            firewall: firewall.clone(),
            table: table_name(&firewall.chain),
            seen: seen::list(&table_name(&firewall.chain)),
            others: OnceCell::new(),
        }
    }

    /// Lists nothing yet.
    pub(super) fn of_others(firewall: &Firewall) -> Self {
        ListedTable {
            firewall: firewall.clone(),
            table: table_name(&firewall.chain),
            seen: Ok(None),
            others: OnceCell::new(),
        }
    }

    /// Our table, if it is there and could be listed.
    pub(super) fn table(&self) -> Option<&SeenTable> {
        self.seen.as_ref().ok()?.as_ref()
    }

    /// The rules of others.
    pub(super) fn others(&self) -> &OtherRules {
        let list = || OtherRules::list(&self.table, &self.firewall.chain);
        self.others.get_or_init(list)
    }
}
