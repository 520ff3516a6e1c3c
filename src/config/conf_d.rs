//! The directory `conf.d`: files that add rules and ignored addresses to the
//! configuration, so that packages and roles can bring one each. Here they are read;
//! `layers.rs` lays them over the configuration.

use std::fs::{self, File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::fault::Faults;
use super::text::{read_opened, reason};
use crate::model::{Escaped, Subject};

/// The files of a `conf.d`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfD {
    /// The directory; none if none is read.
    pub dir: Option<PathBuf>,
    /// The files that are in force, in the order in which they were applied.
    pub files: Vec<ConfFile>,
    /// What is not in force, and why.
    pub left_out: Vec<LeftOut>,
}

impl ConfD {
    /// The file that ignores a network, if one of these does.
    #[must_use]
    pub fn file_of(&self, network: Subject) -> Option<&Path> {
        let file = self
            .files
            .iter()
            .find(|file| file.ignored.contains(&network))?;
        Some(&file.path)
    }
}

/// A file that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfFile {
    /// Its path.
    pub path: PathBuf,
    /// The addresses and networks that it ignores.
    pub ignored: Vec<Subject>,
}

/// A file that is left out, or the whole directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path.
    pub path: PathBuf,
    /// What is wrong and what to do about it: a sentence that names the file, fit
    /// to be printed.
    pub message: String,
}

impl LeftOut {
    fn new(path: &Path, why: &str) -> Self {
        let shown = Escaped::path(path);
        LeftOut {
            message: format!("{shown} {why}; it is left out, everything else holds"),
            path: path.to_owned(),
        }
    }

    pub(super) fn of_faults(path: &Path, faults: &Faults) -> Self {
        LeftOut {
            message: format!("{faults}; this file is left out, everything else holds"),
            path: path.to_owned(),
        }
    }

    /// Whether `path` is left out with it.
    #[must_use]
    pub fn covers(&self, path: &Path) -> bool {
        path == self.path || path.parent() == Some(&self.path)
    }
}

/// The bytes of the files in a `conf.d`, in the order of their names.
#[derive(Debug, Default)]
pub(super) struct ConfDFiles {
    pub(super) dir: Option<PathBuf>,
    pub(super) files: Vec<(PathBuf, Vec<u8>)>,
    pub(super) left_out: Vec<LeftOut>,
}

impl ConfDFiles {
    /// Reads the files `*.json` of `dir`. Files that other users than root and the
    /// running one may write to are left out.
    ///
    /// # Errors
    /// There is no such directory, or it can not be read.
    pub(super) fn read(dir: &Path) -> Result<Self, std::io::Error> {
        let mut files = ConfDFiles {
            dir: Some(dir.to_owned()),
            ..ConfDFiles::default()
        };
        if let Err(why) = is_trusted(&fs::metadata(dir)?, dir) {
            files.left_out.push(LeftOut::new(dir, &why));
            return Ok(files);
        }
        let names = fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.file_name()));
        let mut names = names.collect::<Result<Vec<_>, _>>()?;
        // As a shell's `*.json`: no hidden file.
        names.retain(|name| {
            let name = name.as_encoded_bytes();
            name.ends_with(b".json") && !name.starts_with(b".")
        });
        names.sort();
        for path in names.iter().map(|name| dir.join(name)) {
            match read_file(&path) {
                Ok(bytes) => files.files.push((path, bytes)),
                Err(why) => files.left_out.push(LeftOut::new(&path, &why)),
            }
        }
        Ok(files)
    }

    /// The same for a directory that may not exist.
    pub(super) fn read_if_there(dir: &Path) -> Self {
        match ConfDFiles::read(dir) {
            Ok(files) => files,
            Err(error) if error.kind() == ErrorKind::NotFound => ConfDFiles {
                dir: Some(dir.to_owned()),
                ..ConfDFiles::default()
            },
            Err(error) => ConfDFiles {
                dir: Some(dir.to_owned()),
                left_out: vec![LeftOut::new(dir, &format!("can not be read: {error}"))],
                ..ConfDFiles::default()
            },
        }
    }
}

/// The bytes of a file, or what is wrong with it: half a sentence behind its name.
fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    match fs::metadata(path) {
        // To open a named pipe would wait until a process writes into it.
        Ok(metadata) if !metadata.is_file() => return Err("is not a regular file".to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err("is a link to nothing".to_owned());
        }
        _ => {}
    }
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, file) = opened.map_err(|error| reason(&error))?;
    is_trusted(&metadata, path)?;
    read_opened(file)
}

/// Whether only root and the running user can change a file or directory.
fn is_trusted(metadata: &Metadata, path: &Path) -> Result<(), String> {
    let shown = Escaped::path(path);
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != 0 && metadata.uid() != user {
        return Err(format!(
            "belongs to the user {}, who could have anybody banned or nobody: run `chown root {shown}`",
            metadata.uid()
        ));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(format!(
            "can be written to by others than its owner (mode {:04o}): run `chmod go-w {shown}`",
            metadata.mode() & 0o7777
        ));
    }
    Ok(())
}
