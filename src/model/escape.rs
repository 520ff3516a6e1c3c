use std::fmt::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Text from an untrusted source, made safe to show. Control characters, escape
/// sequences, characters that change the direction of writing or are invisible, and
/// bytes that are not UTF-8 become `\xHH`.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(&'a [u8]);

impl<'a> Escaped<'a> {
    /// Bytes of a log.
    #[must_use]
    pub fn bytes(bytes: &'a [u8]) -> Self {
        Escaped(bytes)
    }

    /// Text of the configuration or of another program.
    #[must_use]
    pub fn text(text: &'a str) -> Self {
        Escaped(text.as_bytes())
    }

    /// A path.
    #[must_use]
    pub fn path(path: &'a Path) -> Self {
        Escaped(path.as_os_str().as_bytes())
    }
}

/// Whether a terminal or an editor would do more than show it.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if is_harmful(c) {
                    let mut bytes = [0; 4];
                    c.encode_utf8(&mut bytes)
                        .bytes()
                        .try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
                } else {
                    f.write_char(c)?;
                }
            }
            chunk
                .invalid()
                .iter()
                .try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_would_do_something_to_a_terminal_is_only_shown() {
        let shown = |bytes: &[u8]| Escaped::bytes(bytes).to_string();
        assert_eq!(shown(b"\x1b]52;c;AAAA\x07"), r"\x1b]52;c;AAAA\x07");
        assert_eq!(shown(b"caf\xe9 \0 a\r\nb"), r"caf\xe9 \x00 a\x0d\x0ab");
        assert_eq!(
            shown("zürich \u{202e}moc".as_bytes()),
            r"zürich \xe2\x80\xaemoc"
        );
        assert_eq!(shown("\u{9b}31m".as_bytes()), r"\xc2\x9b31m");
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left(bytes: Vec<u8>) {
            prop_assert!(!Escaped::bytes(&bytes).to_string().chars().any(is_harmful));
        }
    }
}
