//! One step of an installation, or of taking it away.

use std::fs::{self, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::app::init;
use crate::cli::Preset;
use crate::config::DEFAULT_FILE;
use crate::model::Escaped;
use crate::store;
use crate::system;

use super::found::is_there;
use super::places;

/// What is to be done, all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::app) enum Step {
    /// The program to its usual place.
    Copy(PathBuf),
    /// A PyFilter's configuration becomes ours.
    Adopt {
        from: PathBuf,
        text: Vec<u8>,
        changed: Vec<&'static str>,
    },
    /// A configuration that fits the host, in place of the one that the package has put
    /// there if it `replaces` that.
    Configure { preset: Preset, replaces: bool },
    /// Who is logged in is never banned: the file, and each address with its accounts.
    Allow { text: String, who: Vec<String> },
    /// A PyFilter's blacklist.
    Blacklist { from: PathBuf, to: PathBuf },
    /// A PyFilter's database.
    Database { from: PathBuf, to: PathBuf },
    /// A file of ours.
    Write { path: &'static str, text: String },
    /// A file that is ours, or a link.
    Remove(PathBuf),
    /// A directory that is ours, with all that is in it.
    RemoveAll(PathBuf),
    /// systemd reads its units anew.
    Reload,
    /// The timer stops, and is not started at boot.
    Stop,
    /// The first run, then the timer.
    Start,
}

impl Step {
    /// Whether it is the one that others are to be done before, without the lock.
    pub(in crate::app) fn starts(&self) -> bool {
        *self == Step::Start
    }

    /// `write /etc/cron.d/pyfilter`
    pub(in crate::app) fn will(&self) -> String {
        match self {
            Step::Start => "make the first run, and have one started every minute".to_owned(),
            step => {
                let (verb, _, what) = step.words();
                format!("{verb} {what}")
            }
        }
    }

    /// `Wrote /etc/cron.d/pyfilter`
    pub(in crate::app) fn did(&self) -> String {
        let (_, verb, what) = self.words();
        format!("{verb} {what}")
    }

    fn words(&self) -> (&'static str, &'static str, String) {
        let shown = |path: &Path| Escaped::path(path).to_string();
        let moved = |from: &Path, to: &Path| format!("{} to {}", shown(from), shown(to));
        match self {
            Step::Copy(from) => ("copy", "Copied", moved(from, Path::new(places::BINARY))),
            Step::Adopt { from, changed, .. } => {
                let others = match &changed[..] {
                    [] => String::new(),
                    keys => format!(", with {} for here", keys.join(" and ")),
                };
                let from = shown(from);
                let what = format!("PyFilter's configuration {from} as {DEFAULT_FILE}{others}");
                ("take over", "Took over", what)
            }
            Step::Configure { .. } => {
                let rules = init::Host::probe().rules().join(", ");
                (
                    "write",
                    "Wrote",
                    format!("{DEFAULT_FILE} with rules for {rules}"),
                )
            }
            Step::Allow { who, .. } => (
                "write",
                "Wrote",
                format!(
                    "{} (where people are logged in from is never banned: {})",
                    places::ALLOWED_FILE,
                    Escaped::text(&who.join("; "))
                ),
            ),
            Step::Blacklist { from, to } => (
                "take over",
                "Took over",
                format!("PyFilter's blacklist {}", moved(from, to)),
            ),
            Step::Database { from, to } => (
                "take over",
                "Took over",
                format!("PyFilter's database {}", moved(from, to)),
            ),
            Step::Write { path, .. } => ("write", "Wrote", (*path).to_owned()),
            Step::Remove(path) => ("remove", "Removed", shown(path)),
            Step::RemoveAll(path) => (
                "remove",
                "Removed",
                format!("{} and all in it", shown(path)),
            ),
            Step::Reload => ("have", "Had", "systemd read its units anew".to_owned()),
            Step::Stop => ("stop", "Stopped", format!("{} for good", places::TIMER)),
            Step::Start => ("make", "Made", "the first run".to_owned()),
        }
    }

    /// The file that it makes or replaces.
    fn target(&self) -> Option<&Path> {
        match self {
            Step::Copy(_) => Some(Path::new(places::BINARY)),
            Step::Adopt { .. } | Step::Configure { .. } => Some(Path::new(DEFAULT_FILE)),
            Step::Allow { .. } => Some(Path::new(places::ALLOWED_FILE)),
            Step::Blacklist { to, .. } | Step::Database { to, .. } => Some(to),
            Step::Write { path, .. } => Some(Path::new(path)),
            Step::Remove(path) | Step::RemoveAll(path) => Some(path),
            Step::Reload | Step::Stop | Step::Start => None,
        }
    }

    /// Does it; all but [`Step::Start`], which is not one thing.
    pub(in crate::app) fn work(&self) -> Result<(), String> {
        let systemctl = |arguments: &[&str]| {
            system::run_program("systemctl", arguments).map_err(|error| error.to_string())
        };
        match self {
            Step::Copy(from) => {
                let bytes = fs::read(from).map_err(|error| unreadable(from, &error))?;
                write(Path::new(places::BINARY), &bytes, 0o755)
            }
            Step::Adopt { text, .. } => write(Path::new(DEFAULT_FILE), text, 0o600),
            Step::Configure { preset, replaces } => {
                let (file, host) = (Path::new(DEFAULT_FILE), init::Host::probe());
                let written = init::init(file, *replaces, &host, *preset);
                written.map(drop).map_err(|error| error.to_string())
            }
            Step::Allow { text, .. } => {
                write(Path::new(places::ALLOWED_FILE), text.as_bytes(), 0o600)
            }
            Step::Blacklist { from, to } => {
                let bytes = fs::read(from).map_err(|error| unreadable(from, &error))?;
                write(to, &bytes, 0o600)
            }
            Step::Database { from, to } => store::copy_database(from, to).map_err(|error| {
                format!(
                    "{error}; move {} away to go on without it",
                    Escaped::path(from)
                )
            }),
            Step::Write { path, text } => write(Path::new(path), text.as_bytes(), 0o644),
            Step::Remove(path) => remove(path),
            Step::RemoveAll(path) => {
                fs::remove_dir_all(path).map_err(|error| unwritable(path, &error))
            }
            Step::Reload => systemctl(&["daemon-reload"]),
            Step::Stop => {
                systemctl(&["disable", "--now", places::TIMER])?;
                // Only at boot it has anything to do.
                if is_there(Path::new(places::RESTORED)) {
                    systemctl(&["disable", "--now", places::RESTORE])?;
                }
                Ok(())
            }
            Step::Start => Ok(()),
        }
    }
}

/// Looks whether every directory may be written to before anything is done.
pub(in crate::app) fn rehearse(steps: &[Step]) -> Result<(), String> {
    let mut seen: Vec<&Path> = Vec::new();
    for target in steps.iter().filter_map(Step::target) {
        let above = target.ancestors().skip(1).find(|dir| dir.is_dir());
        let Some(dir) = above.filter(|dir| !seen.contains(dir)) else {
            continue;
        };
        tempfile::tempfile_in(dir)
            .map(drop)
            .map_err(|error| unwritable(dir, &error))?;
        seen.push(dir);
    }
    Ok(())
}

/// Makes a directory that is root's alone, unless it is there.
pub(in crate::app) fn make_private(dir: &Path) -> Result<(), String> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(dir).map_err(|error| unwritable(dir, &error))
}

/// The whole file or nothing of it: written beside its place, then renamed.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), String> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let work = || {
        fs::create_dir_all(dir)?;
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(bytes)?;
        file.as_file()
            .set_permissions(Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        fs::File::open(dir)?.sync_all()
    };
    work().map_err(|error| unwritable(path, &error))
}

/// Removes a file, and the directory made for it if that is empty then.
fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(unwritable(path, &error)),
        _ => {}
    }
    let made = [places::LEGACY_FILE, places::ALLOWED_FILE, DEFAULT_FILE].map(Path::new);
    if let Some(dir) = path.parent().filter(|_| made.contains(&path)) {
        // What somebody else has put there stays.
        let _ = fs::remove_dir(dir.join("conf.d"));
        let _ = fs::remove_dir(dir);
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("{} can not be read: {error}", Escaped::path(path))
}

fn unwritable(path: &Path, error: &std::io::Error) -> String {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => "; run with sudo",
        ErrorKind::ReadOnlyFilesystem => {
            "; is the file system mounted read-only? `mount -o remount,rw` makes it writable"
        }
        ErrorKind::StorageFull => "; make room on the disk",
        _ => "",
    };
    format!("{} can not be written: {error}{hint}", Escaped::path(path))
}
