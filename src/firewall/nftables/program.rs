//! Finds and runs `nft`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::NftablesError;
use crate::firewall::programs::{self, PLACES};
use crate::system::ProgramOutput;

const NAME: &str = "nft";

/// 100,000 bans take half a second; a busy host, or one that swaps, much longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The limit is one second longer for each so many bytes of text. A million bans are
/// 15 MB and took 6 s.
const BYTES_A_SECOND: usize = 200_000;

/// `nft` in its place.
#[derive(Debug)]
pub(super) struct NftProgram {
    pub(super) path: PathBuf,
}

impl NftProgram {
    /// The one in `directory`, or in the usual places.
    pub(super) fn find(directory: Option<&Path>) -> Result<Self, NftablesError> {
        let places: Vec<&Path> = match directory {
            Some(directory) => vec![directory],
            None => PLACES.iter().map(Path::new).collect(),
        };
        let path = programs::find(NAME, &places);
        let path = path.map_err(|looked| NftablesError::Missing { looked })?;
        Ok(NftProgram { path })
    }

    /// What it says of itself: `v1.0.6 (Lester Gooch #5)`.
    pub(super) fn version(&self) -> String {
        let said = self.run(&["--version"], "");
        let said = said.map_or_else(|_| Vec::new(), |done| done.stdout);
        let said = String::from_utf8_lossy(&said);
        let version = said.trim().trim_start_matches("nftables ");
        if version.is_empty() {
            "of unknown version".to_owned()
        } else {
            version.to_owned()
        }
    }

    /// Gives `text`, which is about `table`, to the kernel: all of it in one commit, or
    /// none of it.
    pub(super) fn commit(&self, text: &str, table: &str) -> Result<(), NftablesError> {
        let done = self.run(&["-f", "-"], text)?;
        if done.status.success() {
            return Ok(());
        }
        let version = || self.version();
        Err(NftablesError::from_failure(&done.stderr, table, version))
    }

    fn run(&self, arguments: &[&str], text: &str) -> Result<ProgramOutput, NftablesError> {
        let longer = u64::try_from(text.len() / BYTES_A_SECOND).unwrap_or(u64::MAX);
        let patience = PATIENCE.saturating_add(Duration::from_secs(longer));
        Ok(programs::run(&self.path, NAME, arguments, text, patience)?)
    }
}
