//! Under which id this server sends, and what it does where another has sent
//! under it.

use crate::app::shared::{BansAgain, Renewed};
use crate::model::Sender;
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
            let is_first_contact = store.stream_position()?.last.is_none();
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
        shared.own = received.own;
        shared.read_back.clone_from(&received.read_back);
        let (last, is_left) = (store.bans_told_again()?, store.has_to_tell_again()?);
        if received.never_given.is_some() {
            let id = store.new_stream_id()?;
            let former = Some(exchange.send_under(id.clone()));
            shared.renewed = Some(Renewed { id, former });
        } else if received.whole && store.has_sent_unbans()? {
            // The stream was read to its end, behind all that was sent.
            shared.own = Some(i64::MAX);
        }
        if received.never_given.is_some() || is_left {
            let is_time = is_due(last, TOLD_AGAIN, now);
            shared.bans_again = match (received.whole && is_time, is_left) {
                (true, _) => BansAgain::Now,
                (false, true) => BansAgain::No,
                (false, false) => BansAgain::Later,
            };
        }
        shared.never_given = received.never_given;
        Ok(())
    }
}
