//! Which file is the configuration.

use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::checked::Config;
use super::conf_d::ConfDFiles;
use super::fault::Faults;
use super::layers::read_all;
use super::text::{decode, read_opened, reason};

/// The configuration if no other file is named.
pub const DEFAULT_FILE: &str = "/etc/pyfilter/config.json";

impl Config {
    /// Reads the file `explicit` (`-c`), else the one `environment` names (the
    /// content of `$PYFILTER_CONFIG`, none if empty), else [`DEFAULT_FILE`] if
    /// there, else nothing: the built-in defaults. Then what the files of `conf_d`
    /// add; if none is named, those of the directory `conf.d` beside that file, if
    /// it is in the directory of [`DEFAULT_FILE`].
    ///
    /// # Errors
    /// All that is wrong with the file: that it can not be read, or what is in it;
    /// or that `conf_d` can not be read.
    pub fn load(
        explicit: Option<&Path>,
        environment: Option<&OsStr>,
        conf_d: Option<&Path>,
        base: &Path,
    ) -> Result<Self, Faults> {
        let default = Path::new(DEFAULT_FILE);
        load(explicit, environment, conf_d, default, base)
    }

    /// The configuration of a text. Relative paths in it are taken from `base`, the
    /// state directory. `path` is the file it comes from.
    ///
    /// # Errors
    /// All that is wrong with the text.
    pub fn from_text(text: &[u8], path: Option<&Path>, base: &Path) -> Result<Self, Faults> {
        let text = decode(text).map_err(|fault| fault.of(path))?;
        read_all(text, path, ConfDFiles::default(), base)
    }

    /// The configuration if `text` were the file at [`DEFAULT_FILE`], with the files of
    /// the directory `conf.d` beside it.
    ///
    /// # Errors
    /// All that is wrong with the text.
    pub fn as_default(text: &[u8], base: &Path) -> Result<Self, Faults> {
        let path = Path::new(DEFAULT_FILE);
        let text = decode(text).map_err(|fault| fault.of(Some(path)))?;
        let files = beside(path, path).map(|dir| ConfDFiles::read_if_there(&dir));
        read_all(text, Some(path), files.unwrap_or_default(), base)
    }
}

/// The file that [`Config::load`] reads, whether it exists or not; also the one to
/// write.
#[must_use]
pub fn chosen(explicit: Option<&Path>, environment: Option<&OsStr>) -> PathBuf {
    let named = named(explicit, environment);
    named.unwrap_or(Path::new(DEFAULT_FILE)).to_owned()
}

/// Whether the file that is named is there, for a command that reads no configuration: a
/// name that was mistyped is not passed over.
///
/// # Errors
/// A file is named, and it is not there.
pub fn check_named(explicit: Option<&Path>, environment: Option<&OsStr>) -> Result<(), Faults> {
    let Some(path) = named(explicit, environment) else {
        return Ok(());
    };
    match path.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Faults::of_file(path, reason(&error)))
        }
        _ => Ok(()),
    }
}

fn named<'a>(explicit: Option<&'a Path>, environment: Option<&'a OsStr>) -> Option<&'a Path> {
    let environment = environment.filter(|name| !name.is_empty());
    explicit.or(environment.map(Path::new))
}

fn load(
    explicit: Option<&Path>,
    environment: Option<&OsStr>,
    conf_d: Option<&Path>,
    default: &Path,
    base: &Path,
) -> Result<Config, Faults> {
    let named = named(explicit, environment);
    let files = match conf_d {
        Some(dir) => ConfDFiles::read(dir)
            .map_err(|error| Faults::of_file(dir, format!("can not be read: {error}")))?,
        None => beside(named.unwrap_or(default), default)
            .map_or_else(ConfDFiles::default, |dir| ConfDFiles::read_if_there(&dir)),
    };
    let path = named.or_else(|| is_there(default));
    let text = path.map(|path| {
        let read = read(path).map_err(|message| Faults::of_file(path, message))?;
        let text = decode(&read).map_err(|fault| fault.of(Some(path)))?;
        Ok(text.to_owned())
    });
    let text = text.transpose()?;
    let text = text.as_deref().unwrap_or("{}");
    read_all(text, path, files, base)
}

