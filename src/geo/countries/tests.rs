use proptest::prelude::*;

use super::*;

fn fixture(name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/geo");
    fixtures.join(name)
}

fn named(countries: &Countries, address: &str) -> Option<(String, String)> {
    let country = countries.country(Subject::parse(address).unwrap())?;
    Some((country.code?.to_string(), country.name.to_string()))
}

fn opened(bytes: &[u8]) -> Result<Countries, GeoError> {
    Countries::of(Path::new("x.mmdb"), bytes.to_vec())
}

#[test]
fn each_edition_names_the_same_countries() {
    for name in [
        "GeoLite2-Country.mmdb",
        "GeoLite2-City.mmdb",
        "dbip-country-lite-2026-01.mmdb",
    ] {
        let countries = Countries::open(&fixture(name)).unwrap();
        let is = |address, code: &str, name: &str| {
            let expected = Some((code.to_owned(), name.to_owned()));
            assert_eq!(named(&countries, address), expected, "{address}");
        };
        is("203.0.113.13", "GB", "United Kingdom");
        is("::ffff:203.0.113.13", "GB", "United Kingdom");
        is("192.0.2.127", "DE", "Germany");
        is("192.0.2.128", "FR", "France");
        is("2001:db8::1", "NL", "The Netherlands");
        is("2001:db8:ffff::1", "BR", "Brazil");
        is("198.18.66.1", "XX", "<script>alert(1)</script>");
        is("198.18.69.1", "XZ", "XZ");
        is("198.18.70.1", "YY", "YY");
        for unknown in ["198.18.68.1", "198.18.80.1", "198.18.81.1", "127.0.0.1"] {
            assert_eq!(named(&countries, unknown), None, "{unknown}");
        }
        assert!(countries.damage().is_none());
        assert_eq!(countries.edition().built, 1_767_225_600);
    }
}

#[test]
fn a_database_without_ipv6_knows_no_such_address() {
    let countries = Countries::open(&fixture("v4-only.mmdb")).unwrap();
    assert!(named(&countries, "203.0.113.13").is_some());
    assert!(named(&countries, "::ffff:203.0.113.13").is_some());
    assert_eq!(named(&countries, "2001:db8::1"), None);
    assert!(countries.damage().is_none());
}

#[test]
fn what_is_no_database_of_countries_says_what_to_do() {
    let said = |path: &Path| Countries::open(path).unwrap_err().to_string();
    let ends = |path: &Path, end: &str| {
        let said = said(path);
        assert!(said.starts_with(path.to_str().unwrap()), "{said}");
        assert!(said.ends_with(end), "{said}");
    };
    ends(
        &fixture("GeoLite2-ASN.mmdb"),
        "the location database is of type GeoLite2-ASN, which names no countries: use a Country or City edition",
    );
    ends(
        &fixture("make.py"),
        "is damaged (invalid database: could not find MaxMind DB metadata in file): get it anew, with geoipupdate or as it was got",
    );
    ends(
        &fixture("no.mmdb"),
        "is not there: correct `geoip.database`, or run geoipupdate",
    );
    ends(
        &fixture(""),
        "the location database is no file: correct `geoip.database`",
    );
    ends(
        Path::new("/dev/zero"),
        "the location database is no file: correct `geoip.database`",
    );
    assert!(matches!(
        opened(b"\x1f\x8b\x08\0rest"),
        Err(GeoError::Packed(_))
    ));
    assert!(matches!(opened(b""), Err(GeoError::Damaged(..))));
    let dir = tempfile::tempdir().unwrap();
    let sparse = dir.path().join("x");
    let file = std::fs::File::create(&sparse).unwrap();
    file.set_len(LARGEST + 1).unwrap();
    assert!(matches!(
        Countries::open(&sparse),
        Err(GeoError::TooLarge(_, size)) if size == LARGEST + 1
    ));
}

#[test]
fn wherever_a_database_ends_too_early_it_is_refused() {
    let whole = std::fs::read(fixture("GeoLite2-City.mmdb")).unwrap();
    // What is cut from the end of the description of itself alone may pass.
    let about = memchr::memmem::rfind(&whole, b"MaxMind.com").unwrap();
    for length in 0..about {
        let refused = opened(&whole[..length]);
        assert!(matches!(refused, Err(GeoError::Damaged(..))), "{length}");
    }
}

