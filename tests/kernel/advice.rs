//! What `check`, `explain` and `unban` tell of other people's rules. We never
//! remove them: the command that does is told.

use super::{attacked, pyfilter};
use crate::netns::{Netns, VARIANTS, Variant};

const ATTACKER: &str = "203.0.113.13";

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_check_tells_what_stands_before_our_hook() {
    for variant in VARIANTS {
        let host = Netns::new();
        let programs = host.programs(variant);
        let pyfilter = attacked(&programs, &[ATTACKER]);
        pyfilter.scan().exits(0);
        let quiet = pyfilter.run(["check"]).exits(0).stdout();
        assert!(!quiet.contains("before our hook"), "{variant:?}: {quiet}");
        assert!(!quiet.contains("DOCKER-USER"), "{variant:?}: {quiet}");

        for command in [
            "-I INPUT -p tcp --dport 22 -j ACCEPT",
            "-I INPUT -m state --state ESTABLISHED -j ACCEPT",
            "-N ufw-before-input",
            "-I INPUT -j ufw-before-input",
            "-N DOCKER-USER",
        ] {
            programs.run(&format!("iptables {command}"));
        }
        let before = programs.everything();
        pyfilter
            .run(["check"])
            .exits(0)
            .says("warning  firewall: IPv4: `-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT` stands before our hook")
            .says("warning  firewall: IPv4: ufw (`-A INPUT -j ufw-before-input`) stands before our hook")
            .says("warning  firewall: IPv4: ports that Docker publishes are not protected")
            .says_nothing_of("ESTABLISHED")
            .says_nothing_of("IPv6: `");
        assert_eq!(programs.everything(), before, "{variant:?}");

        let pyfilter = pyfilter.set("/settings/firewall/hooks", vec!["INPUT", "DOCKER-USER"]);
        pyfilter
            .run(["check"])
            .exits(0)
            .says_nothing_of("Docker publishes");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_an_unbanned_address_that_others_block_comes_with_the_command() {
    for variant in VARIANTS {
        let host = Netns::new();
        let programs = host.programs(variant);
        let pyfilter = attacked(&programs, &[ATTACKER, "2001:db8::13"]);
        pyfilter.scan().exits(0);
        // As PyFilter 2 left it.
        programs.run(&format!("iptables -A INPUT -s {ATTACKER} -j DROP"));
        let command = format!("iptables -D INPUT -s {ATTACKER}/32 -j DROP");

        pyfilter
            .run(["unban", ATTACKER, "2001:db8::13"])
            .succeeds()
            .warns(&format!("{ATTACKER} is still blocked"))
            .warns(&command);
        pyfilter
            .run(["explain", ATTACKER])
            .exits(0)
            .says("is not banned, but was")
            .says(&command);
        pyfilter.run(["check"]).exits(0).says(&command);
        let json = pyfilter
            .run(["explain", "--json", ATTACKER])
            .exits(0)
            .json();
        assert_eq!(json["blocked_by"], serde_json::json!([command]));

        programs.run(&command);
        pyfilter
            .run(["explain", ATTACKER])
            .exits(0)
            .says_nothing_of("blocks it all the same");
        pyfilter
            .run(["unban", ATTACKER])
            .exits(0)
            .says("is not banned");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_check_says_what_keeps_the_firewall_from_us() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = pyfilter(&programs);
    pyfilter
        .run(["check"])
        .exits(0)
        .says("the next run makes chain PYFILTER");
    programs.script("iptables-save", "echo 'Permission denied' >&2; exit 4");
    pyfilter
        .run(["check"])
        .exits(1)
        .says("error    firewall: `iptables-save` may not touch the firewall: run with sudo");
    pyfilter
        .set("/settings/firewall/backend", "none")
        .run(["check"])
        .exits(0)
        .says("bans are decided and recorded only");
}
