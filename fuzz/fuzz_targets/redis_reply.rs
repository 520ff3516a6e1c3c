//! Whatever comes from the other end of the socket: it is understood or an
//! error, in bounded memory.
#![no_main]

use std::sync::{LazyLock, Mutex};

use fuzz::redis::{NOW, Redis, never, sender};
use libfuzzer_sys::fuzz_target;
use pyfilter::model::{PerStream, StreamPosition};
use pyfilter::sync::{Event, Exchange};

static REDIS: LazyLock<Mutex<Redis>> = LazyLock::new(|| Mutex::new(Redis::start()));

fuzz_target!(|data: &[u8]| {
    let redis = REDIS.lock().expect("one thread");
    redis.answering([b"+OK\r\n", data].concat(), |settings| {
        let Ok(mut exchange) = Exchange::open(settings, sender(), "web-1") else {
            return;
        };
        let from = StreamPosition {
            last: Some("1-0".to_owned()),
            ..StreamPosition::default()
        };
        let from = PerStream {
            addresses: from.clone(),
            networks: from,
        };
        if let Ok(received) = exchange.receive(from, true, NOW, &never) {
            for event in &received.events {
                if let Event::Ban(remote) = event {
                    assert_eq!(never(remote.ban.subject), None);
                }
            }
        }
        let networks = exchange.look_at_networks(None, &|_| false, [NOW; 2], &never);
        let look = exchange.look(None, &|_| false, NOW, &never);
        assert!(
            look.found
                .iter()
                .chain(&networks.found)
                .all(|found| never(found.ban.subject).is_none())
        );
        assert!(exchange.cost().received <= data.len() as u64 + 5);
    });
});
