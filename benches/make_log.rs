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

use generate::Kind;

const USAGE: &str = "make_log ssh|ssh-rfc3339|nginx|apache|mysql quiet|mixed|attack BYTES
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
    let (Some((kind, share)), Ok(bytes)) = (named(kind, share), bytes.parse()) else {
        eprintln!("usage: {USAGE}");
        return ExitCode::from(2);
    };
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    ended(generate::write(kind, share, bytes, 1, &mut out))
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
