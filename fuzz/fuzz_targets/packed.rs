//! A compressed log: the same text in blocks of whatever size, and the failures
//! of the lines in it.
#![no_main]

use std::io::{Cursor, Read, Write};
use std::sync::LazyLock;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use fuzz::Input;
use fuzz::files;
use fuzz::lines::{clock, shipped};
use fuzz::reading::in_blocks;
use libfuzzer_sys::fuzz_target;
use pyfilter::logs::{Budget, Counted, Inputs, LogReader, MatchedFailure, Sizes, stream};
use pyfilter::rules::Matcher;

/// What a few kilobytes may come to here.
const MOST: usize = 4 << 20;

static MATCHER: LazyLock<Matcher> =
    LazyLock::new(|| Matcher::new(&shipped("ssh"), clock()).expect("a shipped rule"));

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let (kind, block) = (input.byte(), input.short() % 5000 + 1);
    let packed = if kind % 2 == 0 {
        input.0.to_vec()
    } else {
        members(&mut input)
    };
    let path = files::holding("packed", &packed);
    let Ok((mut opened, _)) = stream(&path) else {
        return;
    };
    let (text, broken) = in_blocks(&mut opened, block, MOST);
    let (mut again, _) = stream(&path).expect("it was opened before");
    let at_once = in_blocks(&mut again, MOST, MOST);
    // How much comes out before a damage is seen is for the decoders to say: what
    // one read gives is lost if the damage is met in it.
    let same = |other: &[u8]| match broken {
        true => other.starts_with(&text) || text.starts_with(other),
        false => other == text,
    };
    assert_eq!(broken, at_once.1, "blocks of {block} bytes");
    assert!(same(&at_once.0), "blocks of {block} bytes");
    if packed.starts_with(&[0x1f, 0x8b]) {
        let mut decoder = MultiGzDecoder::new(Cursor::new(&packed)).take(MOST as u64);
        let mut plain = Vec::new();
        let ended = decoder.read_to_end(&mut plain);
        assert!(same(&plain), "another text");
        assert_eq!(ended.is_err(), broken);
    }
    if text.len() < MOST && !broken {
        failures(&path, &text, block);
    }
});

/// The text that follows in several members, of which a byte may be another.
fn members(input: &mut Input<'_>) -> Vec<u8> {
    let (at, change) = (input.short(), input.byte());
    let mut packed = Vec::new();
    while !input.is_empty() {
        let level = u32::from(input.byte() % 10);
        let length = input.short() % 2000;
        let mut encoder = GzEncoder::new(&mut packed, Compression::new(level));
        encoder.write_all(input.bytes(length)).expect("memory");
        encoder.finish().expect("memory");
    }
    if let Some(byte) = packed.get_mut(at) {
        *byte ^= change;
    }
    packed
}

/// The failures that the program finds in the file are those of its text's lines.
fn failures(path: &std::path::Path, text: &[u8], block: usize) {
    let sizes = Sizes {
        block: block as u64,
        ..Sizes::for_sources(1)
    };
    let inputs = Inputs::files(&[path.to_owned()], 0, |_| "");
    let inputs = inputs.with_sizes(sizes).with_clock(&clock());
    let mut found = Vec::new();
    let reader = LogReader {
        rule: "ssh",
        matcher: || Ok(MATCHER.clone()),
        sink: &mut |matched: MatchedFailure<'_>| {
            found.push(matched.failure.clone());
            Counted::as_failures(0)
        },
    };
    let report = inputs.read(reader, &mut Budget::unlimited());
    let reading = &report.parts().next().expect("one file").reading;
    assert!(reading.error.is_none());
    let mut plain = Vec::new();
    MATCHER
        .clone()
        .scan(text, 0, |failure, _| plain.push(failure));
    if reading.long_lines.0 == 0 {
        assert_eq!(found, plain);
    }
}
