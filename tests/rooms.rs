//! The rooms of `src/` and who may name whom: the data's way has a direction,
//! and no file is a hall.

mod cycles;
mod maps;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with the other rooms that it may name.
const ROOMS: [(&str, &[&str]); 15] = [
    ("main", &["app", "cli"]),
    (
        "app",
        &[
            "audit", "cli", "config", "firewall", "geo", "judge", "logs", "model", "report",
            "rules", "store", "sync", "system",
        ],
    ),
    ("cli", &["model"]),
    ("config", &["model", "rules"]),
    ("logs", &["model", "rules"]),
    ("rules", &["model"]),
    ("judge", &["model"]),
    ("audit", &["judge", "model"]),
    ("store", &["model"]),
    ("firewall", &["model", "system"]),
    ("geo", &["model"]),
    ("report", &["audit", "model"]),
    ("sync", &["model"]),
    ("system", &["model"]),
    ("model", &[]),
];

/// What the unit tests of a room may name beyond that: those of `rules` take the rules from
/// a configuration.
const TESTS_ALSO: [(&str, &[&str]); 1] = [("rules", &["config"])];

/// A room's file is at most this long, its tests not counted.
const LONGEST: usize = 400;

#[test]
fn each_room_names_only_the_rooms_behind_it() {
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.into();
    let mut faults = Vec::new();
    for file in product() {
        let room = file.room();
        let Some(may_name) = allowed.get(room.as_str()) else {
            let shown = file.shown();
            faults.push(format!("{shown}: the room `{room}` is not in the table"));
            continue;
        };
        for (line, named) in file.named() {
            if named != room && !may_name.contains(&named.as_str()) {
                let shown = file.shown();
                faults.push(format!(
                    "{shown}:{line}: names the room `{named}`; `{room}` may name {may_name:?}"
                ));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// A test that needs more than its room stands in `tests/`.
#[test]
fn unit_tests_name_only_the_rooms_behind_theirs() {
    let (allowed, also) = (BTreeMap::from(ROOMS), BTreeMap::from(TESTS_ALSO));
    let unit_tests = unit_tests();
    assert!(unit_tests.len() > 50);
    let mut faults = Vec::new();
    for (file, depth) in unit_tests {
        let room = file.room();
        let may_name = allowed.get(room.as_str()).copied().unwrap_or_default();
        let may_also = also.get(room.as_str()).copied().unwrap_or_default();
        for (line, named) in file.named_from(depth) {
            let named = named.as_str();
            if named != room && !may_name.contains(&named) && !may_also.contains(&named) {
                let shown = file.shown();
                faults.push(format!(
                    "{shown}:{line}: a test of `{room}` names the room `{named}`"
                ));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_room_of_the_table_is_there() {
    let there: BTreeSet<String> = product().iter().map(File::room).collect();
    let table = ROOMS.map(|(room, _)| room.to_owned());
    assert_eq!(there, BTreeSet::from(table));
}

#[test]
fn no_file_is_a_hall() {
    let halls: Vec<String> = product()
        .iter()
        .filter(|file| file.text.lines().count() > LONGEST)
        .map(|file| {
            let (shown, lines) = (file.shown(), file.text.lines().count());
            format!("{shown} has {lines} lines without its tests: at most {LONGEST}, so part it")
        })
        .collect();
    assert!(halls.is_empty(), "\n{}\n", halls.join("\n"));
}

#[test]
fn a_reference_is_found_however_it_is_written() {
    let named = |path: &str, text: &str| {
        let file = File {
            path: path.into(),
            text: text.to_owned(),
        };
        file.named()
    };
    let found = |line, room: &str| (line, room.to_owned());
    assert_eq!(
        named(
            "judge/window.rs",
            "use crate::store::Store;\n\nlet x = crate::logs::scan();"
        ),
        [found(1, "store"), found(3, "logs")]
    );
    assert_eq!(
        named(
            "judge/window.rs",
            "use crate::{\n    model::{Ban, Stamp},\n    report,\n};"
        ),
        [found(1, "model"), found(1, "report")]
    );
    assert_eq!(
        named(
            "judge/window.rs",
            "use super::super::store;\nuse super::decide;"
        ),
        [found(1, "store")]
    );
    assert_eq!(
        named("judge/mod.rs", "use super::app::x;"),
        [found(1, "app")]
    );
    assert_eq!(
        named("main.rs", "pyfilter::app::main();"),
        [found(1, "app")]
    );
    assert_eq!(
        named(
            "judge/mod.rs",
            "/// Not [`crate::store`].\n//! nor crate::app::x"
        ),
        []
    );
}

/// A file of the product, cut where its tests begin.
struct File {
    /// Below `src`.
    path: PathBuf,
    text: String,
}

impl File {
    fn shown(&self) -> String {
        format!("src/{}", self.path.display())
    }

    /// The directory below `src` that it stands in, or its own name.
    fn room(&self) -> String {
        let first = self.path.iter().next().unwrap();
        Path::new(first)
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// The names by which it reaches the crate's root: `crate::`, and as many
    /// `super::` as it stands deep.
    fn roots(&self, depth: usize) -> Vec<String> {
        let mut modules = self.path.iter().count() + depth;
        if self.path.ends_with("mod.rs") {
            modules -= 1;
        }
        let mut roots = vec!["crate::".to_owned(), "super::".repeat(modules)];
        if self.path == Path::new("main.rs") {
            roots = vec!["pyfilter::".to_owned()];
        }
        roots
    }

    /// The rooms it names, each with its line, counted from 1.
    fn named(&self) -> Vec<(usize, String)> {
        self.named_from(0)
    }

    /// The same from within a module that stands so deep in the file.
    fn named_from(&self, depth: usize) -> Vec<(usize, String)> {
        let code = without_comments(&self.text);
        let mut named = Vec::new();
        for root in self.roots(depth) {
            for (at, _) in code.match_indices(&root) {
                let is_end_of_a_longer_path = code[..at]
                    .ends_with(|before: char| before.is_alphanumeric() || "_:$".contains(before));
                if !is_end_of_a_longer_path {
                    let line = code[..at].matches('\n').count() + 1;
                    let rooms = first_names(&code[at + root.len()..]);
                    named.extend(rooms.into_iter().map(|room| (line, room)));
                }
            }
        }
        named.sort();
        named
    }
}

/// All files of the product but those that are tests.
fn product() -> Vec<File> {
    let (mut files, _) = files_and_tests();
    for file in &mut files {
        file.text.truncate(without_tests(&file.text).len());
    }
    files
}

/// The tests that stand in `src`, and how deep in their files: files of tests, and the
/// modules of tests at the ends of other files, whose lines keep their numbers.
fn unit_tests() -> Vec<(File, usize)> {
    let (files, tests) = files_and_tests();
    let at_ends = files.into_iter().filter_map(|File { path, text }| {
        let (product, tests) = text.split_at(without_tests(&text).len());
        let text = "\n".repeat(product.matches('\n').count()) + tests;
        (!tests.is_empty()).then_some((File { path, text }, 1))
    });
    at_ends
        .chain(tests.into_iter().map(|file| (file, 0)))
        .collect()
}

/// All files of `src` but the map: those of the product, whole, and those that are tests.
fn files_and_tests() -> (Vec<File>, Vec<File>) {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    gather(&src, &mut all);
    let mut tests = Vec::new();
    let mut files = Vec::new();
    for path in all {
        let text = fs::read_to_string(&path).unwrap();
        tests.extend(test_modules(&path, &text));
        let path = path.strip_prefix(&src).unwrap().to_owned();
        files.push(File { path, text });
    }
    files.retain(|file| file.path != Path::new("lib.rs"));
    files.into_iter().partition(|file| {
        let path = src.join(&file.path);
        !tests.iter().any(|test| path.starts_with(test))
    })
}

fn gather(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

/// The files and directories of what the file declares as `#[cfg(test)] mod name;`.
fn test_modules(path: &Path, text: &str) -> Vec<PathBuf> {
    let below = match path.file_name().and_then(|name| name.to_str()) {
        Some("mod.rs" | "lib.rs" | "main.rs") => path.parent().unwrap().to_owned(),
        _ => path.with_extension(""),
    };
    let declared = text.split("#[cfg(test)]").skip(1).filter_map(|rest| {
        let (name, _) = rest.trim_start().strip_prefix("mod ")?.split_once(';')?;
        name.chars()
            .all(|c| c.is_alphanumeric() || c == '_')
            .then(|| below.join(name))
    });
    declared
        .flat_map(|module| [module.with_extension("rs"), module])
        .collect()
}

/// The text up to the module of tests at its end.
fn without_tests(text: &str) -> &str {
    let begin = text.match_indices("\n#[cfg(test)]\n").find(|(at, mark)| {
        let rest = &text[at + mark.len()..];
        let first = rest.lines().next().unwrap_or_default();
        first.starts_with("mod ") && first.ends_with('{')
    });
    begin.map_or(text, |(at, _)| &text[..at])
}

/// The lines, each up to its comment.
fn without_comments(text: &str) -> String {
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned() + "\n";
    text.lines().map(code).collect()
}

/// The text without what stands in its strings and characters, and its comments.
fn code(text: &str) -> String {
    without_comments(&code_and_comments(text))
}

/// The text without what stands in its strings and characters.
fn code_and_comments(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            let length = rest.find('\n').unwrap_or(rest.len());
            kept += &rest[..length];
            length
        } else if let Some(length) = string_length(rest).filter(|_| !ends_name(&kept, c)) {
            kept += "\"\"";
            // The lines keep their numbers.
            kept.extend(rest[..length].chars().filter(|c| *c == '\n'));
            length
        } else if let Some(length) = character_length(rest) {
            length
        } else {
            kept.push(c);
            c.len_utf8()
        };
        rest = &rest[length..];
    }
    if !kept.ends_with('\n') {
        kept.push('\n');
    }
    kept
}

/// Whether `c` goes on with a name: the `r` of `for "a"` begins no string.
fn ends_name(before: &str, c: char) -> bool {
    c != '"' && before.ends_with(|before: char| before.is_alphanumeric() || before == '_')
}

/// How long the string is that stands here, with its marks: `"a"`, `r#"a"#`.
fn string_length(text: &str) -> Option<usize> {
    let raw = text.strip_prefix("br").or_else(|| text.strip_prefix('r'));
    if let Some(raw) = raw {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if let Some(inner) = raw[hashes..].strip_prefix('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let begin = text.len() - inner.len();
            return Some(begin + inner.find(&end)? + end.len());
        }
    }
    let inner = text.strip_prefix('"')?;
    let mut is_escaped = false;
    let end = inner.find(|c| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    })?;
    Some(end + 2)
}

/// How long the character is that stands here, with its marks; a lifetime is none.
fn character_length(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let first = inner.chars().next()?;
    let length = match first {
        '\\' => 2 + inner.get(2..)?.find('\'')?,
        _ => first.len_utf8(),
    };
    inner[length..].starts_with('\'').then_some(length + 2)
}

/// The first name of a path: `a` of `a::b`, `a` and `c` of `{a::b, c}`.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
        text.trim_start().chars().take_while(is_name).collect()
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![name(path)];
    };
    let mut names = vec![name(group)];
    let mut depth = 0_usize;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&group[at + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}
