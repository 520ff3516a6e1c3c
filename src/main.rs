//! Arguments to `app` to exit status; nothing else.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    pyfilter::app::main(&pyfilter::cli::Cli::parse()).into()
}
