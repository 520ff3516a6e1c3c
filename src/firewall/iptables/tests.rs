use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use std::collections::BTreeSet;

use crate::firewall::{CommittedBans, FirewallInspection, ReconcileOutcome, backend, remove};
use crate::model::{
    Address, Backend, ChainLocation, Deny, Family, Firewall, InstalledChain, IptablesVariant,
    Subject,
};

const EMPTY: &str = "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n";

/// A directory of four scripts: each save prints a file, each restore keeps
/// what it gets, and all note that they ran.
struct Programs(tempfile::TempDir);

impl Programs {
    fn new() -> Self {
        let programs = Programs(tempfile::tempdir().unwrap());
        for name in ["iptables", "ip6tables"] {
            programs.lists(name, EMPTY);
            let note = r#"d="${0%/*}"; echo "${0##*/}" >> "$d/ran""#;
            programs.script(
                &format!("{name}-save"),
                &format!("{note}; cat \"$d/{name}.listing\""),
            );
            programs.script(
                &format!("{name}-restore"),
                &format!("{note}; cat > \"$d/{name}.got\""),
            );
        }
        programs
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn script(&self, name: &str, script: &str) {
        let path = self.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn lists(&self, name: &str, listing: &str) {
        fs::write(self.path().join(format!("{name}.listing")), listing).unwrap();
    }

    fn got(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path().join(format!("{name}.got"))).ok()
    }

    fn ran(&self) -> Vec<String> {
        let ran = fs::read_to_string(self.path().join("ran")).unwrap_or_default();
        ran.lines().map(str::to_owned).collect()
    }

    fn firewall(&self) -> Firewall {
        Firewall {
            backend: Backend::Iptables,
            chain: "PYFILTER".to_owned(),
            hooks: vec!["INPUT".to_owned()],
            deny: Deny::Drop,
            compare: true,
            programs: Some(self.path().to_owned()),
        }
    }
}

fn bans() -> BTreeSet<Subject> {
    ["203.0.113.13", "2001:db8::13", "2001:db8::14"]
        .iter()
        .filter_map(|text| Subject::parse(text))
        .collect()
}

/// The store whose bans they are.
const STORE: &str = "3f9c2a0011223344";

/// The rule that carries its id.
const ID: &str = "-A PYFILTER -m comment --comment \"pyfilter store 3f9c2a0011223344\"\n";

fn listing(rules: &str) -> String {
    format!("*filter\n:INPUT ACCEPT [0:0]\n:PYFILTER - [0:0]\n{ID}{rules}COMMIT\n")
}

/// What the configuration makes in both families: the lists name no variant.
fn made(firewall: &Firewall) -> Vec<InstalledChain> {
    let place = |family| ChainLocation::Iptables {
        family,
        variant: IptablesVariant::Legacy,
    };
    let of = |family| InstalledChain::of(firewall, Some(place(family)));
    Family::BOTH.map(of).to_vec()
}

/// Brings the firewall to these bans, by `seen` or by what is listed now.
fn reconcile(
    firewall: &Firewall,
    store: &str,
    bans: &BTreeSet<Subject>,
    made: &[InstalledChain],
    seen: Option<Box<dyn FirewallInspection>>,
) -> ReconcileOutcome {
    let seen = seen.unwrap_or_else(|| backend(firewall).unwrap().inspect());
    seen.reconcile(&CommittedBans {
        store: store.to_owned(),
        bans: bans.clone(),
        made: made.to_vec(),
    })
}

#[test]
fn each_family_is_listed_once_and_written_once() {
    let programs = Programs::new();
    let firewall = programs.firewall();
    let seen = backend(&firewall).unwrap().inspect();
    assert_eq!(seen.missing(), Family::BOTH);
    let outcome = reconcile(&firewall, STORE, &bans(), &[], Some(seen));
    assert!(outcome.changed);
    assert_eq!((outcome.v4, outcome.v6), (1, 2));
    assert_eq!(outcome.problems, []);
    assert_eq!(outcome.installed, made(&firewall));
    assert_eq!(
        programs.ran(),
        [
            "iptables-save",
            "ip6tables-save",
            "iptables-restore",
            "ip6tables-restore"
        ]
    );
    assert!(
        programs
            .got("iptables")
            .unwrap()
            .contains("203.0.113.13/32")
    );
    assert!(!programs.got("iptables").unwrap().contains("2001"));
}

#[test]
fn what_is_right_is_not_written() {
    let programs = Programs::new();
    programs.lists(
        "iptables",
        &listing("-A INPUT -j PYFILTER\n-A PYFILTER -s 203.0.113.13/32 -j DROP\n"),
    );
    programs.lists("ip6tables", &listing("-A INPUT -j PYFILTER\n"));
    let wanted: BTreeSet<_> = bans().into_iter().take(1).collect();
    let outcome = reconcile(&programs.firewall(), STORE, &wanted, &[], None);
    assert!(!outcome.changed);
    assert_eq!((outcome.v4, outcome.v6), (1, 0));
    assert_eq!(programs.ran(), ["iptables-save", "ip6tables-save"]);
}

#[test]
fn without_compare_the_whole_chain_is_written_and_the_hook_not_doubled() {
    let programs = Programs::new();
    let right = listing("-A INPUT -j PYFILTER\n-A PYFILTER -s 203.0.113.13/32 -j DROP\n");
    programs.lists("iptables", &right);
    let firewall = Firewall {
        compare: false,
        ..programs.firewall()
    };
    assert!(reconcile(&firewall, STORE, &bans(), &[], None).changed);
    assert_eq!(
        programs.got("iptables").unwrap(),
        format!("*filter\n:PYFILTER - [0:0]\n{ID}-A PYFILTER -s 203.0.113.13/32 -j DROP\nCOMMIT\n")
    );
}

#[test]
fn one_family_failing_does_not_keep_the_other_from_being_brought() {
    let programs = Programs::new();
    programs.lists(
        "iptables",
        &listing("-A PYFILTER -s 192.0.2.1/32 -j DROP\n-A PYFILTER -s 192.0.2.2/32 -j DROP\n"),
    );
    programs.script("iptables-restore", "echo 'line 3 failed' >&2; exit 1");
    let ours = made(&programs.firewall());
    let old = InstalledChain {
        chain: "OLD".to_owned(),
        hooks: vec![],
        place: ours[0].place,
    };
    let outcome = reconcile(
        &programs.firewall(),
        STORE,
        &bans(),
        std::slice::from_ref(&old),
        None,
    );
    assert_eq!(outcome.problems.len(), 1);
    let said = &outcome.problems[0].message;
    assert!(
        said.starts_with("firewall (IPv4): `iptables-restore` refused line 3"),
        "{said}"
    );
    assert!(
        programs
            .got("ip6tables")
            .unwrap()
            .contains("2001:db8::14/128")
    );
    assert_eq!((outcome.v4, outcome.v6), (2, 2), "IPv4 as it was");
    let made = [vec![old], ours].concat();
    assert_eq!(
        outcome.installed, made,
        "what may be there is still remembered"
    );
}

#[test]
fn a_rule_that_went_between_listing_and_writing_costs_one_more_try() {
    let programs = Programs::new();
    let firewall = programs.firewall();
    let twenty: Vec<String> = (1..20)
        .map(|n| format!("-A PYFILTER -s 192.0.2.{n}/32 -j DROP\n"))
        .collect();
    let twenty = twenty.concat();
    programs.lists(
        "iptables",
        &listing(&format!(
            "-A INPUT -j PYFILTER\n-A INPUT -j PYFILTER\n{twenty}"
        )),
    );
    let mut wanted: BTreeSet<Subject> = (2..20)
        .map(|n| Subject::from(Address::from(std::net::Ipv4Addr::new(192, 0, 2, n))))
        .collect();
    wanted.extend(bans());
    let seen = backend(&firewall).unwrap().inspect();
    programs.lists("iptables", &listing(""));
    programs.script(
        "iptables-restore",
        r#"cat > "${0%/*}/iptables.got"; ! grep -e -D "${0%/*}/iptables.got""#,
    );
    let outcome = reconcile(&firewall, STORE, &wanted, &[], Some(seen));
    assert_eq!(outcome.problems, []);
    assert!(programs.got("iptables").unwrap().contains("-I INPUT 1"));
}

#[test]
fn what_both_families_lack_is_said_once() {
    let programs = Programs::new();
    for name in ["iptables-save", "ip6tables-save"] {
        programs.script(
            name,
            "echo 'Permission denied (you must be root)' >&2; exit 4",
        );
    }
    let outcome = reconcile(&programs.firewall(), STORE, &bans(), &[], None);
    assert_eq!(outcome.problems.len(), 1, "{outcome:?}");
    assert!(outcome.problems[0].message.contains("sudo"));
    assert_eq!((outcome.v4, outcome.v6), (0, 0));
}

#[test]
fn a_hook_missing_in_ipv6_only_is_docker_without_ipv6() {
    let programs = Programs::new();
    let firewall = Firewall {
        hooks: vec!["INPUT".to_owned(), "DOCKER-USER".to_owned()],
        ..programs.firewall()
    };
    let outcome = reconcile(&firewall, STORE, &bans(), &[], None);
    assert_eq!(outcome.warnings.len(), 1, "{outcome:?}");
    assert!(outcome.warnings[0].contains("DOCKER-USER"));
    programs.lists("iptables", "*filter\n:DOCKER-USER - [0:0]\nCOMMIT\n");
    let outcome = reconcile(&firewall, STORE, &bans(), &[], None);
    assert_eq!(outcome.warnings, [""; 0]);
}

#[test]
fn no_backend_runs_nothing() {
    let programs = Programs::new();
    let firewall = Firewall {
        backend: Backend::None,
        ..programs.firewall()
    };
    assert!(backend(&firewall).is_none());
    assert_eq!(remove(&firewall, None, &[]), ReconcileOutcome::default());
    assert_eq!(programs.ran(), [""; 0]);
}

#[test]
fn a_chain_that_is_not_ours_to_flush_is_refused() {
    let programs = Programs::new();
    for (chain, hook) in [
        ("INPUT", "FORWARD"),
        ("A B", "INPUT"),
        ("X", "X"),
        ("X", "-F"),
    ] {
        let firewall = Firewall {
            chain: chain.to_owned(),
            hooks: vec![hook.to_owned()],
            ..programs.firewall()
        };
        let outcome = reconcile(&firewall, STORE, &bans(), &[], None);
        assert_eq!(outcome.problems.len(), 1, "{chain} {hook}");
    }
    let ran = programs.ran();
    assert!(
        ran.iter().all(|program| program.ends_with("-save")),
        "{ran:?}"
    );
}
