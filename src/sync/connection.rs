//! A connection: commands and replies, all of them before one deadline.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use redis::{Cmd, Value};

use crate::model::RedisSettings;

use super::bounded::Replies;
use super::error::{SyncError, Why};
use super::reply::{Reply as _, Word as _, command};
use super::socket::{Deadline, Stream, connect};

/// How long a connection waits for a Redis that says at once why it refuses.
const LISTENS: Duration = Duration::from_millis(500);

/// What a connection has cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// How often the connection waited for answers.
    pub round_trips: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

/// A connection that has its password, name and database. All its waiting together
/// stays within the limit, whatever the other end does.
pub(super) struct Connection {
    stream: Replies<Box<dyn Stream>>,
    place: String,
    limit: Duration,
    /// What is left of the limit.
    left: Duration,
    is_encrypted: bool,
    /// When the commands that were sent have to be answered.
    deadline: Deadline,
    pub(super) cost: Cost,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("place", &self.place)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects, and greets as `name`.
    pub(super) fn open(settings: &RedisSettings, name: &str) -> Result<Self, SyncError> {
        let begun = Instant::now();
        let deadline: Deadline = Rc::new(Cell::new(begun + settings.limit));
        let fail = |why| SyncError {
            place: settings.place(),
            why,
        };
        let stream = connect(settings, &deadline).map_err(fail)?;
        let mut connection = Connection {
            stream: Replies::new(stream),
            place: settings.place(),
            limit: settings.limit,
            left: settings.limit.saturating_sub(begun.elapsed()),
            deadline,
            is_encrypted: settings.tls,
            cost: Cost::default(),
        };
        match connection.greet(settings, name) {
            Err(error) if error.why == Why::Closed => {
                let why = refusal(settings, connection.left).unwrap_or(Why::Closed);
                Err(connection.error(why))
            }
            greeted => greeted.map(|()| connection),
        }
    }

    /// Password, database and name, in one round trip.
    fn greet(&mut self, settings: &RedisSettings, name: &str) -> Result<(), SyncError> {
        let mut commands = Vec::new();
        if let Some(password) = &settings.password {
            let mut auth = command(["AUTH"]);
            if let Some(username) = &settings.username {
                auth = auth.word(username);
            }
            commands.push(auth.word(password));
        }
        if settings.database != 0 {
            commands.push(command(["SELECT"]).word(settings.database));
        }
        // A name of a connection holds no blanks. It is only shown by CLIENT LIST.
        let name: String = name
            .chars()
            .filter(char::is_ascii_graphic)
            .collect::<String>();
        let named = commands.len();
        commands.push(command(["CLIENT", "SETNAME", &name]));
        let replies = self.ask(&commands)?;
        for (at, reply) in replies.iter().enumerate() {
            let Some(error) = reply.error() else { continue };
            let said = error.details().unwrap_or_default();
            let why = match Why::of_reply(error) {
                // An ACL may forbid the name, which is not needed.
                Why::NoRight(_) if at == named => continue,
                Why::Refused(_) if at == named && said.contains("unknown") => continue,
                Why::Refused(_) if said.contains("DB index") => Why::Database(settings.database),
                Why::Refused(_) if at == 0 && said.contains("without any password") => {
                    Why::Refused("redis.password is set, and Redis has none; delete it".to_owned())
                }
                why => why,
            };
            return Err(self.error(why));
        }
        Ok(())
    }

    /// Sends all commands, then reads an answer to each.
    pub(super) fn ask(&mut self, commands: &[Cmd]) -> Result<Vec<Value>, SyncError> {
        let begun = Instant::now();
        self.deadline.set(begun + self.left);
        let asked = self.try_ask(commands);
        self.left = self.left.saturating_sub(begun.elapsed());
        asked.map_err(|error| {
            let why = match Why::of_io(&error, self.limit) {
                // A Redis without TLS takes the greeting for a command, and waits for its end.
                Why::Slow(_) if self.is_encrypted && self.cost.received == 0 => {
                    Why::Tls("no answer to the greeting; does that port speak TLS?".to_owned())
                }
                why => why,
            };
            self.error(why)
        })
    }

    fn try_ask(&mut self, commands: &[Cmd]) -> io::Result<Vec<Value>> {
        let mut bytes = Vec::new();
        for command in commands {
            command.write_packed_command(&mut bytes);
        }
        self.cost.round_trips += 1;
        self.cost.sent += bytes.len() as u64;
        let stream = self.stream.get_mut();
        // A Redis that refuses at once says why before it closes, so its reply counts first.
        let sent = stream.write_all(&bytes).and_then(|()| stream.flush());
        let replies = commands.iter().map(|_| self.stream.next());
        let replies: io::Result<Vec<Value>> = replies.collect();
        self.cost.received = self.stream.taken();
        match (replies, sent) {
            (Err(error), Err(sent)) if error.kind() != io::ErrorKind::InvalidData => Err(sent),
            (replies, _) => replies,
        }
    }

    /// Whether enough of the limit is left for another batch.
    pub(super) fn has_time(&self) -> bool {
        self.left > self.limit / 3
    }

    pub(super) fn error(&self, why: Why) -> SyncError {
        SyncError {
            place: self.place.clone(),
            why,
        }
    }
}

/// Why Redis refuses every connection, as in protected mode or with too many
/// clients. It says so first and closes at once. If the greeting arrives after that,
/// the system resets the connection and the reason is lost; so this second
/// connection sends nothing.
fn refusal(settings: &RedisSettings, left: Duration) -> Option<Why> {
    let deadline: Deadline = Rc::new(Cell::new(Instant::now() + left.min(LISTENS)));
    let stream = connect(settings, &deadline).ok()?;
    let reply = Replies::new(stream).next().ok()?;
    reply.error().map(Why::of_reply)
}
