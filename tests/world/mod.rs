//! A host of its own for what is about the host: namespaces in which scripts
//! write to `/etc`, `/usr/local`, `/var` and `/run` as they would on a machine,
//! and all of it is gone with them.
//!
//! There is no systemd in here. What `systemctl` was told stands in
//! `/run/systemctl.log`, and it keeps what enabling and starting leave behind;
//! how the real one takes it is shown by a real boot.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::kit::{PYFILTER, fixture};

/// Where writing goes to a layer over the machine's own.
const LAYERED: [&str; 6] = [
    "/etc",
    "/usr/local",
    "/var/lib",
    "/var/log",
    "/var/spool",
    "/run",
];

const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" >> /run/systemctl.log
test ! -e /run/systemctl-fails || { echo 'Failed to connect to bus' >&2; exit 1; }
wants() {
    case "$1" in
    *.timer) echo "/etc/systemd/system/timers.target.wants/$1" ;;
    *.service) echo "/etc/systemd/system/sysinit.target.wants/$1" ;;
    *) echo "/run/no-unit" ;;
    esac
}
link() {
    mkdir -p "${1%/*}" && ln -sf "../${1##*/}" "$1"
}
case "$1" in
enable) for unit; do [ "$unit" = enable ] || link "$(wants "$unit")"; done ;;
disable) for unit; do rm -f "$(wants "$unit")" "/run/$unit-runs"; done ;;
restart) touch /run/pyfilter.timer-runs ;;
is-active) test -e /run/pyfilter.timer-runs ;;
show)
    loaded=not-found state=inactive
    [ ! -e /etc/systemd/system/pyfilter.timer ] || loaded=loaded
    [ ! -e /run/pyfilter.timer-runs ] || state=active
    printf 'Id=pyfilter.timer\nLoadState=%s\nActiveState=%s\nUnitFileState=enabled\n\n' $loaded $state
    printf 'Id=pyfilter.service\nLoadState=%s\nActiveState=inactive\n' $loaded
    cat /run/pyfilter.service-result 2>/dev/null || echo Result=success
    ;;
esac
"#;

/// A host that no script has changed yet.
pub(crate) struct World {
    dir: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        World {
            dir: TempDir::new().unwrap(),
        }
    }

    /// A place of the machine that scripts see, too.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs a bash script: what it printed on both streams.
    ///
    /// `$PYFILTER` is the program, `$SCRATCH` a directory to write to; `status N COMMAND…` expects another exit
    /// status than 0, which ends the script.
    ///
    /// # Panics
    /// With all that was printed, when the script fails.
    pub(crate) fn run(&self, script: &str) -> String {
        let path = self.dir.path().join("script");
        std::fs::write(&path, self.beginning() + script).unwrap();
        let mut unshare = Command::new("unshare");
        let ran = unshare
            .args([
                "--mount",
                "--net",
                "--pid",
                "--fork",
                "--mount-proc",
                "bash",
            ])
            .arg(&path);
        let ran = ran.env_remove("SSH_CONNECTION").output().unwrap();
        let told = [ran.stdout, ran.stderr].concat();
        let told = String::from_utf8_lossy(&told).into_owned();
        assert!(ran.status.success(), "{script}\n{told}");
        told
    }

    fn beginning(&self) -> String {
        let mut script = format!(
            "exec 2>&1\nset -eu\n\
             export TZ=UTC PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PYFILTER={PYFILTER} SCRATCH={scratch}\n\
             sudo() {{ \"$@\"; }}\n\
             status() {{\n  local wanted=$1 status=0\n  shift\n  \"$@\" || status=$?\n  \
             [ $status = $wanted ] || {{ echo \"status $status of: $*\"; exit 1; }}\n}}\n",
            scratch = self.dir.path().display()
        );
        let layers = self.dir.path().join("layers");
        let layers = layers.display();
        let _ = writeln!(script, "mkdir -p {layers} && mount -t tmpfs tmpfs {layers}");
        for place in LAYERED {
            let layer = format!("{layers}{place}");
            let _ = writeln!(
                script,
                "mkdir -p {layer}/u {layer}/w\n\
                 mount -t overlay overlay -o lowerdir={place},upperdir={layer}/u,workdir={layer}/w {place}"
            );
        }
        let systemctl = self.dir.path().join("systemctl");
        let log = fixture("auth.log");
        let _ = write!(
            script,
            "cat > {systemctl} <<'END'\n{SYSTEMCTL}END\n\
             chmod 755 {systemctl}\nmount --bind {systemctl} /usr/bin/systemctl\n\
             mkdir -p /run/systemd/system /etc/cron.d\ncp {log} /var/log/auth.log\n\
             rm -rf /var/log/nginx /var/log/apache2 /var/log/mysql\n",
            systemctl = systemctl.display(),
            log = log.display(),
        );
        script
    }
}
