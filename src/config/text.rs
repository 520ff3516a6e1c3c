//! The bytes of a file of the configuration as text.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::fault::{Fault, Faults, TextPosition};

/// How many bytes a configuration may have.
const LARGEST: u64 = 16 << 20;

/// The bytes of a file, or half a sentence about what is wrong with it.
pub(super) fn read_opened(file: File) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let taken = file.take(LARGEST + 1).read_to_end(&mut text);
    taken.map_err(|error| reason(&error))?;
    if text.len() as u64 > LARGEST {
        return Err("is larger than 16 MiB: this is no configuration".to_owned());
    }
    Ok(text)
}

pub(super) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            "there is no such file: `pyfilter init` writes one that fits this host".to_owned()
        }
        ErrorKind::PermissionDenied => "may not be read: run with sudo".to_owned(),
        _ => format!("can not be read: {error}"),
    }
}

/// Bytes that are no text: where, and why.
#[derive(Debug)]
pub(super) struct NotText {
    place: Option<TextPosition>,
    message: String,
}

impl NotText {
    pub(super) fn of(self, file: Option<&Path>) -> Faults {
        Faults {
            file: file.map(PathBuf::from),
            faults: vec![Fault {
                path: String::new(),
                place: self.place,
                message: self.message,
            }],
            more: 0,
        }
    }
}

/// The bytes as text, without a byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, NotText> {
    let whole = |message: &str| NotText {
        place: None,
        message: message.to_owned(),
    };
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(whole("is UTF-16: save it as UTF-8"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Err(whole(
            "is empty: write {} for the built-in settings, or have `pyfilter init --force` write it",
        ));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let (before, from) = bytes.split_at(error.valid_up_to());
        let before = String::from_utf8_lossy(before);
        let last_line = before.rsplit('\n').next().unwrap_or_default();
        NotText {
            place: Some(TextPosition {
                line: before.matches('\n').count() + 1,
                column: last_line.chars().count() + 1,
            }),
            message: format!("is not UTF-8: the byte \\x{:02x}", from[0]),
        }
    })
}
