//! What is there already.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::app::init::{self, Host};
use crate::cli::{InstallArgs, Preset, STATE_DIR};
use crate::config::{Config, DEFAULT_FILE, Faults};
use crate::firewall;
use crate::judge::AllowList;
use crate::model::{Escaped, Family, Firewall};
use crate::system;

use super::adopt::{Adopted, adopt};
use super::allow::{self, Allowed};
use super::places;

/// The files that are ours alone: what stands in them is compared.
const OURS: [&str; 5] = [
    places::SERVICE_FILE,
    places::RESTORE_FILE,
    places::TIMER_FILE,
    places::LEGACY_FILE,
    places::CRON_FILE,
];

/// What the steps depend on.
#[derive(Debug, Default)]
pub(super) struct InstallFindings {
    /// The program that runs.
    pub(super) exe: PathBuf,
    pub(super) placed: Placed,
    /// Those of the places and state files that are there.
    pub(super) there: BTreeSet<PathBuf>,
    /// The store of the configuration that is to hold.
    pub(super) store: PathBuf,
    /// Whether the firewall's backend needs more rights than the service's unit gives.
    pub(super) needs_more_rights: bool,
    /// Whether the timer runs.
    pub(super) active: bool,
    /// Our own files that are there, with their text.
    pub(super) files: BTreeMap<&'static str, String>,
    pub(super) old: Option<FormerPyFilter>,
    /// Whether somebody has chosen the configuration that is there.
    pub(super) is_configured: bool,
    /// The thresholds that were asked for.
    pub(super) preset: Option<Preset>,
    /// Who is to be allowed; nobody but at the first installation.
    pub(super) allowed: Allowed,
}

/// Whether a pyfilter is in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Placed {
    /// None, or another than the one that runs.
    #[default]
    No,
    /// The one that runs, byte for byte.
    Copied,
    /// One of a package.
    Packaged,
}

impl Placed {
    /// What the program `exe` is that runs.
    fn find(exe: &Path) -> Self {
        if is_packaged() {
            Placed::Packaged
        } else if is_same(exe, Path::new(places::BINARY)) {
            Placed::Copied
        } else {
            Placed::No
        }
    }
}

/// Whether the firewall's backend needs more rights than the service's unit gives.
///
/// # Errors
/// A sentence: it does not work on this host.
fn try_firewall(settings: &Firewall) -> Result<bool, String> {
    let Some(backend) = firewall::backend(settings) else {
        return Ok(false);
    };
    let needs_more_rights = backend.needs_more_rights()?;
    // Without root's rights the only finding would be that they are missing.
    let failure = system::is_root().then(|| backend.inspect().failure(Family::V4));
    failure.flatten().map_or(Ok(needs_more_rights), Err)
}

/// An old PyFilter on this host, and which of its files can be taken over.
#[derive(Debug, Default)]
pub(super) struct FormerPyFilter {
    pub(super) config: Option<Adopted>,
    pub(super) database: Option<PathBuf>,
    pub(super) blacklists: Vec<PathBuf>,
    /// Whether its service would start it again.
    pub(super) service: bool,
    pub(super) processes: Vec<u32>,
}

/// Why nothing can be planned.
#[derive(Debug)]
pub(super) enum FindingsError {
    Faults(Faults),
    Host(String),
}

impl InstallFindings {
    /// Looks at the host, and changes nothing; gives also the configuration that is
    /// to hold.
    pub(super) fn look(args: &InstallArgs) -> Result<(Self, Config), FindingsError> {
        let (cron, allows) = (args.cron, !args.no_allow_me);
        let exe = std::env::current_exe()
            .and_then(fs::canonicalize)
            .map_err(|error| {
                FindingsError::Host(format!("the program does not find itself: {error}"))
            })?;
        let placed = Placed::find(&exe);
        let is_configured = is_configured(placed);
        let old = FormerPyFilter::look(is_configured)?;
        let base = Path::new(STATE_DIR);
        let adopted = old.as_ref().and_then(|old| old.config.as_ref());
        let config =
            to_hold(adopted, is_configured, args.preset, base).map_err(FindingsError::Faults)?;
        let needs_more_rights = try_firewall(&config.firewall).map_err(FindingsError::Host)?;
        let systemd = is_there(Path::new(places::SYSTEMD));
        let texts = OURS.into_iter();
        let texts = texts.filter_map(|path| Some((path, fs::read_to_string(path).ok()?)));
        let usual = [
            DEFAULT_FILE,
            places::SYSTEMD,
            places::CRON_DIR,
            places::ENABLED,
            places::RESTORED,
        ];
        let usual = usual.into_iter().map(PathBuf::from);
        let there = usual.chain([config.store.clone()]).chain(blacklists(base));
        let there: BTreeSet<PathBuf> = there.filter(|path| is_there(path)).collect();
        let files: BTreeMap<_, _> = texts.collect();
        // The package has put its files there before it is asked.
        let is_installed = !files.is_empty() || there.contains(Path::new(places::ENABLED));
        let is_first =
            !there.contains(&config.store) && (placed == Placed::Packaged || !is_installed);
        let allowed = if is_first && allows {
            who_to_allow(&config)
        } else {
            Allowed::new()
        };
        let found = InstallFindings {
            exe,
            placed,
            there,
            store: config.store.clone(),
            needs_more_rights,
            active: systemd && !cron && is_active(),
            files,
            old,
            is_configured,
            preset: args.preset,
            allowed,
        };
        Ok((found, config))
    }

