//! Logs of the services of the library: the samples of a rule again and again, from many
//! addresses.

use std::io::{self, Write};
use std::path::Path;

use super::Dice;

/// Writes about so many bytes of the samples of `rule`, of which `share` in a hundred lines
/// are failures; every line of an attack (`share` of 95 or more) is one.
pub(crate) fn write(
    rule: &str,
    share: usize,
    bytes: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rules");
    let text = std::fs::read(samples.join(format!("{rule}.log")))?;
    let text = String::from_utf8_lossy(&text);
    let (mut failures, mut others): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut is_failure = None;
    for line in text.lines() {
        match line.strip_prefix("#= ") {
            Some(expected) => is_failure = Some(!expected.starts_with("no ")),
            None if is_failure == Some(true) => failures.push(line),
            None if is_failure == Some(false) => others.push(line),
            None => {}
        }
    }
    let mut dice = Dice(1);
    let mut written = 0;
    while written < bytes {
        let attacks = share >= 95 || others.is_empty() || dice.roll(100) < share as u64;
        let line = dice.of(if attacks { &failures } else { &others });
        let address = format!("198.18.{}.{}", dice.roll(256), dice.roll(254) + 1);
        let line = line.replace("203.0.113.9", &address);
        writeln!(out, "{line}")?;
        written += line.len() + 1;
    }
    Ok(())
}