/// The `conf.d` of a configuration, if it is in the directory of the default one.
/// Beside any other file such a directory may belong to another user.
fn beside(file: &Path, default: &Path) -> Option<PathBuf> {
    let dir = |file: &Path| {
        let file = std::path::absolute(file).ok()?;
        let dir = file.parent()?;
        Some(dir.canonicalize().unwrap_or_else(|_| dir.to_owned()))
    };
    let dir = dir(file).filter(|own| Some(own) == dir(default).as_ref())?;
    Some(dir.join("conf.d"))
}

/// The path, unless nothing is there. A link to a file that does not exist is
/// something.
fn is_there(path: &Path) -> Option<&Path> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        _ => Some(path),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| reason(&error))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err("is a directory: name the file in it".to_owned());
    }
    read_opened(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Place(tempfile::tempdir().unwrap())
        }

        fn file(&self, name: &str, text: &[u8]) -> PathBuf {
            let path = self.0.path().join(name);
            fs::write(&path, text).unwrap();
            path
        }

        fn load(
            &self,
            explicit: Option<&Path>,
            environment: Option<&Path>,
        ) -> Result<Config, Faults> {
            let default = self.0.path().join("default");
            load(
                explicit,
                environment.map(Path::as_os_str),
                None,
                &default,
                Path::new("/state"),
            )
        }

        fn fault(&self, path: &Path) -> String {
            let said = self.load(Some(path), None).unwrap_err().to_string();
            said.replace(&format!("{}/", self.0.path().display()), "")
        }
    }

    #[test]
    fn the_option_comes_before_the_environment_before_the_default() {
        let place = Place::new();
        let of = |explicit, environment| place.load(explicit, environment).unwrap().path;
        assert_eq!(of(None, None), None);
        let mut without = place.load(None, None).unwrap();
        without.conf_d = super::super::ConfD::default();
        assert_eq!(without, Config::defaults(Path::new("/state")));
        assert_eq!(of(None, Some(Path::new(""))), None);
        let default = place.file("default", b"{}");
        let one = place.file("one", b"{}");
        let two = place.file("two", b"{}");
        assert_eq!(of(None, None), Some(default.clone()));
        assert_eq!(of(None, Some(&one)), Some(one.clone()));
        assert_eq!(of(Some(&two), Some(&one)), Some(two));
        assert!(place.load(None, Some(Path::new("/nowhere"))).is_err());
    }

    #[test]
    fn a_file_that_can_not_be_read_is_a_fault() {
        let place = Place::new();
        let root = place.0.path();
        assert_eq!(
            place.fault(&root.join("none")),
            "none: there is no such file: `pyfilter init` writes one that fits this host"
        );
        fs::create_dir(root.join("dir")).unwrap();
        assert_eq!(
            place.fault(&root.join("dir")),
            "dir: is a directory: name the file in it"
        );
        let large = place.file("large", &vec![b' '; (16 << 20) + 1]);
        assert_eq!(
            place.fault(&large),
            "large: is larger than 16 MiB: this is no configuration"
        );
        assert_eq!(
            place.fault(&place.file("a\x1bb", b" \n")),
            "a\\x1bb: is empty: write {} for the built-in settings, or have \
             `pyfilter init --force` write it"
        );
        assert_eq!(
            reason(&ErrorKind::PermissionDenied.into()),
            "may not be read: run with sudo"
        );
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("nowhere", root.join("default")).unwrap();
            assert!(
                place.load(None, None).is_err(),
                "a link to nowhere is no default"
            );
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_a_fault() {
        let place = Place::new();
        assert_eq!(
            place.fault(&place.file("f", b"{\n \"\xc3\xa4\xff\": 1}")),
            "f:2:4: is not UTF-8: the byte \\xff"
        );
        assert_eq!(
            place.fault(&place.file("f", b"\xff\xfe{\0}\0")),
            "f: is UTF-16: save it as UTF-8"
        );
        let marked = place.file("f", b"\xef\xbb\xbf{}");
        assert!(place.load(Some(&marked), None).is_ok());
    }

    #[test]
    fn ten_megabytes_are_read_at_once() {
        let place = Place::new();
        let comments = "\"//\": [1, {\"a\": \"\\u00e4\"}],\n".repeat(400_000);
        let text = format!("{{{comments}\"settings\": {{}}}}");
        let path = place.file("big", text.as_bytes());
        assert!(text.len() > 10_000_000);
        assert!(place.load(Some(&path), None).is_ok());
    }
}
