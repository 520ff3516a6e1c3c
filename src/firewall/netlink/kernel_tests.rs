//! What programs write, as the kernel tells it.

use smallvec::SmallVec;

use super::{
    BaseHook, Expression, KernelRule, NetlinkSocket, RuleVerdict, SetElement, SourceVerdict,
    TableFamily, TablePath, source_rule,
};
use crate::firewall::in_netns::{is_inside, run};
use crate::model::{Deny, Family, Subject};

fn rules(family: Family, chain: &str) -> Vec<KernelRule> {
    let table = TablePath::filter(family);
    NetlinkSocket::open().unwrap().rules(table, chain).unwrap()
}

/// Writes `-A INPUT RULE` for each rule, and reads them back.
fn read_back(family: Family, written: &[String]) -> Vec<Option<(Subject, SourceVerdict)>> {
    let program = match family {
        Family::V4 => "iptables-nft-restore",
        Family::V6 => "ip6tables-nft-restore",
    };
    let lines = written.join("\n-A INPUT ");
    run(
        program,
        &[],
        &format!("*filter\n:CHILD - [0:0]\n-A INPUT {lines}\nCOMMIT\n"),
    );
    let rules = rules(family, "INPUT");
    assert_eq!(rules.len(), written.len());
    rules.iter().map(|rule| source_rule(rule, family)).collect()
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_rules_of_iptables_are_read_in_each_length() {
    if !is_inside(
        module_path!(),
        "kernel_rules_of_iptables_are_read_in_each_length",
    ) {
        return;
    }
    let networks = |family: Family, address: &str| -> Vec<Subject> {
        let address = Subject::parse(address).unwrap().first();
        let lengths = 0..=family.bits();
        lengths
            .map(|length| Subject::network(address, length))
            .collect()
    };
    for (family, address) in [
        (Family::V4, "203.0.113.253"),
        (Family::V6, "2001:db8:ff:fe:fd:fc:fb:ff"),
    ] {
        let networks = networks(family, address);
        for (words, verdict) in [
            ("-j DROP", SourceVerdict::Deny(Deny::Drop)),
            ("-j REJECT", SourceVerdict::Deny(Deny::Reject)),
            ("-g CHILD", SourceVerdict::Goto("CHILD".to_owned())),
        ] {
            let written = |of: &Subject| format!("-s {}/{} {words}", of.first(), of.length());
            let written: Vec<String> = networks.iter().map(written).collect();
            let found = read_back(family, &written);
            let expected: Vec<_> = networks
                .iter()
                .map(|of| Some((*of, verdict.clone())))
                .collect();
            assert_eq!(found, expected);
        }
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_rules_that_do_anything_besides_are_none() {
    if !is_inside(
        module_path!(),
        "kernel_rules_that_do_anything_besides_are_none",
    ) {
        return;
    }
    let common = [
        "-p tcp -j DROP",
        "-j CHILD",
        "-j ACCEPT",
        "-j RETURN",
        "-i lo -j DROP",
        "-m comment --comment pyfilter -j DROP",
        "-p tcp -j REJECT --reject-with tcp-reset",
        "-m limit --limit 1/s -j DROP",
    ];
    for (family, source) in [(Family::V4, "203.0.113.9"), (Family::V6, "2001:db8::9")] {
        let mut written: Vec<String> = common
            .iter()
            .map(|rule| format!("-s {source} {rule}"))
            .collect();
        written.extend([
            format!("! -s {source} -j DROP"),
            format!("-d {source} -j DROP"),
            format!("-s {source}"),
        ]);
        assert!(read_back(family, &written).iter().all(Option::is_none));
    }
}

const OF_TEST: TablePath<'_> = TablePath {
    family: TableFamily::Inet,
    name: "of_test",
};

/// The kernel after a table was written.
fn written_with_nft() -> NetlinkSocket {
    run(
        "nft",
        &["-f", "-"],
        "table inet of_test {
        set v4 { type ipv4_addr; elements = { 192.0.2.1, 192.0.2.2 }; }
        set v6_networks { type ipv6_addr; flags interval; elements = { 2001:db8::/32 }; }
        chain bans { ip saddr @v4 counter drop; ip6 saddr @v6_networks reject; }
        chain input { type filter hook input priority filter - 10; jump bans; }
    }\n",
    );
    NetlinkSocket::open().unwrap()
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_chains_and_rules_of_nft_are_read() {
    if !is_inside(module_path!(), "kernel_chains_and_rules_of_nft_are_read") {
        return;
    }
    let mut socket = written_with_nft();
    let table = OF_TEST;
    let tables = socket.tables().unwrap();
    assert_eq!(tables.len(), 1, "{tables:?}");
    assert_eq!(
        (tables[0].family, tables[0].name.as_str()),
        (TableFamily::Inet, "of_test")
    );

    let chains = socket.chains_in(table).unwrap();
    let bans = chains.iter().find(|chain| chain.name == "bans").unwrap();
    assert_eq!((bans.state.uses, &bans.base), (3, &None));
    let input = chains.iter().find(|chain| chain.name == "input").unwrap();
    let hook = BaseHook {
        kind: "filter".to_owned(),
        hook: 1,
        priority: -10,
        policy: 1,
    };
    assert_eq!(input.base, Some(hook));
    assert_eq!(socket.chain_in(table, "bans").unwrap(), Some(bans.state));
    assert_eq!(socket.chain_in(table, "none").unwrap(), None);

    let rules = socket.rules(table, "bans").unwrap();
    let expected = [
        Expression::Meta(15),
        Expression::Equal(vec![2]),
        Expression::Payload {
            base: 1,
            offset: 12,
            length: 4,
        },
        Expression::InSet("v4".to_owned()),
        Expression::Counter {
            packets: 0,
            bytes: 0,
        },
        Expression::Verdict(RuleVerdict::Drop),
    ];
    assert_eq!(rules[0].expressions, expected);
    let reject = Expression::Reject {
        kind: 0,
        code: Some(4),
    };
    assert_eq!(rules[1].expressions.last(), Some(&reject));
    assert_eq!(socket.rules(table, "none").unwrap(), []);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_sets_of_nft_are_read() {
    if !is_inside(module_path!(), "kernel_sets_of_nft_are_read") {
        return;
    }
    let mut socket = written_with_nft();
    let table = OF_TEST;
    let sets = socket.sets(table).unwrap();
    let sets: Vec<_> = sets
        .iter()
        .map(|set| (set.name.as_str(), set.key_type, set.key_length, set.flags))
        .collect();
    assert_eq!(sets, [("v4", 7, 4, 0), ("v6_networks", 8, 16, 4)]);
    let mut keys: Vec<_> = socket.elements(table, "v4").unwrap().unwrap();
    keys.sort();
    let keys: Vec<_> = keys.iter().map(|element| element.key.as_slice()).collect();
    assert_eq!(keys, [[192, 0, 2, 1], [192, 0, 2, 2]]);
    let of = |key: &[u8]| SetElement {
        key: SmallVec::from_slice(key),
        is_interval_end: false,
    };
    let (known, unknown) = (of(&[192, 0, 2, 2]), of(&[192, 0, 2, 3]));
    assert_eq!(
        socket.element(table, "v4", &known).unwrap().as_ref(),
        Some(&known)
    );
    assert_eq!(socket.element(table, "v4", &unknown).unwrap(), None);
    assert_eq!(socket.element(table, "none", &known).unwrap(), None);
    let ends = socket.elements(table, "v6_networks").unwrap().unwrap();
    let ends = ends.iter().filter(|element| element.is_interval_end);
    assert!(
        ends.clone()
            .any(|end| end.key[..4] == [0x20, 0x01, 0x0d, 0xb9])
    );
    assert_eq!(socket.elements(table, "none").unwrap(), None);
    assert_eq!(
        socket
            .sets(TablePath {
                family: TableFamily::Ip,
                name: "of_test"
            })
            .unwrap(),
        []
    );
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_long_lists_are_read_whole() {
    if !is_inside(module_path!(), "kernel_long_lists_are_read_whole") {
        return;
    }
    let networks: Vec<String> = (0..5000_u32)
        .map(|n| format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255))
        .collect();
    let written: Vec<String> = networks
        .iter()
        .map(|of| format!("-s {of} -j DROP"))
        .collect();
    let found = read_back(Family::V4, &written);
    let found: Vec<String> = found
        .into_iter()
        .map(|found| found.unwrap().0.to_string())
        .collect();
    assert_eq!(found, networks);

    let elements = networks.join(",");
    run(
        "nft",
        &["-f", "-"],
        &format!(
            "table ip of_test {{\n set v4 {{ type ipv4_addr; elements = {{ {elements} }}; }}\n}}\n"
        ),
    );
    let table = TablePath {
        family: TableFamily::Ip,
        name: "of_test",
    };
    let elements = NetlinkSocket::open()
        .unwrap()
        .elements(table, "v4")
        .unwrap()
        .unwrap();
    assert_eq!(elements.len(), 5000);
}
