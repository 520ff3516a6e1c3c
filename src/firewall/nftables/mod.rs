//! The backend for a table of our own in `nf_tables`.

use crate::firewall::{
    CommittedBans, DeltaOutcome, FirewallBackend, FirewallInspection, ReconcileOutcome,
    RulesetFingerprint,
};
use crate::model::{ChainLocation, Firewall, InstalledChain, Subject};

/// The backend with these settings.
pub(super) struct Nftables<'a> {
    pub(super) firewall: &'a Firewall,
}

impl Nftables<'_> {
    /// Whether `nft` is there.
    pub(super) fn is_installed(&self) -> bool {
        false
    }

    /// What this configuration makes.
    pub(super) fn made(&self) -> InstalledChain {
        InstalledChain {
            place: Some(ChainLocation::Nftables),
            chain: self.firewall.chain.to_ascii_lowercase(),
            hooks: Vec::new(),
        }
    }
}

impl FirewallBackend for Nftables<'_> {
    fn inspect(&self) -> Box<dyn FirewallInspection> {
        unimplemented!()
    }

    fn inspect_others(&self) -> Box<dyn FirewallInspection> {
        unimplemented!()
    }

    fn fingerprint(&self) -> Option<RulesetFingerprint> {
        None
    }

    fn apply_delta(
        &self,
        _before: &RulesetFingerprint,
        _committed: &CommittedBans,
        _gone: &[Subject],
        _new: &[Subject],
    ) -> DeltaOutcome {
        unimplemented!()
    }

    fn remove(&self, _store: Option<&str>, _made: &[InstalledChain]) -> ReconcileOutcome {
        unimplemented!()
    }

    fn is_made_as_configured(&self, made: &[InstalledChain]) -> bool {
        *made == [self.made()]
    }

    fn needs_more_rights(&self) -> Result<bool, String> {
        Ok(false)
    }
}
