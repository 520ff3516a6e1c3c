use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::*;
use crate::firewall::iptables::owner;
use crate::firewall::iptables::rule::ListedRule;
use crate::firewall::iptables::saved;
use crate::firewall::iptables::tree::ChainTree;
use crate::firewall::rule_text::rule_text;
use crate::model::{Address, Deny, Family, Subject};
use proptest::prelude::*;

/// A filter table that understands the restore language: chains of rules as
/// text, and the kernel's refusals.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Table(BTreeMap<String, Vec<String>>);

const BUILTIN: [&str; 3] = ["INPUT", "FORWARD", "OUTPUT"];

impl Table {
    fn new() -> Self {
        Table(BUILTIN.map(|name| (name.to_owned(), Vec::new())).into())
    }

    fn with(mut self, chain: &str, rules: &[&str]) -> Self {
        let rules = rules.iter().map(|&rule| rule.to_owned()).collect();
        self.0.insert(chain.to_owned(), rules);
        self
    }

    /// What iptables-save would print.
    fn listing(&self) -> Listing {
        Listing::parse(Family::V4, self.saved().as_bytes()).unwrap()
    }

    fn saved(&self) -> String {
        let mut text = "*filter\n".to_owned();
        for name in self.0.keys() {
            let policy = if BUILTIN.contains(&&**name) {
                "ACCEPT"
            } else {
                "-"
            };
            let _ = writeln!(text, ":{name} {policy} [0:0]");
        }
        for (name, rules) in &self.0 {
            for rule in rules {
                let _ = writeln!(text, "-A {name} {rule}");
            }
        }
        text + "COMMIT\n"
    }

    /// All of `text` or, with the refused line, none of it.
    fn restore(&mut self, text: &str) -> Result<(), String> {
        let mut table = self.clone();
        let inner = text
            .strip_prefix("*filter\n")
            .and_then(|text| text.strip_suffix("COMMIT\n"))
            .ok_or("not one table")?;
        for line in inner.lines() {
            table.command(line).ok_or(line)?;
        }
        *self = table;
        Ok(())
    }

    fn command(&mut self, line: &str) -> Option<()> {
        if let Some(chain) = line.strip_prefix(':') {
            let chain = chain.strip_suffix(" - [0:0]")?;
            assert!(!BUILTIN.contains(&chain), "would set a policy");
            self.0.insert(chain.to_owned(), Vec::new());
            return Some(());
        }
        let (command, rest) = line.split_once(' ')?;
        let (name, spec) = rest.split_once(' ').unwrap_or((rest, ""));
        let referenced = self.0.values().flatten().any(|rule| points_at(rule, name));
        let known = self.0.keys().cloned().collect::<Vec<_>>();
        let chain = self.0.get_mut(name)?;
        match command {
            "-A" => chain.push(reject_as_listed(spec)),
            "-I" => {
                let (place, spec) = spec.split_once(' ')?;
                if let Some((_, target)) = spec.rsplit_once("-j ") {
                    known.iter().find(|name| *name == target)?;
                }
                let place = place.parse::<usize>().ok()?.checked_sub(1)?;
                (place <= chain.len()).then(|| chain.insert(place, spec.to_owned()))?;
            }
            "-D" => {
                let spec = reject_as_listed(spec);
                let place = chain.iter().position(|rule| *rule == spec)?;
                chain.remove(place);
            }
            "-F" => chain.clear(),
            "-X" if chain.is_empty() && !referenced && !BUILTIN.contains(&name) => {
                self.0.remove(name);
            }
            _ => return None,
        }
        Some(())
    }
}

fn points_at(rule: &str, chain: &str) -> bool {
    rule.ends_with(&format!("-j {chain}")) || rule.ends_with(&format!("-g {chain}"))
}

fn reject_as_listed(spec: &str) -> String {
    spec.replace("-j REJECT", "-j REJECT --reject-with icmp-port-unreachable")
}

