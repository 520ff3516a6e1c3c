//! What went wrong, as iptables' programs say it.

use super::listing::Unreadable;
use crate::firewall::programs::{ProgramFailure, summary};
use crate::model::ChainNameError;

/// Why the firewall of one family could not be listed or changed. Each sentence says
/// what, where, and what to do. The bans stay committed, so the next run applies them.
#[derive(Debug, thiserror::Error)]
pub(super) enum FirewallError {
    /// The program is in none of the places where it is looked for.
    #[error(
        "`{program}` is not in {looked}: install it (Debian and Ubuntu: `apt install iptables`), \
         install nftables and let settings.firewall.backend be \"auto\" (`apt install nftables`), or set \"backend\": \"none\" in settings.firewall to decide and record only"
    )]
    Missing {
        /// Its name.
        program: &'static str,
        /// Where it was looked for.
        looked: String,
    },
    /// The program of one variant of iptables is in none of those places.
    #[error("`{program}` is not in {looked} (the {variant} variant of iptables)")]
    VariantMissing {
        /// Its name.
        program: String,
        /// `nft` or `legacy`.
        variant: &'static str,
        /// Where it was looked for.
        looked: String,
    },
    /// `nft` is in none of those places.
    #[error("`nft` is not in {looked}")]
    NoNft {
        /// Where it was looked for.
        looked: String,
    },
    /// The store's id is not what a store's id is.
    #[error(
        "the store's id {0:?} is damaged, so no chain can carry it; restore the store from a \
         backup, or move it away: blacklist.v4 and blacklist.v6 still hold the bans"
    )]
    BadId(String),
    /// The program has not come to its own end.
    #[error(transparent)]
    NotRun(#[from] ProgramFailure),
    /// The kernel refuses this user.
    #[error(
        "`{program}` may not touch the firewall: run with sudo (needed: CAP_NET_ADMIN{}); it said: {said}",
        for_legacy(said)
    )]
    NoRights {
        /// Its name.
        program: &'static str,
        /// What it said.
        said: String,
    },
    /// Another program changes the rules for longer than we wait.
    #[error(
        "`{program}` gave up: another program holds the xtables lock; \
         the bans are kept and applied by the next run"
    )]
    Locked {
        /// Its name.
        program: &'static str,
    },
    /// A line of the rule set was refused, so none of it was taken.
    #[error(
        "`{program}` refused line {line} of the rule set, `{text}`, so nothing was changed; it said: {said}"
    )]
    Refused {
        /// Its name.
        program: &'static str,
        /// Counted from 1.
        line: usize,
        /// The line.
        text: String,
        /// What it said.
        said: String,
    },
    /// The kernel takes only short rule sets from this process.
    #[error(
        "`{program}` could not hand over the rule set, it is too long for a process without \
         CAP_NET_ADMIN on the host itself (a rootless container takes about 800 rules); \
         nothing was changed"
    )]
    TooLong {
        /// Its name.
        program: &'static str,
    },
    /// It failed in another way; nothing was changed.
    #[error(
        "`{program}` failed with exit status {status}, so nothing was changed; it said: {said}"
    )]
    Failed {
        /// Its name.
        program: &'static str,
        /// Its exit status.
        status: i32,
        /// What it said.
        said: String,
    },
    /// What it printed does not show the whole table.
    #[error("the output of `{program}` can not be trusted: {source}; nothing was changed")]
    Unreadable {
        /// Its name.
        program: &'static str,
        /// What is wrong with it.
        source: Unreadable,
    },
    /// A name of the configuration that no rule set may hold.
    #[error("settings.firewall: the chain name {name:?} {why}")]
    BadName {
        /// The name.
        name: String,
        /// Why not.
        why: ChainNameError,
    },
    /// A name that `nft` would read as something else.
    #[error("settings.firewall: the chain name {0:?} is none that nft takes")]
    BadNameForNft(String),
}

/// The service has the rights that the legacy variant needs only if that variant was
/// there when the service was installed.
fn for_legacy(said: &str) -> &'static str {
    let words = ["(legacy)", "xtables.lock", "ip_tables_names"];
    if words.into_iter().any(|word| said.contains(word)) {
        "; for the legacy iptables the service needs what `sudo pyfilter install` adds to it, of the Debian package `sudo dpkg-reconfigure pyfilter`"
    } else {
        ""
    }
}

impl FirewallError {
    /// Whether both families fail for the same reason, so that it is said only once.
    pub(super) fn same_cause(&self, other: &Self) -> bool {
        use FirewallError::{BadName, Locked, Missing, NoRights};
        matches!(
            (self, other),
            (Missing { .. }, Missing { .. })
                | (NoRights { .. }, NoRights { .. })
                | (Locked { .. }, Locked { .. })
                | (BadName { .. }, BadName { .. })
        )
    }

