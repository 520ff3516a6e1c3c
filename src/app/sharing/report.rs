//! What the report tells of the entries in Redis.

use crate::app::notices::Notices;
use crate::app::shared::Shared;
use crate::judge::AllowList;
use crate::model::{Problem, RedisSettings};
use crate::store::{Store, StoreError};
use crate::sync::{Ahead, RejectedEntry};

/// How many skipped entries are named one by one.
const NAMED: usize = 5;

/// The words for one more entry, and for several more, that are not named.
const SKIPPED: [&str; 2] = ["such entry is skipped", "such entries are skipped"];

/// Tells which entries were skipped or not taken as they were, each once, and
/// whether another has sent under this server's id.
pub(super) fn report(
    refused: Vec<RejectedEntry>,
    ahead: Vec<Ahead>,
    redis: &RedisSettings,
    allow_list: &AllowList,
    notices: &mut Notices,
    store: &Store,
    shared: &mut Shared,
) -> Result<(), StoreError> {
    let place = redis.place();
    let (ours, refused): (Vec<_>, Vec<_>) = refused.into_iter().partition(|refused| {
        let subject = refused.subject;
        subject.is_some_and(|subject| allow_list.is_ignored_here(subject))
    });
    let skipped = |refused: Vec<RejectedEntry>| {
        let told = |RejectedEntry { entry, why, .. }| (entry, format!("{why}; it is skipped"));
        refused.into_iter().map(told)
    };
    // It is no problem that another server bans an address that this one never bans.
    let mut note = |told: String| {
        let told = format!("Redis at {place}: {told}");
        notices.warnings.push(told);
    };
    tell_once(skipped(ours), SKIPPED, store, shared, &mut note)?;
    let mut tell = |told: String| {
        let told = format!("Redis at {place}: {told}");
        notices.problems.push(Problem::new(told));
    };
    if let Some(number) = shared.never_given {
        tell(format!(
            "an event under this server's id has the number {number}, which it never gave: somebody else sends under it, or the store is an older copy, or a copy of another host's. The others would pass over what is told under it, so this server goes on under a new id and tells its bans and un-bans again; see who may write there (redis.password, ACL)"
        ));
    }
    let ahead = ahead.into_iter().map(|Ahead { entry, seconds }| {
        let told = format!(
            "is {seconds} s ahead of this server's clock; it is taken as of now: one of the two clocks is wrong (NTP), or somebody made it up"
        );
        (entry, told)
    });
    let taken = [
        "such event is taken as of now",
        "such events are taken as of now",
    ];
    tell_once(skipped(refused), SKIPPED, store, shared, &mut tell)?;
    tell_once(ahead, taken, store, shared, &mut tell)
}

/// Tells of each entry once, and names the first few.
fn tell_once(
    entries: impl Iterator<Item = (String, String)>,
    [one, more]: [&str; 2],
    store: &Store,
    shared: &mut Shared,
    tell: &mut impl FnMut(String),
) -> Result<(), StoreError> {
    let mut count = 0;
    for (entry, told) in entries {
        let hash = hash(&entry, &told);
        if store.is_reported(hash)? {
            continue;
        }
        shared.reported.push(hash);
        count += 1;
        if count <= NAMED {
            tell(format!("{entry} {told}"));
        }
    }
    if count > NAMED {
        let left = count - NAMED;
        let what = if left == 1 { one } else { more };
        tell(format!("{left} more {what}"));
    }
    Ok(())
}

fn hash(entry: &str, why: &str) -> i64 {
    use std::hash::Hasher as _;
    let mut hasher = siphasher::sip::SipHasher13::new();
    hasher.write(entry.as_bytes());
    hasher.write(b"\0");
    hasher.write(why.as_bytes());
    hasher.finish().cast_signed()
}
