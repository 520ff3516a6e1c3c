//! Text that the user wrote, made safe to print.

use crate::model::Escaped;

/// How much of a key or a value a message repeats, in characters.
const LONGEST: usize = 80;

/// `text` escaped, and cut after 80 characters.
pub(super) fn shown(text: &str) -> String {
    let mut end = text.char_indices().map(|(at, _)| at).skip(LONGEST);
    match end.next() {
        Some(end) => escaped(&text[..end]) + "…",
        None => escaped(text),
    }
}

/// `text` as it may be printed.
pub(super) fn escaped(text: &str) -> String {
    Escaped::text(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_repeats_the_beginning_of_what_is_long() {
        assert_eq!(shown("a\x1b[31m"), "a\\x1b[31m");
        assert_eq!(shown(&"ü".repeat(80)), "ü".repeat(80));
        assert_eq!(shown(&"ü".repeat(81)), "ü".repeat(80) + "…");
    }
}
