use std::path::{Path, PathBuf};

/// Where geoipupdate, the distributions' packages and people put databases;
/// the last two are PyFilter's own.
const DIRECTORIES: [&str; 8] = [
    "usr/share/GeoIP",
    "var/lib/GeoIP",
    "usr/local/share/GeoIP",
    "usr/local/var/GeoIP",
    "var/lib/dbip",
    "etc/pyfilter",
    "usr/local/PyFilter",
    "usr/local/PyFilter/Config",
];

/// How databases are called, best first. All are right about countries as
/// far as anybody is; a Country edition is a tenth of a City one to read.
const NAMES: [&str; 8] = [
    "GeoIP2-Country.mmdb",
    "GeoLite2-Country.mmdb",
    "dbip-country.mmdb",
    "dbip-country-lite*.mmdb",
    "GeoIP2-City.mmdb",
    "GeoLite2-City.mmdb",
    "dbip-city.mmdb",
    "dbip-city-lite*.mmdb",
];

/// The database to use: the configured one, whether it is there or not, else
/// the first that is found in the usual places.
#[must_use]
pub fn find(configured: Option<&Path>) -> Option<PathBuf> {
    match configured {
        Some(path) => Some(path.to_owned()),
        None => find_below(Path::new("/")),
    }
}

/// The directories that are looked at when none is configured, as people
/// write them.
#[must_use]
pub fn places() -> Vec<PathBuf> {
    let below = |directory| Path::new("/").join(directory);
    DIRECTORIES.iter().map(below).collect()
}

/// A Country edition anywhere comes before a City edition; PyFilter's copy of
/// 2018 comes after both, since its directories are last.
fn find_below(root: &Path) -> Option<PathBuf> {
    let (usual, own) = DIRECTORIES.split_at(6);
    let in_all = |directories: &[&str]| {
        NAMES.iter().find_map(|name| {
            directories
                .iter()
                .find_map(|directory| latest(&root.join(directory), name))
        })
    };
    in_all(usual).or_else(|| in_all(own))
}

/// The file of that name; with a `*`, which stands for the month, the latest.
fn latest(directory: &Path, name: &str) -> Option<PathBuf> {
    let Some((before, after)) = name.split_once('*') else {
        let path = directory.join(name);
        return path.is_file().then_some(path);
    };
    let entries = std::fs::read_dir(directory).ok()?;
    let named = entries.flatten().filter(|entry| {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(before));
        rest.is_some_and(|rest| rest.ends_with(after))
    });
    let files = named
        .map(|entry| entry.path())
        .filter(|path| path.is_file());
    files.max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_best_of_the_usual_places_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        let found = || {
            let path = find_below(root.path())?;
            Some(path.strip_prefix(root.path()).unwrap().to_owned())
        };
        assert_eq!(found(), None);
        // From the last choice to the first.
        for path in [
            "usr/local/PyFilter/GeoLite2-Country.mmdb",
            "var/lib/dbip/dbip-city-lite-2026-09.mmdb",
            "usr/share/GeoIP/GeoLite2-City.mmdb",
            "var/lib/GeoIP/dbip-country-lite-2026-09.mmdb",
            "var/lib/GeoIP/dbip-country-lite-2026-10.mmdb",
            "usr/local/share/GeoIP/GeoLite2-Country.mmdb",
        ] {
            put(path);
            assert_eq!(found().as_deref(), Some(Path::new(path)));
        }
        put("usr/share/GeoIP/dbip-country-lite.mmdb.gz");
        put("usr/share/GeoIP/GeoLite2-ASN.mmdb");
        let best = Path::new("usr/local/share/GeoIP/GeoLite2-Country.mmdb");
        assert_eq!(found().as_deref(), Some(best));
    }

    #[test]
    fn what_is_configured_is_used_whether_it_is_there_or_not() {
        let nowhere = Path::new("/nowhere/at all.mmdb");
        assert_eq!(find(Some(nowhere)).as_deref(), Some(nowhere));
    }

    #[test]
    fn a_directory_of_that_name_is_no_database() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("usr/share/GeoIP/GeoLite2-Country.mmdb");
        fs::create_dir_all(path).unwrap();
        assert_eq!(find_below(root.path()), None);
    }
}
