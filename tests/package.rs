//! What goes into the Debian package besides the program. The package itself
//! is looked at by tests/package, and installed by tests/boot.

use pyfilter::app::init::{Host, text};

use crate::kit::golden;

const SERVICE: &str = include_str!("../timers/pyfilter.service");
const LEGACY: &str = include_str!("../timers/legacy.conf");
const RESTORE: &str = include_str!("../timers/pyfilter-restore.service");

/// The settings of a unit from `first` on, without comments.
fn settings(unit: &'static str, first: &str) -> Vec<&'static str> {
    let lines = unit.lines().take_while(|line| *line != "[Install]");
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let settings: Vec<&str> = lines.skip_while(|line| !line.starts_with(first)).collect();
    assert!(
        settings.len() > 20,
        "{first} begins the sandbox: {settings:?}"
    );
    settings
}

#[test]
fn the_packages_configuration_is_what_init_writes_for_a_host_with_nothing_but_ssh() {
    golden(
        "../../timers/debian/config.json",
        &text(&Host::default(), pyfilter::cli::Preset::Pyfilter),
    );
}

#[test]
fn both_services_live_in_the_same_sandbox() {
    let first = "SyslogLevel=";
    assert_eq!(settings(SERVICE, first), settings(RESTORE, first));
    let (_, legacy) = LEGACY.split_once("[Service]\n").unwrap();
    assert!(RESTORE.contains(legacy), "made for either iptables");
}
