//! What should be + what is there -> the text for `nft`. Pure.
//!
//! A difference is lines like these, in one commit:
//!
//! ```text
//! delete element inet pyfilter v4 { 203.0.113.9 }
//! add element inet pyfilter v4 { 203.0.113.13,203.0.113.14 }
//! ```
//!
//! Where anything but elements is not right the whole table is made anew, in one commit
//! too: so that no packet finds it half done.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::elements::{difference, wanted};
use super::layout::{
    BANS, BanSet, ENTRIES, SETS, chain_of_store, entry_definition, entry_hook, is_entry_rule,
    store_of_chain,
};
use super::seen::SeenTable;
use crate::model::{Deny, Subject};

/// How many elements stand in a line. With a line for each element `nft` takes twice the
/// time and four times the memory; longer lines gain nothing.
const IN_A_LINE: usize = 1000;

/// What our table should be.
#[derive(Debug, Clone, Copy)]
pub(super) struct WantedTable<'a> {
    pub(super) table: &'a str,
    pub(super) store: &'a str,
    pub(super) deny: Deny,
    pub(super) bans: &'a BTreeSet<Subject>,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TablePlan {
    /// Nothing: all is right.
    Right,
    /// This difference.
    Difference(String),
    /// The whole table.
    Whole {
        text: String,
        /// The other store whose table it was.
        taken_from: Option<String>,
        /// Whether somebody's rules or sets in it go.
        has_others: bool,
    },
    /// Nothing: the table is somebody else's.
    NotOurs,
}

/// What makes of `seen` what is wanted. A table without the id of a store is ours if we
/// remember that we made it, and it has our sets: another program may have made one of
/// that name since.
pub(super) fn plan(
    wanted: &WantedTable<'_>,
    is_remembered: bool,
    seen: Option<&SeenTable>,
) -> TablePlan {
    let Some(seen) = seen else {
        return anew(wanted, None);
    };
    match seen.store() {
        None if !is_remembered || !seen.has_our_sets() => return TablePlan::NotOurs,
        Some(other) if other != wanted.store => return anew(wanted, Some(seen)),
        _ => {}
    }
    if !is_structure_right(wanted, seen) {
        return anew(wanted, Some(seen));
    }
    let mut text = String::new();
    for (set, held) in SETS.iter().zip(&seen.held) {
        let should = self::wanted(*set, wanted.bans);
        let found = seen.sets.iter().find(|found| found.name == set.name);
        let (Some(held), true) = (
            held,
            found.is_some_and(|found| set.is_made_as(found, should.len())),
        ) else {
            return anew(wanted, Some(seen));
        };
        let (gone, new) = difference(held, &should);
        text += &change(wanted.table, *set, &gone, &new);
    }
    if text.is_empty() {
        TablePlan::Right
    } else {
        TablePlan::Difference(text)
    }
}

/// The difference that takes `gone` out of the sets and puts `new` into them, if `bans` is
/// what they hold afterwards.
pub(super) fn delta(
    table: &str,
    bans: &BTreeSet<Subject>,
    gone: &[Subject],
    new: &[Subject],
) -> String {
    let mut text = String::new();
    for set in SETS {
        let of_set = |all: &[Subject]| -> BTreeSet<Subject> {
            let of_set = all.iter().copied().filter(|subject| set.is_for(*subject));
            of_set.collect()
        };
        let (mut gone, mut new) = (of_set(gone), of_set(new));
        if set.is_of_networks && !(gone.is_empty() && new.is_empty()) {
            // A network that goes may have held others, and a new one holds others.
            let after = of_set_of(set, bans);
            let before: BTreeSet<Subject> = &(&after - &new) | &gone;
            let (before, after) = (wanted(set, &before), wanted(set, &after));
            let (out, into) = difference(&before, &after);
            (gone, new) = (out.into_iter().collect(), into.into_iter().collect());
        }
        let (gone, new): (Vec<_>, Vec<_>) = (gone.into_iter().collect(), new.into_iter().collect());
        text += &change(table, set, &gone, &new);
    }
    text
}

fn of_set_of(set: BanSet, bans: &BTreeSet<Subject>) -> BTreeSet<Subject> {
    let of_set = bans.iter().copied().filter(|subject| set.is_for(*subject));
    of_set.collect()
}

