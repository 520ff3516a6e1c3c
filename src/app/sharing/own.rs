//! Under which id this server sends, and what it does where another has sent
//! under it.

use crate::app::shared::{BansAgain, Renewed};
use crate::model::{EventStream, Sender};
use crate::store::{Store, StoreError};
use crate::sync::{Exchange, Received};

use super::{ReceivedEntries, is_due};

/// How often all bans in force are told once more, in seconds. Where another
/// sends under a server's id again and again, the server takes a new id each
/// time, and tells again each un-ban that may have been passed over; not the
/// bans, which the others find in Redis anyway.
const TOLD_AGAIN: i64 = 86_400;

impl ReceivedEntries {
    /// As which server this one sends: under an id of its own, which is taken now
    /// if it has none.
    pub(super) fn sender(&mut self, store: &Store) -> Result<Sender, StoreError> {
        let (id, former) = if let Some(id) = store.stream_id()? {
            (id, store.former_stream_id()?)
        } else {
            // The first version sent under the store's id.
            let is_first_contact = store.stream_positions()?.addresses.last.is_none();
            let former = (!is_first_contact).then(|| store.id());
            let (id, former) = (store.new_stream_id()?, former.transpose()?);
            self.shared.renewed = Some(Renewed {
                id: id.clone(),
                former: former.clone(),
            });
            (id, former)
        };
        let sent = store.highest_sent()?;
        let waiting = store.perhaps_sent(sent)?.into_iter();
        Ok(Sender {
            id,
            former,
            sent,
            waiting: waiting.map(|event| (event.number, event)).collect(),
        })
    }

    /// Notes which of this server's own events were read. If another server has sent
    /// under its id, it goes on under a new id, and sends again what the others may
    /// have skipped.
    pub(super) fn own(
        &mut self,
        received: &Received,
        store: &Store,
        exchange: &mut Exchange,
        now: i64,
    ) -> Result<(), StoreError> {
        let shared = &mut self.shared;
        for stream in EventStream::ALL {
            shared.own[stream] = received.streams[stream].own;
        }
        shared.read_back.clone_from(&received.read_back);
        let (last, is_left) = (store.bans_told_again()?, store.has_to_tell_again()?);
        let (never_given, is_whole) = (received.never_given(), received.is_whole());
        if never_given.is_some() {
            let id = store.new_stream_id()?;
            let former = Some(exchange.send_under(id.clone()));
            shared.renewed = Some(Renewed { id, former });
        } else if is_whole && store.has_sent_unbans()? {
            // The streams were read to their ends, behind all that was sent.
            shared.own.addresses = Some(i64::MAX);
            shared.own.networks = Some(i64::MAX);
        }
        if never_given.is_some() || is_left {
            let is_time = is_due(last, TOLD_AGAIN, now);
            shared.bans_again = match (is_whole && is_time, is_left) {
                (true, _) => BansAgain::Now,
                (false, true) => BansAgain::No,
                (false, false) => BansAgain::Later,
            };
        }
        shared.never_given = never_given;
        Ok(())
    }
}
