//! The units, as systemd reads them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::kit::needs;

/// What systemd calls exposed, in tenths: at most this.
const MOST_EXPOSED: &str = "20";

struct Units {
    _dir: TempDir,
    service: PathBuf,
    restore: PathBuf,
    timer: PathBuf,
}

/// The units in a directory, with a program in place of the one that may not
/// be installed here, and without the manual pages.
fn units() -> Units {
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
            usize::from(Path::new(name).extension() == Some("service".as_ref()))
        );
        let path = dir.path().join(name);
        fs::write(&path, text.replace("/usr/bin/pyfilter", "/bin/true")).unwrap();
        path
    };
    Units {
        service: of("pyfilter.service"),
        restore: of("pyfilter-restore.service"),
        timer: of("pyfilter.timer"),
        _dir: dir,
    }
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
    needs!("systemd-analyze");
    let units = units();
    let all = [&*units.service, &units.restore, &units.timer];
    let verify = || analyze(&["verify", "--man=no"], &all);
    assert_eq!(verify(), (true, String::new()));
    for service in [&units.service, &units.restore] {
        let text = fs::read_to_string(service).unwrap();
        fs::write(service, text.clone() + "\n[Service]\nProtectHoem=yes\n").unwrap();
        assert!(verify().1.contains("ProtectHoem"), "a mistake is seen");
        fs::write(service, text).unwrap();
    }

    let dropin = units
        .service
        .with_extension("service.d")
        .join("legacy.conf");
    fs::create_dir(dropin.parent().unwrap()).unwrap();
    fs::copy("timers/legacy.conf", dropin).unwrap();
    assert_eq!(verify(), (true, String::new()), "with legacy.conf");
}

#[test]
fn the_services_may_do_little_else_than_their_work() {
    needs!("systemd-analyze");
    let units = units();
    let threshold = format!("--threshold={MOST_EXPOSED}");
    let arguments = ["security", "--offline=true", "--no-pager", &threshold];
    for service in [&*units.service, &units.restore] {
        let (content, said) = analyze(&arguments, &[service]);
        assert!(content, "{said}");
        let text = fs::read_to_string(service).unwrap();
        let looser = text.replace("ProtectSystem=strict\n", "");
        let looser = looser.replace("IPAddressDeny=any\n", "");
        fs::write(service, looser).unwrap();
        let (content, said) = analyze(&arguments, &[service]);
        assert!(!content, "a line less is seen: {said}");
    }
}

/// A run knows by them that nobody has changed the firewall; where it may not
/// read them it lists all rules each minute, and nobody would notice.
#[test]
fn the_services_may_read_what_tells_one_boot_from_another() {
    let units = units();
    for service in [&units.service, &units.restore] {
        let text = fs::read_to_string(service).unwrap();
        let settings: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let families = settings
            .iter()
            .find(|line| line.starts_with("RestrictAddressFamilies="));
        assert!(families.unwrap().contains(" AF_NETLINK "), "{text}");
        assert!(
            !settings.contains(&"ProcSubset=pid"),
            "hides /proc/sys: {text}"
        );
    }
}

/// Hosts that share their bans must not all ask in the same second.
#[test]
fn each_host_has_a_second_of_its_own() {
    let text = fs::read_to_string(units().timer).unwrap();
    for line in [
        "RandomizedDelaySec=59s",
        "FixedRandomDelay=true",
        "OnCalendar=minutely",
    ] {
        assert!(text.lines().any(|there| there == line), "{line}");
    }
}
