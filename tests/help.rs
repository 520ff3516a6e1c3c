//! What the help texts and manual pages say.

use std::fmt::Write as _;
use std::process::Command;

use crate::kit::{PYFILTER, fixture};
use crate::world::World;

/// What a run of the program prints.
fn printed(arguments: &[&str]) -> String {
    let ran = Command::new(PYFILTER).args(arguments).output().unwrap();
    assert!(ran.status.success(), "{arguments:?}");
    String::from_utf8(ran.stdout).unwrap()
}

/// The commands of the program, as its help lists them.
fn commands() -> Vec<String> {
    let help = printed(&["--help"]);
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// The examples at the end of a help text, without what is said of them.
fn examples(help: &str) -> Vec<String> {
    let (_, rest) = help.split_once("Examples:\n").expect("there are examples");
    let lines = rest.lines().take_while(|line| !line.is_empty());
    let bare = lines.map(|line| line.trim_start().split("  ").next().unwrap());
    bare.map(str::to_owned).collect()
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_every_example_of_the_help_works() {
    let commands = commands();
    assert!(commands.len() > 10, "{commands:?}");
    let log = fixture("auth.log");
    for command in commands.iter().map(String::as_str).chain([""]) {
        let help = match command {
            "" => printed(&["--help"]),
            command => printed(&[command, "--help"]),
        };
        let examples = examples(&help);
        assert_eq!(examples.len(), 2, "{help}");
        let mut script = format!(
            "set -o pipefail\npyfilter() {{ \"$PYFILTER\" \"$@\"; }}\ncd $SCRATCH\nexport HOME=$SCRATCH\n\
             mkdir -p .config/fish/completions /etc/pyfilter /etc/bash_completion.d\n\
             cp {log} auth.log.1\ngzip < {log} > auth.log.2.gz\necho '{{}}' > new.json\n",
            log = log.display()
        );
        for example in &examples {
            assert!(example.contains("pyfilter "), "{example}");
            let quoted = example.replace('\'', "'\\''");
            let _ = writeln!(script, "echo '$ {quoted}'\n{example}");
        }
        World::new().run(&script);
    }
}

#[test]
#[ignore = "needs man-db and mandoc: run tests/run"]
fn kernel_the_manual_pages_are_without_fault() {
    let told = World::new().run(
        r#"cd $SCRATCH
        $PYFILTER man --dir man
        export LC_ALL=C.UTF-8 MANWIDTH=80
        for page in man/man1/*.1 man/man5/*.5; do
            said=$(man --warnings --local-file $page 2>&1 >$SCRATCH/page)
            test -z "$said" -a -s $SCRATCH/page || { echo "$page: $said"; exit 1; }
            mandoc -Tlint -Werror $page
            lexgrog $page
        done
        man -M man pyfilter.conf | col -b | grep -c Default:"#,
    );
    let whatis: Vec<&str> = told.lines().filter(|line| line.contains(" - ")).collect();
    assert_eq!(whatis.len(), commands().len() + 2, "{told}");
    assert!(
        told.contains(": \"pyfilter-scan - Read what is new"),
        "{told}"
    );
    assert!(
        told.contains(": \"pyfilter.conf - configuration of pyfilter\""),
        "{told}"
    );
}

#[test]
fn a_page_is_found_by_its_name_and_by_its_command() {
    assert_eq!(
        printed(&["man", "scan"]),
        printed(&["man", "pyfilter-scan"])
    );
    assert_eq!(printed(&["man"]), printed(&["man", "pyfilter"]));
    let ran = Command::new(PYFILTER)
        .args(["man", "scna"])
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(2));
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(
        said.starts_with(
            "pyfilter: there is no page `scna`: the pages are pyfilter, pyfilter-scan, "
        ),
        "{said}"
    );
}
