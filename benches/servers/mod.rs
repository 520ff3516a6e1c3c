//! Servers, which are state directories, and the Redis they share.

use std::collections::HashMap;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How many addresses one command line takes.
const AT_ONCE: usize = 20_000;

/// What a gigabit carries, in bytes a second.
const GIGABIT: f64 = 125e6;

/// How large the fleet is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Servers.
    pub(crate) servers: usize,
    /// Bans in Redis.
    pub(crate) stored: usize,
    /// Bans made in a round.
    pub(crate) new: usize,
}

/// Measures, and writes what came of it.
pub(crate) fn measure(program: &Path, size: Size, out: &mut impl Write) -> Result<()> {
    let world = World::new(program)?;
    let source = world.server("source")?;
    source.run(&["scan"])?;
    source.ban(0, size.stored)?;
    let full = world.server("full")?;
    joining(&world, &full, size, out)?;
    let fleet = fleet(&world, size)?;
    let mut next = size.stored;
    writeln!(
        out,
        "\n| new entries | bans held | run | round trips | commands | to Redis | from Redis |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for new in [0, size.new.div_ceil(100), size.new] {
        source.ban(next, new)?;
        next += new;
        for (held, server) in [("all", &full), ("few", &fleet[0])] {
            let begun = Instant::now();
            let seen = world.cost(|| server.run(&["scan"]))?;
            let took = begun.elapsed().as_millis();
            let Seen {
                round_trips,
                commands,
                to,
                from,
                ..
            } = seen;
            writeln!(
                out,
                "| {new} | {held} | {took} ms | {round_trips:.0} | {commands:.0} | {to:.0} B | {from:.0} B |"
            )?;
        }
    }
    round(&world, &fleet, next, size, out)?;
    strangers(program, size.stored * 10, out)
}

