//! The chains and hooks that pyfilter made in the firewall: remembered so that they
//! can be removed, even when the host uses another firewall program by then.
//!
//! They are one value of `meta`, a JSON array. The first version kept chain and hook
//! in the table `made`, without their place; the first commit of a later version
//! empties it.

use serde_json::{Value, json};

use crate::model::{ChainLocation, Family, InstalledChain};

use super::error::StoreError;
use super::query::{Commit, Store, columns};

const KEY: &str = "made";

impl Store {
    /// The chains that were made, with their places and hooks.
    pub fn made(&self) -> Result<Vec<InstalledChain>, StoreError> {
        let found: Option<String> = self.meta(KEY)?;
        let Some(text) = found else {
            return self.made_somewhere();
        };
        let said = "what it says of the chains that were made is not understood";
        understood(&text).ok_or_else(|| self.damaged(said))
    }

    /// The chains of the first version, without their places.
    fn made_somewhere(&self) -> Result<Vec<InstalledChain>, StoreError> {
        let select = "SELECT chain, hook FROM made ORDER BY chain, hook";
        let rows: Vec<(String, String)> = self.rows(select, [], columns)?;
        let mut made: Vec<InstalledChain> = Vec::new();
        for (chain, hook) in rows {
            match made.last_mut() {
                Some(last) if last.chain == chain => last.hooks.push(hook),
                _ => made.push(InstalledChain {
                    place: None,
                    chain,
                    hooks: vec![hook],
                }),
            }
        }
        Ok(made)
    }
}

impl Commit<'_> {
    /// Remembers the chains and hooks that are there now.
    pub fn set_made(&self, made: &[InstalledChain]) -> Result<(), StoreError> {
        self.execute("DELETE FROM made", [])?;
        let made: Value = made.iter().map(written).collect();
        self.set_meta(KEY, made.to_string())
    }
}

fn written(made: &InstalledChain) -> Value {
    let InstalledChain {
        place,
        chain,
        hooks,
    } = made;
    match place {
        None => json!({ "chain": chain, "hooks": hooks }),
        Some(place) => json!({
            "by": place.made_by(),
            "family": match place.family() {
                Some(Family::V4) => "v4",
                Some(Family::V6) => "v6",
                None => "both",
            },
            "chain": chain,
            "hooks": hooks,
        }),
    }
}

fn understood(text: &str) -> Option<Vec<InstalledChain>> {
    let rows: Vec<Value> = serde_json::from_str(text).ok()?;
    let row = |row: &Value| {
        let hooks = row["hooks"].as_array()?.iter();
        Some(InstalledChain {
            place: match row.get("by") {
                None => None,
                Some(by) => Some(place(by.as_str()?, row["family"].as_str()?)?),
            },
            chain: row["chain"].as_str()?.to_owned(),
            hooks: hooks
                .map(|hook| Some(hook.as_str()?.to_owned()))
                .collect::<Option<_>>()?,
        })
    };
    rows.iter().map(row).collect()
}

fn place(by: &str, family: &str) -> Option<ChainLocation> {
    let family = match family {
        "v4" => Some(Family::V4),
        "v6" => Some(Family::V6),
        "both" => None,
        _ => return None,
    };
    ChainLocation::named(by, family)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn made() -> impl Strategy<Value = InstalledChain> {
        let families = prop::sample::select(Family::BOTH.to_vec());
        let makers = prop::sample::select(vec!["iptables-nft", "iptables-legacy"]);
        let place = prop_oneof![
            (families, makers)
                .prop_map(|(family, by)| ChainLocation::named(by, Some(family)).unwrap()),
            Just(ChainLocation::Nftables),
        ];
        let hooks = prop::collection::vec("[!-~]{1,28}", 0..3);
        (prop::option::of(place), "[!-~]{1,28}", hooks).prop_map(|(place, chain, hooks)| {
            InstalledChain {
                place,
                chain,
                hooks,
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_understood(made in prop::collection::vec(made(), 0..4)) {
            let text: Value = made.iter().map(written).collect();
            prop_assert_eq!(understood(&text.to_string()), Some(made));
        }

        #[test]
        fn any_text_is_understood_or_refused(text in r#"[\[{}"a-z0-9:,\] -]{0,80}"#) {
            let _ = understood(&text);
        }
    }

    #[test]
    fn what_the_first_version_remembered_has_no_place() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("db"), 0, || None).unwrap();
        let table = "INSERT INTO made VALUES ('PYFILTER', 'INPUT'), ('PYFILTER', 'FORWARD')";
        store.connection.execute(table, []).unwrap();
        let found = store.made().unwrap();
        assert_eq!(
            found,
            [InstalledChain {
                place: None,
                chain: "PYFILTER".to_owned(),
                hooks: vec!["FORWARD".to_owned(), "INPUT".to_owned()],
            }]
        );
        let commit = store.begin().unwrap();
        commit.set_made(&[]).unwrap();
        commit.commit().unwrap();
        assert_eq!(store.made().unwrap(), []);
    }

    #[test]
    fn a_place_that_is_not_known_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("db"), 0, || None).unwrap();
        for text in [
            "x",
            "{}",
            r#"[{"by":"ipfw","family":"v4","chain":"A","hooks":[]}]"#,
        ] {
            let commit = store.begin().unwrap();
            commit.set_meta(KEY, text).unwrap();
            commit.commit().unwrap();
            assert!(
                matches!(store.made(), Err(StoreError::Damaged { .. })),
                "{text}"
            );
        }
    }
}
