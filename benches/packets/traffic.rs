//! What packets cost: round trips, TCP connections, one stream. Each is measured between
//! the two ends of a [`Pair`], by processes of this program or by ping.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::figures::{Better, Compared};
use crate::namespace::{HOST, Pair, READY, run, wait_for_end_of_input};

/// Where connections are accepted and closed.
const CONNECT: u16 = 5001;
/// Where all bytes are read, and at the end is told how many they were.
const STREAM: u16 = 5002;

/// Nothing takes that long, unless packets are lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// How often, with and without bans in turn.
    pub(crate) rounds: usize,
    pub(crate) pings: u32,
    pub(crate) connections: u32,
    /// Pings and connections end after this time, a stream takes it.
    pub(crate) seconds: f64,
}

/// Medians for one source address.
#[derive(Debug)]
pub(crate) struct PacketFigures {
    pub(crate) round_trip: Compared,
    pub(crate) connections: Compared,
    pub(crate) stream: Compared,
}

/// Measures at `none` and at `bans`, in turn, with packets from `source`.
pub(crate) fn compare(
    none: &Pair,
    bans: &Pair,
    source: Ipv4Addr,
    effort: Effort,
) -> Result<PacketFigures> {
    for pair in [none, bans] {
        pair.speak_as(source)?;
        // What is done for the first time takes longer.
        round_trip(pair, 100, effort.seconds)?;
    }
    let (mut round_trips, mut connected, mut streams) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        let in_turn = |measure: &dyn Fn(&Pair) -> Result<f64>| -> Result<[f64; 2]> {
            if round % 2 == 0 {
                let first = measure(none)?;
                Ok([first, measure(bans)?])
            } else {
                let first = measure(bans)?;
                Ok([measure(none)?, first])
            }
        };
        round_trips.push(in_turn(&|pair| {
            round_trip(pair, effort.pings, effort.seconds)
        })?);
        connected.push(in_turn(&|pair| connections(pair, effort))?);
        streams.push(in_turn(&|pair| stream(pair, effort.seconds))?);
    }
    let compared = |pairs: &[[f64; 2]], better| Compared::of(pairs, better).context("no round");
    Ok(PacketFigures {
        round_trip: compared(&round_trips, Better::Smaller)?,
        connections: compared(&connected, Better::Larger)?,
        stream: compared(&streams, Better::Larger)?,
    })
}

/// Microseconds until the answer to an echo is there, when each is sent as soon as the
/// last one is answered. The answer is the kernel's, so no process is waited for.
fn round_trip(pair: &Pair, pings: u32, seconds: f64) -> Result<f64> {
    let output = pair
        .far
        .command("ping")
        .env("LC_ALL", "C")
        .args(["-f", "-q", "-n", "-c"])
        .arg(pings.to_string())
        .args(["-w", &format!("{:.0}", seconds.ceil())])
        .arg(HOST.to_string())
        .output()
        .context("ping (of iputils)")?;
    // Its status tells a time that was too short for all of them, too.
    microseconds_of_a_ping(&String::from_utf8_lossy(&output.stdout))
}

/// From ping's `20000 packets transmitted, 20000 received, 0% packet loss, time 70ms`.
fn microseconds_of_a_ping(said: &str) -> Result<f64> {
    let line = said
        .lines()
        .find(|line| line.contains(" packets transmitted"))
        .with_context(|| format!("ping said: {said}"))?;
    let number = |before: &str, after: &str| -> Option<f64> {
        let rest = line.split_once(before)?.1;
        rest.split_once(after)?.0.trim().parse().ok()
    };
    let sent = number("", " packets transmitted");
    let counts = (sent, number(", ", " received"), number(", time ", "ms"));
    let (Some(sent), Some(received), Some(milliseconds)) = counts else {
        bail!("ping said: {line}");
    };
    // The last one may still be on its way when the time is over.
    ensure!(
        received >= 50.0 && received >= sent * 0.99 - 1.0,
        "packets were lost: {line}"
    );
    Ok(milliseconds * 1000.0 / received)
}

/// Whether an echo from the address the far end speaks as is answered.
pub(crate) fn is_answered(pair: &Pair) -> Result<bool> {
    let mut ping = pair.far.command("ping");
    ping.args(["-q", "-n", "-c", "1", "-W", "1"])
        .arg(HOST.to_string());
    Ok(ping.output().context("ping (of iputils)")?.status.success())
}

