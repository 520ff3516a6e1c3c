//! What the types are called: each name stands once, and is a term of the field.

use std::collections::BTreeMap;

use super::{File, code_and_comments, product};

/// Metaphors that are not the name of a type, nor a part of it.
const NOT_TYPES: [&str; 11] = [
    "Wall", "Hearing", "Heard", "Voice", "Errand", "Witness", "Standing", "Lift", "Stood", "Beat",
    "Doubt",
];

/// Those of them that are no word of a comment either, nor a part of another identifier.
const NOT_WORDS: [&str; 6] = ["wall", "hearing", "voice", "errand", "witness", "beat"];

#[test]
fn each_public_type_has_a_name_of_its_own() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in product() {
        for (line, name) in public_types(&file) {
            let place = format!("{}:{line}", file.shown());
            places.entry(name).or_default().push(place);
        }
    }
    assert!(places.len() > 100, "{places:?}");
    places.retain(|_, places| places.len() > 1);
    let faults: Vec<String> = places
        .iter()
        .map(|(name, places)| format!("{name}: {}", places.join(", ")))
        .collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn no_metaphor_is_a_name() {
    let mut faults = Vec::new();
    for file in product() {
        let shown = file.shown();
        for (number, line) in code_and_comments(&file.text).lines().enumerate() {
            for word in metaphors(line) {
                faults.push(format!("{shown}:{}: {word}", number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// The public types that a file defines, each with its line, counted from 1.
fn public_types(file: &File) -> Vec<(usize, String)> {
    let defined = |line: &str| {
        let rest = line.trim_start().strip_prefix("pub")?;
        let rest = match rest.strip_prefix('(') {
            Some(scope) => scope.split_once(')')?.1,
            None => rest,
        };
        let (kind, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
        let name = rest.split(|c: char| !c.is_alphanumeric()).next()?;
        ["struct", "enum", "trait", "type"]
            .contains(&kind)
            .then(|| name.to_owned())
    };
    let lines = file.text.lines().enumerate();
    lines
        .filter_map(|(number, line)| Some((number + 1, defined(line)?)))
        .collect()
}

/// The words of a line that are not used here. What begins with "Lift" in a comment is a
/// sentence.
fn metaphors(line: &str) -> Vec<&str> {
    let (code, comment) = line.split_once("//").unwrap_or((line, ""));
    let in_code = parts_of(code).filter(|part| NOT_TYPES.contains(part));
    let in_comment = parts_of(comment).filter(|part| NOT_TYPES.contains(part) && *part != "Lift");
    let words = parts_of(line).filter(|part| NOT_WORDS.contains(part));
    in_code.chain(in_comment).chain(words).collect()
}

fn parts_of(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.flat_map(camel_parts)
}

/// `Firewall` and `Step` of `FirewallStep`.
fn camel_parts(word: &str) -> Vec<&str> {
    let mut begins: Vec<usize> = word
        .char_indices()
        .filter(|(at, c)| *at == 0 || c.is_uppercase())
        .map(|(at, _)| at)
        .collect();
    begins.push(word.len());
    begins
        .windows(2)
        .map(|ends| &word[ends[0]..ends[1]])
        .collect()
}

#[test]
fn a_metaphor_is_found_within_a_longer_name() {
    assert_eq!(metaphors("struct OpenWall;"), ["Wall"]);
    assert_eq!(
        metaphors("let the_errand = 1; // Lift a Voice"),
        ["Voice", "errand"]
    );
    assert_eq!(metaphors("FirewallStep standing lifted stood"), [""; 0]);
    assert_eq!(
        code_and_comments("call(\"SELECT witness\\\" wall\"); // wall"),
        "call(\"\"); // wall\n"
    );
}

#[test]
fn a_public_type_is_found_however_visible_it_is() {
    let text = "pub struct A;\n    pub(in crate::x) enum B<T> {}\nstruct C;\npub fn d() {}\n";
    let file = File {
        path: "x.rs".into(),
        text: text.to_owned(),
    };
    let found = [(1, "A".to_owned()), (2, "B".to_owned())];
    assert_eq!(public_types(&file), found);
}
