//! The exchange with the other servers in the course of a run.
//!
//! | file | does |
//! |---|---|
//! | `own` | under which id this server sends |
//! | `report` | what is told of the entries in Redis |

use crate::config::Database;
use crate::judge::AllowList;
use crate::model::{
    Address, Ban, Cause, EventStream, Evidence, OutboundAction, OutboundEvent, Problem,
    RedisSettings, Subject, SubjectRecord, Unban,
};
use crate::store::{Store, StoreError};
use crate::sync::{
    Ahead, Event, Exchange, HashSearch, Merged, Received, RejectedEntry, SyncError, merge,
};

use super::changes::Changes;
use super::context::Context;
use super::notices::Notices;
use super::shared::{HashSearchPosition, Shared};

mod own;
mod report;

use report::report;

/// The seconds between two times that a server leaves its name in Redis.
const ANNOUNCED: i64 = 3600;

/// How many events a run sends at most.
const SENT: usize = 20_000;

/// One run's connection.
#[derive(Debug)]
pub(super) struct Sharing {
    exchange: Option<Exchange>,
}

impl Sharing {
    /// Asks no server. What is to be sent waits for a later run.
    pub(super) fn none(database: Database, changes: &mut Changes) -> Self {
        changes.shared.tells = database == Database::Redis;
        Sharing { exchange: None }
    }

    /// Reads what the other servers did, and puts it into `changes`. An error of Redis
    /// is a problem of the report, and the run goes on.
    pub(super) fn receive(
        context: &mut Context,
        store: &Store,
        changes: &mut Changes,
    ) -> Result<Self, StoreError> {
        let alone = Sharing::none(context.config.database, changes);
        if !changes.shared.tells {
            changes.shared.sharing = store.is_sharing()?.then_some(false);
            return Ok(alone);
        }
        if !context.is_clock_set {
            // An event that is read with a wrong clock would not be read again.
            return Ok(alone);
        }
        let mut received = ReceivedEntries::default();
        let sender = received.sender(store)?;
        let opened = Exchange::open(&context.config.redis, sender, &context.server);
        let mut exchange = match opened {
            Ok(exchange) => exchange,
            Err(error) => {
                context.notices.problems.push(problem(&error));
                return Ok(alone);
            }
        };
        let asked = received.ask(
            &context.config.redis,
            &context.allow_list,
            context.now,
            store,
            &mut exchange,
        )?;
        received.take_over(context, store, changes)?;
        let whole = match asked {
            Ok(whole) => whole,
            Err(error) => {
                context.notices.problems.push(problem(&error));
                false
            }
        };
        // An event that is not read yet may lift a ban that would be sent.
        Ok(Sharing {
            exchange: whole.then_some(exchange),
        })
    }

    /// Sends what is to be sent, and notes what was taken.
    pub(super) fn send(
        self,
        redis: &RedisSettings,
        now: i64,
        notices: &mut Notices,
        store: &mut Store,
    ) -> Result<(), StoreError> {
        let Some(mut exchange) = self.exchange else {
            return Ok(());
        };
        let mut outgoing: Vec<OutboundEvent> = store.outbox(SENT)?;
        // The clock may be wrong. A ban that seems over is kept for a later run.
        let age = store.age();
        outgoing.retain(|out| match out.action {
            OutboundAction::Ban {
                ends: Some(ends), ..
            } => !(age < ends && ends <= now),
            _ => true,
        });
        let Some(last) = outgoing.last() else {
            return Ok(());
        };
        // An event that comes back with a higher number was sent by another server.
        if store.highest_sent()? < last.number {
            let commit = store.begin()?;
            commit.set_perhaps_sent(last.number)?;
            commit.commit()?;
        }
        let sent = exchange.send(&outgoing, redis.stream_length, now);
        for RejectedEntry { entry, why, .. } in sent.refused {
            let place = redis.place();
            let told = format!(
                "Redis at {place}: {entry}: {why}; the other servers of this version were told all the same"
            );
            notices.problems.push(Problem::new(told));
        }
        notices.problems.extend(sent.error.as_ref().map(problem));
        if sent.taken.is_empty() {
            return Ok(());
        }
        let commit = store.begin()?;
        commit.set_sent(&sent.taken)?;
        commit.commit()
    }
}

/// What was received, before it is merged.
#[derive(Debug, Default)]
struct ReceivedEntries {
    events: Vec<Event>,
    refused: Vec<RejectedEntry>,
    ahead: Vec<Ahead>,
    shared: Shared,
}

