//! The three ways in which bans come into the kernel, so that a test can run for each.

use std::fs;
use std::ops::Deref;

use serde_json::Value;

use super::{blocked_in, calls, pyfilter, watch};
use crate::kit::{Sandbox, failures};
use crate::netns::{Netns, PROGRAMS, Programs, Variant};

/// What blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirewallKind {
    IptablesNft,
    IptablesLegacy,
    Nftables,
}

/// All of them.
pub(super) const KINDS: [FirewallKind; 3] = [
    FirewallKind::IptablesNft,
    FirewallKind::IptablesLegacy,
    FirewallKind::Nftables,
];

/// The firewall of a host, with the programs that write it.
pub(super) struct HostFirewall<'a> {
    pub(super) kind: FirewallKind,
    programs: Programs<'a>,
}

impl FirewallKind {
    pub(super) fn on(self, host: &Netns) -> HostFirewall<'_> {
        let variant = match self {
            FirewallKind::IptablesLegacy => Variant::Legacy,
            _ => Variant::Nft,
        };
        let programs = host.programs(variant);
        let firewall = HostFirewall {
            kind: self,
            programs,
        };
        firewall.repair();
        firewall
    }

    fn is_nftables(self) -> bool {
        self == FirewallKind::Nftables
    }

    /// Its name in reports.
    pub(super) fn backend(self) -> &'static str {
        if self.is_nftables() {
            "nftables"
        } else {
            "iptables"
        }
    }

    /// The programs that a run may call.
    pub(super) fn programs(self) -> &'static [&'static str] {
        if self.is_nftables() {
            &["nft"]
        } else {
            &PROGRAMS
        }
    }

    /// The program that writes IPv4, and the one that writes IPv6.
    pub(super) fn writers(self) -> [&'static str; 2] {
        if self.is_nftables() {
            ["nft", "nft"]
        } else {
            ["iptables-restore", "ip6tables-restore"]
        }
    }

    /// What is called where all has to be listed: nftables is listed without a program.
    pub(super) fn listed(self) -> &'static [&'static str] {
        if self.is_nftables() {
            &[]
        } else {
            &["iptables-save", "ip6tables-save"]
        }
    }

    /// What is called where nothing has changed.
    pub(super) fn compared(self) -> &'static [&'static str] {
        match self {
            FirewallKind::IptablesLegacy => self.listed(),
            _ => &[],
        }
    }

    /// What somebody may do to our part, for [`HostFirewall::damage`].
    pub(super) fn damages(self) -> &'static [&'static str] {
        if self.is_nftables() {
            &[
                "flush ruleset",
                "delete table inet pyfilter",
                "flush chain inet pyfilter bans",
                "flush chain inet pyfilter input",
                "flush table inet pyfilter",
                "flush set inet pyfilter v4",
                "delete element inet pyfilter v4 { 203.0.113.13 }",
                "add element inet pyfilter v6 { 2001:db8::99 }",
                "add element inet pyfilter v4_networks { 198.51.100.0/24, 192.0.2.1-192.0.2.9 }",
                "insert rule inet pyfilter bans accept",
                "add rule inet pyfilter bans drop",
                "add chain inet pyfilter other",
                "add set inet pyfilter other { type ipv4_addr; }",
                "flush chain inet pyfilter forward; delete chain inet pyfilter forward",
                "add table inet pyfilter { flags dormant; }",
            ]
        } else {
            &[
                "-F PYFILTER",
                "-D INPUT -j PYFILTER",
                "-A INPUT -j PYFILTER",
                "-I PYFILTER -j ACCEPT",
                "-D PYFILTER 2",
                "-R PYFILTER 2 -j DROP",
            ]
        }
    }
}

impl<'a> Deref for HostFirewall<'a> {
    type Target = Programs<'a>;

    fn deref(&self) -> &Programs<'a> {
        &self.programs
    }
}

