//! What is left of a run that dies: the next one finishes its work.

use std::collections::BTreeSet;
use std::fs;

use super::backends::{FirewallKind, HostFirewall, KINDS};
use crate::kit::{Sandbox, failure, failures};
use crate::netns::Netns;

const ATTACKERS: [&str; 2] = ["203.0.113.13", "2001:db8::13"];

/// The call of a program of the firewall that kills the run.
#[derive(Debug, Clone, Copy)]
struct Death {
    program: &'static str,
    /// How many of its calls do their work before.
    after: usize,
    /// Whether the work of the last one is done, too.
    is_done: bool,
}

/// Each of these programs, before its work and after it.
fn deaths(programs: &[&'static str], after: usize) -> Vec<Death> {
    let deaths = programs.iter().flat_map(|program| {
        [false, true].map(|is_done| Death {
            program,
            after,
            is_done,
        })
    });
    deaths.collect()
}

impl HostFirewall<'_> {
    /// Makes programs that can kill, and that the firewall is not listed for.
    fn arm(&self) {
        let (death, left) = (
            self.directory().join("death"),
            self.directory().join("left"),
        );
        let (death, left) = (death.display(), left.display());
        for name in self.kind.programs() {
            let work = self.work("", name);
            self.script(
                name,
                &format!(
                    "said=\"$(cat {death} 2>/dev/null)\"
                    case \"$said\" in
                    '{name} '*) ;;
                    *) {work};;
                    esac
                    calls=$(cat {left})
                    if [ $calls -gt 0 ]; then
                        echo $((calls - 1)) > {left}
                        {work}
                    fi
                    rm {death}
                    if [ \"$said\" = '{name} done' ]; then ({work}); fi
                    kill -9 $PPID"
                ),
            );
        }
    }

    /// Lets that call kill the run.
    fn expect(&self, death: Death) {
        let said = if death.is_done { "done" } else { "undone" };
        let text = format!("{} {said}", death.program);
        fs::write(self.directory().join("left"), death.after.to_string()).unwrap();
        fs::write(self.directory().join("death"), text).unwrap();
    }

    /// A run with these arguments that dies so; what it printed.
    fn dies(&self, pyfilter: &Sandbox, arguments: &[&str], death: Death) -> String {
        self.expect(death);
        let ran = pyfilter.run(arguments);
        assert_eq!(ran.status(), None, "{death:?}: {}", ran.stderr());
        ran.stdout()
    }
}

/// Whose bans were told.
fn told(printed: &str) -> BTreeSet<&str> {
    printed
        .lines()
        .filter_map(|line| line.split_once("Found IP: ")?.1.split(' ').next())
        .collect()
}

