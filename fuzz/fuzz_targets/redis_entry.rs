//! An event, a hash and a network in force that somebody put into Redis: what is taken
//! over is within what another server may say.
#![no_main]

use std::sync::{LazyLock, Mutex};

use fuzz::Input;
use fuzz::lines::is_printable;
use fuzz::redis::{NOW, Redis, never, sender};
use libfuzzer_sys::fuzz_target;
use pyfilter::model::{EventStream, PerStream, RedisSettings, StreamPosition, check_server_name};
use pyfilter::sync::{Event, Exchange, HashSearch, RemoteBan};

static REDIS: LazyLock<Mutex<Redis>> = LazyLock::new(|| Mutex::new(Redis::start()));

/// Two days: the zones of two servers may be a day apart, and a clock may be ahead.
const AHEAD: i64 = 2 * 86_400;

/// The end of the year 9999.
const LAST: i64 = 253_402_300_799;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let kind = input.byte() % 4;
    let mut fields = Vec::new();
    while !input.is_empty() && fields.len() < 30 {
        fields.push(input.field());
    }
    let redis = REDIS.lock().expect("one thread");
    let check_search = |look: HashSearch| {
        assert!(look.found.len() + look.refused.len() <= 1);
        look.found.iter().for_each(check_ban);
        assert!(look.refused.iter().all(|one| !one.why.is_empty()));
    };
    match kind {
        0 => redis.answering(hash_replies(&fields), |settings| {
            check_search(open(settings).look(None, &|_| false, NOW, &never));
        }),
        1 => redis.answering(field_replies(&fields), |settings| {
            check_search(open(settings).look_at_networks(None, &|_| false, [NOW, 0], &never));
        }),
        _ => {
            let stream = EventStream::ALL[usize::from(kind - 2)];
            redis.answering(event_replies(stream, &fields), |settings| {
                check_events(stream, &mut open(settings));
            });
        }
    }
});

fn open(settings: &RedisSettings) -> Exchange {
    Exchange::open(settings, sender(), "web-1").expect("a greeting")
}

/// One event of a stream, behind the position from which it is read.
fn check_events(stream: EventStream, exchange: &mut Exchange) {
    let from = StreamPosition {
        last: Some("1-0".to_owned()),
        ..StreamPosition::default()
    };
    let from = PerStream {
        addresses: from.clone(),
        networks: from,
    };
    let received = exchange.receive(from, false, NOW, &never).expect("replies");
    assert!(received.events.len() + received.refused.len() <= 1);
    let position = &received.streams[stream].position;
    assert_eq!(position.last.as_deref(), Some("2-0"));
    for event in &received.events {
        assert_eq!(EventStream::of(event.subject()), stream);
        match event {
            Event::Ban(ban) => check_ban(ban),
            Event::Unban(unban) => assert!((0..=NOW + AHEAD).contains(&unban.at)),
        }
    }
    assert!(received.refused.iter().all(|one| !one.why.is_empty()));
}

/// What is taken over can be stored, shown, and told.
fn check_ban(remote: &RemoteBan) {
    let ban = &remote.ban;
    assert_eq!(never(ban.subject), None);
    assert!((0..=NOW + AHEAD).contains(&ban.at.secs), "{}", ban.at.secs);
    assert!(ban.ends.is_none_or(|ends| (0..=LAST).contains(&ends)));
    assert!(ban.reason().len() <= 4096);
    assert!(check_server_name(&ban.server).is_ok() && is_printable(&ban.server));
    assert!(remote.redis_entry.text.len() <= 255);
}

fn bulk(text: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [format!("*{}\r\n", items.len()).into_bytes(), items.concat()].concat()
}

/// The answers to the greeting, and for each stream to its edges and to XREAD.
fn event_replies(of: EventStream, fields: &[&[u8]]) -> Vec<u8> {
    let fields: Vec<Vec<u8>> = fields.iter().map(|field| bulk(field)).collect();
    let entry = |id: &[u8]| list(&[bulk(id), list(&fields)]);
    let mut replies = b"+OK\r\n".to_vec();
    for stream in EventStream::ALL {
        if stream == of {
            let read = list(&[list(&[bulk(b"key"), list(&[entry(b"2-0")])])]);
            replies.extend([list(&[entry(b"1-0")]), list(&[entry(b"2-0")]), read].concat());
        } else {
            replies.extend(b"*0\r\n*0\r\n*-1\r\n");
        }
    }
    replies
}

/// The answers to the greeting and to HSCAN.
fn field_replies(fields: &[&[u8]]) -> Vec<u8> {
    let [name, value] = [0, 1].map(|n| fields.get(n).copied().unwrap_or_default());
    let scanned = list(&[bulk(b"0"), list(&[bulk(name), bulk(value)])]);
    [b"+OK\r\n".to_vec(), scanned].concat()
}

/// The answers to the greeting, to SCAN, to HMGET and PTTL, and to HGET.
fn hash_replies(fields: &[&[u8]]) -> Vec<u8> {
    let field = |n: usize| match fields.get(n) {
        Some([]) | None => b"$-1\r\n".to_vec(),
        Some(text) => bulk(text),
    };
    let stays = fields.get(4).map_or(-1, |text| Input(text).long());
    [
        b"+OK\r\n".to_vec(),
        list(&[bulk(b"0"), list(&[field(0)])]),
        list(&[field(1), field(2), field(3)]),
        format!(":{stays}\r\n").into_bytes(),
        field(5),
    ]
    .concat()
}