/// The text that makes the whole table, whatever was there.
fn whole(wanted: &WantedTable<'_>) -> String {
    let WantedTable {
        table, store, deny, ..
    } = wanted;
    let contents = SETS.map(|set| self::wanted(set, wanted.bans));
    // To add a table that is there changes nothing, and then it can be deleted.
    let mut text =
        format!("add table inet {table}\ndelete table inet {table}\ntable inet {table} {{\n");
    for (set, contents) in SETS.iter().zip(&contents) {
        let _ = writeln!(text, "{}", set.definition(contents.len()));
    }
    let _ = writeln!(text, "chain {} {{ }}", chain_of_store(store));
    let rules = SETS.map(|set| set.rule(*deny)).join("; ");
    let _ = writeln!(text, "chain {BANS} {{ {rules}; }}");
    for (entry, _) in ENTRIES {
        let _ = writeln!(text, "{}", entry_definition(entry));
    }
    text += "}\n";
    for (set, contents) in SETS.iter().zip(&contents) {
        elements(&mut text, "add", table, *set, contents);
    }
    text
}

/// The whole table in the place of `seen`.
pub(super) fn anew(wanted: &WantedTable<'_>, seen: Option<&SeenTable>) -> TablePlan {
    let store = seen.and_then(SeenTable::store);
    TablePlan::Whole {
        text: whole(wanted),
        taken_from: store.filter(|id| *id != wanted.store).map(str::to_owned),
        has_others: seen.is_some_and(has_others),
    }
}

/// Whether chains and rules are as we make them. Sets are looked at with what they hold.
fn is_structure_right(wanted: &WantedTable<'_>, seen: &SeenTable) -> bool {
    let entries_are_right = ENTRIES.iter().all(|(name, hook)| {
        let base = seen.chain(name).and_then(|chain| chain.base.as_ref());
        let rules = seen.rules(name);
        base == Some(&entry_hook(*hook)) && rules.len() == 1 && is_entry_rule(&rules[0])
    });
    let rules = seen.rules(BANS);
    let rules_are_right = rules.len() == SETS.len()
        && SETS
            .iter()
            .zip(rules)
            .all(|(set, rule)| set.stopped_by(rule, wanted.deny).is_some());
    let bans = seen.chain(BANS);
    !seen.is_dormant
        && entries_are_right
        && rules_are_right
        && bans.is_some_and(|chain| chain.base.is_none())
        && seen.chain(&chain_of_store(wanted.store)).is_some()
        && seen.chains.len() == ENTRIES.len() + 2
        && seen.sets.len() == SETS.len()
}

/// Whether somebody has put into the table what is not of our making.
fn has_others(seen: &SeenTable) -> bool {
    let is_our_chain = |name: &str| {
        name == BANS
            || ENTRIES.iter().any(|(entry, _)| *entry == name)
            || store_of_chain(name).is_some()
    };
    let is_our_rule = |chain: &str, rule| {
        if chain == BANS {
            let denies = [Deny::Drop, Deny::Reject];
            (SETS.iter()).any(|set| {
                denies
                    .iter()
                    .any(|deny| set.stopped_by(rule, *deny).is_some())
            })
        } else {
            is_entry_rule(rule)
        }
    };
    let is_our_set = |name: &str| SETS.iter().any(|set| set.name == name);
    seen.chains.iter().any(|chain| !is_our_chain(&chain.name))
        || seen.sets.iter().any(|set| !is_our_set(&set.name))
        || (seen.rules.iter())
            .any(|(chain, rules)| rules.iter().any(|rule| !is_our_rule(chain, rule)))
}

fn change(table: &str, set: BanSet, gone: &[Subject], new: &[Subject]) -> String {
    let mut text = String::new();
    elements(&mut text, "delete", table, set, gone);
    elements(&mut text, "add", table, set, new);
    text
}

