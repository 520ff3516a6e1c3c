//! What the files of `conf.d` keep from being banned, also while one of them can
//! not be used: then what its last good reading said holds.

use std::path::Path;

use crate::config::{ConfD, Config};
use crate::judge::AllowList;
use crate::store::{Store, StoreError};

/// Adds what the files that are left out said when they were last whole.
///
/// # Errors
/// The store can not be read.
pub(super) fn hold(
    conf_d: &ConfD,
    allow_list: &mut AllowList,
    store: &Store,
) -> Result<(), StoreError> {
    let left_out = &conf_d.left_out;
    if left_out.is_empty() {
        return Ok(());
    }
    let is_left_out = |path: &Path| left_out.iter().any(|one| one.covers(path));
    let last_good = store.last_good()?.into_iter();
    let held = last_good.filter(|(path, _)| is_left_out(path));
    allow_list.add(held.flat_map(|(_, ignored)| ignored));
    Ok(())
}

/// The same for a command that only looks: the store may be missing, or this user may
/// have no right to read it.
///
/// # Errors
/// The store can not be read.
pub(super) fn hold_if_there(config: &Config, allow_list: &mut AllowList) -> Result<(), StoreError> {
    if config.conf_d.left_out.is_empty() {
        return Ok(());
    }
    match Store::look(&config.store) {
        Ok(Some(store)) => hold(&config.conf_d, allow_list, &store),
        Err(error) if !error.is_denied() => Err(error),
        Ok(None) | Err(_) => Ok(()),
    }
}

/// The same in a run, which also remembers what the whole files say.
///
/// # Errors
/// The store can not be read or written.
pub(super) fn remember(
    conf_d: &ConfD,
    allow_list: &mut AllowList,
    store: &mut Store,
) -> Result<(), StoreError> {
    hold(conf_d, allow_list, store)?;
    let Some(dir) = conf_d.dir.as_deref() else {
        return Ok(());
    };
    let known = store.last_good()?;
    let gone = |path: &Path| {
        path.parent() == Some(dir)
            && !conf_d.files.iter().any(|file| file.path == path)
            && !conf_d.left_out.iter().any(|one| one.covers(path))
    };
    let gone = known.keys().filter(|path| gone(path));
    let gone = gone.map(|path| (path, None));
    let renewed = conf_d.files.iter().filter(|file| {
        let before = known.get(&file.path);
        before.map_or(&[][..], Vec::as_slice) != file.ignored
    });
    let renewed = renewed.map(|file| (&file.path, Some(&*file.ignored)));
    let changes: Vec<_> = gone.chain(renewed).collect();
    if changes.is_empty() {
        return Ok(());
    }
    let commit = store.begin()?;
    for (path, ignored) in changes {
        commit.set_last_good(path, ignored)?;
    }
    commit.commit()
}
