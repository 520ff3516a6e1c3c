//! `blacklist.v4` and `blacklist.v6`: what people did to them, and what is
//! shown in them.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::firewall::snapshot::{self, Edits, Shown, SnapshotFault};
use crate::firewall::snapshot_file::{self, Written};
use crate::model::{
    Ban, Cause, Escaped, Evidence, Family, Firewall, Origin, Problem, Stamp, Subject, Unban,
};
use crate::store::{Store, StoreError};

use super::changes::Changes;
use super::context::Context;
use super::notices::Notices;

/// With more changes a snapshot is written whole.
const MOST_AMENDED: u32 = 1000;

/// The snapshots as they were when the run began.
#[derive(Debug)]
pub(super) struct Snapshots(Vec<Found>);

#[derive(Debug)]
struct Found {
    family: Family,
    path: PathBuf,
    bytes: Option<Vec<u8>>,
    state: State,
}

/// What a snapshot is to be taken for.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// It is what a run wrote for the set with this number.
    AsWritten(u64),
    /// It shows that set all the same, though it is not as it was written.
    Shows(u64),
    /// It is to be written anew.
    Stale,
    /// It is not whole: kept aside, then written anew.
    Broken(SnapshotFault),
    /// It can not be read, so it is not touched.
    Unreadable,
}

fn path_of(state_dir: &Path, family: Family) -> PathBuf {
    state_dir.join(match family {
        Family::V4 => "blacklist.v4",
        Family::V6 => "blacklist.v6",
    })
}

/// The subjects in PyFilter's blacklists in `dir` or its `Config`, if there
/// are any.
pub(super) fn blacklisted(dir: &Path, chain: &str) -> Option<BTreeSet<Subject>> {
    let places = [dir.to_owned(), dir.join("Config")];
    let files = places
        .iter()
        .flat_map(|dir| Family::BOTH.map(|family| (family, path_of(dir, family))));
    let found = files.filter_map(|(family, path)| {
        let bytes = snapshot_file::read(&path).ok()??;
        Some(snapshot::parse(&bytes, family, chain).ok()?.subjects)
    });
    found.reduce(|mut all, more| {
        all.extend(more);
        all
    })
}

impl Snapshots {
    /// Reads both files, and puts what people did to them into `changes`.
    pub(super) fn read(
        context: &mut Context,
        store: &Store,
        changes: &mut Changes,
    ) -> Result<Self, StoreError> {
        let mut snapshots = Vec::new();
        for family in Family::BOTH {
            let path = path_of(&context.state_dir, family);
            let mut found = Found {
                family,
                bytes: None,
                state: State::Stale,
                path,
            };
            match snapshot_file::read(&found.path) {
                Ok(bytes) => found.bytes = bytes,
                Err(error) => {
                    let path = Escaped::path(&found.path);
                    let message = format!(
                        "{path}: can not be read ({error}), so edits in it are not seen; move it away, and it is written anew"
                    );
                    context
                        .notices
                        .problems
                        .push(Problem::at(&found.path, message));
                    found.state = State::Unreadable;
                }
            }
            match found.as_written(store)? {
                Some(number) => found.state = State::AsWritten(number),
                None => found.understand(context, store, changes)?,
            }
            snapshots.push(found);
        }
        Ok(Snapshots(snapshots))
    }

    /// Says which of them are not whole, for a run that leaves them as they are.
    pub(super) fn complain(self, problems: &mut Vec<Problem>) {
        for found in self.0 {
            if let State::Broken(fault) = found.state {
                problems.push(snapshot_file::broken(&found.path, &fault, None));
            }
        }
    }

    /// Brings both files to the set of bans that is in force, and gives the
    /// digests of those that were written.
    pub(super) fn write(
        &mut self,
        firewall: &Firewall,
        notices: &mut Notices,
        store: &Store,
    ) -> Result<Vec<(Family, String)>, StoreError> {
        let number = store.number()?.cast_unsigned();
        let mut stale = std::mem::take(&mut self.0);
        stale.retain(|found| found.state.shows() != Some(number));
        let mut written = Vec::new();
        if stale.is_empty() {
            return Ok(written);
        }
        let shown = Shown {
            store: store.id()?,
            number,
        };
        let mut in_force = None;
        for mut found in stale {
            if !found.give_way(notices) {
                continue;
            }
            let family = found.family;
            let text = if let Some(text) = found.amended(firewall, &shown, store)? {
                text
            } else {
                if in_force.is_none() {
                    in_force = Some(store.in_force()?);
                }
                let bans = in_force.iter().flatten();
                snapshot::render(family, &shown, &firewall.chain, firewall.deny, bans)
            };
            match found.write(&text) {
                Ok(digest) => written.extend(digest.map(|digest| (family, digest))),
                Err(problem) => notices.problems.push(problem),
            }
        }
        Ok(written)
    }
}

impl State {
    /// The number of the set that is shown.
    fn shows(&self) -> Option<u64> {
        match self {
            State::AsWritten(number) | State::Shows(number) => Some(*number),
            _ => None,
        }
    }
}

