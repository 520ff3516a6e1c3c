//! A Redis at a unix socket that answers what it is told to answer.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use pyfilter::model::{RedisSettings, Sender, Subject};

use super::files;

/// 2026-11-22T12:00:00Z.
pub const NOW: i64 = 1_795_348_800;

/// A thread that serves one connection after the other.
pub struct Redis {
    answers: SyncSender<Vec<u8>>,
    done: Receiver<()>,
    pub settings: RedisSettings,
}

impl Redis {
    pub fn start() -> Self {
        let path = files::path("redis.sock");
        let listener = UnixListener::bind(&path).expect("a socket");
        let (answers, to_answer) = sync_channel::<Vec<u8>>(0);
        let (ended, done) = sync_channel(0);
        std::thread::spawn(move || {
            for answer in to_answer {
                let (mut socket, _) = listener.accept().expect("a client");
                // The client may have seen enough before all was written.
                let _ = socket.write_all(&answer);
                let _ = socket.shutdown(std::net::Shutdown::Write);
                let mut asked = [0; 4096];
                while socket.read(&mut asked).is_ok_and(|read| read > 0) {}
                drop(socket);
                if ended.send(()).is_err() {
                    return;
                }
            }
        });
        Redis {
            answers,
            done,
            settings: RedisSettings {
                host: path.to_str().expect("a path of ours").to_owned(),
                port: 0,
                username: None,
                password: None,
                database: 0,
                tls: false,
                tls_ca: None,
                limit: Duration::from_secs(5),
                stream_length: 1000,
                take_over: true,
                check_time: 0,
            },
        }
    }

    /// Does `work` with a connection to which these bytes come, whatever is asked.
    pub fn answering<T>(&self, bytes: Vec<u8>, work: impl FnOnce(&RedisSettings) -> T) -> T {
        self.answers.send(bytes).expect("the thread is at work");
        let result = work(&self.settings);
        self.done.recv().expect("the thread is at work");
        result
    }
}

/// One address is never banned.
pub fn never(subject: Subject) -> Option<String> {
    let ignored = Subject::parse("192.0.2.1").expect("an address");
    subject.holds(ignored).then(|| "is ignored".to_owned())
}

/// A server that has sent nothing yet.
pub fn sender() -> Sender {
    Sender {
        id: "0a".to_owned(),
        ..Sender::default()
    }
}
