use std::fmt;

use super::{Address, Escaped, Family, Subject};

/// An address or a network as a person has written it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenSubject {
    /// What it is.
    pub subject: Subject,
    /// Whether bits behind the length of a network were cut off: `203.0.113.7/24`.
    pub was_cut: bool,
}

/// Why a text is neither an address nor a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GivenSubjectError {
    /// It is something else.
    #[error(
        "is neither an address nor a network such as 192.0.2.0/24 (host names are not looked up)"
    )]
    Neither,
    /// The length is longer than an address.
    #[error("has a length that no network has: 0 to {0}")]
    Length(u8),
    /// It holds IPv4 addresses, and more than these.
    #[error("is wider than the IPv4 addresses in ::ffff:0:0/96: write an IPv4 network")]
    MappedIsWide,
}

impl GivenSubject {
    /// The subject of `203.0.113.9`, `203.0.113.0/24` or `2001:db8::/32`. Host bits are cut
    /// off. IPv4-mapped IPv6 is IPv4: `::ffff:192.0.2.7/120` is `192.0.2.0/24`.
    ///
    /// # Errors
    /// It is anything else.
    pub fn parse(text: &str) -> Result<Self, GivenSubjectError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let is_mapped = address.contains(':');
        let address = Address::parse(address.as_bytes()).ok_or(GivenSubjectError::Neither)?;
        let Some(length) = length else {
            return Ok(Subject::from(address).into());
        };
        let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            return Err(GivenSubjectError::Neither);
        }
        let family = address.family();
        let is_mapped = is_mapped && family == Family::V4;
        let bits = if is_mapped { 128 } else { family.bits() };
        let length = length.parse().ok().filter(|length| *length <= bits);
        let mut length: u8 = length.ok_or(GivenSubjectError::Length(bits))?;
        if is_mapped {
            // The length of a mapped address counts from the front of the IPv6 one.
            length = length
                .checked_sub(96)
                .ok_or(GivenSubjectError::MappedIsWide)?;
        }
        let subject = Subject::network(address, length);
        Ok(GivenSubject {
            subject,
            was_cut: subject.first() != address,
        })
    }

    /// The warning that bits were cut off, if they were; `text` is what was written.
    #[must_use]
    pub fn cut_warning(self, text: &str) -> Option<String> {
        let (text, subject) = (Escaped::text(text), self.subject);
        (self.was_cut).then(|| format!("{text} is taken for the network {subject}"))
    }
}

impl From<Subject> for GivenSubject {
    fn from(subject: Subject) -> Self {
        GivenSubject {
            subject,
            was_cut: false,
        }
    }
}

impl fmt::Display for GivenSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.subject.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_writes_is_canonical() {
        for (text, subject, was_cut) in [
            ("127.0.0.1", "127.0.0.1", false),
            ("192.0.2.7/32", "192.0.2.7", false),
            ("192.0.2.0/24", "192.0.2.0/24", false),
            ("192.0.2.7/24", "192.0.2.0/24", true),
            ("0.0.0.0/0", "0.0.0.0/0", false),
            ("2001:DB8::1", "2001:db8::1", false),
            ("2001:db8::1/32", "2001:db8::/32", true),
            ("fe80::1%eth0", "fe80::1", false),
            ("fe80::1%eth0/64", "fe80::/64", true),
            ("::ffff:192.0.2.7", "192.0.2.7", false),
            ("::ffff:192.0.2.7/120", "192.0.2.0/24", true),
        ] {
            let given = GivenSubject::parse(text).unwrap();
            assert_eq!(
                (given.to_string().as_str(), given.was_cut),
                (subject, was_cut)
            );
            assert_eq!(given.cut_warning(text).is_some(), was_cut);
        }
    }

    #[test]
    fn what_is_neither_is_told() {
        use GivenSubjectError::{Length, MappedIsWide, Neither};
        for (text, wrong) in [
            ("", Neither),
            ("localhost", Neither),
            ("123.456.789.1", Neither),
            ("10.0.0.0/33", Length(32)),
            ("10.0.0.0/", Neither),
            ("10.0.0.0/255.0.0.0", Neither),
            ("::/129", Length(128)),
            ("10.0.0.0/99999999999", Length(32)),
            ("10.0.0.0/+8", Neither),
            ("/8", Neither),
            ("10.0.0.0/8/8", Neither),
            ("::ffff:1.2.3.4/95", MappedIsWide),
            (" 10.0.0.1", Neither),
        ] {
            assert_eq!(GivenSubject::parse(text), Err(wrong), "{text:?}");
        }
    }
}