fn set(addresses: &[&str]) -> BTreeSet<Subject> {
    addresses
        .iter()
        .map(|text| Subject::parse(text).expect(text))
        .collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The store whose bans they are, in the tests.
const STORE: &str = "3f9c2a0011223344";

/// Another one.
const OTHER: &str = "00000000deadbeef";

/// The rule that carries an id.
fn id(store: &str) -> String {
    owner::as_comment(store)
}

fn made(chain: &str, hooks: &[&str]) -> InstalledChain {
    InstalledChain {
        place: None,
        chain: chain.to_owned(),
        hooks: names(hooks),
    }
}

/// Plans for PYFILTER hooked from INPUT, dropping `bans`.
fn drops(bans: &[&str], former: &[InstalledChain], table: &Table) -> RulesetPlan {
    let wanted = Wanted {
        store: STORE,
        chain: "PYFILTER",
        hooks: &names(&["INPUT"]),
        deny: Deny::Drop,
        bans: &set(bans),
        whole: false,
    };
    plan(&wanted, former, &table.listing())
}

fn ban(address: &str) -> String {
    format!("-s {address}/32 -j DROP")
}

#[test]
fn the_first_run_makes_chain_and_hook_even_without_bans() {
    let text = drops(&[], &[], &Table::new()).text.unwrap();
    assert_eq!(
        text,
        format!(
            "*filter\n:PYFILTER - [0:0]\n-A PYFILTER {}\n-I INPUT 1 -j PYFILTER\nCOMMIT\n",
            id(STORE)
        )
    );
    let empty = Listing::parse(Family::V4, b"").unwrap();
    let wanted = Wanted {
        store: STORE,
        chain: "PYFILTER",
        hooks: &names(&["INPUT"]),
        deny: Deny::Drop,
        bans: &set(&[]),
        whole: false,
    };
    assert_eq!(plan(&wanted, &[], &empty).text.unwrap(), text);
}

#[test]
fn the_texts_are_pinned() {
    let bans = ["203.0.113.13", "203.0.113.9", "2001:db8::13"];
    let first = drops(&bans, &[], &Table::new()).text.unwrap();
    assert_eq!(
        first,
        include_str!("../../../../fixtures/golden/firewall/first.rules")
    );

    let others: Vec<String> = (1..20).map(|n| ban(&format!("192.0.2.{n}"))).collect();
    let others = [vec![id(STORE)], others].concat();
    let rules: Vec<&str> = others.iter().map(String::as_str).collect();
    let table = Table::new()
        .with("INPUT", &["-j PYFILTER"])
        .with("PYFILTER", &rules);
    let mut wanted: Vec<String> = (2..20).map(|n| format!("192.0.2.{n}")).collect();
    wanted.extend(bans.map(str::to_owned));
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let difference = drops(&wanted, &[], &table).text.unwrap();
    assert_eq!(
        difference,
        include_str!("../../../../fixtures/golden/firewall/difference.rules")
    );

    let table = Table::new()
        .with(
            "INPUT",
            &[
                "-p tcp -j ACCEPT",
                "-j PYFILTER",
                "-p udp -j ACCEPT",
                "-j PYFILTER",
                "-j OLD",
            ],
        )
        .with("PYFILTER", &["-j ACCEPT"])
        .with("OLD", &[&ban("192.0.2.1")]);
    let repair = drops(&bans, &[made("OLD", &["INPUT"])], &table)
        .text
        .unwrap();
    assert_eq!(
        repair,
        include_str!("../../../../fixtures/golden/firewall/repair.rules")
    );

    let table = Table::new()
        .with("INPUT", &["-j PYFILTER"])
        .with("PYFILTER", &[&ban("192.0.2.1")]);
    let removal = removal(&[made("PYFILTER", &["INPUT"])], None, &table.listing());
    assert_eq!(
        removal.text.unwrap(),
        include_str!("../../../../fixtures/golden/firewall/removal.rules")
    );
}

#[test]
fn nothing_is_written_when_all_is_as_it_should_be() {
    let table = Table::new()
        .with(
            "INPUT",
            &["-p tcp -j ACCEPT", "-m comment --comment ours -j PYFILTER"],
        )
        .with(
            "PYFILTER",
            &[&id(STORE), &ban("203.0.113.9"), &ban("203.0.113.13")],
        );
    let bans = ["203.0.113.9", "203.0.113.13", "2001:db8::1"];
    assert_eq!(drops(&bans, &[], &table), RulesetPlan::default());
}

#[test]
fn a_chain_of_the_first_layout_comes_to_carry_the_id_and_loses_no_ban() {
    let bans = ["192.0.2.1", "192.0.2.2"];
    let table = Table::new()
        .with("INPUT", &["-j PYFILTER"])
        .with("PYFILTER", &bans.map(ban).each_ref().map(String::as_str));
    let own = [made("PYFILTER", &["INPUT"])];
    let first = drops(&bans, &own, &table);
    let mut after = table.clone();
    after.restore(first.text.as_ref().unwrap()).unwrap();
    let [one, two] = bans.map(ban);
    assert_eq!(after.0["PYFILTER"], [id(STORE), one, two]);
    assert_eq!(first.warnings, [""; 0], "its own is no stranger's");
    assert_eq!(first.taken_from, None);

    // What this store does not remember to have made may be another's.
    let strange = drops(&bans, &[], &table);
    assert!(
        strange.warnings[0].contains("chain PYFILTER held 2 bans of a pyfilter that wrote no"),
        "{strange:?}"
    );
    let elsewhere = [made("OLD", &["INPUT"])];
    assert_eq!(drops(&bans, &elsewhere, &table).warnings, strange.warnings);
}

#[test]
fn a_chain_of_another_store_is_replaced_and_named() {
    for carried in [id(OTHER), format!("-j {}", owner::chain_of(OTHER))] {
        let mut table = Table::new()
            .with("INPUT", &["-j PYFILTER"])
            .with(&owner::chain_of(OTHER), &[])
            .with("PYFILTER", &[&carried, &ban("192.0.2.1")]);
        let plan = drops(&["192.0.2.2"], &[made("PYFILTER", &["INPUT"])], &table);
        assert_eq!(plan.taken_from.as_deref(), Some(OTHER));
        assert_eq!(plan.warnings, [""; 0]);
        table.restore(&plan.text.unwrap()).unwrap();
        assert_eq!(table.0["PYFILTER"], [id(STORE), ban("192.0.2.2")]);
        let named = table.0.contains_key(&owner::chain_of(OTHER));
        assert!(!named, "{carried}");
    }
}

#[test]
fn without_a_comment_match_an_empty_chain_carries_the_id() {
    let mut table = Table::new();
    let plan = drops(&["192.0.2.1"], &[], &table);
    let text = plan.without_comment().unwrap();
    let named = owner::chain_of(STORE);
    assert!(!text.contains("comment"), "{text}");
    table.restore(&text).unwrap();
    assert_eq!(
        table.0["PYFILTER"],
        [format!("-j {named}"), ban("192.0.2.1")]
    );
    assert_eq!(table.0[&named], [""; 0]);
    assert_eq!(drops(&["192.0.2.1"], &[], &table), RulesetPlan::default());

    // It is used from then on, kept empty, and goes with the chain.
    table
        .0
        .get_mut(&named)
        .unwrap()
        .push("-j ACCEPT".to_owned());
    let plan = drops(&["192.0.2.2"], &[], &table);
    assert_eq!(plan.comment, None);
    table.restore(&plan.text.unwrap()).unwrap();
    assert_eq!(table.0[&named], [""; 0]);
    let plan = removal(
        &[made("PYFILTER", &["INPUT"])],
        Some(STORE),
        &table.listing(),
    );
    table.restore(&plan.text.unwrap()).unwrap();
    assert_eq!(table, Table::new());
}

#[test]
fn a_former_chain_that_is_another_stores_is_left_to_it() {
    let table = Table::new()
        .with("INPUT", &["-j OLD"])
        .with("OLD", &[&id(OTHER), &ban("192.0.2.1")]);
    let former = [made("OLD", &["INPUT"])];
    let plan = drops(&[], &former, &table);
    assert!(!plan.text.unwrap().contains("OLD"));
    let left = format!("chain OLD is left as it is: it carries the id of another store, {OTHER}");
    assert_eq!(plan.warnings, [left]);
    assert_eq!(removal(&former, Some(STORE), &table.listing()).text, None);
    assert!(removal(&former, None, &table.listing()).text.is_some());
}

#[test]
fn what_was_made_in_another_table_is_not_looked_for_in_this_one() {
    let table = Table::new().with("INPUT", &["-j OLD"]).with("OLD", &[]);
    let elsewhere = InstalledChain {
        place: Some(crate::model::ChainLocation::Iptables {
            family: Family::V4,
            variant: crate::model::IptablesVariant::Nft,
        }),
        ..made("OLD", &["INPUT"])
    };
    assert_eq!(removal(&[elsewhere], None, &table.listing()).text, None);
}

#[test]
fn another_deny_type_writes_the_whole_chain() {
    let listed = "-s 203.0.113.9/32 -j REJECT --reject-with icmp-port-unreachable";
    let table = Table::new()
        .with("INPUT", &["-j PYFILTER"])
        .with("PYFILTER", &[&id(STORE), listed]);
    let plan = drops(&["203.0.113.9"], &[], &table);
    assert!(
        plan.text
            .unwrap()
            .starts_with("*filter\n:PYFILTER - [0:0]\n")
    );
    assert_eq!(plan.warnings, [""; 0], "our own rules are no strangers");
}

/// Bans of many networks, more than one chain holds.
fn many(n: u8) -> BTreeSet<Subject> {
    let address = |n: u8| Address::from(std::net::Ipv4Addr::new(n.wrapping_mul(37), n, 2, n));
    (0..n).map(|n| Subject::from(address(n))).collect()
}

fn wants<'a>(bans: &'a BTreeSet<Subject>, hooks: &'a [String]) -> Wanted<'a> {
    Wanted {
        store: STORE,
        chain: "PYFILTER",
        hooks,
        deny: Deny::Drop,
        bans,
        whole: false,
    }
}

#[test]
fn many_bans_become_a_tree_of_which_only_what_differs_is_written() {
    let hooks = names(&["INPUT"]);
    let mut bans = many(200);
    let mut table = Table::new();
    let first = plan(&wants(&bans, &hooks), &[], &table.listing())
        .text
        .unwrap();
    table.restore(&first).unwrap();
    assert!(
        table.0.keys().any(|name| name.starts_with("PYFILTER/")),
        "{table:?}"
    );
    let again = plan(&wants(&bans, &hooks), &[], &table.listing());
    assert_eq!(again, RulesetPlan::default());

    // One ban more is one leaf.
    bans.insert(Subject::parse("150.1.1.1").unwrap());
    let more = plan(&wants(&bans, &hooks), &[], &table.listing())
        .text
        .unwrap();
    assert_eq!(more.matches(" - [0:0]").count(), 1, "{more}");
    table.restore(&more).unwrap();

    // A leaf that was flushed, and a stranger in another.
    let leaves: Vec<String> = (table.0.keys())
        .filter(|name| name.starts_with("PYFILTER/"))
        .cloned()
        .collect();
    table.0.get_mut(&leaves[0]).unwrap().clear();
    table
        .0
        .get_mut(&leaves[1])
        .unwrap()
        .push("-j ACCEPT".to_owned());
    let repair = plan(&wants(&bans, &hooks), &[], &table.listing());
    assert_eq!(
        repair.warnings,
        [format!(
            "chain PYFILTER: 1 rule that pyfilter did not write is replaced, the first was `-A {} -j ACCEPT`",
            leaves[1]
        )]
    );
    let text = repair.text.unwrap();
    assert_eq!(text.matches(" - [0:0]").count(), 2, "{text}");
    table.restore(&text).unwrap();

    // With few bans the branches go, but one that somebody's rule names is left empty.
    let jump = format!("-j {}", leaves[0]);
    table.0.get_mut("FORWARD").unwrap().push(jump.clone());
    let few = many(2);
    let fewer = plan(&wants(&few, &hooks), &[], &table.listing());
    table.restore(&fewer.text.clone().unwrap()).unwrap();
    let left: Vec<&String> = table.0.keys().filter(|name| name.contains('/')).collect();
    assert_eq!(left, [&leaves[0]]);
    assert!(
        fewer.warnings[0].contains("is emptied but can not be deleted"),
        "{fewer:?}"
    );
    table.0.get_mut("FORWARD").unwrap().clear();
    let text = plan(&wants(&few, &hooks), &[], &table.listing())
        .text
        .unwrap();
    assert_eq!(text, format!("*filter\n-X {}\nCOMMIT\n", leaves[0]));
}

#[test]
fn a_tree_is_taken_away_whole_also_where_its_root_is_gone() {
    let hooks = names(&["INPUT"]);
    let bans = many(200);
    let mut table = Table::new();
    let first = plan(&wants(&bans, &hooks), &[], &table.listing())
        .text
        .unwrap();
    table.restore(&first).unwrap();
    let ours = [made("PYFILTER", &["INPUT"])];
    let mut without_root = table.clone();
    without_root.0.remove("PYFILTER");
    without_root.0.get_mut("INPUT").unwrap().clear();
    for mut table in [table, without_root] {
        let text = removal(&ours, Some(STORE), &table.listing()).text.unwrap();
        table.restore(&text).unwrap();
        assert_eq!(table, Table::new());
    }
}

#[test]
fn what_is_known_to_be_there_is_amended_like_what_is_listed() {
    let hooks = names(&["INPUT"]);
    for (before, after) in [(3, 4), (100, 120), (120, 30), (41, 40), (0, 200)] {
        let (before, after) = (many(before), many(after));
        let mut table = Table::new();
        let first = plan(&wants(&before, &hooks), &[], &table.listing())
            .text
            .unwrap();
        table.restore(&first).unwrap();
        let tree = |bans| ChainTree::of("PYFILTER", Family::V4, bans);
        let (before, now) = (tree(&before), tree(&after));
        let change = Amendment::of(&before, &now);
        let known = change.text("PYFILTER", &id(STORE), Deny::Drop);
        let listed = plan(&wants(&after, &hooks), &[], &table.listing())
            .text
            .unwrap();
        let mut amended = table.clone();
        amended.restore(&known).unwrap();
        // The digest of the text is known before it is listed.
        let digest = |chains| {
            let text = as_saved(chains, "PYFILTER", &id(STORE), Deny::Drop, Family::V4);
            saved::digest(text.as_bytes())
        };
        let of = |table: &Table| saved::digest(table.saved().as_bytes());
        let without = of(&table).wrapping_sub(digest(&change.former));
        assert_eq!(without.wrapping_add(digest(&change.changed)), of(&amended));
        table.restore(&listed).unwrap();
        assert_eq!(amended, table);
    }
}

/// Few networks of 4,096 addresses, so that leaves divide and merge.
fn clustered_bans() -> impl Strategy<Value = BTreeSet<Subject>> {
    let ban = (0..3_u32, 0..4096_u32, 20..=40_u8).prop_map(|(network, low, length)| {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 | network << 16 | low);
        Subject::network(address.into(), length.min(32))
    });
    prop::collection::btree_set(ban, 0..250)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// What both trees lack is what a comparison of whole trees finds to be the same.
    #[test]
    fn trees_without_what_is_the_same_are_amended_like_whole_ones(
        after in clustered_bans(), changed in clustered_bans(), few in 1..40_usize,
    ) {
        let gone = changed.difference(&after).copied().take(few);
        let gone: Vec<Subject> = gone.collect();
        let new: Vec<Subject> = after.iter().copied().step_by(7).take(few).collect();
        let mut before = after.clone();
        before.retain(|ban| !new.contains(ban));
        before.extend(gone.iter().copied());
        let whole = [&before, &after].map(|bans| ChainTree::of("PYFILTER", Family::V4, bans));
        let differing = ChainTree::differing("PYFILTER", Family::V4, &after, &gone, &new);
        let text = |[before, after]: &[ChainTree; 2]| {
            let change = Amendment::of(before, after);
            let saved =
                |chains: &[_]| as_saved(chains, "PYFILTER", "ID", Deny::Drop, Family::V4);
            let texts = [saved(&change.former), saved(&change.changed)];
            (change.text("PYFILTER", "ID", Deny::Drop), texts)
        };
        prop_assert_eq!(text(&differing), text(&whole));
        prop_assert!(differing[1].chains.len() <= whole[1].chains.len());
    }
}

