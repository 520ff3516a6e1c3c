//! Whose chain or table it is: each carries the id of the store that made it. Pure.

use crate::model::Problem;

/// Whether the name of a chain can hold `id`, with room for so many letters. In a rule
/// set, an id with a blank or a line end would be a command.
pub(super) fn is_id(id: &str, room: usize) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (1..=room).contains(&id.len()) && id.bytes().all(hex)
}

/// `place` (`chain PYFILTER`) was of the store `other`, and is of `store` now.
pub(super) fn taken_over(place: &str, other: &str, store: &str) -> Problem {
    Problem::new(format!(
        "firewall: {place} carried the id of another store, {other}; it now holds the bans \
         of this one, {store}. If that store is in use, each of the two takes the other's bans \
         out of the firewall: give one of them another settings.firewall.chain"
    ))
}

/// `place` is of the store `other`, and the next run makes it that of `store`.
pub(super) fn will_be_taken_over(place: &str, other: &str, store: Option<&str>) -> String {
    format!(
        "{place} carries the id of another store, {other}; the next run puts the bans of this one, {}, in their place: give one of the two another settings.firewall.chain",
        store.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn an_id_that_would_be_a_command_is_none() {
        for wrong in [
            "",
            "a b",
            "a\n-F INPUT",
            "a\nflush ruleset",
            "\"",
            "ABC",
            &"a".repeat(20),
        ] {
            assert!(!is_id(wrong, 19), "{wrong:?}");
        }
        assert!(is_id("3f9c2a", 19) && is_id(&"a".repeat(19), 19));
    }
}
