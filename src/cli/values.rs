//! Values of arguments, checked as far as that needs no configuration.

use crate::model::{BanTime, GivenSubject, parse_span};

/// How many of each list are shown; `usize::MAX` for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Top(pub usize);

pub(super) fn top(text: &str) -> Result<Top, &'static str> {
    match text.parse() {
        _ if text == "all" => Ok(Top(usize::MAX)),
        Ok(count) if count > 0 => Ok(Top(count)),
        _ => Err("a number from 1 on, or all"),
    }
}

/// An address or a network as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectArgument {
    /// What it is.
    pub given: GivenSubject,
    /// Its text.
    pub text: String,
}

pub(super) fn subject(text: &str) -> Result<SubjectArgument, String> {
    let text = text.to_owned();
    match GivenSubject::parse(&text) {
        Ok(given) => Ok(SubjectArgument { given, text }),
        Err(wrong) => Err(wrong.to_string()),
    }
}

pub(super) fn ban_time(text: &str) -> Result<BanTime, String> {
    match text {
        "null" => Ok(BanTime::FOR_EVER),
        _ => parse_span(text)
            .map(BanTime::from)
            .map_err(|wrong| wrong.to_string()),
    }
}
