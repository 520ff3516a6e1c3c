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
        match directory {
            Some(directory) => Self::find_in(&[directory]),
            None => Self::find_for_removal(None),
        }
    }

    /// The one in `directory`, else in the usual places: what was made is removed even if
    /// the directory was configured afterwards, and has no `nft`.
    pub(super) fn find_for_removal(directory: Option<&Path>) -> Result<Self, NftablesError> {
        let usual = PLACES.iter().map(Path::new);
        let places: Vec<&Path> = directory.into_iter().chain(usual).collect();
        Self::find_in(&places)
    }

    fn find_in(places: &[&Path]) -> Result<Self, NftablesError> {
        let path = programs::find(NAME, places);
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
        self.give(&["-f", "-"], text, table)
    }

    /// What keeps the table from being made here, as far as `nft` and the kernel say it
    /// without making it.
    pub(super) fn check_table(&self, table: &str) -> Result<(), NftablesError> {
        self.give(
            &["-c", "-f", "-"],
            &format!("add table inet {table}\n"),
            table,
        )
    }

    fn give(&self, arguments: &[&str], text: &str, table: &str) -> Result<(), NftablesError> {
        let done = self.run(arguments, text)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_needs_the_configured_directory_and_what_is_removed_does_not() {
        let empty = tempfile::tempdir().unwrap();
        let of = |found: Result<NftProgram, NftablesError>| match found {
            Ok(nft) => nft.path.display().to_string(),
            Err(NftablesError::Missing { looked }) => looked,
            Err(other) => panic!("{other}"),
        };
        let directory = empty.path().display().to_string();
        assert_eq!(of(NftProgram::find(Some(empty.path()))), directory);
        let usual = of(NftProgram::find(None));
        let removing = of(NftProgram::find_for_removal(Some(empty.path())));
        assert!(
            removing == usual || removing == format!("{directory}, {usual}"),
            "{removing}"
        );
        std::fs::write(empty.path().join(NAME), "").unwrap();
        let there = format!("{directory}/{NAME}");
        assert_eq!(of(NftProgram::find_for_removal(Some(empty.path()))), there);
    }
}
