//! How Redis is reached: TCP or Unix, TLS, and a deadline for all of it.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::Timeout;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::model::{Escaped, RedisSettings};

use super::error::Why;

/// When the command that is going on has to end, as the socket sees it.
pub(super) type Deadline = Rc<Cell<Instant>>;

pub(super) trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

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
    /// Repeats the work while a signal interrupts it, until the deadline: not every
    /// reader of the redis crate does so.
    fn again<T>(&mut self, mut work: impl FnMut(&mut S) -> io::Result<T>) -> io::Result<T> {
        loop {
            self.socket.set_limit(left(self.deadline.get())?)?;
            match work(&mut self.socket) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

impl<S: Socket> Read for Timed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.again(|socket| socket.read(buffer))
    }
}

impl<S: Socket> Write for Timed<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.again(|socket| socket.write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// The time that is left until the deadline.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(io::ErrorKind::TimedOut.into())
    } else {
        Ok(left)
    }
}

/// A socket whose every read and write ends by the deadline.
pub(super) fn connect(
    settings: &RedisSettings,
    deadline: &Deadline,
) -> Result<Box<dyn Stream>, Why> {
    let host = &settings.host;
    if host.starts_with('/') {
        let socket = connect_unix(Path::new(host), deadline.get());
        let socket = socket.map_err(|error| unreachable(&error, settings))?;
        let deadline = deadline.clone();
        return Ok(Box::new(Timed { socket, deadline }));
    }
    let socket = dial(settings, deadline.get())?;
    let _ = socket.set_nodelay(true);
    let deadline = deadline.clone();
    let timed = Timed { socket, deadline };
    if settings.tls {
        Ok(Box::new(encrypt(timed, settings)?))
    } else {
        Ok(Box::new(timed))
    }
}

/// Connects to the socket at `path`, or fails at the deadline. Where the backlog of
/// the listener is full, the system waits as long as the limit for sending says,
/// and without a limit for ever; so the limit is set first.
fn connect_unix(path: &Path, deadline: Instant) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    let cloexec = SocketFlags::CLOEXEC;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, cloexec, None)?;
    loop {
        let limit = Some(left(deadline)?);
        net::sockopt::set_socket_timeout(&socket, Timeout::Send, limit)?;
        match net::connect(&socket, &address) {
            Ok(()) => return Ok(UnixStream::from(socket)),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn unreachable(error: &io::Error, settings: &RedisSettings) -> Why {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Why::Slow(settings.limit),
        _ => Why::Unreachable(error.to_string()),
    }
}

/// Tries every address that the host has.
fn dial(settings: &RedisSettings, deadline: Instant) -> Result<TcpStream, Why> {
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

/// Looks up the host's addresses. The system's resolver has no deadline: where it is
/// late, its thread is left behind.
fn resolve(settings: &RedisSettings, deadline: Instant) -> Result<Vec<SocketAddr>, Why> {
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
    settings: &RedisSettings,
) -> Result<StreamOwned<ClientConnection, Timed<S>>, Why>
where
    S: Socket,
{
    let told = |error: rustls::Error| Why::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(told)?
        .with_root_certificates(roots(settings.tls_ca.as_deref())?)
        .with_no_client_auth();
    let host = settings.host.trim_matches(['[', ']']).to_owned();
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