/// TCP connections a second, opened and closed one after the other.
fn connections(pair: &Pair, effort: Effort) -> Result<f64> {
    let words = [
        "connect",
        &effort.connections.to_string(),
        &effort.seconds.to_string(),
    ];
    far_says(pair, &words)
}

/// The throughput of one TCP stream in Gbit/s.
fn stream(pair: &Pair, seconds: f64) -> Result<f64> {
    far_says(pair, &["stream", &seconds.to_string()])
}

/// The number that this program prints when it is started at the far end.
fn far_says(pair: &Pair, words: &[&str]) -> Result<f64> {
    let words: Vec<String> = words.iter().copied().map(str::to_owned).collect();
    let said = run(&mut pair.far.own(&words)?)?;
    said.trim()
        .parse()
        .with_context(|| format!("{words:?}: {said}"))
}

/// The process at the host: it accepts and reads until its input ends.
pub(crate) fn serve() -> Result<()> {
    let listeners = [CONNECT, STREAM].map(|port| TcpListener::bind((HOST, port)));
    let [connect, stream] = listeners;
    let (connect, stream) = (connect?, stream?);
    // Std asks for a queue of 128, which a short pause fills.
    rustix::net::listen(&connect, 4096)?;
    thread::spawn(move || connect.incoming().for_each(drop));
    thread::spawn(move || {
        for connection in stream.incoming().flatten() {
            thread::spawn(move || count_bytes(connection));
        }
    });
    println!("{READY}");
    wait_for_end_of_input();
    Ok(())
}

fn count_bytes(mut connection: TcpStream) -> Result<()> {
    let (mut buffer, mut count) = (vec![0; 1 << 18], 0);
    loop {
        match connection.read(&mut buffer)? {
            0 => break,
            bytes => count += bytes as u64,
        }
    }
    connection.write_all(&count.to_be_bytes())?;
    Ok(())
}

/// The process at the far end that prints the connections a second.
pub(crate) fn connect(connections: u32, seconds: f64) -> Result<()> {
    let (begun, mut done) = (Instant::now(), 0);
    while done < connections && begun.elapsed().as_secs_f64() < seconds {
        drop(dial(CONNECT)?);
        done += 1;
    }
    println!("{}", f64::from(done) / begun.elapsed().as_secs_f64());
    Ok(())
}

/// The process at the far end that prints the throughput.
pub(crate) fn send_stream(seconds: f64) -> Result<()> {
    let mut connection = dial(STREAM)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let (buffer, begun) = (vec![0; 1 << 17], Instant::now());
    while begun.elapsed().as_secs_f64() < seconds {
        connection.write_all(&buffer)?;
    }
    connection.shutdown(Shutdown::Write)?;
    let mut count = [0; 8];
    connection.read_exact(&mut count)?;
    // Less than 2^52 bytes: no bit is lost.
    #[expect(clippy::cast_precision_loss, reason = "a few gigabytes")]
    let bits = u64::from_be_bytes(count) as f64 * 8.0;
    println!("{}", bits / begun.elapsed().as_secs_f64() / 1e9);
    Ok(())
}

fn dial(port: u16) -> Result<TcpStream> {
    Ok(TcpStream::connect_timeout(
        &SocketAddr::from((HOST, port)),
        PATIENCE,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_ping_is_that_of_all_by_their_number() {
        let said = |sent, received, time| {
            format!(
                "PING 192.0.2.1 (192.0.2.1) 56(84) bytes of data.\n\n--- 192.0.2.1 ping statistics ---\n\
                 {sent} packets transmitted, {received} received, 0% packet loss, time {time}ms\n"
            )
        };
        let time = microseconds_of_a_ping(&said(20000, 20000, 70)).unwrap();
        assert!((time - 3.5).abs() < 1e-9, "{time}");
        // One is still on its way.
        assert!(microseconds_of_a_ping(&said(1001, 1000, 2000)).is_ok());
        assert!(microseconds_of_a_ping(&said(1000, 900, 2000)).is_err());
        assert!(microseconds_of_a_ping(&said(1, 0, 0)).is_err());
        assert!(microseconds_of_a_ping("ping: unknown host").is_err());
    }
}
