use std::io::{self, IsTerminal as _, Stdout};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;

use terminal_size::{Width, terminal_size_of};

/// Where something is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Somebody looks at it.
    Terminal,
    /// Another program reads it as it comes.
    Pipe,
    /// A file, or a device.
    File,
}

/// Where standard output goes.
#[must_use]
pub fn stdout() -> Output {
    let out = io::stdout();
    if out.is_terminal() {
        return Output::Terminal;
    }
    let is_pipe = |out: &Stdout| {
        let file = std::fs::File::from(out.as_fd().try_clone_to_owned()?);
        let kind = file.metadata()?.file_type();
        Ok::<_, io::Error>(kind.is_fifo() || kind.is_socket())
    };
    match is_pipe(&out) {
        Ok(false) => Output::File,
        _ => Output::Pipe,
    }
}

/// How many columns the terminal has that standard output is; none if it is
/// none, or does not tell.
#[must_use]
pub fn width() -> Option<usize> {
    columns(terminal_size_of(io::stdout()))
}

/// The same of standard error.
#[must_use]
pub fn stderr_width() -> Option<usize> {
    columns(terminal_size_of(io::stderr()))
}

/// A terminal that says 0 does not know.
fn columns(size: Option<(Width, terminal_size::Height)>) -> Option<usize> {
    let (Width(columns), _) = size?;
    (columns > 0).then_some(usize::from(columns))
}
