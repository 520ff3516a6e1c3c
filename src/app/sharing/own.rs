//! As whom this server sends, and what it does where somebody else has sent
//! under its id.

use crate::app::shared::{BansAgain, Renewed};
use crate::store::{Store, StoreError, StoredSender};
use crate::sync::{Exchange, Received, Sender};

use super::{ReceivedEntries, is_due};

/// How often all bans in force are told once more, in seconds. Whoever sends
/// under a server's id again and again makes it take a new id each time, and
/// tell again each un-ban that may have been passed over; not the bans, which
/// the others find in Redis anyway.
const TOLD_AGAIN: i64 = 86_400;

impl ReceivedEntries {
    /// As whom this server sends; under an id of its own, which is taken now if
    /// it has none.
    pub(super) fn sender(&mut self, store: &Store) -> Result<Sender, StoreError> {
        let StoredSender { id, former, sent } = store.sender()?;
        let (id, former) = if let Some(id) = id {
            (id, former)
        } else {
            // The first version sent under the store's.
            let former = store.stream_position()?.map(|_| store.id());
            let (id, former) = (store.new_stream_id()?, former.transpose()?);
            self.shared.renewed = Some(Renewed {
                id: id.clone(),
                former: former.clone(),
            });
            (id, former)
        };
        let waiting = store.perhaps_sent(sent)?.into_iter();
        let waiting = waiting.map(|(number, address, at, is_ban)| (number, (address, at, is_ban)));
        Ok(Sender {
            id,
            former,
            sent,
            waiting: waiting.collect(),
        })
    }

    /// What was read of this server's own events, and whether somebody else has
    /// sent under its id: then it goes on under another, and tells again what
    /// may have been passed over.
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
        let (last, is_owed) = store.told_again()?;
        if received.never_given.is_some() {
            let id = store.new_stream_id()?;
            let former = Some(exchange.send_under(id.clone()));
            shared.renewed = Some(Renewed { id, former });
        } else if received.whole && store.has_sent_unbans()? {
            // All that was sent was before this reading.
            shared.own = Some(i64::MAX);
        }
        if received.never_given.is_some() || is_owed {
            let is_time = is_due(last, TOLD_AGAIN, now);
            shared.bans_again = match (received.whole && is_time, is_owed) {
                (true, _) => BansAgain::Now,
                (false, true) => BansAgain::No,
                (false, false) => BansAgain::Later,
            };
        }
        shared.never_given = received.never_given;
        Ok(())
    }
}
