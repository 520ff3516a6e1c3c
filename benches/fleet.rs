//! What sharing costs: 200 servers on one Redis that holds 100,000 bans.
//!
//! ```text
//! cargo build --release && cargo run --release --example fleet
//! cargo run --release --example fleet -- SERVERS STORED NEW PROGRAM
//! ```
//!
//! What does a run cost when 0, 10 and 1,000 entries are new, for a server that
//! holds all the bans and for one that holds few? How long does one take that
//! joins with nothing? How far does one Redis reach? Needs redis-server. The
//! firewall is off, and everything is on one machine.

use std::error::Error;
use std::path::PathBuf;

mod servers;

use servers::Size;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: usize| {
        let given = arguments.get(at).map(|text| text.parse());
        given.transpose().map(|given| given.unwrap_or(otherwise))
    };
    let size = Size {
        servers: number(0, 200)?,
        stored: number(1, 100_000)?,
        new: number(2, 1000)?,
    };
    // Beside the directory of the examples.
    let beside = std::env::current_exe()?;
    let beside = beside.parent().and_then(|examples| examples.parent());
    let beside = beside.map(|release| release.join("pyfilter"));
    let given = arguments.get(3).map(PathBuf::from);
    let program = given.or(beside).ok_or("no pyfilter")?;
    servers::measure(&program, size, &mut std::io::stdout().lock())
}
