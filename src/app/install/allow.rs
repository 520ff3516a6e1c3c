//! Who is logged in when pyfilter is installed is never banned by it.

use std::collections::BTreeMap;

use serde_json::json;

use crate::model::{Address, Family, Subject};
use crate::system;

/// How much of an IPv6 address stays the same while a host takes new ones for its
/// privacy (RFC 8981).
const V6_PREFIX: u8 = 64;

/// Those that are to be allowed, each with the accounts that are logged in from there.
pub(super) type Allowed = BTreeMap<Subject, String>;

/// The networks of the addresses from which somebody is logged in, where a ban
/// would be possible.
pub(super) fn logged_in(may_be_banned: impl Fn(Address) -> bool) -> Allowed {
    let mut sessions = system::sessions();
    if let Some(own) = system::login_address() {
        sessions.entry(own).or_insert_with(|| "you".to_owned());
    }
    networks(sessions, may_be_banned)
}

fn networks(
    sessions: BTreeMap<Address, String>,
    may_be_banned: impl Fn(Address) -> bool,
) -> Allowed {
    let mut networks = Allowed::new();
    for (address, accounts) in sessions {
        if !may_be_banned(address) {
            continue;
        }
        let network = match address.family() {
            Family::V4 => Subject::from(address),
            Family::V6 => Subject::network(address, V6_PREFIX),
        };
        let all = networks.entry(network).or_default();
        if !all.is_empty() {
            all.push_str(", ");
        }
        all.push_str(&accounts);
    }
    networks
}

/// The file of `conf.d` that allows them.
pub(super) fn text(allowed: &Allowed) -> String {
    let who = allowed
        .iter()
        .map(|(network, accounts)| format!("{network}: {accounts}"));
    let document = json!({
        "//": "Who was logged in when pyfilter was installed is never banned from there. Remove what should be, or the file",
        "settings": {
            "// ignored_ips": who.collect::<Vec<_>>().join("; "),
            "ignored_ips": allowed.keys().map(ToString::to_string).collect::<Vec<_>>(),
        }
    });
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn each_is_allowed_with_its_accounts_and_of_ipv6_its_network() {
        let session = |address: &str, accounts: &str| {
            let address = Address::parse(address.as_bytes()).unwrap();
            (address, accounts.to_owned())
        };
        let sessions = [
            session("203.0.113.7", "root, bob"),
            session("2001:db8::1", "ann"),
            session("2001:db8::2", "eve\u{1b}"),
            session("192.0.2.1", "own"),
        ];
        let own = Address::parse(b"192.0.2.1").unwrap();
        let allowed = networks(sessions.into(), |address| address != own);
        let text = text(&allowed);
        assert!(
            text.contains("203.0.113.7: root, bob; 2001:db8::/64: ann, eve\\u001b"),
            "{text}"
        );
        let config = Config::from_text(text.as_bytes(), None, Path::new("/")).unwrap();
        let networks: Vec<String> = config.ignored.iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["203.0.113.7", "2001:db8::/64"]);
    }
}
