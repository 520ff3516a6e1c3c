//! What a run commits of its exchange with the other servers.

use std::collections::BTreeMap;

use crate::model::{
    Ban, Cause, EventStream, Origin, PerStream, RedisBanEntry, StreamPosition, Subject, Unban,
};
use crate::store::{Commit, StoreError};
use crate::sync::RemoteUnban;

/// What a run has to note of its exchange with the other servers.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Whether bans and un-bans of this server are sent to the others.
    pub(super) tells: bool,
    /// Whether un-bans by hand are for this server alone.
    pub(super) only_here: bool,
    /// Un-bans by other servers.
    pub(super) remote_unbans: Vec<RemoteUnban>,
    /// The entries in Redis of the bans that are in force now.
    pub(super) redis_entries: Vec<RedisBanEntry>,
    /// Until when the others have those bans.
    pub(super) until: BTreeMap<Subject, i64>,
    /// How far each stream was read, with the numbers that have changed.
    pub(super) positions: PerStream<Option<StreamPosition>>,
    /// The highest number of this server's own events that was read, of each stream.
    pub(super) own: PerStream<Option<i64>>,
    /// The numbers of what waits to be sent, and had been.
    pub(super) read_back: Vec<i64>,
    /// The highest number under this server's id that it never gave.
    pub(super) never_given: Option<i64>,
    /// The id under which it goes on.
    pub(super) renewed: Option<Renewed>,
    /// Whether the bans in force are told again.
    pub(super) bans_again: BansAgain,
    /// Where the searches of the hashes and of the networks in force go on, if there were.
    pub(super) searched: PerStream<Option<HashSearchPosition>>,
    /// Whether this server's name was left in Redis.
    pub(super) announced: bool,
    /// The hashes of the entries that were reported.
    pub(super) reported: Vec<i64>,
    /// Whether this server begins or ends to share its bans.
    pub(super) sharing: Option<bool>,
    /// The addresses that were banned before it began, and until when the others have
    /// them.
    pub(super) held: BTreeMap<Subject, Option<i64>>,
}

/// Whether the bans in force are told again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum BansAgain {
    #[default]
    No,
    Now,
    /// By a later run.
    Later,
}

/// Another id under which this server sends, and the one of before.
#[derive(Debug)]
pub(super) struct Renewed {
    pub(super) id: String,
    pub(super) former: Option<String>,
}

/// Where the next search of the hashes goes on; none if this one came to their end.
#[derive(Debug)]
pub(super) struct HashSearchPosition {
    pub(super) scan: Option<String>,
}

impl Shared {
    /// The same for the next commit of the run, with nothing to note yet.
    pub(super) fn next(self) -> Self {
        Shared {
            tells: self.tells,
            only_here: self.only_here,
            ..Shared::default()
        }
    }

    /// Whether there is nothing to note.
    pub(super) fn is_empty(&self) -> bool {
        let nothing_read = |stream| {
            self.positions[stream].is_none()
                && self.own[stream].is_none()
                && self.searched[stream].is_none()
        };
        EventStream::ALL.into_iter().all(nothing_read)
            && self.remote_unbans.is_empty()
            && self.redis_entries.is_empty()
            && self.renewed.is_none()
            && self.bans_again == BansAgain::No
            && !self.announced
            && self.reported.is_empty()
            && self.sharing.is_none()
    }

    /// Notes an un-ban, before it is done.
    pub(super) fn before_unban(
        &self,
        unban: &Unban,
        commit: &Commit<'_>,
    ) -> Result<(), StoreError> {
        let here = match unban.cause {
            Cause::Manual => self.only_here,
            Cause::Snapshot => false,
            Cause::Redis | Cause::Expired | Cause::Ignored | Cause::Aggregated => true,
        };
        if self.tells && !here {
            commit.send_unban(unban)?;
        }
        Ok(())
    }

    /// Notes a ban, before it is recorded.
    pub(super) fn before_ban(
        &self,
        ban: &Ban,
        commit: &Commit<'_>,
        now: i64,
    ) -> Result<(), StoreError> {
        if self.tells && ban.origin != Origin::Redis {
            commit.send_ban(ban, now)?;
        }
        Ok(())
    }

    /// Notes the un-bans of other servers, before they are done.
    pub(super) fn before_remote_unbans(&self, commit: &Commit<'_>) -> Result<(), StoreError> {
        for unban in &self.remote_unbans {
            commit.unsend(unban.subject, unban.at)?;
            if let Some(entry) = &unban.redis_entry {
                commit.remember_lifted(entry, unban.at)?;
            }
        }
        Ok(())
    }

    /// Notes the entries of the bans that are in force now; what the others have
    /// for as long is not to be sent any more.
    pub(super) fn note_entries(&self, commit: &Commit<'_>) -> Result<(), StoreError> {
        for entry in &self.redis_entries {
            commit.set_redis_entry(entry)?;
        }
        if !self.until.is_empty() && commit.has_to_send()? {
            for (subject, until) in &self.until {
                commit.unsend_shorter(*subject, *until)?;
            }
        }
        Ok(())
    }

    /// Notes how far the streams were read, and the bans from before they were shared.
    pub(super) fn note(&self, commit: &Commit<'_>, now: i64) -> Result<(), StoreError> {
        commit.set_read_back(&self.read_back)?;
        for stream in EventStream::ALL {
            if let Some(number) = self.own[stream] {
                commit.forget_sent_unbans(stream, number)?;
            }
        }
        if let Some(Renewed { id, former }) = &self.renewed {
            commit.set_stream_id(id, former.as_deref())?;
        }
        if self.never_given.is_some() {
            commit.send_unbans_again()?;
        }
        match self.bans_again {
            BansAgain::No => {}
            BansAgain::Now => commit.send_bans_again(now)?,
            BansAgain::Later => commit.send_bans_again_later()?,
        }
        for stream in EventStream::ALL {
            if let Some(position) = &self.positions[stream] {
                commit.set_stream_position(stream, position, now)?;
            }
            if let Some(HashSearchPosition { scan }) = &self.searched[stream] {
                commit.set_hashes_searched(stream, scan.as_deref(), now)?;
            }
        }
        // A name that was left under a former id is to be left again.
        if self.announced && self.never_given.is_none() {
            commit.set_announced(now)?;
        }
        for (subject, theirs) in &self.held {
            commit.send_held(*subject, *theirs)?;
        }
        if let Some(shares) = self.sharing {
            commit.set_sharing(shares)?;
        }
        commit.set_reported(&self.reported, now)
    }
}
