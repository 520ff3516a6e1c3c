//! What went wrong, as `nft` and the kernel say it.

use std::io;

use crate::firewall::programs::{ProgramFailure, summary};

/// Why our table could not be listed or changed. Each sentence says what, where, and
/// what to do. The bans stay committed, so the next run applies them.
#[derive(Debug, thiserror::Error)]
pub(super) enum NftablesError {
    /// `nft` is in none of the places where it is looked for.
    #[error(
        "`nft` is not in {looked}: install it (Debian and Ubuntu: `apt install nftables`) \
         or set \"backend\": \"none\" in settings.firewall to decide and record only"
    )]
    Missing {
        /// Where it was looked for.
        looked: String,
    },
    /// It has not come to its own end.
    #[error(transparent)]
    NotRun(#[from] ProgramFailure),
    /// The kernel refuses this user.
    #[error("the firewall may not be touched: run with sudo (needed: CAP_NET_ADMIN); {said}")]
    NoRights {
        /// What the kernel or the program said.
        said: String,
    },
    /// The kernel lacks what a table or a set needs.
    #[error(
        "the kernel has not {lacks}, so nothing was changed: load it with `modprobe nf_tables`, or \
         boot a kernel that has it (an update of the kernel needs a reboot), or set \"backend\": \
         \"iptables\" or \"none\" in settings.firewall; it said: {said}"
    )]
    NoSets {
        /// What it lacks.
        lacks: &'static str,
        /// What the kernel or the program said.
        said: String,
    },
    /// The table can not have this name: it is a word of `nft`.
    #[error(
        "nft does not take {table} as the name of a table: give settings.firewall.chain another \
         name; nothing was changed; it said: {said}"
    )]
    BadName {
        /// The table.
        table: String,
        /// What it said.
        said: String,
    },
    /// `nft` does not know some word of the text.
    #[error(
        "`nft` ({version}) does not understand the rule set, it is older than 0.9: install a newer \
         one, or set \"backend\": \"iptables\" or \"none\" in settings.firewall; nothing was \
         changed; it said: {said}"
    )]
    NotUnderstood {
        /// What it says of itself.
        version: String,
        /// What it said.
        said: String,
    },
    /// The kernel takes only short texts from this process.
    #[error(
        "`nft` could not hand over the rule set, it is too long for a process without \
         CAP_NET_ADMIN on the host itself (in a rootless container); nothing was changed"
    )]
    TooLong,
    /// The text was refused, so none of it was taken.
    #[error("`nft` refused the rule set, so nothing was changed; it said: {said}")]
    Refused {
        /// What it said.
        said: String,
    },
    /// The kernel did not tell what is there.
    #[error("the kernel does not tell what is in nf_tables: {0}")]
    NotListed(io::Error),
    /// Somebody changes the table so often that no listing of it is certain.
    #[error(
        "our table of nf_tables was changed by somebody else each time it was listed, so nothing was \
         changed; the next run looks again (`nft monitor` shows who changes it)"
    )]
    NeverStill,
    /// The store's id is not what a store's id is.
    #[error(
        "the store's id {0:?} is damaged, so no table can carry it; restore the store from a \
         backup, or move it away: blacklist.v4 and blacklist.v6 still hold the bans"
    )]
    BadStoreId(String),
}

impl NftablesError {
    /// What a failure of `nft` was, from what it said. It exits with 1 for anything, so
    /// the words decide.
    pub(super) fn from_failure(stderr: &[u8], table: &str, version: impl Fn() -> String) -> Self {
        // What it says first is why; then it shows the text.
        let text = String::from_utf8_lossy(stderr);
        let said = summary(text.lines().next().unwrap_or_default().as_bytes());
        let has = |words: &[&str]| words.iter().any(|words| said.contains(words));
        if has(&[
            "Operation not permitted",
            "Permission denied",
            "you must be root",
        ]) {
            NftablesError::NoRights { said }
        } else if has(&["syntax error", "unknown identifier"]) {
            // The first line that makes the table is `add table inet NAME`.
            if said.contains(&format!(":1:16-{}: ", 15 + table.len())) {
                let table = table.to_owned();
                return NftablesError::BadName { table, said };
            }
            let version = version();
            NftablesError::NotUnderstood { version, said }
        } else if has(&["Message too long", "No buffer space available"]) {
            NftablesError::TooLong
        } else if has(&["Address family not supported"]) {
            NftablesError::NoSets { lacks: INET, said }
        } else if has(&["Operation not supported"]) {
            let lacks = INET_OR_SETS;
            NftablesError::NoSets { lacks, said }
        } else if has(&[
            "not supported",
            "Unable to initialize Netlink socket",
            "cache initialization failed: Invalid argument",
        ]) {
            NftablesError::NoSets { lacks: ALL, said }
        } else {
            NftablesError::Refused { said }
        }
    }

