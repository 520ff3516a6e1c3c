//! Where everything goes, and the text of what is not the host's own.

/// Where the binary goes if it is run from elsewhere.
pub(crate) const BINARY: &str = "/usr/local/bin/pyfilter";
/// Where a package has it.
pub(crate) const PACKAGED: &str = "/usr/bin/pyfilter";

/// The unit that starts the runs.
pub(crate) const TIMER: &str = "pyfilter.timer";
/// The unit that is a run.
pub(crate) const SERVICE: &str = "pyfilter.service";
/// The unit that brings the bans back at boot.
pub(crate) const RESTORE: &str = "pyfilter-restore.service";
/// Units of the administrator: the services, the timer, and what the service
/// needs besides for a backend with more rights.
pub(crate) const SERVICE_FILE: &str = "/etc/systemd/system/pyfilter.service";
pub(crate) const RESTORE_FILE: &str = "/etc/systemd/system/pyfilter-restore.service";
pub(crate) const TIMER_FILE: &str = "/etc/systemd/system/pyfilter.timer";
pub(crate) const LEGACY_FILE: &str = "/etc/systemd/system/pyfilter.service.d/legacy.conf";
/// The timer is enabled if this is there.
pub(crate) const ENABLED: &str = "/etc/systemd/system/timers.target.wants/pyfilter.timer";
/// When the timer last elapsed, as systemd remembers it.
pub(crate) const STAMP: &str = "/var/lib/systemd/timers/stamp-pyfilter.timer";
/// Bans are brought back at boot if this is there.
pub(crate) const RESTORED: &str =
    "/etc/systemd/system/sysinit.target.wants/pyfilter-restore.service";
/// Who was logged in at the installation.
pub(crate) const ALLOWED_FILE: &str = "/etc/pyfilter/conf.d/allowed-at-install.json";
pub(crate) const CRON_FILE: &str = "/etc/cron.d/pyfilter";
/// Where cron looks.
pub(crate) const CRON_DIR: &str = "/etc/cron.d";
/// There while systemd is what runs the host.
pub(crate) const SYSTEMD: &str = "/run/systemd/system";

/// PyFilter, where its tutorial puts it, and the service that it makes.
pub(crate) const OLD: &str = "/usr/local/PyFilter";
pub(crate) const OLD_SERVICE: &str = "/etc/systemd/system/PyFilter.service";

/// Where the event log may stand beside the state directory, if somebody makes it.
pub(crate) const LOG_DIR: &str = "/var/log/pyfilter";

const SERVICE_TEXT: &str = include_str!("../../../timers/pyfilter.service");
const RESTORE_TEXT: &str = include_str!("../../../timers/pyfilter-restore.service");
const TIMER_TEXT: &str = include_str!("../../../timers/pyfilter.timer");
const LEGACY: &str = include_str!("../../../timers/legacy.conf");
const CRON: &str = include_str!("../../../timers/pyfilter.cron");

/// The service that runs `binary`.
pub(super) fn service(binary: &str) -> String {
    SERVICE_TEXT.replace(PACKAGED, binary)
}

/// The service that has `binary` bring the bans back.
pub(super) fn restore(binary: &str) -> String {
    RESTORE_TEXT.replace(PACKAGED, binary)
}

/// The timer.
pub(super) fn timer() -> String {
    TIMER_TEXT.to_owned()
}

/// What the service needs besides for a backend with more rights: the legacy variant.
pub(super) fn legacy() -> String {
    LEGACY.to_owned()
}

/// The cron entry that runs `binary`.
pub(super) fn cron(binary: &str) -> String {
    CRON.replace(PACKAGED, binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_start_what_is_installed() {
        for text in [service(BINARY), cron(BINARY)] {
            assert!(
                text.contains(" /usr/local/bin/pyfilter scan\n")
                    || text.contains("=/usr/local/bin/pyfilter scan\n"),
                "{text}"
            );
            assert!(!text.contains("/usr/bin/pyfilter"), "{text}");
        }
        assert!(restore(BINARY).contains("\nExecStart=/usr/local/bin/pyfilter restore\n"));
        assert!(service(PACKAGED).contains("\nExecStart=/usr/bin/pyfilter scan\n"));
    }
}
