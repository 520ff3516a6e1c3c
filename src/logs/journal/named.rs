//! What a journal is called, and why one can not be read.

use std::io;
use std::path::Path;

use crate::rules::DEFAULT_RULE;

/// An entry of more bytes than this is left out.
pub(super) const LONGEST_ENTRY: u64 = 8 << 20;

/// The journal of some units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// What it is called in reports and in the store: `journal:ssh.service`.
    pub name: String,
    /// The units.
    pub units: Vec<String>,
}

/// Why the journal can not be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is no `journalctl`.
    #[error(
        "journalctl is neither in /usr/bin nor in /bin: let rsyslog write a file and name it in log_files"
    )]
    Missing,
    /// It could not be started.
    #[error("journalctl can not be started: {0}")]
    NotStarted(io::Error),
}

/// The journal of sshd, as distributions call its unit.
#[must_use]
pub fn ssh_journal() -> Journal {
    let units = DEFAULT_RULE.journal.units;
    Journal {
        name: format!("journal:{}", units[0]),
        units: units.iter().map(|unit| (*unit).to_owned()).collect(),
    }
}

/// The journal of that name, as [`discover`](fn@crate::logs::discover) calls it; none
/// if it is the name of a file.
#[must_use]
pub fn journal_named(name: &Path) -> Option<Journal> {
    let name = name.to_str()?;
    let unit = name.strip_prefix("journal:")?;
    let ssh = ssh_journal();
    Some(if name == ssh.name {
        ssh
    } else {
        Journal {
            name: name.to_owned(),
            units: vec![unit.to_owned()],
        }
    })
}
