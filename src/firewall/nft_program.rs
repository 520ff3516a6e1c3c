//! Finds and runs `nft`: for a table of our own, and for what iptables' nft variant made
//! and is no longer there to remove.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::programs::{self, PLACES, ProgramFailure};
use crate::system::ProgramOutput;

/// What messages call it.
pub(super) const NFT: &str = "nft";

/// The arguments with which it reads a text: all of it is one commit, or none.
pub(super) const FROM_STDIN: [&str; 2] = ["-f", "-"];

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
    ///
    /// # Errors
    /// There is none: where it was looked for.
    pub(super) fn locate(directory: Option<&Path>) -> Result<Self, String> {
        match directory {
            Some(directory) => Self::locate_in(&[directory]),
            None => Self::locate_anywhere(None),
        }
    }

    /// The one in `directory`, else in the usual places: what was made is removed even if
    /// the directory was configured afterwards, and has no `nft`.
    ///
    /// # Errors
    /// There is none: where it was looked for.
    pub(super) fn locate_anywhere(directory: Option<&Path>) -> Result<Self, String> {
        let usual = PLACES.iter().map(Path::new);
        let places: Vec<&Path> = directory.into_iter().chain(usual).collect();
        Self::locate_in(&places)
    }

    fn locate_in(places: &[&Path]) -> Result<Self, String> {
        let path = programs::find(NFT, places)?;
        Ok(NftProgram { path })
    }

    /// What comes of these arguments and `text`.
    pub(super) fn run(
        &self,
        arguments: &[&str],
        text: &str,
    ) -> Result<ProgramOutput, ProgramFailure> {
        let longer = u64::try_from(text.len() / BYTES_A_SECOND).unwrap_or(u64::MAX);
        let patience = PATIENCE.saturating_add(Duration::from_secs(longer));
        programs::run(&self.path, NFT, arguments, text, patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_needs_the_configured_directory_and_what_is_removed_does_not() {
        let empty = tempfile::tempdir().unwrap();
        let of = |found: Result<NftProgram, String>| {
            found.map_or_else(|looked| looked, |nft| nft.path.display().to_string())
        };
        let directory = empty.path().display().to_string();
        assert_eq!(of(NftProgram::locate(Some(empty.path()))), directory);
        let usual = of(NftProgram::locate(None));
        let removing = of(NftProgram::locate_anywhere(Some(empty.path())));
        assert!(
            removing == usual || removing == format!("{directory}, {usual}"),
            "{removing}"
        );
        std::fs::write(empty.path().join(NFT), "").unwrap();
        let there = format!("{directory}/{NFT}");
        assert_eq!(of(NftProgram::locate_anywhere(Some(empty.path()))), there);
    }
}
