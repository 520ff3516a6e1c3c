use std::path::PathBuf;

/// Something that could not be done while the rest of the run went on. A run
/// with a problem ends with exit status 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What, where, and what to do about it.
    pub message: String,
    /// The file it is about.
    pub path: Option<PathBuf>,
}

impl Problem {
    /// A problem that is not about one file.
    pub fn new(message: impl Into<String>) -> Self {
        Problem {
            message: message.into(),
            path: None,
        }
    }

    /// A problem of the file at `path`; the message names it too.
    pub fn at(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Problem {
            message: message.into(),
            path: Some(path.into()),
        }
    }
}