impl ReceivedEntries {
    /// Reads the streams, and the hashes if it is time to; returns whether the streams
    /// were read to their ends.
    fn ask(
        &mut self,
        redis: &RedisSettings,
        allow_list: &AllowList,
        now: i64,
        store: &Store,
        exchange: &mut Exchange,
    ) -> Result<Result<bool, SyncError>, StoreError> {
        let begins = !store.is_sharing()?;
        if begins {
            let held = store.not_shared()?.into_iter();
            self.shared.held = held.map(|subject| (subject, None)).collect();
        }
        let mut positions = store.stream_positions()?;
        for stream in EventStream::ALL {
            // Other servers may have un-banned a held subject long ago.
            if positions[stream].last.is_none() && !self.shared.held.is_empty() {
                positions[stream].last = Some("0-0".to_owned());
            }
        }
        let never = |subject| allow_list.why(subject);
        let announce = is_due(store.announced()?, ANNOUNCED, now);
        let asked = exchange.receive(positions.clone(), announce, now, &never);
        let mut received = match asked {
            Ok(received) => received,
            Err(error) => return Ok(Err(error)),
        };
        self.own(&received, store, exchange, now)?;
        self.events = std::mem::take(&mut received.events);
        self.refused = std::mem::take(&mut received.refused);
        self.ahead = std::mem::take(&mut received.ahead);
        self.shared.announced = received.announced;
        for stream in EventStream::ALL {
            let (read, known) = (&mut received.streams[stream], &positions[stream]);
            if read.position != *known {
                let mut reached = std::mem::take(&mut read.position);
                let known = &known.last_numbers;
                let numbers = &mut reached.last_numbers;
                numbers.retain(|store, number| known.get(store) != Some(number));
                self.shared.positions[stream] = Some(reached);
            }
        }
        let is_whole = received.is_whole();
        if let Some(error) = received.error.take() {
            // A later run has to look through the hashes, because of the gap.
            for stream in EventStream::ALL {
                let scan = Some("0".to_owned());
                let lost = received.streams[stream].lost;
                self.shared.searched[stream] = lost.then_some(HashSearchPosition { scan });
            }
            return Ok(Err(error));
        }
        let mut through = is_whole;
        if redis.take_over {
            match self.search(redis, allow_list, now, store, exchange, &received)? {
                Ok(searched) => through &= searched,
                Err(error) => return Ok(Err(error)),
            }
        }
        self.shared.sharing = (begins && through).then_some(true);
        Ok(Ok(is_whole))
    }

    /// Looks through the hashes and the networks in force where it is time to, or where
    /// the last search left some; returns whether none is left.
    fn search(
        &mut self,
        redis: &RedisSettings,
        allow_list: &AllowList,
        now: i64,
        store: &Store,
        exchange: &mut Exchange,
        received: &Received,
    ) -> Result<Result<bool, SyncError>, StoreError> {
        let scans = store.scan_positions()?;
        let is_lost = |stream| received.streams[stream].lost;
        let is_any_lost = EventStream::ALL.into_iter().any(is_lost);
        let check_time = i64::from(redis.check_time);
        let is_time = is_any_lost
            || !self.shared.held.is_empty()
            || is_due(store.hashes_searched()?, check_time, now);
        // After a gap they are looked through from their beginning.
        let from = |stream: EventStream| {
            let left = scans[stream].clone().filter(|_| !is_lost(stream));
            left.or_else(|| is_time.then(|| "0".to_owned()))
        };
        if EventStream::ALL
            .into_iter()
            .all(|stream| from(stream).is_none())
        {
            return Ok(Ok(true));
        }
        // Also those within a network in force: they are known, too.
        let banned = store.banned_subjects()?;
        // A new store can not tell a wrong clock.
        let age = store.last_run()?.map_or(0, |_| store.age());
        let mut through = true;
        // The networks come first: they are few.
        for stream in [EventStream::Networks, EventStream::Addresses] {
            let Some(from) = from(stream) else { continue };
            // A ban that is held and was not told may be there all the same.
            let held = &self.shared.held;
            let known =
                |subject: Subject| banned.contains(&subject) && !held.contains_key(&subject);
            let never = |subject| allow_list.why(subject);
            let from = Some(from);
            let HashSearch {
                found,
                refused,
                scan,
                error,
            } = match stream {
                EventStream::Addresses => {
                    exchange.look(from, &|address: Address| known(address.into()), now, &never)
                }
                EventStream::Networks => {
                    exchange.look_at_networks(from, &known, [now, age], &never)
                }
            };
            self.events.extend(found.into_iter().map(Event::Ban));
            self.refused.extend(refused);
            through &= scan.is_none();
            self.shared.searched[stream] = Some(HashSearchPosition { scan });
            if let Some(error) = error {
                return Ok(Err(error));
            }
        }
        Ok(Ok(through))
    }

    /// Merges it with what is known here, and puts the outcome into `changes`.
    fn take_over(
        self,
        context: &mut Context,
        store: &Store,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let ReceivedEntries {
            events,
            refused,
            ahead,
            mut shared,
        } = self;
        store.begin_read()?;
        let cleared = store.cleared_networks()?;
        let known = |subject| {
            let around = cleared.around(subject).map(|(_, at)| *at).max();
            store.subject_record(subject).map(|known| SubjectRecord {
                cleared: known.cleared.max(around),
                ..known
            })
        };
        let Merged {
            unbans,
            bans,
            redis_entries,
            until,
        } = merge(events, context.now, known)?;
        if context.config.redis.take_over {
            changes.unbans.extend(unbans.iter().map(|unban| Unban {
                subject: unban.subject,
                cause: Cause::Redis,
                at: unban.at,
            }));
            let bans = bans.into_iter().map(|ban: Ban| (ban, Evidence::default()));
            changes.bans.extend(bans);
            shared.redis_entries = redis_entries;
            shared.until = until;
        }
        shared.remote_unbans = unbans;
        for (subject, theirs) in &mut shared.held {
            *theirs = shared.until.get(subject).copied();
        }
        if shared.sharing.is_none() {
            // The others wait until it is known which bans Redis has.
            shared.held.retain(|_, theirs| theirs.is_some());
        }
        report(
            refused,
            ahead,
            &context.config.redis,
            &context.allow_list,
            &mut context.notices,
            store,
            &mut shared,
        )?;
        changes.shared = Shared {
            tells: changes.shared.tells,
            only_here: changes.shared.only_here,
            ..shared
        };
        Ok(())
    }
}

/// Whether something is to be done that is done `every` so many seconds.
fn is_due(last: Option<i64>, every: i64, now: i64) -> bool {
    last.is_none_or(|last| now - last >= every || last > now)
}

fn problem(error: &SyncError) -> Problem {
    Problem::new(format!(
        "{error}; this server's own work is done, and what it has to tell is sent by a later run"
    ))
}
