use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::model::{Address, check_server_name};

/// The time. Read once in a run, and handed down.
#[must_use]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// What the host is called; `localhost` if its name can not serve as a server's.
#[must_use]
pub fn host_name() -> String {
    // Not from /proc/sys, which a service with `ProcSubset=pid` has not.
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    Some(name)
        .filter(|name| check_server_name(name).is_ok())
        .unwrap_or_else(|| "localhost".to_owned())
}

/// The kernel has this file if it speaks IPv6, with a line for each address. Not
/// `/proc/net`, which a service with `ProcSubset=pid` has not.
const IF_INET6: &str = "/proc/self/net/if_inet6";

/// Whether the kernel speaks IPv6.
#[must_use]
pub fn kernel_has_ipv6() -> bool {
    Path::new(IF_INET6).exists()
}

/// Whether an interface has an IPv6 address, so that IPv6 bans matter.
#[must_use]
pub fn has_ipv6_address() -> bool {
    std::fs::read(IF_INET6).is_ok_and(|interfaces| !interfaces.is_empty())
}

/// Whether this process is root's.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether standard output is a service's way into the journal, as systemd.exec(5)
/// has it: `$JOURNAL_STREAM` holds device and inode of that, and is inherited by
/// whoever prints elsewhere.
#[must_use]
pub fn is_journal_on_stdout() -> bool {
    let Some(stream) = std::env::var_os("JOURNAL_STREAM") else {
        return false;
    };
    let stdout = std::fs::metadata("/proc/self/fd/1");
    stdout.is_ok_and(|file| stream == *format!("{}:{}", file.dev(), file.ino()))
}

/// The processes, this one aside, that work in `dir` or run something in it.
#[must_use]
pub fn processes_in(dir: &Path) -> Vec<u32> {
    let ours = std::process::id();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let inside = |pid: &u32| {
        let proc = Path::new("/proc").join(pid.to_string());
        let words = std::fs::read(proc.join("cmdline")).unwrap_or_default();
        let mut words = words.split(|&byte| byte == 0).map(OsStr::from_bytes);
        let runs = words.any(|word| Path::new(word).starts_with(dir));
        // A shell that is there to look around is nothing to stop.
        let python = || {
            std::fs::read_to_string(proc.join("comm")).is_ok_and(|name| name.starts_with("python"))
        };
        runs || std::fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd == dir) && python()
    };
    pids.filter(|pid| *pid != ours).filter(inside).collect()
}

/// The addresses of the host's interfaces.
///
/// # Errors
/// The system does not tell.
pub fn own_addresses() -> std::io::Result<Vec<Address>> {
    Ok(if_addrs::get_if_addrs()?
        .into_iter()
        .map(|interface| Address::from(interface.ip()))
        .collect())
}

/// How many parents are asked: a login, its shell, sudo, and some scripts.
const ANCESTORS: usize = 16;

/// Where the person who types this is logged in from by ssh. sudo empties the
/// environment, so that of the processes above is asked, too.
#[must_use]
pub fn login_address() -> Option<Address> {
    let own = std::env::var_os("SSH_CONNECTION").map(OsString::into_vec);
    let connection = own.or_else(|| {
        let mut process = std::os::unix::process::parent_id();
        (0..ANCESTORS).find_map(|_| {
            let found = of_environment(process, b"SSH_CONNECTION=");
            process = parent_of(process).unwrap_or(process);
            found
        })
    })?;
    Address::parse(connection.split(|&byte| byte == b' ').next()?)
}

/// The value behind `name` in the environment that a process began with.
fn of_environment(process: u32, name: &[u8]) -> Option<Vec<u8>> {
    let environment = std::fs::read(format!("/proc/{process}/environ")).ok()?;
    environment
        .split(|&byte| byte == 0)
        .find_map(|entry| entry.strip_prefix(name))
        .map(<[u8]>::to_vec)
}

fn parent_of(process: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))?
        .trim()
        .parse()
        .ok()
}
