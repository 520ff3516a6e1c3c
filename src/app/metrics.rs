//! What a run leaves for Prometheus.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Instant;

use crate::config::Config;
use crate::firewall;
use crate::model::{Escaped, Family, Problem};
use crate::report::{BanCount, Metrics, SourceRow, SourceState, metrics_text};
use crate::store::{Store, StoreError};
use crate::system;

use super::notices::Notices;

/// Writes the figures of a run that is about to end, if they are wanted.
pub(super) fn leave(
    config: &Config,
    notices: &mut Notices,
    store: &Store,
    sources: &[SourceRow],
    begun: Instant,
) -> Result<(), StoreError> {
    let Some(path) = config.metrics.as_deref() else {
        return Ok(());
    };
    let text = metrics_text(&gather(
        config,
        notices.problems.len(),
        store,
        sources,
        begun,
    )?);
    if let Err(error) = write(path, &text) {
        let shown = Escaped::path(path);
        let hint = match error.kind() {
            ErrorKind::NotFound => "; is its directory there?",
            ErrorKind::ReadOnlyFilesystem => {
                "; the service may write there only if its unit says so: `systemctl edit pyfilter.service`, [Service], ReadWritePaths="
            }
            _ => "",
        };
        let message = format!("{shown}: the metrics can not be written: {error}{hint}");
        notices.problems.push(Problem::at(path, message));
    }
    Ok(())
}

fn gather(
    config: &Config,
    errors: usize,
    store: &Store,
    sources: &[SourceRow],
    begun: Instant,
) -> Result<Metrics, StoreError> {
    let rules = config.rules.iter().filter(|rule| rule.enabled);
    let failures = rules.map(|rule| Ok((rule.name.to_string(), store.failures_of(&rule.name)?)));
    let bans = store.counts()?.into_iter().map(|count| BanCount {
        rule: count.rule.unwrap_or_default(),
        origin: count.origin.as_str(),
        family: match count.family {
            Family::V4 => "4",
            Family::V6 => "6",
        },
        kind: if count.of_networks {
            "network"
        } else {
            "address"
        },
        count: count.bans,
    });
    Ok(Metrics {
        at: system::now().timestamp(),
        seconds: begun.elapsed().as_secs_f64(),
        errors,
        failures: failures.collect::<Result<_, StoreError>>()?,
        bans: bans.collect(),
        stopped: firewall::backend(&config.firewall).and_then(|backend| backend.stopped()),
        sources: states(sources),
    })
}

/// One for each name: a series that is there twice would void the whole file.
fn states(sources: &[SourceRow]) -> Vec<SourceState> {
    let mut states: BTreeMap<(String, String), SourceState> = BTreeMap::new();
    for state in sources.iter().map(state) {
        let name = (state.rule.clone(), state.path.clone());
        states
            .entry(name)
            .and_modify(|former| {
                former.readable &= state.readable;
                former.unread = state.unread.or(former.unread);
            })
            .or_insert(state);
    }
    states.into_values().collect()
}

fn state(row: &SourceRow) -> SourceState {
    // A compressed file is shorter than what was read of it, and has nothing left.
    let size = fs::metadata(&row.path).ok().map(|metadata| metadata.len());
    SourceState {
        rule: row.rule.clone(),
        path: Escaped::path(&row.path).to_string(),
        readable: !matches!(row.status, "missing" | "unreadable"),
        unread: size.map(|size| size.saturating_sub(row.to)),
    }
}

/// All at once, and for all to read. One fixed name beside it: what stands
/// there is what a killed run left.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = Path::new(&new);
    match fs::remove_file(new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(new)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.set_permissions(Permissions::from_mode(0o644)))
        .and_then(|()| fs::rename(new, path));
    if written.is_err() {
        let _ = fs::remove_file(new);
    }
    written
}
