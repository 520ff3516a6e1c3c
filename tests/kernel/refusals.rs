//! iptables that is not there, may not, or has to wait: the bans are committed,
//! the run says why it could not apply them, and a later one does.

use std::fs::{File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use serde_json::json;

use super::backends::{FirewallKind, HostFirewall, KINDS};
use super::{attacked, blocked, in_force};
use crate::kit::{PYFILTER, Sandbox, failures};
use crate::netns::{Netns, Programs, Variant};

const ATTACKERS: [&str; 2] = ["203.0.113.13", "2001:db8::13"];

/// Expects that a run which meets an obstacle says so once and does everything
/// else, and that the next one does what was left.
fn is_made_good(
    pyfilter: &Sandbox,
    firewall: &HostFirewall<'_>,
    sentences: &[&str],
    remove_obstacle: impl FnOnce(),
) {
    let ran = pyfilter.run(["scan", "--json"]).exits(1);
    let json = ran.json();
    assert_eq!(super::column(&json["bans"], "ip"), ATTACKERS);
    said_once(&json, sentences);
    assert_eq!(pyfilter.banned().len(), ATTACKERS.len());

    // A second run that can not either says so once, and bans nobody again.
    let again = pyfilter.run(["scan", "--json"]).exits(1).json();
    assert_eq!(again["bans"], serde_json::json!([]));
    said_once(&again, sentences);
    assert_eq!(again["firewall"]["changed"], false);
    assert_eq!(again["firewall"]["v4"], 0);

    remove_obstacle();
    assert_eq!(firewall.blocked(), [""; 0]);
    pyfilter.scan().exits(0).prints("");
    firewall.in_force(pyfilter, &ATTACKERS);
}

#[track_caller]
fn said_once(json: &serde_json::Value, sentences: &[&str]) {
    let errors = super::column(&json["errors"], "message");
    assert_eq!(errors.len(), 1, "{errors:#?}");
    for sentence in sentences {
        assert!(errors[0].contains(sentence), "{sentence}: {}", errors[0]);
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_without_its_programs_the_bans_wait_for_them() {
    for kind in KINDS {
        let host = Netns::new();
        let firewall = kind.on(&host);
        // It is named, since `auto` would take the one that is left.
        let named = ("/settings/firewall/backend", kind.backend());
        let pyfilter = firewall.attacked(&ATTACKERS).set(named.0, named.1);
        firewall.remove_programs();
        let sentences = match kind {
            FirewallKind::Nftables => ["`nft` is not in ", "apt install nftables"],
            _ => ["`iptables-save` is not in ", "apt install iptables"],
        };
        is_made_good(&pyfilter, &firewall, &sentences, || firewall.repair());
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_without_rights_over_the_firewall_the_bans_wait_for_a_run_with_sudo() {
    for kind in KINDS {
        let host = Netns::new();
        let firewall = kind.on(&host);
        let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
        for name in kind.programs() {
            firewall.script(name, &firewall.work(nobody, name));
        }
        let pyfilter = firewall.attacked(&ATTACKERS);
        let sentence = match kind {
            FirewallKind::Nftables => "the firewall may not be touched",
            _ => "may not touch the firewall",
        };
        let sentences = [sentence, "run with sudo"];
        is_made_good(&pyfilter, &firewall, &sentences, || firewall.repair());
    }
}

/// The same pyfilter, started by nobody. It runs a copy of the program, since
/// nobody may not enter every directory that programs are built in.
fn as_nobody(pyfilter: Sandbox, programs: &Programs<'_>) -> Sandbox {
    let copy = pyfilter.path("pyfilter");
    std::fs::copy(PYFILTER, &copy).unwrap();
    let everybody = Permissions::from_mode(0o755);
    std::fs::set_permissions(pyfilter.path("."), everybody).unwrap();
    let namespace = ["ip", "netns", "exec", programs.namespace()];
    let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
    let instead = format!("shift; exec {nobody} {} \"$@\"", copy.display());
    pyfilter.behind(&[&namespace[..], &["sh", "-c", &instead, "sh"]].concat())
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_nobody_with_a_state_of_its_own_decides_and_can_not_apply() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let firewall = |pyfilter: Sandbox, directory| {
        pyfilter.set("/settings/firewall", json!({ "programs": directory }))
    };
    // The scripts of `programs` are not for nobody; the host's own are.
    let usual = Path::new("/usr/sbin");
    let pyfilter = firewall(attacked(&programs, &ATTACKERS), usual);
    let pyfilter = as_nobody(pyfilter, &programs);
    std::fs::create_dir(pyfilter.path("state")).unwrap();
    chown(pyfilter.path("state"), Some(65534), Some(65534)).unwrap();
    pyfilter
        .scan()
        .exits(1)
        .warns("may not touch the firewall: run with sudo")
        .bans(ATTACKERS);
    assert_eq!(pyfilter.banned().len(), ATTACKERS.len());

    let root = firewall(pyfilter, programs.directory());
    let root = root.behind(&["ip", "netns", "exec", programs.namespace()]);
    root.scan().exits(0).prints("");
    in_force(&root, &programs, &ATTACKERS);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_person_without_sudo_is_told_so_and_changes_nothing() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = attacked(&programs, &ATTACKERS);
    pyfilter.scan().exits(0);
    let right = programs.everything();
    let nobody = as_nobody(pyfilter, &programs);
    for command in [
        &["scan"][..],
        &["ban", "203.0.113.99"],
        &["unban", "--all"],
        &["list"],
    ] {
        nobody.run(command).exits(1).warns("run with sudo");
    }
    nobody
        .run(["scan", "--dry-run"])
        .succeeds()
        .warns("bans in force and cursors unknown: run with sudo")
        .bans(ATTACKERS);
    assert_eq!(programs.everything(), right);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_held_xtables_lock_keeps_the_bans_for_a_later_run() {
    let host = Netns::new();
    let firewall = FirewallKind::IptablesLegacy.on(&host);
    let pyfilter = firewall.pyfilter();
    pyfilter.scan().exits(0);
    let lock = File::create(firewall.lock_file()).unwrap();
    lock.lock().unwrap();
    let log = ATTACKERS.map(|address| failures(address, 5)).concat();
    pyfilter.append("auth.log", log);
    let sentences = [
        "another program holds the xtables lock",
        "applied by the next run",
    ];
    is_made_good(&pyfilter, &firewall, &sentences, || drop(lock));
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_one_family_that_fails_does_not_keep_the_other_from_its_bans() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = attacked(&programs, &ATTACKERS);
    programs.script("ip6tables-restore", "echo 'no luck today' >&2; exit 4");
    pyfilter
        .scan()
        .exits(1)
        .warns("firewall (IPv6): `ip6tables-restore` failed with exit status 4")
        .bans(ATTACKERS);
    assert_eq!(blocked(&programs), ["203.0.113.13"]);
    programs.repair();
    pyfilter.scan().exits(0).prints("");
    in_force(&pyfilter, &programs, &ATTACKERS);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_failure_that_is_over_before_the_run_ends_is_none() {
    for kind in KINDS {
        let host = Netns::new();
        let firewall = kind.on(&host);
        let pyfilter = firewall.attacked(&ATTACKERS);
        let failed = firewall.directory().join("failed");
        let once = format!(
            "if [ ! -e {0} ]; then touch {0}; echo 'no luck today' >&2; exit 4; fi\n",
            failed.display()
        );
        let writer = kind.writers()[0];
        firewall.script(writer, &(once + &firewall.work("", writer)));
        pyfilter.scan().exits(0).bans(ATTACKERS);
        assert!(failed.exists());
        firewall.in_force(&pyfilter, &ATTACKERS);
    }
}
