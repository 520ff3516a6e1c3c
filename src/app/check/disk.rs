//! The places that a run writes to: whether there is room, and whether others may write there.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::StatVfsMountFlags;
use serde_json::{Value, json};

use crate::config::Config;
use crate::model::Escaped;

use crate::report::{CheckFindings, CheckLevel};

/// With less room than this a run can not be relied on to end well, in bytes.
const LEAST: u64 = 1 << 20;

/// With less room than this there soon will be none, in bytes.
const LITTLE: u64 = 64 << 20;

/// Looks at the state directory and the file for metrics; how much room there is, for
/// the JSON document.
pub(super) fn look(config: &Config, dir: &Path, findings: &mut CheckFindings) -> Value {
    metrics(config.metrics.as_deref(), findings);
    let free = match fs::metadata(dir) {
        Ok(metadata) => {
            writers(dir, &metadata, findings);
            room(dir, findings)
        }
        // The store was told of; the first run makes both.
        Err(_) => None,
    };
    let store = config.store.parent();
    if let Some(store) = store.filter(|store| *store != dir)
        && let Ok(metadata) = fs::metadata(store)
    {
        writers(store, &metadata, findings);
        room(store, findings);
    }
    json!({ "free_bytes": free })
}

/// Says that a run can not write to `dir`, or soon can not; how many bytes are free.
fn room(dir: &Path, findings: &mut CheckFindings) -> Option<u64> {
    let shown = Escaped::path(dir);
    let disk = rustix::fs::statvfs(dir).ok()?;
    // What is kept for root is there for a run.
    let free = disk.f_bfree.saturating_mul(disk.f_frsize);
    let mut told = |level, words: String| findings.of_file(level, dir, format!("{shown}: {words}"));
    if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
        told(
            CheckLevel::Error,
            "its file system is mounted read-only, so every run fails; see `dmesg`, and mount it for writing".to_owned(),
        );
    } else if disk.f_files > 0 && disk.f_ffree == 0 {
        told(
            CheckLevel::Error,
            "its disk has no inode left, so every run fails; remove files (`df -i` says where)"
                .to_owned(),
        );
    } else if free < LEAST {
        told(
            CheckLevel::Error,
            format!("its disk is full ({free} bytes are left), so runs fail; make room"),
        );
    } else if free < LITTLE {
        let mib = free >> 20;
        told(
            CheckLevel::Warning,
            format!("its disk has {mib} MiB left; make room before runs fail"),
        );
    }
    Some(free)
}

/// Says that others than the owner may write to the state directory: its files decide
/// which addresses are banned.
fn writers(dir: &Path, metadata: &Metadata, findings: &mut CheckFindings) {
    let (mode, shown) = (metadata.mode() & 0o7777, Escaped::path(dir));
    let by_group = mode & 0o020 != 0 && metadata.gid() != 0;
    if by_group || mode & 0o002 != 0 {
        findings.of_file(
            CheckLevel::Warning,
            dir,
            format!(
                "{shown}: others than its owner may write there (mode {mode:04o}), and so decide which addresses are banned; run `chmod go-w {shown}`"
            ),
        );
    }
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != 0 && metadata.uid() != me {
        let uid = metadata.uid();
        findings.of_file(
            CheckLevel::Warning,
            dir,
            format!(
                "{shown}: it belongs to the user with the number {uid}, and so that user decides which addresses are banned; run `chown root {shown}`"
            ),
        );
    }
}

/// Says that there is no directory for the file that Prometheus reads.
fn metrics(path: Option<&Path>, findings: &mut CheckFindings) {
    let Some(path) = path else {
        return;
    };
    let shown = Escaped::path(path);
    match path.parent() {
        Some(dir) if !dir.is_dir() => {
            let dir = Escaped::path(dir);
            findings.of_file(
                CheckLevel::Error,
                path,
                format!(
                    "metrics: {shown} can not be written, since {dir} is not there, and every run ends with 1; install what reads it (Debian's prometheus-node-exporter), run `mkdir -p {dir}`, or take settings.metrics out"
                ),
            );
        }
        _ => findings.of_file(CheckLevel::Fine, path, format!("metrics: {shown}")),
    }
}
