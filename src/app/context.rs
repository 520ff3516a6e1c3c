use std::path::PathBuf;
use std::sync::Arc;

use crate::config::Config;
use crate::judge::AllowList;
use crate::model::Problem;
use crate::system;

use super::notices::Notices;

/// What holds for a whole run: read once, and handed down.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) config: Config,
    pub(super) state_dir: PathBuf,
    /// This server's name.
    pub(super) server: Arc<str>,
    /// The addresses that are never banned.
    pub(super) allow_list: AllowList,
    /// The time of the run, in Unix seconds.
    pub(super) now: i64,
    /// Whether the host's clock can be right at all.
    pub(super) is_clock_set: bool,
    /// Whether a progress bar may be shown.
    pub(super) shows_progress: bool,
    /// What is to be told so far.
    pub(super) notices: Notices,
}

impl Context {
    /// Asks the host for what the configuration leaves open.
    pub(super) fn new(config: Config, state_dir: PathBuf) -> Self {
        let mut problems = Vec::new();
        let own = system::own_addresses().unwrap_or_else(|error| {
            problems.push(Problem::new(format!(
                "the host's own addresses can not be read ({error}): put them into ignored_ips, or they may be banned"
            )));
            Vec::new()
        });
        let left_out = config.conf_d.left_out.iter();
        problems.extend(left_out.map(|left_out| Problem::at(&left_out.path, &left_out.message)));
        let server = config.server_name.clone().unwrap_or_else(system::host_name);
        Context {
            allow_list: AllowList::new(config.ignored.clone(), own),
            server: Arc::from(server),
            now: system::now().timestamp(),
            is_clock_set: true,
            state_dir,
            shows_progress: false,
            notices: Notices {
                problems,
                warnings: Vec::new(),
            },
            config,
        }
    }
}
