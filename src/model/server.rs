use crate::model::Address;

/// Says what is wrong with a server's name, or that nothing is.
///
/// PyFilter splits `IP SERVER` at blanks and keeps server names beside other
/// fields in one Redis hash, hence the restrictions.
///
/// # Errors
/// A half sentence that fits behind the name: "must not be empty".
pub fn check_server_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("must not be empty");
    }
    if name.chars().any(char::is_control) {
        return Err("must not hold control characters");
    }
    if name.trim() != name || name.contains("  ") {
        return Err("must not begin or end with a blank, nor hold two in a row");
    }
    if ["reason", "banned_server", "country"].contains(&name) {
        return Err("is a word that Redis entries keep for themselves");
    }
    if Address::parse(name.as_bytes()).is_some() {
        return Err("must not be an address");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_pyfilter_would_stumble_over_are_refused() {
        for wrong in [
            "",
            " a",
            "a ",
            "a  b",
            "a\tb",
            "reason",
            "banned_server",
            "country",
            "::1",
            "192.0.2.1",
        ] {
            assert!(check_server_name(wrong).is_err(), "{wrong:?}");
        }
        for right in ["web 2", "VPS-Lon-1", "-", "1", "zürich"] {
            assert_eq!(check_server_name(right), Ok(()), "{right:?}");
        }
    }
}