    /// The same, if the text makes the whole table: it names nothing that may be gone, so
    /// what is not there is a part of the kernel.
    pub(super) fn of_the_whole_table(self) -> Self {
        match self {
            NftablesError::Refused { said } if said.contains("No such file or directory") => {
                NftablesError::NoSets { lacks: PARTS, said }
            }
            other => other,
        }
    }
}

/// What a kernel may lack.
const ALL: &str = "nf_tables";
const INET: &str = "tables of nf_tables for inet (IPv4 and IPv6 in one)";
const INET_OR_SETS: &str = "tables of nf_tables for inet (IPv4 and IPv6 in one), or their sets";
const PARTS: &str = "all parts of nf_tables that our table needs (chains that filter, sets of \
                     addresses and of intervals, counters, rejects)";

impl From<io::Error> for NftablesError {
    fn from(error: io::Error) -> Self {
        let said = error.to_string();
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => NftablesError::NoRights { said },
            // A kernel that does not know the questions has no nf_tables.
            Some(libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT | libc::EOPNOTSUPP | libc::EINVAL) => {
                NftablesError::NoSets { lacks: ALL, said }
            }
            _ => NftablesError::NotListed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of nft 1.0.6.
    #[test]
    fn what_nft_says_becomes_what_it_means() {
        let of = |said: &str| {
            NftablesError::from_failure(said.as_bytes(), "pyfilter", || "v0.8".to_owned())
        };
        let rights = "/dev/stdin:1:1-17: Error: Could not process rule: Operation not permitted
add table inet x
^^^^^^^^^^^^^^^^^\n";
        assert!(matches!(of(rights), NftablesError::NoRights { .. }));
        let old = "/dev/stdin:9:12-18: Error: syntax error, unexpected counter, expecting string\n";
        assert!(matches!(of(old), NftablesError::NotUnderstood { .. }));
        assert!(of(old).to_string().contains("`nft` (v0.8)"), "{}", of(old));
        let word = "/dev/stdin:1:16-23: Error: syntax error, unexpected word, expecting string\n";
        assert!(matches!(of(word), NftablesError::BadName { .. }));
        let advice = "nft does not take pyfilter as the name of a table: give settings.firewall.chain \
                      another name; ";
        assert!(of(word).to_string().starts_with(advice), "{}", of(word));
        let long = "netlink: Error: Could not process rule: Message too long\n";
        assert!(matches!(of(long), NftablesError::TooLong));
        let full = "/dev/stdin:1:1-5: Error: Could not process rule: Too many open files in system
add element inet x v4 { 1.1.1.1 }\n";
        let NftablesError::Refused { said } = of(full) else {
            panic!("{full}");
        };
        assert!(said.ends_with("in system"), "{said}");
        assert!(matches!(of(""), NftablesError::Refused { said } if said == "nothing"));
    }

    #[test]
    fn what_a_kernel_lacks_is_named_with_what_to_do() {
        let of = |said: &str| {
            NftablesError::from_failure(said.as_bytes(), "pyfilter", || "v0.8".to_owned())
        };
        for (said, lacks) in [
            (
                "4:5-6: Error: Could not process rule: Operation not supported",
                INET_OR_SETS,
            ),
            (
                "1:1-2: Error: Could not process rule: Address family not supported by protocol",
                INET,
            ),
            (
                "src/mnl.c:60: Unable to initialize Netlink socket: Protocol not supported",
                ALL,
            ),
            (
                "netlink: Error: cache initialization failed: Invalid argument",
                ALL,
            ),
            (
                "5:1-2: Error: Could not process rule: No such file or directory",
                PARTS,
            ),
        ] {
            let error = of(said).of_the_whole_table().to_string();
            let sentence = format!("the kernel has not {lacks}, so nothing was changed");
            assert!(error.starts_with(&sentence), "{error}");
            assert!(error.contains("`modprobe nf_tables`"), "{error}");
            assert!(
                error.contains("\"backend\": \"iptables\" or \"none\""),
                "{error}"
            );
            assert!(error.ends_with(said), "{error}");
        }
        // What a difference names may have been removed by somebody else.
        let gone = of("1:1-2: Error: Could not process rule: No such file or directory");
        assert!(matches!(gone, NftablesError::Refused { .. }));
    }
}