impl HostFirewall<'_> {
    /// A pyfilter with this firewall and an empty log.
    pub(super) fn pyfilter(&self) -> Sandbox {
        let pyfilter = pyfilter(&self.programs);
        if self.kind.is_nftables() {
            pyfilter.set("/settings/firewall/backend", "nftables")
        } else {
            pyfilter
        }
    }

    /// The same, with a log in which each address failed five times.
    pub(super) fn attacked(&self, addresses: &[&str]) -> Sandbox {
        let log: String = addresses.iter().map(|of| failures(of, 5)).collect();
        self.pyfilter().log("auth.log", log)
    }

    /// The script that does the work of a program, behind `prefix` (`setpriv …`).
    pub(super) fn work(&self, prefix: &str, name: &str) -> String {
        if name == "nft" {
            format!(
                "exec ip netns exec {} {prefix} nft \"$@\"",
                self.namespace()
            )
        } else {
            self.enter(prefix, name)
        }
    }

    /// Takes back every script in place of a program.
    pub(super) fn repair(&self) {
        self.programs.repair();
        self.script("nft", &self.work("", "nft"));
    }

    /// Takes the programs away.
    pub(super) fn remove_programs(&self) {
        for name in self.kind.programs() {
            fs::remove_file(self.directory().join(name)).unwrap();
        }
    }

    /// Lets every program note that it was called.
    pub(super) fn watch(&self) {
        watch(&self.programs);
        let calls = self.directory().join("calls");
        let noted = format!("echo nft >> {}\n", calls.display());
        self.script("nft", &(noted + &self.work("", "nft")));
    }

    /// What was called since then, or since this was asked last.
    pub(super) fn calls(&self) -> Vec<String> {
        calls(&self.programs)
    }

    /// Does something to our part of the firewall, in both families.
    pub(super) fn damage(&self, command: &str) {
        if self.kind.is_nftables() {
            self.exec(&format!("nft '{command}'"));
        } else {
            for program in ["iptables", "ip6tables"] {
                self.run(&format!("{program} {command}"));
            }
        }
    }

    /// Empties the place where our bans stand.
    pub(super) fn flush(&self) {
        self.damage(match self.kind {
            FirewallKind::Nftables => "flush set inet pyfilter v4; flush set inet pyfilter v6",
            _ => "-F PYFILTER",
        });
    }

    /// What a reboot leaves: nothing.
    pub(super) fn reboot(&self) {
        if self.kind.is_nftables() {
            self.damage("flush ruleset");
        } else {
            self.damage("-F");
            self.damage("-X");
        }
    }

    /// All that is in the kernel, without counters.
    pub(super) fn everything(&self) -> Vec<String> {
        if self.kind.is_nftables() {
            let listed = self.exec("nft -s list ruleset");
            listed.lines().map(str::to_owned).collect()
        } else {
            self.programs.everything()
        }
    }

    /// The same without what is ours.
    pub(super) fn others(&self) -> Vec<String> {
        let mut lines = self.everything();
        if self.kind.is_nftables() {
            let mut is_ours = false;
            lines.retain(|line| {
                let was_ours = is_ours;
                is_ours = line == "table inet pyfilter {" || was_ours && line != "}";
                !is_ours && !was_ours
            });
        } else {
            lines.retain(|line| !line.contains("PYFILTER"));
        }
        lines
    }

    /// What is there that has this name: of our chain, or of our table.
    pub(super) fn traces(&self, chain: &str) -> Vec<String> {
        let mut lines = self.everything();
        let table = format!("table inet {} {{", chain.to_lowercase());
        lines.retain(|line| match self.kind {
            FirewallKind::Nftables => *line == table,
            _ => line.contains(chain),
        });
        lines
    }

    /// The addresses that are blocked in our chain, IPv4 first.
    pub(super) fn blocked(&self) -> Vec<String> {
        self.blocked_in("PYFILTER")
    }

    /// The addresses that are blocked where the configuration names this chain.
    pub(super) fn blocked_in(&self, chain: &str) -> Vec<String> {
        if !self.kind.is_nftables() {
            return blocked_in(&self.programs, chain);
        }
        let table = chain.to_lowercase();
        let tables = self.exec("nft list tables");
        if !tables
            .lines()
            .any(|line| line == format!("table inet {table}"))
        {
            return Vec::new();
        }
        let sets = ["v4", "v6"].map(|set| elements(self, &table, set));
        sets.concat()
    }

    /// Expects exactly these in force: in the store, and in the kernel.
    #[track_caller]
    pub(super) fn in_force(&self, pyfilter: &Sandbox, addresses: &[&str]) {
        let sorted = |mut list: Vec<String>| {
            list.sort();
            list
        };
        let kind = self.kind;
        let expected = sorted(addresses.iter().map(|&text| text.to_owned()).collect());
        assert_eq!(
            sorted(pyfilter.banned()),
            expected,
            "{kind:?}: in the store"
        );
        assert_eq!(sorted(self.blocked()), expected, "{kind:?}: in the kernel");
    }
}

/// The elements of a set, as `nft` lists them, in order.
pub(super) fn elements(programs: &Programs<'_>, table: &str, set: &str) -> Vec<String> {
    let listed = programs.exec(&format!("nft -j list set inet {table} {set}"));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let elements = listed["nftables"][1]["set"]["elem"].as_array().cloned();
    let mut elements: Vec<String> = elements
        .unwrap_or_default()
        .iter()
        .map(|element| match &element["prefix"] {
            Value::Null => element.as_str().unwrap().to_owned(),
            prefix => format!("{}/{}", prefix["addr"].as_str().unwrap(), prefix["len"]),
        })
        .collect();
    elements.sort();
    elements
}