    /// What a program's failure was, from its exit status and what it said.
    ///
    /// Both variants exit with 1, 2 or 4 for almost anything, so the words decide.
    pub(super) fn from_failure(
        program: &'static str,
        status: i32,
        stderr: &[u8],
        input: &str,
    ) -> Self {
        let said = summary(stderr);
        let has = |words: &str| said.contains(words);
        if has("xtables lock") || has("Can't lock ") {
            return FirewallError::Locked { program };
        }
        if [
            "Permission denied",
            "Operation not permitted",
            "you must be root",
            "/run/xtables.lock: Read-only file system",
        ]
        .into_iter()
        .any(has)
        {
            return FirewallError::NoRights { program, said };
        }
        if has("Message too long") {
            return FirewallError::TooLong { program };
        }
        let line = line_named(&said).and_then(|number| Some((number, nth_line(input, number)?)));
        match line {
            Some((line, text)) => FirewallError::Refused {
                program,
                line,
                text: text.to_owned(),
                said,
            },
            None => FirewallError::Failed {
                program,
                status,
                said,
            },
        }
    }
}

/// Whether `stderr` says that the kernel has no such family.
pub(super) fn says_no_family(stderr: &[u8]) -> bool {
    let said = String::from_utf8_lossy(stderr);
    [
        "Address family not supported",
        "Protocol not supported",
        "Table does not exist",
    ]
    .iter()
    .any(|words| said.contains(words))
}

/// The line of the text that stderr names: `line 3 failed`, `Error occurred at
/// line: 3`, `COMMIT expected at line 4`, `line 3: CHAIN_DEL failed`.
fn line_named(said: &str) -> Option<usize> {
    let at = said.rfind("line: ").map(|at| at + 6);
    let rest = &said[at.or_else(|| said.rfind("line ").map(|at| at + 5))?..];
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

/// The nft variant looks at a rule's target when it reads the line after it,
/// and names that one; if that is COMMIT, the one before it is meant.
fn nth_line(input: &str, number: usize) -> Option<&str> {
    let line = input.lines().nth(number.checked_sub(1)?)?;
    match number.checked_sub(2) {
        Some(before) if line == "COMMIT" => input.lines().nth(before),
        _ => Some(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: &str = "*filter\n:PYFILTER - [0:0]\n-A PYFILTER -s 9.1.1.1/32 -j DENY\nCOMMIT\n";

    fn failure(status: i32, stderr: &str) -> FirewallError {
        FirewallError::from_failure("iptables-restore", status, stderr.as_bytes(), INPUT)
    }

    /// Words of iptables 1.8.9, both variants.
    #[test]
    fn what_real_programs_say_becomes_what_it_means() {
        for said in [
            "iptables-restore v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n",
            "Failed to list table names in /proc/net/ip_tables_names: Permission denied\n",
            "Fatal: can't open lock file /run/xtables.lock: Permission denied\n",
            "Fatal: can't open lock file /run/xtables.lock: Read-only file system\n",
            "iptables-restore v1.8.9 (legacy): iptables-restore: unable to initialize table 'filter'\nPermission denied\n",
        ] {
            let error = failure(4, said);
            assert!(matches!(error, FirewallError::NoRights { .. }), "{said}");
            let advised = error
                .to_string()
                .contains("what `sudo pyfilter install` adds");
            assert_eq!(advised, !said.contains("nf_tables"), "{error}");
        }
        let locked = "Can't lock /run/xtables.lock: Resource temporarily unavailable
Another app is currently holding the xtables lock. Stopped waiting after 5s.\n";
        assert!(matches!(failure(4, locked), FirewallError::Locked { .. }));
        let long = "sendmsg() failed: Message too long
iptables-restore: line 4 failed: Message too long.\n";
        assert!(matches!(failure(1, long), FirewallError::TooLong { .. }));
    }

    #[test]
    fn the_refused_line_is_shown_whichever_variant_names_it() {
        for (said, expected) in [
            (
                "iptables-restore: line 3 failed: Bad rule (does a matching rule exist in that chain?).\n",
                3,
            ),
            ("iptables-restore: line 3 failed\n", 3),
            (
                "iptables-restore v1.8.9 (legacy): Couldn't load target `DENY':No such file or directory\n\nError occurred at line: 3\nTry `iptables-restore -h' or 'iptables-restore --help' for more information.\n",
                3,
            ),
            (
                "iptables-restore v1.8.9 (nf_tables): Chain 'DENY' does not exist\nError occurred at line: 4\nTry `iptables-restore -h'\n",
                4,
            ),
            (
                "iptables-restore v1.8.9 (nf_tables): \nline 3: CHAIN_DEL failed (Device or resource busy): chain PYFILTER\n",
                3,
            ),
        ] {
            let FirewallError::Refused { line, text, .. } = failure(1, said) else {
                panic!("{said}");
            };
            assert_eq!(line, expected, "{said}");
            assert_eq!(text, "-A PYFILTER -s 9.1.1.1/32 -j DENY", "{said}");
        }
        assert!(matches!(
            failure(1, "line 99 failed"),
            FirewallError::Failed { .. }
        ));
        assert!(matches!(failure(1, ""), FirewallError::Failed { said, .. } if said == "nothing"));
    }
}
