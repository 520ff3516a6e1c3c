//! What our table asks of `nft`.

use std::path::Path;

use super::error::NftablesError;
use crate::firewall::nft_program::{FROM_STDIN, NftProgram};

/// The `nft` that makes our table: in `directory`, or in the usual places.
pub(super) fn find(directory: Option<&Path>) -> Result<NftProgram, NftablesError> {
    NftProgram::locate(directory).map_err(|looked| NftablesError::Missing { looked })
}

/// The `nft` that removes it, which may be elsewhere.
pub(super) fn find_for_removal(directory: Option<&Path>) -> Result<NftProgram, NftablesError> {
    NftProgram::locate_anywhere(directory).map_err(|looked| NftablesError::Missing { looked })
}

/// What it says of itself: `v1.0.6 (Lester Gooch #5)`.
pub(super) fn version(nft: &NftProgram) -> String {
    let said = nft.run(&["--version"], "");
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
pub(super) fn commit(nft: &NftProgram, text: &str, table: &str) -> Result<(), NftablesError> {
    give(nft, &FROM_STDIN, text, table)
}

/// What keeps the table from being made here, as far as `nft` and the kernel say it
/// without making it.
pub(super) fn check_table(nft: &NftProgram, table: &str) -> Result<(), NftablesError> {
    let text = format!("add table inet {table}\n");
    give(nft, &["-c", "-f", "-"], &text, table)
}

fn give(
    nft: &NftProgram,
    arguments: &[&str],
    text: &str,
    table: &str,
) -> Result<(), NftablesError> {
    let done = nft.run(arguments, text)?;
    if done.status.success() {
        return Ok(());
    }
    Err(NftablesError::from_failure(&done.stderr, table, || {
        version(nft)
    }))
}
