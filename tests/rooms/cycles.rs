//! No two files of a room use each other, directly or through others.
//!
//! A path is followed to the file that defines its last name: `super::Decision` in
//! `judge/window.rs` is `judge/decide.rs`, since `judge/mod.rs` has `pub use
//! decide::Decision`. A re-export alone makes no file use another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{File, code, product};

/// `["judge", "window"]` of `judge/window.rs`; the crate's root is `[]`.
type ModulePath = Vec<String>;

/// A path in a `use`, and the name under which it is known there; `*` is its last
/// name where all names are imported.
struct Import {
    path: Vec<String>,
    name: String,
    is_public: bool,
}

struct Module {
    file: PathBuf,
    /// The code without its imports.
    body: Vec<String>,
    imports: Vec<Import>,
}

struct Crate(BTreeMap<ModulePath, Module>);

#[test]
fn no_files_of_a_room_use_each_other() {
    let files = product();
    let uses = Crate::of(&files).uses();
    let mut faults = Vec::new();
    for cycle in cycles(&uses) {
        let shown = |file: &PathBuf| {
            let within = uses[file].intersection(&cycle);
            let others: Vec<String> = within.map(|other| other.display().to_string()).collect();
            format!("  {} uses {}", file.display(), others.join(", "))
        };
        let lines: Vec<String> = cycle.iter().map(shown).collect();
        faults.push(format!("a cycle:\n{}", lines.join("\n")));
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

impl Crate {
    fn of(files: &[File]) -> Crate {
        let module = |file: &File| {
            let tokens = tokens(&code(&file.text));
            let (body, imports) = without_imports(&tokens);
            let file = file.path.clone();
            Module {
                file,
                body,
                imports,
            }
        };
        let named = files.iter().map(|file| (path_of(&file.path), module(file)));
        Crate(named.collect())
    }

    /// Each file with the other files of its room that it uses.
    fn uses(&self) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
        let mut uses = BTreeMap::new();
        for (here, module) in &self.0 {
            let mut others = BTreeSet::new();
            for path in self.paths_of(here, module) {
                let file = self.follow(here, &path, 0).map(|target| &target.file);
                let same_room = |file: &&PathBuf| file.iter().next() == module.file.iter().next();
                others.extend(file.filter(same_room).cloned());
            }
            others.remove(&module.file);
            uses.insert(module.file.clone(), others);
        }
        uses
    }

    /// The paths that a module's code uses, with those of its imports.
    fn paths_of(&self, here: &ModulePath, module: &Module) -> Vec<Vec<String>> {
        let mut paths = written_paths(&module.body);
        let names = used_names(&module.body);
        for import in &module.imports {
            if !import.is_public || names.contains(import.name.as_str()) {
                paths.push(import.path.clone());
            }
        }
        // Only what begins here, or at a name that is known here, is of this crate.
        paths.retain(|path| self.is_known(here, module, &path[0]));
        paths
    }

    fn is_known(&self, here: &ModulePath, module: &Module, name: &str) -> bool {
        ["crate", "super", "self"].contains(&name)
            || self.0.contains_key(&below(here, name))
            || module.imports.iter().any(|import| import.name == name)
    }

    /// The module that defines the last name of `path`, as it is written in `here`.
    fn follow(&self, here: &ModulePath, path: &[String], depth: usize) -> Option<&Module> {
        // Two modules that re-export all of each other.
        if depth > 10 {
            return None;
        }
        let mut at = here.clone();
        for (n, name) in path.iter().enumerate() {
            match name.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => {
                    at.pop();
                }
                name if self.0.contains_key(&below(&at, name)) => at = below(&at, name),
                // A folder whose own file is no module here: the crate's root.
                _ => {
                    let module = self.0.get(&at)?;
                    return self.named(&at, module, &path[n..], depth).or(Some(module));
                }
            }
        }
        self.0.get(&at)
    }

    /// The module to which the first of these names is imported in `module`.
    fn named(
        &self,
        at: &ModulePath,
        module: &Module,
        names: &[String],
        depth: usize,
    ) -> Option<&Module> {
        let imported = |import: &&Import| import.name == names[0];
        let import = module.imports.iter().find(imported)?;
        let path: Vec<String> = import.path.iter().chain(&names[1..]).cloned().collect();
        // `use x::x` and what is of another crate lead nowhere.
        let begins_here = self.is_known(at, module, &path[0]) && path[0] != import.name;
        begins_here.then(|| self.follow(at, &path, depth + 1))?
    }
}

fn below(module: &[String], name: &str) -> ModulePath {
    [module, &[name.to_owned()]].concat()
}

/// The module that a file is.
fn path_of(file: &Path) -> ModulePath {
    let module = match file.file_name() {
        Some(name) if name == "mod.rs" => file.parent().unwrap().to_owned(),
        _ => file.with_extension(""),
    };
    module
        .iter()
        .map(|name| name.to_str().unwrap().to_owned())
        .collect()
}

/// Names, `::`, and every other character but blanks.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut goes_on = false;
    for c in code.chars() {
        let is_name = c.is_alphanumeric() || c == '_';
        match tokens.last_mut() {
            Some(last) if goes_on && is_name => last.push(c),
            Some(last) if c == ':' && last == ":" => last.push(c),
            _ if c.is_whitespace() => {}
            _ => tokens.push(c.to_string()),
        }
        goes_on = is_name;
    }
    tokens
}

