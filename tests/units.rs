//! The units, as systemd reads them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// What systemd calls exposed, in tenths: at most this.
const MOST_EXPOSED: &str = "20";

/// The units in a directory, with a program in place of the one that may not
/// be installed here, and without the manual pages.
fn units() -> (TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let of = |name: &str| {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("timers")
            .join(name);
        let text = fs::read_to_string(from).unwrap();
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("Documentation="));
        let text = lines.collect::<Vec<_>>().join("\n");
        assert_eq!(
            text.matches("/usr/bin/pyfilter").count(),
            usize::from(name == "pyfilter.service")
        );
        let path = dir.path().join(name);
        fs::write(&path, text.replace("/usr/bin/pyfilter", "/bin/true")).unwrap();
        path
    };
    let (service, timer) = (of("pyfilter.service"), of("pyfilter.timer"));
    (dir, service, timer)
}

/// What `systemd-analyze` says, and whether it is content.
fn analyze(arguments: &[&str], files: &[&Path]) -> (bool, String) {
    let mut command = Command::new("systemd-analyze");
    let ran = command
        .args(arguments)
        .args(files)
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    (
        ran.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn systemd_finds_no_fault_with_the_units() {
    let (_dir, service, timer) = units();
    let verify = || analyze(&["verify", "--man=no"], &[&service, &timer]);
    assert_eq!(verify(), (true, String::new()));
    let text = fs::read_to_string(&service).unwrap();
    fs::write(&service, text.clone() + "\n[Service]\nProtectHoem=yes\n").unwrap();
    assert!(verify().1.contains("ProtectHoem"), "a mistake is seen");

    let dropin = service.with_extension("service.d").join("legacy.conf");
    fs::create_dir(dropin.parent().unwrap()).unwrap();
    fs::write(&service, text).unwrap();
    fs::copy("timers/legacy.conf", dropin).unwrap();
    assert_eq!(verify(), (true, String::new()), "with legacy.conf");
}

#[test]
fn the_service_may_do_little_else_than_its_work() {
    let (_dir, service, _) = units();
    let threshold = format!("--threshold={MOST_EXPOSED}");
    let (content, said) = analyze(
        &["security", "--offline=true", "--no-pager", &threshold],
        &[&service],
    );
    assert!(content, "{said}");
    let text = fs::read_to_string(&service).unwrap();
    fs::write(&service, text.replace("ProtectSystem=strict\n", "")).unwrap();
    let (content, said) = analyze(
        &["security", "--offline=true", "--no-pager", &threshold],
        &[&service],
    );
    assert!(!content, "one line less is seen: {said}");
}
