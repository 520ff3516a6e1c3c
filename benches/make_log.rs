//! Writes a log of any size to standard output, the same one every time:
//! `cargo run --release --example make_log -- ssh attack 1000000000 > FILE`.
//! `make_log patterns ssh` writes PyFilter's own patterns for it, one a line.
#![expect(
    clippy::print_stderr,
    reason = "a tool for people at a terminal, not the program"
)]

use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;

mod generate;

use generate::{Kind, library};

const USAGE: &str = "make_log ssh|ssh-rfc3339|nginx|apache|mysql quiet|mixed|attack BYTES
       make_log RULE quiet|mixed|attack BYTES     of its samples, for any rule of the library
       make_log patterns ssh|nginx|apache|mysql";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, rule] = arguments.as_slice()
        && word == "patterns"
    {
        return ended(patterns(rule));
    }
    let [kind, share, bytes] = arguments.as_slice() else {
        eprintln!("usage: {USAGE}");
        return ExitCode::from(2);
    };
    let (Some(share), Ok(bytes)) = (share_of(share), bytes.parse()) else {
        eprintln!("usage: {USAGE}");
        return ExitCode::from(2);
    };
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    ended(match named(kind) {
        Some(kind) => generate::write(kind, share, bytes, 1, &mut out),
        None => library::write(kind, share, bytes, &mut out),
    })
}

fn ended(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("make_log: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Those of PyFilter's own configuration, its urls filled in.
fn patterns(rule: &str) -> io::Result<()> {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/config/pyfilter-default.json"
    );
    let config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let rule = &config["settings"]["rules"][rule];
    let words = |list: &serde_json::Value| {
        let items = list.as_array().into_iter().flatten();
        items
            .filter_map(|item| {
                item.as_str()
                    .or_else(|| item[0].as_str())
                    .map(str::to_owned)
            })
            .collect::<Vec<_>>()
    };
    let urls = words(&rule["urls"]).join("|");
    let mut out = io::stdout().lock();
    words(&rule["regex_patterns"])
        .iter()
        .try_for_each(|text| writeln!(out, "{}", text.replace("{}", &urls)))
}

/// The kind that is called so.
fn named(kind: &str) -> Option<Kind> {
    match kind {
        "ssh" => Some(Kind::Ssh),
        "ssh-rfc3339" => Some(Kind::SshRfc3339),
        "nginx" => Some(Kind::Nginx),
        "apache" => Some(Kind::Apache),
        "mysql" => Some(Kind::Mysql),
        _ => None,
    }
}

/// The share of attack that is called so.
fn share_of(share: &str) -> Option<usize> {
    match share {
        "quiet" => Some(1),
        "mixed" => Some(30),
        "attack" => Some(95),
        _ => None,
    }
}
