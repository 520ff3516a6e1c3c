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
        "the kernel has not what is needed (nf_tables with tables for inet, and its sets; \
         `modprobe nf_tables` may help), so nothing was changed: {said}"
    )]
    NoSets {
        /// What the kernel or the program said.
        said: String,
    },
    /// `nft` does not know some word of the text.
    #[error(
        "`nft` ({version}) does not understand the rule set: it is older than 0.9, or the table's \
         name, {table}, is a word of its own, and then another settings.firewall.chain helps; \
         nothing was changed; it said: {said}"
    )]
    NotUnderstood {
        /// What it says of itself.
        version: String,
        /// The table.
        table: String,
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
            NftablesError::NotUnderstood {
                version: version(),
                table: table.to_owned(),
                said,
            }
        } else if has(&["Message too long", "No buffer space available"]) {
            NftablesError::TooLong
        } else if has(&["not supported", "Unable to initialize Netlink socket"]) {
            NftablesError::NoSets { said }
        } else {
            NftablesError::Refused { said }
        }
    }
}

impl From<io::Error> for NftablesError {
    fn from(error: io::Error) -> Self {
        let said = error.to_string();
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => NftablesError::NoRights { said },
            Some(libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT | libc::EOPNOTSUPP | libc::EINVAL) => {
                NftablesError::NoSets { said }
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
        let old = "/dev/stdin:1:12-18: Error: syntax error, unexpected counter, expecting string\n";
        assert!(matches!(of(old), NftablesError::NotUnderstood { .. }));
        assert!(of(old).to_string().contains("`nft` (v0.8)"), "{}", of(old));
        let kernel = "/dev/stdin:4:5-6: Error: Could not process rule: Operation not supported\n";
        assert!(matches!(of(kernel), NftablesError::NoSets { .. }));
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
}