fn elements(text: &mut String, verb: &str, table: &str, set: BanSet, subjects: &[Subject]) {
    for line in subjects.chunks(IN_A_LINE) {
        let _ = write!(text, "{verb} element inet {table} {} {{ ", set.name);
        for (number, subject) in line.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let _ = write!(text, "{comma}{subject}");
        }
        *text += " }\n";
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::BANS;
    use super::*;
    use crate::firewall::netlink::{
        ChainState, Expression, KernelChain, KernelRule, KernelSet, RuleVerdict,
    };

    const STORE: &str = "3f9c2a";

    fn set(texts: &[&str]) -> BTreeSet<Subject> {
        texts
            .iter()
            .map(|text| Subject::parse(text).expect(text))
            .collect()
    }

    fn wanted_of(bans: &BTreeSet<Subject>) -> WantedTable<'_> {
        WantedTable {
            table: "pyfilter",
            store: STORE,
            deny: Deny::Drop,
            bans,
        }
    }

    fn rule(expressions: Vec<Expression>) -> KernelRule {
        KernelRule {
            handle: 1,
            expressions,
            has_comment: false,
        }
    }

    fn ban_rule(set: BanSet) -> KernelRule {
        let v4 = set.family == crate::model::Family::V4;
        let (protocol, offset, length) = if v4 { (2, 12, 4) } else { (10, 8, 16) };
        rule(vec![
            Expression::Meta(15),
            Expression::Equal(vec![protocol]),
            Expression::Payload {
                base: 1,
                offset,
                length,
            },
            Expression::InSet(set.name.to_owned()),
            Expression::Counter {
                packets: 3,
                bytes: 4,
            },
            Expression::Verdict(RuleVerdict::Drop),
        ])
    }

    /// The table as it is after it was made for these bans.
    fn made(bans: &BTreeSet<Subject>) -> SeenTable {
        let chain = |name: &str, base| KernelChain {
            name: name.to_owned(),
            state: ChainState { handle: 1, uses: 1 },
            base,
        };
        let mut chains = ENTRIES
            .map(|(name, hook)| chain(name, Some(entry_hook(hook))))
            .to_vec();
        chains.extend([chain(BANS, None), chain(&chain_of_store(STORE), None)]);
        let jump = rule(vec![Expression::Verdict(RuleVerdict::Jump(
            BANS.to_owned(),
        ))]);
        let mut rules = ENTRIES.map(|(name, _)| (name, vec![jump.clone()])).to_vec();
        rules.push((BANS, SETS.map(ban_rule).to_vec()));
        let sets = SETS.map(|set| {
            let v4 = set.family == crate::model::Family::V4;
            KernelSet {
                name: set.name.to_owned(),
                handle: 1,
                key_type: if v4 { 7 } else { 8 },
                key_length: if v4 { 4 } else { 16 },
                flags: if set.is_of_networks { 4 } else { 0 },
                size: (!set.is_of_networks).then_some(5),
            }
        });
        SeenTable {
            is_dormant: false,
            chains,
            rules,
            sets: sets.to_vec(),
            held: SETS.map(|set| Some(wanted(set, bans))),
        }
    }

    #[test]
    fn the_whole_table_is_one_text() {
        let bans = set(&[
            "203.0.113.9",
            "198.51.100.0/24",
            "198.51.100.7",
            "198.51.100.128/25",
            "2001:db8::9",
        ]);
        let expected = "add table inet pyfilter
delete table inet pyfilter
table inet pyfilter {
set v4 { type ipv4_addr; size 16384; }
set v4_networks { type ipv4_addr; flags interval; }
set v6 { type ipv6_addr; size 16384; }
set v6_networks { type ipv6_addr; flags interval; }
chain store_3f9c2a { }
chain bans { ip saddr @v4 counter drop; ip saddr @v4_networks counter drop; ip6 saddr @v6 counter drop; ip6 saddr @v6_networks counter drop; }
chain input { type filter hook input priority -10; policy accept; jump bans; }
chain forward { type filter hook forward priority -10; policy accept; jump bans; }
}
add element inet pyfilter v4 { 198.51.100.7,203.0.113.9 }
add element inet pyfilter v4_networks { 198.51.100.0/24 }
add element inet pyfilter v6 { 2001:db8::9 }
";
        assert_eq!(whole(&wanted_of(&bans)), expected);
    }

    #[test]
    fn what_is_right_is_left_alone_and_elements_are_a_difference() {
        let bans = set(&["203.0.113.9", "2001:db8::/48"]);
        let seen = made(&bans);
        assert_eq!(
            plan(&wanted_of(&bans), false, Some(&seen)),
            TablePlan::Right
        );
        let others = set(&["203.0.113.13", "2001:db8::/48"]);
        let TablePlan::Difference(text) = plan(&wanted_of(&others), false, Some(&seen)) else {
            panic!("a difference");
        };
        let expected = "delete element inet pyfilter v4 { 203.0.113.9 }
add element inet pyfilter v4 { 203.0.113.13 }\n";
        assert_eq!(text, expected);
    }

    type Damage = (&'static str, bool, fn(&mut SeenTable));

    /// What may have become of the table, and whether somebody's own things are in it.
    const DAMAGES: [Damage; 13] = [
        ("dormant", false, |seen| seen.is_dormant = true),
        ("a chain is gone", false, |seen| drop(seen.chains.remove(0))),
        ("the hook", false, |seen| {
            seen.chains[0].base = Some(entry_hook(3));
        }),
        ("no hook", false, |seen| seen.chains[1].base = None),
        ("another chain", true, |seen| {
            seen.chains[3].name = "x".to_owned();
        }),
        ("flushed", false, |seen| seen.rules[0].1.clear()),
        ("rules are gone", false, |seen| seen.rules[2].1.truncate(2)),
        ("rules are turned round", false, |seen| {
            seen.rules[2].1.reverse();
        }),
        ("a rule is another's", true, |seen| {
            seen.rules[1]
                .1
                .push(rule(vec![Expression::Verdict(RuleVerdict::Accept)]));
        }),
        ("a set is gone", false, |seen| drop(seen.sets.remove(2))),
        ("a set is another's", true, |seen| {
            let mut other = seen.sets[0].clone();
            other.name = "x".to_owned();
            seen.sets.push(other);
        }),
        ("a set is full", false, |seen| seen.sets[0].size = Some(0)),
        ("not bans", false, |seen| seen.held[1] = None),
    ];

    #[test]
    fn whatever_else_is_not_right_makes_the_table_anew() {
        let bans = set(&["203.0.113.9"]);
        for (what, others, damage) in DAMAGES {
            let mut seen = made(&bans);
            damage(&mut seen);
            let planned = plan(&wanted_of(&bans), true, Some(&seen));
            let TablePlan::Whole {
                taken_from,
                has_others,
                ..
            } = planned
            else {
                panic!("{what}: {planned:?}");
            };
            assert_eq!((taken_from, has_others), (None, others), "{what}");
        }
        let reject = WantedTable {
            deny: Deny::Reject,
            ..wanted_of(&bans)
        };
        let planned = plan(&reject, false, Some(&made(&bans)));
        assert!(matches!(
            planned,
            TablePlan::Whole {
                has_others: false,
                ..
            }
        ));
        let planned = plan(&wanted_of(&bans), false, None);
        assert!(matches!(
            planned,
            TablePlan::Whole {
                has_others: false,
                ..
            }
        ));
    }

    #[test]
    fn a_table_is_ours_by_its_store_or_by_memory() {
        let bans = set(&[]);
        let mut seen = made(&bans);
        seen.chains[3].name = chain_of_store("0000aa");
        let planned = plan(&wanted_of(&bans), false, Some(&seen));
        assert!(
            matches!(&planned, TablePlan::Whole { taken_from: Some(other), .. } if other == "0000aa"),
            "{planned:?}"
        );
        seen.chains.pop();
        assert_eq!(
            plan(&wanted_of(&bans), false, Some(&seen)),
            TablePlan::NotOurs
        );
        let planned = plan(&wanted_of(&bans), true, Some(&seen));
        assert!(matches!(planned, TablePlan::Whole { .. }));
    }

    #[test]
    fn a_table_that_is_remembered_but_foreign_is_not_ours() {
        let bans = set(&["203.0.113.9"]);
        let foreign = SeenTable {
            chains: vec![KernelChain {
                name: "input".to_owned(),
                state: ChainState { handle: 1, uses: 1 },
                base: Some(entry_hook(1)),
            }],
            ..SeenTable::default()
        };
        let mut with_one_set = foreign.clone();
        with_one_set.sets.push(made(&bans).sets[0].clone());
        for seen in [SeenTable::default(), foreign, with_one_set] {
            for is_remembered in [false, true] {
                let planned = plan(&wanted_of(&bans), is_remembered, Some(&seen));
                assert_eq!(planned, TablePlan::NotOurs, "{seen:?}");
            }
        }
    }

    #[test]
    fn a_table_that_is_made_anew_tells_whose_it_was_and_what_goes() {
        let bans = set(&["203.0.113.9"]);
        let of = |seen: Option<&SeenTable>| match anew(&wanted_of(&bans), seen) {
            TablePlan::Whole {
                taken_from,
                has_others,
                ..
            } => (taken_from, has_others),
            other => panic!("{other:?}"),
        };
        let mut seen = made(&bans);
        assert_eq!(of(None), (None, false));
        assert_eq!(of(Some(&seen)), (None, false));
        seen.chains[3].name = chain_of_store("0000aa");
        seen.sets[0].name = "x".to_owned();
        assert_eq!(of(Some(&seen)), (Some("0000aa".to_owned()), true));
    }

    #[test]
    fn a_network_that_goes_gives_back_what_it_held() {
        let [wide, narrow] =
            ["10.0.0.0/8", "10.1.0.0/16"].map(|text| Subject::parse(text).unwrap());
        let of_all = set(&["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3"]);
        let of_narrow = set(&["10.1.0.0/16", "10.1.2.3"]);
        let gone = delta("pyfilter", &of_narrow, &[wide], &[]);
        assert_eq!(
            gone,
            "delete element inet pyfilter v4_networks { 10.0.0.0/8 }
add element inet pyfilter v4_networks { 10.1.0.0/16 }\n"
        );
        let new = delta("pyfilter", &of_all, &[], &[wide]);
        assert_eq!(
            new,
            "delete element inet pyfilter v4_networks { 10.1.0.0/16 }
add element inet pyfilter v4_networks { 10.0.0.0/8 }\n"
        );
        assert_eq!(delta("pyfilter", &of_all, &[], &[narrow]), "");
        let address = Subject::parse("10.1.2.3").unwrap();
        let new = delta("pyfilter", &of_all, &[], &[address]);
        assert_eq!(new, "add element inet pyfilter v4 { 10.1.2.3 }\n");
    }
}