/// The code without its `use`, and what those import.
fn without_imports(tokens: &[String]) -> (Vec<String>, Vec<Import>) {
    let (mut body, mut imports) = (Vec::new(), Vec::new());
    let mut rest = tokens.iter();
    while let Some(token) = rest.next() {
        // `impl Trait + use<'a>` imports nothing.
        let is_bound = rest.as_slice().first().is_some_and(|next| next == "<");
        if token != "use" || is_bound {
            body.push(token.clone());
            continue;
        }
        let is_public = matches!(body.last().map(String::as_str), Some("pub" | ")"));
        let tree: Vec<String> = rest.by_ref().take_while(|t| *t != ";").cloned().collect();
        let mut paths = Vec::new();
        branches(&tree, &[], &mut paths);
        imports.extend(paths.into_iter().map(|(path, name)| Import {
            path,
            name,
            is_public,
        }));
    }
    (body, imports)
}

/// The paths of a `use`, each with the name that it makes known: `a::b::{self, c as d}`
/// is `a::b` as `b`, and `a::b::c` as `d`.
fn branches(tree: &[String], before: &[String], paths: &mut Vec<(Vec<String>, String)>) {
    let mut path = before.to_vec();
    for (n, token) in tree.iter().enumerate() {
        match token.as_str() {
            "::" => {}
            "{" => {
                let inner = &tree[n + 1..tree.len() - 1];
                for branch in split_at_commas(inner) {
                    branches(branch, &path, paths);
                }
                return;
            }
            "as" => {
                paths.push((path, tree[n + 1].clone()));
                return;
            }
            "self" if !path.is_empty() => {}
            _ => path.push(token.clone()),
        }
    }
    if let Some(last) = path.last().cloned() {
        paths.push((path, last));
    }
}

fn split_at_commas(tokens: &[String]) -> Vec<&[String]> {
    let mut depth = 0_usize;
    let parts = tokens.split(|token| {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        token == "," && depth == 0
    });
    parts.filter(|part| !part.is_empty()).collect()
}

/// The names in code but those of methods and of what is defined there.
fn used_names(body: &[String]) -> BTreeSet<&str> {
    let pairs = body.windows(2);
    let used = pairs.filter(|pair| !["fn", ".", "mod"].contains(&pair[0].as_str()));
    used.map(|pair| pair[1].as_str()).collect()
}

/// The paths of two names and more that stand in code.
fn written_paths(body: &[String]) -> Vec<Vec<String>> {
    let is_name = |token: &String| token.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let mut paths = Vec::new();
    let mut n = 0;
    while n < body.len() {
        let mut path = Vec::new();
        // `pub(in crate::logs)` says who sees a thing, and uses nothing.
        let is_scope = n > 1 && body[n - 1] == "in" && body[n - 2] == "(";
        while n < body.len() && is_name(&body[n]) {
            path.push(body[n].clone());
            if body.get(n + 1).is_none_or(|next| next != "::") {
                break;
            }
            n += 2;
        }
        n += 1;
        if path.len() > 1 && !is_scope {
            paths.push(path);
        }
    }
    paths
}

/// The sets of files of which each reaches each other.
fn cycles(uses: &BTreeMap<PathBuf, BTreeSet<PathBuf>>) -> Vec<BTreeSet<PathBuf>> {
    let reached = |from: &PathBuf| {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&PathBuf> = uses[from].iter().collect();
        while let Some(file) = open.pop() {
            if reached.insert(file.clone()) {
                open.extend(uses.get(file).into_iter().flatten());
            }
        }
        reached
    };
    let all: BTreeMap<&PathBuf, BTreeSet<PathBuf>> =
        uses.keys().map(|file| (file, reached(file))).collect();
    let mut cycles: Vec<BTreeSet<PathBuf>> = Vec::new();
    for (file, reaches) in &all {
        let back = |other: &&PathBuf| all.get(other).is_some_and(|back| back.contains(*file));
        let cycle: BTreeSet<PathBuf> = reaches.iter().filter(back).cloned().collect();
        if reaches.contains(*file) && !cycles.contains(&cycle) {
            cycles.push(cycle);
        }
    }
    cycles
}

#[test]
fn a_path_is_followed_to_the_file_that_defines_its_name() {
    let file = |path: &str, text: &str| File {
        path: path.into(),
        text: text.to_owned(),
    };
    let files = [
        file(
            "judge/mod.rs",
            "mod a; mod b;\npub(in crate::judge) fn There() { x.Made() }\npub use a::{Made, other::{self, Thing as There}};",
        ),
        file(
            "judge/a.rs",
            "use super::b::Other;\nfn f() -> std::io::Result<()> {}",
        ),
        file(
            "judge/b.rs",
            "fn g(made: super::Made) { crate::judge::a::x() }",
        ),
        file(
            "judge/c.rs",
            "use crate::{judge::{self, b}, model};\nfn h() { b::Other::new(); judge::Made }",
        ),
    ];
    let uses = Crate::of(&files).uses();
    let of = |name: &str| -> Vec<String> {
        let others = &uses[Path::new(name)];
        others
            .iter()
            .map(|file| file.display().to_string())
            .collect()
    };
    assert_eq!(of("judge/mod.rs"), [""; 0], "a re-export is no use");
    assert_eq!(of("judge/a.rs"), ["judge/b.rs"]);
    assert_eq!(of("judge/b.rs"), ["judge/a.rs"]);
    assert_eq!(
        of("judge/c.rs"),
        ["judge/a.rs", "judge/b.rs", "judge/mod.rs"]
    );
    let cycle = ["judge/a.rs", "judge/b.rs"].map(PathBuf::from);
    assert_eq!(cycles(&uses), [BTreeSet::from(cycle)]);
}
