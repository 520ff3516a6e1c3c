//! Files of a target: in memory where the host has a file system there, since
//! each input is written.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        TempDir::with_prefix_in("pyfilter-fuzz-", memory)
    } else {
        TempDir::with_prefix("pyfilter-fuzz-")
    };
    folder.expect("a directory for temporary files")
});

/// A path of this process alone.
pub fn path(name: &str) -> PathBuf {
    FOLDER.path().join(name)
}

/// A file of this process alone that holds `bytes`.
pub fn holding(name: &str, bytes: &[u8]) -> PathBuf {
    let path = path(name);
    std::fs::write(&path, bytes).expect("a temporary file");
    path
}
