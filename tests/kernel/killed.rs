//! What is left of a run that dies: the next one finishes its work.

use std::collections::BTreeSet;

use super::{attacked, blocked_in, in_force, pyfilter};
use crate::kit::{Sandbox, failure, failures};
use crate::netns::{Netns, PROGRAMS, Programs, VARIANTS};

const ATTACKERS: [&str; 2] = ["203.0.113.13", "2001:db8::13"];

/// When a program of the firewall kills the run that called it.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Before,
    After,
}

/// Lets `name` kill the run that calls it, with the work undone or done.
fn kills(programs: &Programs<'_>, name: &str, moment: Moment) {
    let work = match moment {
        Moment::Before => String::new(),
        Moment::After => format!("({})\n", programs.enter("", name)),
    };
    programs.script(name, &format!("{work}kill -9 $PPID"));
}

/// A run that dies there; what it printed.
fn dies(pyfilter: &Sandbox, programs: &Programs<'_>, name: &str, moment: Moment) -> String {
    kills(programs, name, moment);
    let ran = pyfilter.scan();
    assert_eq!(ran.status(), None, "{name} {moment:?}: {}", ran.stderr());
    programs.repair();
    ran.stdout()
}

/// Whose bans were told.
fn told(printed: &str) -> BTreeSet<&str> {
    printed
        .lines()
        .filter_map(|line| line.split_once("Found IP: ")?.1.split(' ').next())
        .collect()
}

/// Every place where a run can die by the hand of its firewall.
fn everywhere(test: impl Fn(&Programs<'_>, &dyn Fn(&Sandbox) -> String)) {
    for variant in VARIANTS {
        for name in PROGRAMS {
            for moment in [Moment::Before, Moment::After] {
                println!("{variant:?}: killed by {name}, {moment:?} its work");
                let host = Netns::new();
                let programs = host.programs(variant);
                test(&programs, &|pyfilter| {
                    dies(pyfilter, &programs, name, moment)
                });
            }
        }
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_first_run_that_is_killed_loses_and_doubles_nothing() {
    everywhere(|programs, dies| {
        let pyfilter = attacked(programs, &ATTACKERS);
        pyfilter.append("auth.log", failures("203.0.113.14", 4));
        let printed = dies(&pyfilter) + &pyfilter.scan().exits(0).stdout();
        assert_eq!(told(&printed), BTreeSet::from(ATTACKERS));
        in_force(&pyfilter, programs, &ATTACKERS);
        pyfilter.scan().exits(0).prints("");
        pyfilter.append("auth.log", failure("203.0.113.14", 4));
        pyfilter.scan().exits(0).bans(["203.0.113.14"]);
    });
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_later_run_that_is_killed_loses_and_doubles_nothing() {
    everywhere(|programs, dies| {
        // With IPv6 too, so that both families have something to write.
        let pyfilter = attacked(programs, &["203.0.113.12", "2001:db8::12"]);
        pyfilter.append("auth.log", failures("203.0.113.14", 2));
        pyfilter.scan().exits(0);
        let more: String = ATTACKERS.map(|address| failures(address, 5)).concat();
        let window = failure("203.0.113.14", 2) + &failure("203.0.113.14", 3);
        pyfilter.append("auth.log", more + &window);

        let printed = dies(&pyfilter) + &pyfilter.scan().exits(0).stdout();
        assert_eq!(told(&printed), BTreeSet::from(ATTACKERS));
        let all = [
            "203.0.113.12",
            "203.0.113.13",
            "2001:db8::12",
            "2001:db8::13",
        ];
        in_force(&pyfilter, programs, &all);
        let shown = pyfilter.read("state/blacklist.v4") + &pyfilter.read("state/blacklist.v6");
        assert_eq!(shown.matches("-A PYFILTER").count(), all.len(), "{shown}");
        pyfilter.scan().exits(0).prints("");
        pyfilter.append("auth.log", failure("203.0.113.14", 4));
        pyfilter.scan().exits(0).bans(["203.0.113.14"]);
    });
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_an_unban_that_is_killed_is_finished_by_the_next_run() {
    for variant in VARIANTS {
        for moment in [Moment::Before, Moment::After] {
            let host = Netns::new();
            let programs = host.programs(variant);
            let pyfilter = attacked(&programs, &ATTACKERS);
            pyfilter.scan().exits(0);
            kills(&programs, "iptables-restore", moment);
            let ran = pyfilter.run(["unban", ATTACKERS[0]]);
            assert_eq!(ran.status(), None);
            programs.repair();
            pyfilter
                .scan()
                .exits(0)
                .says("Un-banned IP: 203.0.113.13, by hand.");
            in_force(&pyfilter, &programs, &["2001:db8::13"]);
            pyfilter.scan().exits(0).prints("");
        }
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_snapshot_that_a_killed_run_left_old_brings_nothing_back() {
    for variant in VARIANTS {
        let host = Netns::new();
        let programs = host.programs(variant);
        let pyfilter = attacked(&programs, &ATTACKERS);
        pyfilter.scan().exits(0);
        kills(&programs, "iptables-restore", Moment::After);
        assert_eq!(pyfilter.run(["unban", ATTACKERS[0]]).status(), None);
        programs.repair();
        // A person edits the file of before the crash.
        let old = pyfilter.read("state/blacklist.v4");
        assert!(old.contains(ATTACKERS[0]));
        pyfilter.edit("blacklist.v4", |text| {
            super::editor::with(&text, "203.0.113.99")
        });
        let json = pyfilter.scan_json();
        assert_eq!(super::column(&json["bans"], "ip"), ["203.0.113.99"]);
        in_force(&pyfilter, &programs, &["203.0.113.99", "2001:db8::13"]);
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_chain_that_a_killed_run_made_is_not_forgotten() {
    for variant in VARIANTS {
        let host = Netns::new();
        let programs = host.programs(variant);
        let pyfilter = pyfilter(&programs);
        kills(&programs, "ip6tables-restore", Moment::After);
        assert_eq!(pyfilter.scan().status(), None);
        programs.repair();
        let pyfilter = pyfilter.set("/settings/firewall/chain", "BANNED");
        pyfilter.scan().exits(0);
        let rules = programs.everything().join("\n");
        assert!(!rules.contains("PYFILTER"), "{variant:?}: {rules}");
        assert!(rules.contains("-A INPUT -j BANNED"), "{variant:?}: {rules}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_renaming_that_is_killed_leaves_no_old_chain() {
    for variant in VARIANTS {
        for moment in [Moment::Before, Moment::After] {
            let host = Netns::new();
            let programs = host.programs(variant);
            let pyfilter = attacked(&programs, &ATTACKERS);
            pyfilter.scan().exits(0);
            let pyfilter = pyfilter.set("/settings/firewall/chain", "BANNED");
            dies(&pyfilter, &programs, "iptables-restore", moment);
            pyfilter.scan().exits(0).prints("");
            let rules = programs.everything().join("\n");
            assert!(!rules.contains("PYFILTER"), "{variant:?}: {rules}");
            assert_eq!(
                blocked_in(&programs, "BANNED"),
                ATTACKERS,
                "{variant:?} {moment:?}"
            );
        }
    }
}