impl Found {
    /// The number of the set that it shows, if it still is, byte for byte, what
    /// was written last: nobody has edited it then.
    fn as_written(&self, store: &Store) -> Result<Option<u64>, StoreError> {
        let (Some(bytes), Some(written)) = (&self.bytes, store.written(self.family)?) else {
            return Ok(None);
        };
        let is_as_written = snapshot::digest(bytes) == written.fingerprint;
        Ok(is_as_written.then_some(written.number.cast_unsigned()))
    }

    fn understand(
        &mut self,
        context: &mut Context,
        store: &Store,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let Some(bytes) = &self.bytes else {
            return Ok(());
        };
        let edited = match snapshot::parse(bytes, self.family, &context.config.firewall.chain) {
            Ok(edited) => edited,
            Err(fault) => {
                self.state = State::Broken(fault);
                return Ok(());
            }
        };
        for warning in &edited.warnings {
            let path = Escaped::path(&self.path);
            context.notices.warnings.push(format!("{path}: {warning}"));
        }
        let id = store.id()?;
        let shown = edited.shown.as_ref().filter(|shown| shown.store == id);
        let before = match shown {
            Some(shown) => store.in_force_at(shown.number.cast_signed())?,
            None => None,
        };
        let edits = snapshot::edits(&edited, before.as_ref());
        if let (Some(shown), true) = (shown, edits.lifted.is_empty() && edits.banned.is_empty()) {
            self.state = State::Shows(shown.number);
        }
        if edits.lifted.is_empty() && edits.banned.is_empty() {
            return Ok(());
        }
        let in_force = store.in_force()?;
        for subject in edits.lifted.intersection(&in_force) {
            changes.unbans.push(Unban {
                subject: *subject,
                cause: Cause::Snapshot,
                at: context.now,
            });
        }
        for subject in edits.banned.difference(&in_force) {
            if let Some(why) = context.allow_list.why(*subject) {
                let path = Escaped::path(&self.path);
                let message = format!(
                    "{path}: {subject} {why}, so it is never banned; its line is taken out"
                );
                context
                    .notices
                    .problems
                    .push(Problem::at(&self.path, message));
                continue;
            }
            let ban = self.ban_of_line(context, *subject);
            changes.bans.push((ban, Evidence::default()));
        }
        Ok(())
    }

    /// The ban of a line that a person has added.
    fn ban_of_line(&self, context: &Context, subject: Subject) -> Ban {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        Ban {
            subject,
            rule: None,
            server: context.server.clone(),
            at: Stamp::from_secs(context.now),
            ends: context.config.thresholds.ban_times.first().end(context.now),
            failures: 0,
            instant: false,
            origin: Origin::Snapshot,
            reason: Some(format!("IP: {subject} was added to {name} by hand.").into()),
            country: None,
            count: None,
            aggregates: 0,
        }
    }

    /// Moves a file that is not whole aside. Says whether the file is to be written.
    fn give_way(&mut self, notices: &mut Notices) -> bool {
        let State::Broken(fault) = &self.state else {
            return self.state != State::Unreadable;
        };
        let aside = snapshot_file::keep_aside(&self.path);
        let kept = aside.as_deref().ok();
        let fault = snapshot_file::broken(&self.path, fault, kept);
        notices.problems.push(fault);
        self.bytes = None;
        if let Err(error) = aside {
            notices.problems.push(self.not_written(&error));
            return false;
        }
        true
    }

    /// The new text, from the one that is there and the changes since: that takes a tenth
    /// of the time in which all bans are read and written. None where they are many, or
    /// not known.
    fn amended(
        &self,
        firewall: &Firewall,
        shown: &Shown,
        store: &Store,
    ) -> Result<Option<String>, StoreError> {
        let (State::AsWritten(before), Some(bytes)) = (&self.state, &self.bytes) else {
            return Ok(None);
        };
        let since = store.few_changes_since(before.cast_signed(), MOST_AMENDED)?;
        let (Some(since), Ok(text)) = (since, std::str::from_utf8(bytes)) else {
            return Ok(None);
        };
        let of_family = |all: Vec<Subject>| {
            let all = all.into_iter();
            all.filter(|subject| subject.family() == self.family)
                .collect()
        };
        let changes = Edits {
            lifted: of_family(since.gone),
            banned: of_family(since.new),
        };
        let form = (self.family, &*firewall.chain, firewall.deny);
        Ok(snapshot::amended(text, *before, shown, form, &changes))
    }

    /// The digest of what the file holds then.
    fn write(self, text: &str) -> Result<Option<String>, Problem> {
        match snapshot_file::write_if_unchanged(&self.path, self.bytes.as_deref(), text) {
            Ok(Written::Yes | Written::AsBefore) => Ok(Some(snapshot::digest(text.as_bytes()))),
            Ok(Written::SavedMeanwhile) => Ok(None),
            Err(error) => Err(self.not_written(&error)),
        }
    }

    fn not_written(&self, error: &io::Error) -> Problem {
        let path = Escaped::path(&self.path);
        let message = format!("{path}: can not be written: {error}; the next run tries again");
        Problem::at(&self.path, message)
    }
}
