use std::fmt;
use std::sync::Arc;

/// The country that an address is from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country {
    /// Its two letters; none if another server sent the name alone.
    pub code: Option<CountryCode>,
    /// Its English name. The text comes from the database or from another server.
    pub name: Arc<str>,
}

impl Country {
    /// A country of which only the name is known; none if that is empty.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = (!name.is_empty()).then(|| Arc::from(name));
        name.map(|name| Country { code: None, name })
    }
}

/// The two capital letters of ISO 3166-1, or of those that databases add to
/// them (`XK`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    /// The code that `text` is, in whatever case; `None` for anything but two
    /// letters of ASCII.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 2] = text.as_bytes().try_into().ok()?;
        let is_code = letters.iter().all(u8::is_ascii_alphabetic);
        is_code.then(|| CountryCode(letters.map(|letter| letter.to_ascii_uppercase())))
    }

    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_is_two_letters() {
        let code = |text| CountryCode::parse(text).map(|code| code.to_string());
        assert_eq!(code("gb").as_deref(), Some("GB"));
        assert_eq!(code("XK").as_deref(), Some("XK"));
        for wrong in ["", "G", "GBR", "G1", "<b", "é", "\x1b["] {
            assert_eq!(code(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_there_is_a_code_or_none(text: String) {
            let code = CountryCode::parse(&text);
            prop_assert_eq!(code.map(|code| code.to_string()), code.map(|_| text.to_uppercase()));
        }
    }
}
