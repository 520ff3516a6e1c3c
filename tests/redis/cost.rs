//! That `benches/fleet.rs` still measures what the README tells.

use std::path::Path;

use crate::kit::{PYFILTER, needs};

#[path = "../../benches/servers/mod.rs"]
mod servers;

use servers::Size;

#[test]
fn the_fleet_is_measured() {
    needs!("redis-server", "redis-cli");
    let size = Size {
        servers: 3,
        stored: 20,
        new: 6,
    };
    let mut out = Vec::new();
    servers::measure(Path::new(PYFILTER), size, &mut out).unwrap();
    let told = String::from_utf8(out).unwrap();
    let line = |start: &str| {
        let found = told.lines().find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("{start}: {told}"))
    };
    assert!(line("joining with nothing: 20 bans in ").contains(" 1 run(s)"));
    for (new, received) in [(0, 0), (1, 100), (6, 600)] {
        for held in ["all", "few"] {
            let row = line(&format!("| {new} | {held} | "));
            let cells: Vec<&str> = row.split(" | ").collect();
            assert_eq!(cells.len(), 7, "{row}");
            let bytes = cells[6].trim_end_matches(" B |").parse::<u64>();
            assert!(bytes.unwrap() >= received, "{row}");
            let round_trips: u64 = cells[3].parse().unwrap();
            assert!((2..5).contains(&round_trips), "{row}");
            // What is stored is not looked through.
            let commands: u64 = cells[4].parse().unwrap();
            assert!((3..20).contains(&commands), "{row}");
        }
    }
    assert!(line("a round of 3 servers and 6 new bans: ").contains(" bytes a server and ban"));
    assert!(line("one Redis reaches").contains("million at half a core"));
    assert!(line("200 entries that are no bans").contains("skipped in"));
}
