/// `1 ban`, `2 bans`: a number with the words that fit it.
#[must_use]
pub fn plural(count: impl TryInto<u64>, one: &str, many: &str) -> String {
    match count.try_into() {
        Ok(1) => format!("1 {one}"),
        Ok(count) => format!("{count} {many}"),
        Err(_) => many.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let of = |count: usize| plural(count, "line is", "lines are");
        assert_eq!(
            [of(0), of(1), of(2)],
            ["0 lines are", "1 line is", "2 lines are"]
        );
    }
}
