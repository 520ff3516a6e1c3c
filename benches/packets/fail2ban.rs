//! What fail2ban takes for the same bans: its server, with its own filter for sshd and
//! its own action for nftables, reads the same log.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::addresses::{Addresses, write_log};
use crate::analyzer::{Cost, find, memory_of, now};
use crate::namespace::{Namespace, Process, run};
use crate::ruleset::elements_of_nft_sets;

/// The jail, and the last part of the name of its set.
const JAIL: &str = "bench";

pub(crate) const ACTION: &str = "nftables-multiport";

/// When it is given up.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Nothing else is measured meanwhile, and a look costs less than a ban.
const PAUSE: Duration = Duration::from_millis(100);

/// The version that is installed; none if it is not.
pub(crate) fn version() -> Option<String> {
    let server = find("fail2ban-server").ok()?;
    let said = run(Command::new(server).arg("--version")).ok()?;
    said.lines().next().map(str::to_owned)
}

/// From the start of the server, with all of the log before it, until the last address is
/// in its set.
pub(crate) fn measure(addresses: &Addresses, scratch: &Path) -> Result<Cost> {
    let directory = tempfile::tempdir_in(scratch)?;
    let namespace = Namespace::new()?;
    let log = directory.path().join("auth.log");
    let mut log = BufWriter::new(File::create(log)?);
    write_log(&addresses.first, &now(), &mut log)?;
    log.into_inner()?;
    configure(directory.path())?;

    let begun = Instant::now();
    let mut server = Process::start(
        start(&namespace, directory.path())?
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(directory.path().join("said"))?),
    )?;
    let own_log = directory.path().join("fail2ban.log");
    let wanted = addresses.first.len();
    loop {
        thread::sleep(PAUSE);
        let said = fs::read_to_string(&own_log).unwrap_or_default();
        // It tells a ban before it does it.
        let told = said.lines().filter(|line| line.contains("] Ban ")).count();
        if told >= wanted && banned(&namespace)? >= wanted {
            break;
        }
        if let Some(status) = server.0.try_wait()? {
            let said = fs::read_to_string(directory.path().join("said"))?;
            bail!("fail2ban-server ended with {status}: {said}");
        }
        let late = begun.elapsed() > PATIENCE;
        ensure!(!late, "fail2ban made {told} of {wanted} bans in an hour");
    }
    let seconds = begun.elapsed().as_secs_f64();
    let (_, mebibytes) = memory_of(server.0.id()).context("fail2ban-server is gone")?;
    Ok(Cost {
        seconds,
        mebibytes,
        started: 0.0,
    })
}

/// Its own configuration, with one jail.
fn configure(directory: &Path) -> Result<()> {
    let config = directory.join("fail2ban");
    run(Command::new("cp")
        .args(["-a", "/etc/fail2ban"])
        .arg(&config))?;
    // The distribution's jail reads the machine's log.
    run(Command::new("rm").arg("-rf").arg(config.join("jail.d")))?;
    let path = |name: &str| directory.join(name).display().to_string();
    let server = format!(
        "[Definition]\nloglevel = NOTICE\nlogtarget = {}\nsyslogsocket = none\nsocket = {}\n\
         pidfile = {}\ndbfile = {}\n",
        path("fail2ban.log"),
        path("socket"),
        path("pid"),
        path("fail2ban.sqlite3"),
    );
    fs::write(config.join("fail2ban.local"), server)?;
    let jail = format!(
        "[{JAIL}]\nenabled = true\nfilter = sshd\nport = ssh\nlogpath = {}\nbackend = auto\n\
         banaction = {ACTION}\nmaxretry = 5\nfindtime = 1d\nbantime = 1w\nusedns = no\n\
         ignoreself = false\n",
        path("auth.log"),
    );
    Ok(fs::write(config.join("jail.local"), jail)?)
}

fn start(namespace: &Namespace, directory: &Path) -> Result<Command> {
    let path = |name: &str| -> PathBuf { directory.join(name) };
    let mut command = namespace.command(find("fail2ban-server")?);
    command
        .args(["-x", "-f", "-c"])
        .arg(path("fail2ban"))
        .arg("-s")
        .arg(path("socket"))
        .arg("-p")
        .arg(path("pid"))
        .arg("start");
    Ok(command)
}

/// How many addresses are in its set.
fn banned(namespace: &Namespace) -> Result<usize> {
    let list = format!("nft -j list set inet f2b-table addr-set-{JAIL}");
    elements_of_nft_sets(&namespace.run(&list)?)
}
