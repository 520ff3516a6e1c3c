//! The map of each folder of `src`: the module's head names what stands in it,
//! and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::test_modules;

/// A folder with the file whose head is its map.
struct Folder {
    path: PathBuf,
    head_file: PathBuf,
}

#[test]
fn each_map_names_every_file_of_its_folder() {
    let mut faults = Vec::new();
    for folder in folders() {
        let head = head_of(&folder.head_file);
        let named = backticked(&head);
        for child in children(&folder) {
            let stem = child.strip_suffix(".rs").unwrap_or(&child);
            if !named.contains(stem) && !named.contains(&format!("{stem}.rs")) {
                let map = folder.head_file.strip_prefix(root()).unwrap();
                faults.push(format!("{}: does not name `{child}`", map.display()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn no_map_names_what_is_not_there() {
    let mut faults = Vec::new();
    for folder in folders() {
        let head = head_of(&folder.head_file);
        let is_there = |name: &str| {
            let here = folder.path.join(name);
            let beside = folder.head_file.parent().unwrap().join(name);
            here.exists()
                || here.with_extension("rs").exists()
                || beside.exists()
                || root().join("src").join(name).exists()
        };
        for name in table_names(&head).into_iter().chain(file_names(&head)) {
            if !is_there(&name) {
                let map = folder.head_file.strip_prefix(root()).unwrap();
                faults.push(format!("{}: names `{name}`", map.display()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All folders of `src` that hold code, but those of tests.
fn folders() -> Vec<Folder> {
    let src = root().join("src");
    let head_file = src.join("lib.rs");
    let mut folders = vec![Folder {
        path: src,
        head_file,
    }];
    let mut done = 0;
    while done < folders.len() {
        let below = sub_folders(&folders[done]);
        folders.extend(below);
        done += 1;
    }
    assert!(folders.len() > 10);
    folders
}

fn sub_folders(folder: &Folder) -> Vec<Folder> {
    let names = children(folder);
    let paths = names.iter().map(|name| folder.path.join(name));
    let with_head = paths.filter(|path| path.is_dir()).filter_map(|path| {
        let mut heads = [path.join("mod.rs"), path.with_extension("rs")].into_iter();
        let head_file = heads.find(|head| head.exists())?;
        Some(Folder { path, head_file })
    });
    with_head.collect()
}

/// The names of a folder's Rust files and directories, but those of tests.
fn children(folder: &Folder) -> BTreeSet<String> {
    let text = fs::read_to_string(&folder.head_file).unwrap();
    let tests = test_modules(&folder.head_file, &text);
    let entries = folder.path.read_dir().unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_code = |path: &PathBuf| path.is_dir() || path.extension().is_some_and(|e| e == "rs");
    let is_product = |path: &PathBuf| !tests.contains(path) && *path != folder.head_file;
    let product = paths.filter(is_code).filter(is_product);
    product
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "main.rs")
        .collect()
}

/// The `//!` lines of a file, without their mark.
fn head_of(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().take_while(|line| line.starts_with("//!"));
    lines
        .map(|line| line.trim_start_matches("//!").trim().to_owned() + "\n")
        .collect()
}

/// What stands in backticks, and what a block of text names as a file.
fn backticked(head: &str) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = head
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .map(|name| name.trim_end_matches('/').to_owned())
        .collect();
    names.extend(file_names(head));
    names
}

/// The names in the first column of each table of files, rooms or modules.
fn table_names(head: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_map = None;
    for line in head.lines() {
        let Some(row) = line.strip_prefix('|') else {
            is_map = None;
            continue;
        };
        let first = row.split('|').next().unwrap_or_default();
        match is_map {
            None => is_map = Some(["file", "room", "module"].contains(&first.trim())),
            Some(true) => names.extend(
                first
                    .split('`')
                    .skip(1)
                    .step_by(2)
                    .map(|name| name.trim_end_matches('/').to_owned()),
            ),
            Some(false) => {}
        }
    }
    names
}

/// The words of a head that are names of Rust files: `raw.rs`, `logs/open.rs`.
fn file_names(head: &str) -> Vec<String> {
    let words = head.split(|c: char| !c.is_alphanumeric() && !"_/.".contains(c));
    let words = words.map(|word| word.trim_end_matches('.'));
    words
        .filter(|word| word.len() > 3 && Path::new(word).extension().is_some_and(|e| e == "rs"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_map_is_a_table_whose_first_column_names_files() {
    let head = "Text.\n\n| file | does |\n|---|---|\n| `a`, `b` | as `c` |\n\n| word | is |\n|---|---|\n| `d` | e.rs |\n";
    assert_eq!(table_names(head), ["a", "b"]);
    assert_eq!(file_names(head), ["e.rs"]);
    let named: Vec<String> = backticked(head).into_iter().collect();
    assert_eq!(named, ["a", "b", "c", "d", "e.rs"]);
}
