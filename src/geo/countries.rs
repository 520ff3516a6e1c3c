use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ipnetwork::IpNetwork;
use maxminddb::{MaxMindDbError, PathElement, Reader, WithinOptions};
use serde::Deserialize;

use crate::model::{Country, CountryCode, Escaped, Family, Subject};

/// The largest file that is taken for a database of countries, in bytes: the
/// largest there is holds about half as much.
const LARGEST: u64 = 1 << 30;

/// The longest name of a country, in bytes: other servers refuse longer ones.
const LONGEST_NAME: usize = 255;

/// How a gzip file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// How often a file is read again that changes meanwhile.
const TRIES: u32 = 3;

/// A database that was opened: the countries of addresses.
///
/// The file is read into memory, not mapped: geoipupdate renames a new file
/// into place, but whoever unpacks or copies one over the old shortens it
/// first, and a map of a file that has become shorter ends the program with
/// SIGBUS. Reading 60 MB costs a run with bans some hundredths of a second.
pub struct Countries {
    path: PathBuf,
    reader: Reader<Vec<u8>>,
    damage: OnceLock<String>,
}

/// What a database says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// Its type: `GeoLite2-Country`. The text is the maker's.
    pub name: String,
    /// When it was made, in Unix seconds.
    pub built: i64,
    /// Whether it knows IPv6 addresses.
    pub has_v6: bool,
}

/// Why a database can not be used. The sentence names the path and says what
/// to do.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// There is none where the configuration says.
    #[error("{}: the location database is not there: correct `geoip.database`, or run geoipupdate", Escaped::path(.0))]
    Missing(PathBuf),
    /// Reading it takes rights that we do not have.
    #[error("{}: the location database can not be read: permission denied; run with sudo, or make it readable", Escaped::path(.0))]
    Denied(PathBuf),
    /// It is a directory, a pipe, a device.
    #[error("{}: the location database is no file: correct `geoip.database`", Escaped::path(.0))]
    NotAFile(PathBuf),
    /// It is larger than any database of countries.
    #[error("{}: the location database is too large to be one ({} bytes): correct `geoip.database`", Escaped::path(.0), .1)]
    TooLarge(PathBuf, u64),
    /// The system can not read it.
    #[error("{}: the location database can not be read: {}", Escaped::path(.0), .1)]
    Io(PathBuf, io::Error),
    /// It is cut, damaged, or something else.
    #[error("{}: the location database is damaged ({}): get it anew, with geoipupdate or as it was got", Escaped::path(.0), Escaped::text(.1))]
    Damaged(PathBuf, String),
    /// It is compressed, as DB-IP offers it.
    #[error("{}: the location database is compressed: unpack it first, with gunzip", Escaped::path(.0))]
    Packed(PathBuf),
    /// It is a whole database of something else.
    #[error("{}: the location database is of type {}, which names no countries: use a Country or City edition", Escaped::path(.0), Escaped::text(.1))]
    WrongType(PathBuf, String),
    /// It was being written for as long as we tried.
    #[error("{}: the location database is being written: the next run looks again", Escaped::path(.0))]
    Changing(PathBuf),
}

impl GeoError {
    /// The file that it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            GeoError::Missing(path)
            | GeoError::Denied(path)
            | GeoError::NotAFile(path)
            | GeoError::TooLarge(path, _)
            | GeoError::Io(path, _)
            | GeoError::Damaged(path, _)
            | GeoError::Packed(path)
            | GeoError::WrongType(path, _)
            | GeoError::Changing(path) => path,
        }
    }
}

/// What a record has under `country`.
#[derive(Deserialize)]
struct Place<'a> {
    #[serde(borrow)]
    iso_code: Option<&'a str>,
    #[serde(borrow, default)]
    names: Names<'a>,
}

#[derive(Deserialize, Default)]
struct Names<'a> {
    #[serde(borrow)]
    en: Option<&'a str>,
}

impl Countries {
    /// Reads the database at `path`.
    ///
    /// # Errors
    /// It is missing, not to be read, damaged, or names no countries.
    pub fn open(path: &Path) -> Result<Self, GeoError> {
        Countries::of(path, read(path)?)
    }