#[test]
fn strangers_in_our_chain_are_replaced_and_shown() {
    let table = Table::new().with("INPUT", &["-j PYFILTER"]).with(
        "PYFILTER",
        &[&id(STORE), "-s 10.0.0.0/8 -j ACCEPT", &ban("192.0.2.1")],
    );
    let plan = drops(&["192.0.2.1"], &[], &table);
    assert_eq!(
        plan.warnings,
        [
            "chain PYFILTER: 1 rule that pyfilter did not write is replaced, \
          the first was `-A PYFILTER -s 10.0.0.0/8 -j ACCEPT`"
        ]
    );
}

#[test]
fn a_hook_that_does_not_exist_is_skipped_and_named() {
    let wanted = Wanted {
        store: STORE,
        chain: "PYFILTER",
        hooks: &names(&["INPUT", "DOCKER-USER"]),
        deny: Deny::Drop,
        bans: &set(&[]),
        whole: false,
    };
    let plan = plan(&wanted, &[], &Table::new().listing());
    assert_eq!(plan.missing_hooks, ["DOCKER-USER"]);
    assert!(!plan.text.unwrap().contains("DOCKER-USER"));
}

#[test]
fn a_chain_that_somebody_else_uses_is_emptied_and_left() {
    let mut table = Table::new()
        .with("INPUT", &["-j PYFILTER", "-p tcp -j PYFILTER"])
        .with("PYFILTER", &[&ban("192.0.2.1")]);
    let ours = [made("PYFILTER", &["INPUT"])];
    let plan = removal(&ours, None, &table.listing());
    assert!(plan.warnings[0].contains("`-A INPUT -p tcp -j PYFILTER`"));
    table.restore(&plan.text.unwrap()).unwrap();
    assert_eq!(table.0["PYFILTER"], [""; 0]);
    assert_eq!(removal(&ours, None, &table.listing()).text, None);
}