/// Entries that are no bans, all at once: they are skipped.
fn strangers(program: &Path, count: usize, out: &mut impl Write) -> Result<()> {
    let world = World::new(program)?;
    let fill = "for n = 0, ARGV[1] - 1 do \
        local ip = '11.' .. math.floor(n / 65536) .. '.' .. math.floor(n / 256) % 256 .. '.' .. n % 256 \
        redis.call('HSET', ip, 'evil', '1') end";
    let () = redis::cmd("EVAL")
        .arg(&[fill, "0", &count.to_string()])
        .query(&mut world.connect()?)?;
    let server = world.server("server")?;
    let (mut runs, begun) = (1, Instant::now());
    // It ends with 1 for as long as there is something to be told.
    while server.run(&["scan"]).is_err() {
        runs += 1;
        if runs > 1000 {
            return Err("it does not come to an end".into());
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    writeln!(
        out,
        "{count} entries that are no bans, all at once: skipped in {seconds:.1} s, {runs} runs"
    )?;
    Ok(())
}

/// One that has nothing takes over all that is stored.
fn joining(world: &World, full: &Server, size: Size, out: &mut impl Write) -> Result<()> {
    let (mut runs, mut took) = (0, Duration::ZERO);
    while full.held().unwrap_or(0) < size.stored {
        let begun = Instant::now();
        full.run(&["scan"])?;
        (runs, took) = (runs + 1, took + begun.elapsed());
        if runs > 100 {
            return Err("the bans are not taken over".into());
        }
    }
    let memory = world.info()?.get("used_memory").copied().unwrap_or(0.0);
    let seconds = took.as_secs_f64();
    writeln!(
        out,
        "joining with nothing: {} bans in {seconds:.2} s, {runs} run(s); Redis holds {:.0} MB",
        size.stored,
        memory / 1e6
    )?;
    Ok(())
}

/// Servers that hold nothing, have read the stream to its end, and have looked
/// through the hashes.
fn fleet(world: &World, size: Size) -> Result<Vec<Server>> {
    let first = world.server("server 0")?;
    first.configure(false)?;
    first.run(&["scan"])?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let looked = "INSERT OR REPLACE INTO meta VALUES ('looked', ?)";
    first.store()?.execute(looked, [i64::try_from(now)?])?;
    first.configure(true)?;
    let mut fleet = vec![first];
    for n in 1..size.servers {
        let server = world.server(&format!("server {n}"))?;
        std::fs::create_dir(server.place.join("state"))?;
        let store = |server: &Server| server.place.join("state/PyFilter.db");
        std::fs::copy(store(&fleet[0]), store(&server))?;
        let renamed =
            "UPDATE meta SET value = lower(hex(randomblob(8))) WHERE key IN ('id', 'stream_id')";
        server.store()?.execute(renamed, [])?;
        fleet.push(server);
    }
    Ok(fleet)
}

/// Each server bans its part of what is new, then each runs once.
fn round(
    world: &World,
    fleet: &[Server],
    next: usize,
    size: Size,
    out: &mut impl Write,
) -> Result<()> {
    for server in fleet {
        server.run(&["scan"])?;
    }
    let before: usize = fleet.iter().map(Server::held).sum::<Result<usize>>()?;
    let part = size.new / size.servers;
    let seen = world.cost(|| {
        for (n, server) in fleet.iter().enumerate() {
            server.ban(next + n * part, part)?;
        }
        fleet.iter().try_for_each(|server| server.run(&["scan"]))
    })?;
    let after: usize = fleet.iter().map(Server::held).sum::<Result<usize>>()?;
    let taken = after - before;
    if taken != part * size.servers * size.servers {
        return Err(format!("{taken} bans are in force that were not").into());
    }
    let Seen { worked, from, .. } = seen;
    let count = f64::from(u32::try_from(taken)?);
    writeln!(
        out,
        "\na round of {} servers and {} new bans: Redis worked {worked:.2} s and sent {:.1} MB, {:.0} bytes a server and ban",
        size.servers,
        part * size.servers,
        from / 1e6,
        from / count
    )?;
    writeln!(
        out,
        "one Redis reaches, servers x bans a minute: {:.1} million at half a core, {:.1} million at a gigabit",
        count / worked * 30.0 / 1e6,
        count / from * GIGABIT * 60.0 / 1e6
    )?;
    Ok(())
}

/// What Redis saw.
struct Seen {
    /// Of one connection.
    round_trips: f64,
    commands: f64,
    to: f64,
    from: f64,
    /// Seconds of a core.
    worked: f64,
}

/// A scratch directory with a Redis in it.
struct World {
    dir: TempDir,
    program: PathBuf,
    redis: Child,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.redis.kill();
        let _ = self.redis.wait();
    }
}

impl World {
    fn new(program: &Path) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let socket = dir.path().join("redis.sock");
        let mut redis = Command::new("redis-server");
        redis.args(["--port", "0", "--save", "", "--unixsocket"]);
        redis.arg(&socket).arg("--dir").arg(dir.path());
        let redis = redis.stdout(Stdio::null()).spawn();
        let redis = redis.map_err(|error| format!("redis-server: {error}"))?;
        let program = program.to_owned();
        let world = World {
            dir,
            program,
            redis,
        };
        let begun = Instant::now();
        // The socket is there a moment before anybody listens at it.
        while world.connect().is_err() {
            if begun.elapsed() > Duration::from_secs(20) {
                return Err("redis-server does not start".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(world)
    }

    fn connect(&self) -> Result<redis::Connection> {
        let socket = self.dir.path().join("redis.sock");
        let client = redis::Client::open(format!("redis+unix://{}", socket.display()))?;
        Ok(client.get_connection()?)
    }

    /// The figures of INFO.
    fn info(&self) -> Result<HashMap<String, f64>> {
        let text: String = redis::cmd("INFO").query(&mut self.connect()?)?;
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        let figures =
            pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
        Ok(figures.collect())
    }

    /// What Redis sees of it.
    fn cost(&self, run: impl FnOnce() -> Result<()>) -> Result<Seen> {
        // What it sees of being asked itself.
        let (first, second) = (self.info()?, self.info()?);
        run()?;
        let third = self.info()?;
        let seen = |name: &str| {
            let of = |info: &HashMap<String, f64>| info.get(name).copied().unwrap_or(0.0);
            of(&third) - of(&second) - (of(&second) - of(&first))
        };
        Ok(Seen {
            // The end of the connection is read, too.
            round_trips: seen("total_reads_processed") - 1.0,
            commands: seen("total_commands_processed"),
            to: seen("total_net_input_bytes"),
            from: seen("total_net_output_bytes"),
            worked: seen("used_cpu_user") + seen("used_cpu_sys"),
        })
    }

    fn server(&self, name: &str) -> Result<Server> {
        let place = self.dir.path().join(name);
        std::fs::create_dir(&place)?;
        let server = Server {
            place,
            name: name.to_owned(),
            program: self.program.clone(),
            socket: self.dir.path().join("redis.sock"),
        };
        server.configure(true)?;
        Ok(server)
    }
}

/// A configuration and a state directory.
struct Server {
    place: PathBuf,
    name: String,
    program: PathBuf,
    socket: PathBuf,
}

impl Server {
    fn configure(&self, takes_over: bool) -> Result<()> {
        let config: Value = json!({
            "settings": {
                "server_name": self.name, "database": "redis", "rules": {},
                "firewall": { "backend": "none" },
            },
            "redis": { "host": self.socket, "sync_bans": { "active": takes_over } },
            "logging": { "active": false },
        });
        Ok(std::fs::write(
            self.place.join("config.json"),
            config.to_string(),
        )?)
    }

    fn run(&self, words: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .arg("-q")
            .arg("-c")
            .arg(self.place.join("config.json"));
        command.arg("--state-dir").arg(self.place.join("state"));
        let ran = command.args(words).output()?;
        if ran.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&ran.stderr).into_owned().into())
    }

    /// Bans addresses by their numbers, and sends them all.
    fn ban(&self, first: usize, count: usize) -> Result<()> {
        let addresses: Vec<String> = (first..first + count)
            .map(|n| format!("11.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255))
            .collect();
        for some in addresses.chunks(AT_ONCE) {
            let words = ["ban"].into_iter().chain(some.iter().map(String::as_str));
            self.run(&words.collect::<Vec<_>>())?;
        }
        let waiting = "SELECT count(*) FROM outbox";
        while self
            .store()?
            .query_row(waiting, [], |row| row.get::<_, i64>(0))?
            > 0
        {
            self.run(&["scan"])?;
        }
        Ok(())
    }

    fn store(&self) -> Result<Connection> {
        Ok(Connection::open(self.place.join("state/PyFilter.db"))?)
    }

    /// How many bans are in force here.
    fn held(&self) -> Result<usize> {
        let count = "SELECT count(*) FROM banned_ip";
        let count: i64 = self.store()?.query_row(count, [], |row| row.get(0))?;
        Ok(usize::try_from(count)?)
    }
}