    /// The database that these bytes of `path` are.
    fn of(path: &Path, bytes: Vec<u8>) -> Result<Self, GeoError> {
        let damaged = |error: MaxMindDbError| GeoError::Damaged(path.to_owned(), error.to_string());
        if bytes.starts_with(&GZIP) {
            return Err(GeoError::Packed(path.to_owned()));
        }
        let reader = Reader::from_source(bytes).map_err(damaged)?;
        let kind = reader.metadata().database_type.to_ascii_lowercase();
        // GeoIP2-Enterprise, DBIP-Location and the like hold a City edition's records.
        let has_countries = ["country", "city", "location", "enterprise"];
        if !has_countries.iter().any(|word| kind.contains(word)) {
            let kind = reader.metadata().database_type.clone();
            return Err(GeoError::WrongType(path.to_owned(), kind));
        }
        Ok(Countries {
            path: path.to_owned(),
            reader,
            damage: OnceLock::new(),
        })
    }

    /// Where `subject` is from; none if the database does not know. A network is from the
    /// country of its first address, if all of it is from there.
    ///
    /// The country that the network is used in, not the one it is registered
    /// in. Where the database is damaged there is none, and
    /// [`damage`](Self::damage) tells.
    pub fn country(&self, subject: Subject) -> Option<Country> {
        self.look_up(subject).unwrap_or_else(|error| {
            self.damage.get_or_init(|| error.to_string());
            None
        })
    }

    fn look_up(&self, subject: Subject) -> Result<Option<Country>, MaxMindDbError> {
        if subject.family() == Family::V6 && !self.has_v6() {
            return Ok(None);
        }
        let found = self.reader.lookup(subject.first().ip())?;
        let place: Option<Place<'_>> = found.decode_path(&[PathElement::Key("country")])?;
        let first = place.as_ref().and_then(country);
        if first.is_none() || found.network()?.prefix() <= subject.length() {
            return Ok(first);
        }
        // The database has narrower networks there.
        let network = IpNetwork::new(subject.first().ip(), subject.length());
        let Ok(network) = network else {
            return Ok(None);
        };
        for part in self.reader.within(network, WithinOptions::default())? {
            let place: Option<Place<'_>> = part?.decode_path(&[PathElement::Key("country")])?;
            if place.as_ref().and_then(country) != first {
                return Ok(None);
            }
        }
        Ok(first)
    }

    /// What was found to be damaged when countries were looked up.
    #[must_use]
    pub fn damage(&self) -> Option<GeoError> {
        let damage = self.damage.get()?;
        Some(GeoError::Damaged(self.path.clone(), damage.clone()))
    }

    /// What it says of itself.
    #[must_use]
    pub fn edition(&self) -> Edition {
        let about = self.reader.metadata();
        Edition {
            name: about.database_type.clone(),
            built: i64::try_from(about.build_epoch).unwrap_or(i64::MAX),
            has_v6: self.has_v6(),
        }
    }

    /// The file that was read.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn has_v6(&self) -> bool {
        self.reader.metadata().ip_version == 6
    }
}

impl std::fmt::Debug for Countries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Countries");
        shown.field("path", &self.path);
        shown.field("edition", &self.edition());
        shown.finish_non_exhaustive()
    }
}

/// A country has a code; without an English name the code is its name.
fn country(place: &Place<'_>) -> Option<Country> {
    let code = CountryCode::parse(place.iso_code?)?;
    let name = place.names.en.filter(|name| !name.trim().is_empty());
    let name = name.filter(|name| name.len() <= LONGEST_NAME);
    Some(Country {
        code: Some(code),
        name: Arc::from(name.unwrap_or(code.as_str())),
    })
}

/// The whole file, as it stood at one moment.
fn read(path: &Path) -> Result<Vec<u8>, GeoError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => GeoError::Missing(path.to_owned()),
        io::ErrorKind::PermissionDenied => GeoError::Denied(path.to_owned()),
        _ => GeoError::Io(path.to_owned(), error),
    };
    for _ in 0..TRIES {
        // Opening a named pipe would wait for a writer.
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(path)
            .map_err(failed)?;
        let before = file.metadata().map_err(failed)?;
        if !before.is_file() {
            return Err(GeoError::NotAFile(path.to_owned()));
        }
        if before.len() > LARGEST {
            return Err(GeoError::TooLarge(path.to_owned(), before.len()));
        }
        let mut bytes = Vec::new();
        let size = usize::try_from(before.len()).unwrap_or(usize::MAX);
        let reserved = bytes.try_reserve_exact(size.saturating_add(1));
        reserved.map_err(|_| failed(io::ErrorKind::OutOfMemory.into()))?;
        let limit = before.len() + 1;
        (&mut file)
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let after = file.metadata().map_err(failed)?;
        let stamp = |of: &std::fs::Metadata| (of.len(), of.mtime(), of.mtime_nsec());
        if stamp(&before) == stamp(&after) && bytes.len() == size {
            return Ok(bytes);
        }
    }
    Err(GeoError::Changing(path.to_owned()))
}

#[cfg(test)]
mod tests;