/// Rules that may stand anywhere: ours, hooks, and strangers.
fn rule() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..6u8).prop_map(|n| ban(&format!("192.0.2.{n}"))),
        1 => (0..6u8).prop_map(|n| reject_as_listed(&format!("-s 192.0.2.{n}/32 -j REJECT"))),
        2 => prop::sample::select(vec![
            "-j ACCEPT",
            "-p tcp -j DROP",
            "-s 10.0.0.0/8 -j DROP",
            "-m comment --comment \"a \\\"b\" -j ACCEPT",
        ]).prop_map(str::to_owned),
    ]
}

fn jump() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "-j PYFILTER",
        "-j PYFILTER",
        "-m comment --comment \"our bans\" -j PYFILTER",
        "-p tcp -j PYFILTER",
        "-g PYFILTER",
        "-j OLD",
        "-p udp -j OLD",
        "-j OLDER",
        "-j OTHER",
    ])
    .prop_map(str::to_owned)
}

fn table() -> impl Strategy<Value = Table> {
    let ours = || prop::option::weighted(0.8, prop::collection::vec(rule(), 0..8));
    let hooks = || {
        let either = prop_oneof![jump(), jump(), rule()];
        prop::collection::vec(either, 0..7)
    };
    let other = prop::option::of(hooks());
    (ours(), ours(), ours(), hooks(), hooks(), other).prop_map(
        |(chain, old, older, input, forward, other)| {
            let mut table = Table::new();
            let chains = [
                ("PYFILTER", chain),
                ("OLD", old),
                ("OLDER", older),
                ("OTHER", other),
            ];
            for (name, rules) in chains {
                if let Some(rules) = rules {
                    table.0.insert(name.to_owned(), rules);
                }
            }
            table.0.insert("INPUT".to_owned(), input);
            table.0.insert("FORWARD".to_owned(), forward);
            // The kernel lets no rule name a chain that is not there.
            let known: Vec<String> = table.0.keys().cloned().collect();
            for rules in table.0.values_mut() {
                rules.retain(|rule| {
                    ["PYFILTER", "OLD", "OLDER", "OTHER"]
                        .iter()
                        .all(|name| !points_at(rule, name) || known.iter().any(|k| k == name))
                });
            }
            table
        },
    )
}

