//! What a test needs of the machine. An ordinary user may lack it: the test is then
//! left out, and its name is told. `tests/run` has it all, and there nothing is left out.

use std::io::Write as _;
use std::path::Path;

/// Leaves the test out if a program is not there: `needs!("redis-server")`. `root` is
/// the user.
macro_rules! needs {
    ($($what:literal),+) => {
        if $crate::kit::is_left_out(&[$($what),+]) {
            return;
        }
    };
}
pub(crate) use needs;

/// Whether something of this is missing, which is told.
///
/// # Panics
/// If root runs the tests, or `PYFILTER_TESTS` is `all`: then nothing may be left out.
#[track_caller]
pub(crate) fn is_left_out(needed: &[&str]) -> bool {
    let Some(missing) = needed.iter().find(|what| !is_there(what)) else {
        return false;
    };
    let all = std::env::var_os("PYFILTER_TESTS").is_some_and(|which| which == "all");
    assert!(
        !all && !is_root(),
        "this test needs {missing}: tests/run installs it"
    );
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test");
    // `eprintln!` of a test that passes is not shown.
    let _ = writeln!(std::io::stderr(), "left out: {name} needs {missing}");
    true
}

fn is_there(what: &str) -> bool {
    if what == "root" {
        return is_root();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/sbin", "/sbin"].map(Into::into);
    let mut directories = std::env::split_paths(&path).chain(sbin);
    // What begins with a slash stays as it is.
    directories.any(|directory| directory.join(what).is_file())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn what_is_there_leaves_no_test_out() {
    assert!(!is_left_out(&["sh", "/proc/self/exe"]));
    assert!(!is_there("no-such-program") && !is_there(Path::new("/no/such").to_str().unwrap()));
}