#[test]
fn a_database_that_is_written_over_meanwhile_is_used_whole_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.mmdb");
    let bytes = std::fs::read(fixture("GeoLite2-Country.mmdb")).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..300 {
                // As `cp` does it: the file is short for a while.
                std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
                std::fs::write(&path, &bytes).unwrap();
            }
        });
        while !writer.is_finished() {
            match Countries::open(&path) {
                Ok(countries) => {
                    let named = named(&countries, "203.0.113.13");
                    assert!(named.is_some() || countries.damage().is_some());
                }
                Err(GeoError::Damaged(..) | GeoError::Changing(_)) => {}
                Err(other) => panic!("{other}"),
            }
        }
    });
    assert!(named(&Countries::open(&path).unwrap(), "203.0.113.13").is_some());
}

/// A network has the country of its first address, if all of it is from there.
#[test]
fn a_network_has_a_country_if_all_of_it_has_that_one() {
    let countries = Countries::open(&fixture("GeoLite2-City.mmdb")).unwrap();
    let of = |text: &str| named(&countries, text).map(|(code, _)| code);
    let one = of("203.0.113.13").unwrap();
    assert_eq!(of("203.0.113.12/30"), Some(one));
    // All of the Internet is not from one country.
    assert_eq!(of("0.0.0.0/0"), None);
    assert_eq!(of("128.0.0.0/1"), None);
}

/// Some of the addresses of the fixtures, of both families.
fn addresses() -> impl Iterator<Item = Subject> {
    let known = [
        "192.0.2.1",
        "192.0.2.200",
        "203.0.113.13",
        "198.18.66.1",
        "198.18.70.1",
        "198.18.81.1",
        "255.255.255.255",
        "2001:db8::1",
        "2001:db8:8000::1",
        "ffff::1",
        "::",
    ];
    known
        .into_iter()
        .map(|address| Subject::parse(address).unwrap())
}

/// A damaged database names countries or does not, and says so.
fn survives(bytes: &[u8]) {
    if let Ok(countries) = opened(bytes) {
        for address in addresses() {
            if let Some(country) = countries.country(address) {
                assert!(country.name.len() <= LONGEST_NAME);
            }
        }
        let _ = countries.edition();
        let _ = countries.damage().map(|damage| damage.to_string());
    }
}

#[test]
fn no_single_byte_of_a_database_can_do_harm() {
    for name in ["GeoLite2-Country.mmdb", "v4-only.mmdb"] {
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        for at in 0..bytes.len() {
            let good = bytes[at];
            for damage in [0x00, 0xff, good ^ 0x01, good ^ 0x80, good ^ 0x20] {
                bytes[at] = damage;
                survives(&bytes);
            }
            bytes[at] = good;
        }
    }
}

#[test]
fn damage_that_is_met_late_is_told() {
    let mut bytes = std::fs::read(fixture("GeoLite2-Country.mmdb")).unwrap();
    let name = memchr::memmem::rfind(&bytes, b"United Kingdom").unwrap();
    bytes[name] = 0xff;
    let countries = opened(&bytes).unwrap();
    assert_eq!(named(&countries, "203.0.113.13"), None);
    let said = countries.damage().unwrap().to_string();
    assert!(said.contains("the location database is damaged"), "{said}");
    assert!(named(&countries, "192.0.2.1").is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_damaged_database_does_no_harm(
        which in 0usize..3,
        flips: Vec<(prop::sample::Index, u8)>,
        cut: Option<(prop::sample::Index, prop::sample::Index)>,
        end: Option<prop::sample::Index>,
    ) {
        let names = ["GeoLite2-Country.mmdb", "GeoLite2-City.mmdb", "v4-only.mmdb"];
        let mut bytes = std::fs::read(fixture(names[which])).unwrap();
        let flips = flips.into_iter().take(8);
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some((from, to)) = cut {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            bytes.drain(from.min(to)..from.max(to));
        }
        if let Some(end) = end {
            bytes.truncate(end.index(bytes.len().max(1)));
        }
        survives(&bytes);
    }

    #[test]
    fn bytes_of_any_kind_do_no_harm(mut bytes: Vec<u8>, about: Vec<u8>) {
        bytes.extend(b"\xab\xcd\xefMaxMind.com");
        bytes.extend(about);
        survives(&bytes);
    }
}