    pub(super) fn has(&self, path: impl AsRef<Path>) -> bool {
        self.there.contains(path.as_ref())
    }

    /// What to do about a PyFilter's database, if runs have begun another one.
    pub(super) fn leaves_database(&self) -> Option<String> {
        let database = self.old.as_ref()?.database.as_ref()?;
        self.has(&self.store).then(|| {
            format!(
                "PyFilter's database {} is left, for {} is there: to have its bans, `sudo mv {STATE_DIR} {STATE_DIR}.before`, and install again",
                Escaped::path(database),
                Escaped::path(&self.store),
            )
        })
    }
}

impl FormerPyFilter {
    /// None if there is nothing of it.
    fn look(is_configured: bool) -> Result<Option<Self>, FindingsError> {
        let root = Path::new(places::OLD);
        let path = root.join("Config/config.json");
        let config = match fs::read(&path) {
            Ok(text) if !is_configured => Some(adopt(&text, &path).map_err(FindingsError::Faults)?),
            Err(error) if !is_configured && error.kind() != std::io::ErrorKind::NotFound => {
                let path = Escaped::path(&path);
                return Err(FindingsError::Host(format!(
                    "{path} can not be read: {error}"
                )));
            }
            _ => None,
        };
        // Its first versions wrote the name another way.
        let named = config.iter().map(|adopted| adopted.database.clone());
        let usual = ["PyFilter.db", "pyFilter.db"].map(|name| root.join(name));
        let old = FormerPyFilter {
            database: present(named.chain(usual)).into_iter().next(),
            config,
            blacklists: present(blacklists(&root.join("Config"))),
            service: is_there(Path::new(places::OLD_SERVICE)),
            processes: system::processes_in(root),
        };
        let is_nothing = old.config.is_none()
            && old.database.is_none()
            && old.blacklists.is_empty()
            && !old.service
            && old.processes.is_empty();
        Ok((!is_nothing).then_some(old))
    }

    /// What to do about a PyFilter that goes on banning, a sentence each.
    pub(super) fn still_running(&self) -> Option<String> {
        let pids: Vec<String> = self.processes.iter().map(ToString::to_string).collect();
        let running = match &pids[..] {
            [] => String::new(),
            pids => format!(" and runs (process {})", pids.join(", ")),
        };
        if self.service {
            return Some(format!(
                "PyFilter's own service is still there{running}: both would ban; stop it with `sudo systemctl disable --now PyFilter`, and remove {}",
                places::OLD_SERVICE
            ));
        }
        (!pids.is_empty()).then(|| {
            format!(
                "PyFilter still runs: both ban; stop it with `sudo kill {}`, and take run.sh out of what starts it (crontab -l, /etc/rc.local)",
                pids.join(" ")
            )
        })
    }
}

/// Who is logged in and could be banned, unless that was written down once.
fn who_to_allow(config: &Config) -> Allowed {
    if is_there(Path::new(places::ALLOWED_FILE)) {
        return Allowed::new();
    }
    let own = system::own_addresses().unwrap_or_default();
    let never = AllowList::new(config.ignored.clone(), own);
    allow::logged_in(|address| !never.covers(address.into()))
}

/// The two files in `dir`.
fn blacklists(dir: &Path) -> impl Iterator<Item = PathBuf> {
    ["blacklist.v4", "blacklist.v6"]
        .map(|name| dir.join(name))
        .into_iter()
}

fn present(paths: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    paths.filter(|path| path.is_file()).collect()
}

/// The configuration that is to hold.
fn to_hold(
    adopted: Option<&Adopted>,
    is_configured: bool,
    preset: Option<Preset>,
    base: &Path,
) -> Result<Config, Faults> {
    match adopted {
        Some(adopted) => Config::as_default(&adopted.text, base),
        None if is_there(Path::new(DEFAULT_FILE)) && (is_configured || preset.is_none()) => {
            Config::load(None, None, None, base)
        }
        None => {
            let text = init::text(&Host::probe(), preset.unwrap_or_default());
            Config::as_default(text.as_bytes(), base)
        }
    }
}

/// A link to nowhere is something.
pub(in crate::app) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether dpkg has put it there; what is removed but not purged is not.
pub(in crate::app) fn is_packaged() -> bool {
    is_there(Path::new(places::PACKAGED))
        && system::run_program("dpkg-query", &["--search", places::PACKAGED]).is_ok()
}

/// Whether somebody has chosen a configuration. The one that a package ships is
/// nobody's choice until it is changed.
fn is_configured(placed: Placed) -> bool {
    let shipped = || {
        fs::read_to_string(DEFAULT_FILE).ok()
            == Some(init::text(&Host::default(), Preset::Pyfilter))
    };
    is_there(Path::new(DEFAULT_FILE)) && !(placed == Placed::Packaged && shipped())
}

fn is_same(one: &Path, other: &Path) -> bool {
    let read = |path| fs::read(path).ok();
    one == other || read(one).is_some_and(|bytes| read(other) == Some(bytes))
}

fn is_active() -> bool {
    system::run_program("systemctl", &["is-active", "--quiet", places::TIMER]).is_ok()
}
