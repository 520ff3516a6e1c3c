//! Writes a log of any size to standard output, the same one every time:
//! `cargo run --release --example make_log -- ssh attack 1000000000 > FILE`.
#![expect(
    clippy::print_stderr,
    reason = "a tool for people at a terminal, not the program"
)]

use std::io::Write;
use std::process::ExitCode;

mod generate;

use generate::Kind;

const USAGE: &str = "make_log ssh|ssh-rfc3339|nginx|apache|mysql quiet|mixed|attack BYTES";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, share, bytes] = arguments.as_slice() else {
        eprintln!("usage: {USAGE}");
        return ExitCode::from(2);
    };
    let (Some((kind, share)), Ok(bytes)) = (named(kind, share), bytes.parse()) else {
        eprintln!("usage: {USAGE}");
        return ExitCode::from(2);
    };
    match std::io::stdout().write_all(&generate::log(kind, share, bytes, 1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("make_log: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The kind and the share of attack that are called so.
fn named(kind: &str, share: &str) -> Option<(Kind, usize)> {
    let kind = match kind {
        "ssh" => Kind::Ssh,
        "ssh-rfc3339" => Kind::SshRfc3339,
        "nginx" => Kind::Nginx,
        "apache" => Kind::Apache,
        "mysql" => Kind::Mysql,
        _ => return None,
    };
    let share = match share {
        "quiet" => 1,
        "mixed" => 30,
        "attack" => 95,
        _ => return None,
    };
    Some((kind, share))
}