/// Each kind with each of the deaths that `of` gives.
fn everywhere(of: impl Fn(FirewallKind) -> Vec<Death>, test: impl Fn(&HostFirewall<'_>, Death)) {
    for kind in KINDS {
        for death in of(kind) {
            println!("{kind:?}: {death:?}");
            let host = Netns::new();
            let firewall = kind.on(&host);
            firewall.arm();
            test(&firewall, death);
        }
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_first_run_that_is_killed_loses_and_doubles_nothing() {
    // The chain is made without bans, then written with them.
    let of = |kind: FirewallKind| {
        let second = deaths(&kind.writers()[..1], 1);
        [deaths(kind.programs(), 0), second].concat()
    };
    everywhere(of, |firewall, death| {
        let pyfilter = firewall.attacked(&ATTACKERS);
        pyfilter.append("auth.log", failures("203.0.113.14", 4));
        let printed = firewall.dies(&pyfilter, &["scan"], death);
        let printed = printed + &pyfilter.scan().exits(0).stdout();
        assert_eq!(told(&printed), BTreeSet::from(ATTACKERS));
        firewall.in_force(&pyfilter, &ATTACKERS);
        pyfilter.scan().exits(0).prints("");
        pyfilter.append("auth.log", failure("203.0.113.14", 4));
        pyfilter.scan().exits(0).bans(["203.0.113.14"]);
    });
}

/// A later run bans two addresses more; with `is_listed` it has to list the firewall.
fn later(firewall: &HostFirewall<'_>, death: Death, is_listed: bool) {
    // With IPv6 too, so that both families have something to write.
    let pyfilter = firewall.attacked(&["203.0.113.12", "2001:db8::12"]);
    pyfilter.append("auth.log", failures("203.0.113.14", 2));
    pyfilter.scan().exits(0);
    pyfilter.scan().exits(0);
    if is_listed {
        firewall.arm();
    }
    let more: String = ATTACKERS.map(|address| failures(address, 5)).concat();
    let window = failure("203.0.113.14", 2) + &failure("203.0.113.14", 3);
    pyfilter.append("auth.log", more + &window);

    let printed = firewall.dies(&pyfilter, &["scan"], death);
    let printed = printed + &pyfilter.scan().exits(0).stdout();
    assert_eq!(told(&printed), BTreeSet::from(ATTACKERS));
    let all = [
        "203.0.113.12",
        "203.0.113.13",
        "2001:db8::12",
        "2001:db8::13",
    ];
    firewall.in_force(&pyfilter, &all);
    let shown = pyfilter.read("state/blacklist.v4") + &pyfilter.read("state/blacklist.v6");
    assert_eq!(shown.matches("-A PYFILTER").count(), all.len(), "{shown}");
    pyfilter.scan().exits(0).prints("");
    pyfilter.append("auth.log", failure("203.0.113.14", 4));
    pyfilter.scan().exits(0).bans(["203.0.113.14"]);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_later_run_that_is_killed_loses_and_doubles_nothing() {
    let of = |kind: FirewallKind| deaths(kind.programs(), 0);
    everywhere(of, |firewall, death| later(firewall, death, true));
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_run_that_is_killed_while_it_writes_a_difference_loses_and_doubles_nothing() {
    let of = |kind: FirewallKind| {
        let mut writers = kind.writers().to_vec();
        writers.dedup();
        deaths(&writers, 0)
    };
    everywhere(of, |firewall, death| later(firewall, death, false));
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_an_unban_that_is_killed_is_finished_by_the_next_run() {
    let of = |kind: FirewallKind| deaths(&kind.writers()[..1], 0);
    for is_listed in [false, true] {
        everywhere(of, |firewall, death| {
            let pyfilter = firewall.attacked(&ATTACKERS);
            pyfilter.scan().exits(0);
            if is_listed {
                firewall.arm();
            }
            firewall.dies(&pyfilter, &["unban", ATTACKERS[0]], death);
            pyfilter
                .scan()
                .exits(0)
                .says("Un-banned IP: 203.0.113.13, by hand.");
            firewall.in_force(&pyfilter, &["2001:db8::13"]);
            pyfilter.scan().exits(0).prints("");
        });
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_snapshot_that_a_killed_run_left_old_brings_nothing_back() {
    let of = |kind: FirewallKind| deaths(&kind.writers()[..1], 0).split_off(1);
    everywhere(of, |firewall, death| {
        let pyfilter = firewall.attacked(&ATTACKERS);
        pyfilter.scan().exits(0);
        firewall.dies(&pyfilter, &["unban", ATTACKERS[0]], death);
        // A person edits the file of before the crash.
        let old = pyfilter.read("state/blacklist.v4");
        assert!(old.contains(ATTACKERS[0]));
        pyfilter.edit("blacklist.v4", |text| {
            super::editor::with(&text, "203.0.113.99")
        });
        let json = pyfilter.scan_json();
        assert_eq!(super::column(&json["bans"], "ip"), ["203.0.113.99"]);
        firewall.in_force(&pyfilter, &["203.0.113.99", "2001:db8::13"]);
    });
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_chain_that_a_killed_run_made_is_not_forgotten() {
    let of = |kind: FirewallKind| deaths(&kind.writers()[1..], 0).split_off(1);
    everywhere(of, |firewall, death| {
        let pyfilter = firewall.pyfilter();
        firewall.dies(&pyfilter, &["scan"], death);
        assert!(!firewall.traces("PYFILTER").is_empty());
        let pyfilter = pyfilter.set("/settings/firewall/chain", "BANNED");
        pyfilter.scan().exits(0);
        assert_eq!(firewall.traces("PYFILTER"), [""; 0], "{:?}", firewall.kind);
        assert_ne!(firewall.traces("BANNED"), [""; 0], "{:?}", firewall.kind);
    });
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_renaming_that_is_killed_leaves_nothing_of_the_old_name() {
    // In nftables the new table is made, then the old one is removed.
    let of = |kind: FirewallKind| match kind {
        FirewallKind::Nftables => [deaths(&["nft"], 0), deaths(&["nft"], 1)].concat(),
        _ => deaths(&kind.writers()[..1], 0),
    };
    everywhere(of, |firewall, death| {
        let pyfilter = firewall.attacked(&ATTACKERS);
        pyfilter.scan().exits(0);
        let pyfilter = pyfilter.set("/settings/firewall/chain", "BANNED");
        firewall.dies(&pyfilter, &["scan"], death);
        pyfilter.scan().exits(0).prints("");
        assert_eq!(firewall.traces("PYFILTER"), [""; 0], "{:?}", firewall.kind);
        assert_eq!(
            firewall.blocked_in("BANNED"),
            ATTACKERS,
            "{:?}",
            firewall.kind
        );
        pyfilter.scan().exits(0).prints("");
    });
}
