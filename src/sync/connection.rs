use std::cell::Cell;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::model::Escaped;

use super::error::{SyncError, Why};
use super::wire::{self, Command, Reply};

/// How Redis is reached.
#[derive(Clone)]
pub struct Settings {
    /// Host name, address, or path of a socket.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// ACL user.
    pub username: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// Database number.
    pub database: u32,
    /// Whether the connection is encrypted, and who vouches for Redis.
    pub tls: Option<Tls>,
    /// How long everything may take together.
    pub limit: Duration,
}

/// Who vouches for an encrypted Redis.
#[derive(Debug, Clone)]
pub struct Tls {
    /// A file of certificates; the system's if none.
    pub ca: Option<PathBuf>,
}

/// What was exchanged so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// How often was waited for an answer.
    pub round_trips: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

impl Settings {
    /// Where it is, for people: without the password.
    #[must_use]
    pub fn place(&self) -> String {
        let host = Escaped::text(&self.host);
        if self.host.starts_with('/') {
            host.to_string()
        } else if self.host.contains(':') {
            format!("[{host}]:{}", self.port)
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

/// A connection that is greeted and in its database. All the waiting for it
/// together stays within the limit, whatever the other side does.
pub(super) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    place: String,
    limit: Duration,
    /// What is left of the limit.
    left: Duration,
    is_encrypted: bool,
    /// When what is being asked has to be answered.
    deadline: Deadline,
    pub(super) cost: Cost,
}

/// The end of what is going on, seen by the socket.
type Deadline = Rc<Cell<Instant>>;

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("place", &self.place)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Connection {
    /// Connects, and greets as `name`.
    pub(super) fn open(settings: &Settings, name: &str) -> Result<Self, SyncError> {
        let begun = Instant::now();
        let deadline: Deadline = Rc::new(Cell::new(begun + settings.limit));
        let fail = |why| SyncError {
            place: settings.place(),
            why,
        };
        let stream = connect(settings, &deadline).map_err(fail)?;
        let mut connection = Connection {
            stream: BufReader::with_capacity(1 << 16, stream),
            place: settings.place(),
            limit: settings.limit,
            left: settings.limit.saturating_sub(begun.elapsed()),
            deadline,
            is_encrypted: settings.tls.is_some(),
            cost: Cost::default(),
        };
        connection.greet(settings, name)?;
        Ok(connection)
    }

    /// Password, database and name, in one round trip.
    fn greet(&mut self, settings: &Settings, name: &str) -> Result<(), SyncError> {
        let mut commands = Vec::new();
        if let Some(password) = &settings.password {
            let mut auth = Command::new("AUTH");
            if let Some(username) = &settings.username {
                auth = auth.word(username);
            }
            commands.push(auth.word(password));
        }
        if settings.database != 0 {
            commands.push(Command::new("SELECT").word(settings.database.to_string()));
        }
        // Names of connections hold no blanks. Only for those who look at CLIENT LIST.
        let name: String = name
            .chars()
            .filter(char::is_ascii_graphic)
            .collect::<String>();
        let named = commands.len();
        commands.push(Command::new("CLIENT").word("SETNAME").word(name));
        let replies = self.ask(&commands)?;
        for (at, reply) in replies.iter().enumerate() {
            let Reply::Error(said) = reply else { continue };
            let why = match Why::of_reply(said) {
                // The name is a courtesy that an ACL may forbid.
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
    pub(super) fn ask(&mut self, commands: &[Command]) -> Result<Vec<Reply>, SyncError> {
        let begun = Instant::now();
        self.deadline.set(begun + self.left);
        let asked = self.try_ask(commands);
        self.left = self.left.saturating_sub(begun.elapsed());
        asked.map_err(|error| {
            let why = match Why::of_io(&error, self.limit) {
                // A Redis without encryption waits for the end of what it takes for a command.
                Why::Slow(_) if self.is_encrypted && self.cost.received == 0 => {
                    Why::Tls("no answer to the greeting; does that port speak TLS?".to_owned())
                }
                why => why,
            };
            self.error(why)
        })
    }

    fn try_ask(&mut self, commands: &[Command]) -> io::Result<Vec<Reply>> {
        let mut bytes = Vec::new();
        for command in commands {
            command.write(&mut bytes)?;
        }
        self.cost.round_trips += 1;
        self.cost.sent += bytes.len() as u64;
        let stream = self.stream.get_mut();
        // A peer that refuses at once has said why before it closed.
        let sent = stream.write_all(&bytes).and_then(|()| stream.flush());
        let mut counted = Counted(&mut self.stream, &mut self.cost.received);
        let replies: io::Result<Vec<Reply>> =
            commands.iter().map(|_| wire::read(&mut counted)).collect();
        match (replies, sent) {
            (Err(error), Err(sent)) if error.kind() != io::ErrorKind::InvalidData => Err(sent),
            (replies, _) => replies,
        }
    }

    /// Whether so much of the limit is left that another batch may be asked for.
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

/// A reader that counts what is taken.
struct Counted<'a, R>(&'a mut BufReader<R>, &'a mut u64);

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let there = self.0.fill_buf()?;
        let read = (&there[..]).read(buffer)?;
        self.0.consume(read);
        *self.1 += read as u64;
        Ok(read)
    }
}

/// A socket that is given up at the deadline, however slowly bytes come.
struct Timed<S> {
    socket: S,
    deadline: Deadline,
}

/// What TCP and Unix sockets have in common.
trait Socket: Read + Write {
    fn set_limit(&self, limit: Duration) -> io::Result<()>;
}

impl Socket for TcpStream {
    fn set_limit(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))?;
        self.set_write_timeout(Some(limit))
    }
}

impl Socket for UnixStream {
    fn set_limit(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))?;
        self.set_write_timeout(Some(limit))
    }
}

