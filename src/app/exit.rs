//! The exit status of the program.

use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, also when addresses were banned.
    Done,
    /// Something could not be done, in part or at all.
    Problems,
    /// Wrong usage or configuration; nothing was done.
    Usage,
}

impl Exit {
    /// The worse of the two, `self` first.
    pub(super) fn or(self, other: Exit) -> Exit {
        if self == Exit::Done { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Problems => 1,
            Exit::Usage => 2,
        })
    }
}
