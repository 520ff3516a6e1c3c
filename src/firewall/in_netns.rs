//! Tests in a network namespace of their own: each runs itself once more there, since
//! netlink asks the namespace of the process.

use std::io::Write as _;
use std::process::{Command, Stdio};

const INSIDE: &str = "PYFILTER_TEST_NETNS";

/// Whether this process is in the namespace of the test `name` of `module`. If not, the
/// test is run there.
pub(super) fn is_inside(module: &str, name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let this = std::env::current_exe().unwrap();
    let name = format!("{}::{name}", module.split_once("::").unwrap().1);
    let done = Command::new("unshare")
        .arg("--net")
        .arg(this)
        .args(["--exact", &name, "--ignored", "--nocapture"])
        .env(INSIDE, "yes")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
    print!("{said}");
    false
}

/// Runs the program with this input; only where [`is_inside`] is true.
pub(super) fn run(program: &str, arguments: &[&str], input: &str) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .spawn()
        .expect(program);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success(), "{program} {arguments:?}");
}