impl<S: Socket> Timed<S> {
    fn arm(&self) -> io::Result<()> {
        self.socket.set_limit(left(self.deadline.get())?)
    }
}

impl<S: Socket> Read for Timed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.arm()?;
        self.socket.read(buffer)
    }
}

impl<S: Socket> Write for Timed<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.arm()?;
        self.socket.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// What is left until then.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(io::ErrorKind::TimedOut.into())
    } else {
        Ok(left)
    }
}

fn connect(settings: &Settings, deadline: &Deadline) -> Result<Box<dyn Stream>, Why> {
    let host = &settings.host;
    if host.starts_with('/') {
        // Connecting to a socket waits only where a backlog is full.
        let socket = UnixStream::connect(host).map_err(|error| unreachable(&error, settings))?;
        let deadline = deadline.clone();
        return Ok(Box::new(Timed { socket, deadline }));
    }
    let socket = dial(settings, deadline.get())?;
    let _ = socket.set_nodelay(true);
    let deadline = deadline.clone();
    let timed = Timed { socket, deadline };
    match &settings.tls {
        None => Ok(Box::new(timed)),
        Some(tls) => Ok(Box::new(encrypt(timed, host, tls)?)),
    }
}

fn unreachable(error: &io::Error, settings: &Settings) -> Why {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Why::Slow(settings.limit),
        _ => Why::Unreachable(error.to_string()),
    }
}

/// Tries every address that the host has.
fn dial(settings: &Settings, deadline: Instant) -> Result<TcpStream, Why> {
    let addresses = resolve(settings, deadline)?;
    let mut last = Why::Unknown("it has no address".to_owned());
    for address in addresses {
        let tried = left(deadline).and_then(|left| TcpStream::connect_timeout(&address, left));
        match tried {
            Ok(socket) => return Ok(socket),
            Err(error) => last = unreachable(&error, settings),
        }
    }
    Err(last)
}

/// The system's resolver knows no deadline: it is left behind in its thread.
fn resolve(settings: &Settings, deadline: Instant) -> Result<Vec<SocketAddr>, Why> {
    let port = settings.port;
    let host = settings.host.trim_matches(['[', ']']);
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let (sender, receiver) = mpsc::channel();
    let name = host.to_owned();
    std::thread::spawn(move || {
        let found = (name.as_str(), port).to_socket_addrs();
        let _ = sender.send(found.map(Iterator::collect));
    });
    let limit = left(deadline).unwrap_or_default();
    match receiver.recv_timeout(limit) {
        Ok(found) => found.map_err(|error| Why::Unknown(error.to_string())),
        Err(_) => Err(Why::Slow(settings.limit)),
    }
}

fn encrypt<S>(
    socket: Timed<S>,
    host: &str,
    tls: &Tls,
) -> Result<StreamOwned<ClientConnection, Timed<S>>, Why>
where
    S: Socket,
{
    let told = |error: rustls::Error| Why::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(told)?
        .with_root_certificates(roots(tls.ca.as_deref())?)
        .with_no_client_auth();
    let host = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host)
        .map_err(|_| Why::Tls("the host is neither a name nor an address".to_owned()))?;
    let session = ClientConnection::new(Arc::new(config), name).map_err(told)?;
    Ok(StreamOwned::new(session, socket))
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, Why> {
    let mut roots = RootCertStore::empty();
    if let Some(ca) = ca {
        let shown = Escaped::path(ca);
        let unreadable =
            |error: &dyn std::fmt::Display| Why::Tls(format!("{shown} can not be used: {error}"));
        let certificates = CertificateDer::pem_file_iter(ca).map_err(|error| unreadable(&error))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            roots.add(certificate).map_err(|error| unreadable(&error))?;
        }
        if roots.is_empty() {
            return Err(unreadable(&"it holds no certificate"));
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            let none = "this host has no certificate authorities; install ca-certificates";
            return Err(Why::Tls(none.to_owned()));
        }
    }
    Ok(roots)
}