/// A rule that carries a store's id, in a chain of ours, and where in it.
fn owner() -> impl Strategy<Value = (&'static str, String, usize)> {
    let chain = prop::sample::select(vec!["PYFILTER", "PYFILTER", "OLD"]);
    let store = prop::sample::select(vec![STORE, OTHER]);
    (chain, store, prop::bool::ANY, 0..3usize).prop_map(|(chain, store, by_chain, place)| {
        // A former chain that is another store's now is left to it.
        let store = if chain == "OLD" { STORE } else { store };
        let rule = if by_chain {
            format!("-j {}", owner::chain_of(store))
        } else {
            id(store)
        };
        (chain, rule, place)
    })
}

/// All rules but the jumps that were made, in chains that are nobody's of ours.
fn foreign(table: &Table, made: &[InstalledChain]) -> Vec<(String, Vec<String>)> {
    let ours = |name: &str, rule: &str| {
        made.iter().any(|made| {
            made.hooks.iter().any(|hook| hook == name)
                && ListedRule::new(rule).always_jumps_to(&made.chain)
        })
    };
    table
        .0
        .iter()
        .filter(|(name, _)| !made.iter().any(|made| made.chain == **name))
        .filter(|(name, _)| !name.starts_with("pyfilter-"))
        .map(|(name, rules)| {
            let rules = rules.iter().filter(|rule| !ours(name, rule)).cloned();
            (name.clone(), rules.collect())
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_table_is_brought_to_what_is_wanted_and_nobody_else_is_touched(
        before in table(),
        bans in prop::collection::btree_set(0..6u8, 0..6),
        hooks in prop::sample::subsequence(vec!["INPUT", "FORWARD", "OTHER"], 1..=3),
        whole: bool,
        reject: bool,
        commentless: bool,
        owners in prop::collection::vec(owner(), 0..3),
    ) {
        let mut before = before;
        for (chain, rule, place) in owners {
            let Some(rules) = before.0.get_mut(chain) else { continue };
            rules.insert(place.min(rules.len()), rule.clone());
            if let Some(named) = rule.strip_prefix("-j ") {
                before.0.entry(named.to_owned()).or_default();
            }
        }

        let banned: BTreeSet<Subject> = bans
            .iter()
            .map(|n| Subject::from(Address::from(std::net::Ipv4Addr::new(192, 0, 2, *n))))
            .collect();
        let deny = if reject { Deny::Reject } else { Deny::Drop };
        let hooks = names(&hooks);
        let wanted = Wanted { store: STORE, chain: "PYFILTER", hooks: &hooks, deny, bans: &banned, whole };
        let former = [
            made("PYFILTER", &["INPUT", "FORWARD"]),
            made("OLD", &["INPUT"]),
            made("OLD", &["FORWARD", "INPUT"]),
            made("OLDER", &["OUTPUT"]),
            made("GONE", &["INPUT"]),
        ];
        let mut ours = former.to_vec();
        ours.push(InstalledChain { place: None, chain: "PYFILTER".to_owned(), hooks: hooks.clone() });

        let mut after = before.clone();
        let first = plan(&wanted, &former, &before.listing());
        let text = match first.without_comment() {
            Some(text) if commentless => Some(text),
            _ => first.text.clone(),
        };
        if let Some(text) = &text {
            after.restore(text).map_err(|line| {
                TestCaseError::fail(format!("refused `{line}` of\n{text}\nin {before:#?}"))
            })?;
        }
        let ids = |table: &Table| -> Vec<String> {
            owner::ids(table.listing().chain("PYFILTER").unwrap()).collect()
        };
        prop_assert_eq!(ids(&after), [STORE]);
        let mut there: Vec<String> = after.0["PYFILTER"].clone();
        there.retain(|rule| owner::id_of(&ListedRule::new(rule)).is_none());
        there.sort();
        let mut expected: Vec<String> = banned
            .iter()
            .map(|address| reject_as_listed(&rule_text(*address, deny)))
            .collect();
        expected.sort();
        prop_assert_eq!(there, expected);

        let listing = after.listing();
        for (name, chain) in listing.chains() {
            let jumps = listing.jumps(name, "PYFILTER").len();
            if hooks.iter().any(|hook| hook == name) {
                prop_assert_eq!(jumps, 1, "{}", name);
            } else if ["INPUT", "FORWARD"].contains(&name) {
                prop_assert_eq!(jumps, 0, "{}", name);
            }
            prop_assert!(!chain.rules.is_empty() || name != "GONE");
        }
        prop_assert!(after.0.get("OLD").is_none_or(Vec::is_empty));
        prop_assert_eq!(foreign(&after, &ours), foreign(&before, &ours));

        // The first jump keeps its place among the others' rules.
        for hook in &hooks {
            if let Some((place, _)) = before.listing().jumps(hook, "PYFILTER").first() {
                let left_of = |table: &Table, place: usize| -> Vec<String> {
                    let rules = &table.0[hook][..place - 1];
                    rules.iter().filter(|rule| !rule.contains("-j OLD")).cloned().collect()
                };
                let now = listing.jumps(hook, "PYFILTER")[0].0;
                prop_assert_eq!(left_of(&before, *place), left_of(&after, now));
            }
        }

        let again = Wanted { whole: false, ..wanted };
        prop_assert_eq!(plan(&again, &former, &listing).text, None);

        let taken = removal(&ours, None, &listing);
        if let Some(text) = &taken.text {
            after.restore(text).map_err(TestCaseError::fail)?;
        }
        prop_assert!(after.0.get("PYFILTER").is_none_or(|rules| rules.is_empty() && !taken.warnings.is_empty()));
        prop_assert_eq!(foreign(&after, &ours), foreign(&before, &ours));
        prop_assert!(!after.0.keys().any(|name| name.starts_with("pyfilter-")), "{:?}", after);
    }
}
