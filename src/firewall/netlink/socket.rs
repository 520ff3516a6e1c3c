//! Asks `nf_tables`, and receives its answers whole.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

use super::attribute::Attributes;
use super::message::{Answer, Question, ReceivedMessage, answer, split};

/// The kernel answers at once, or not at all.
const PATIENCE: Duration = Duration::from_secs(5);

/// The kernel gives at most 32 KiB of a list at a time, and as much as fits: so the
/// buffer is larger than that. A single object may be larger.
const BUFFER: usize = 128 << 10;

/// How often a list is asked for that somebody changes while it is given.
const TRIES: u32 = 10;

/// A connection to `nf_tables` of our network namespace: one question and its answer at
/// a time.
pub(in crate::firewall) struct NetlinkSocket {
    socket: OwnedFd,
    asked: u32,
    buffer: Vec<u8>,
}

/// Why a list has to be asked for again.
enum Unfinished {
    /// Somebody changed it meanwhile.
    Interrupted,
    /// An answer is so long.
    TooLong(usize),
    /// That can not be mended by asking again.
    Failed(io::Error),
}

impl From<io::Error> for Unfinished {
    fn from(error: io::Error) -> Self {
        Unfinished::Failed(error)
    }
}

impl NetlinkSocket {
    pub(in crate::firewall) fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let protocol = Some(netlink::NETFILTER);
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(NetlinkSocket {
            socket,
            asked: 0,
            buffer: vec![0; BUFFER],
        })
    }

    /// What `read` makes of all answers, in the order in which they come; none if what is
    /// asked for is not there. `read` may be called again from the start with a new list.
    pub(super) fn ask<T>(
        &mut self,
        question: &Question,
        read: impl Fn(u8, Attributes<'_>, &mut Vec<T>),
    ) -> io::Result<Option<Vec<T>>> {
        for _ in 0..TRIES {
            let mut found = Vec::new();
            match self.ask_once(question, |family, object| read(family, object, &mut found)) {
                Ok(()) => return Ok(Some(found)),
                Err(Unfinished::Interrupted) => {}
                Err(Unfinished::TooLong(length)) => self.buffer = vec![0; length],
                Err(Unfinished::Failed(error)) if is_not_there(&error) => return Ok(None),
                Err(Unfinished::Failed(error)) => return Err(error),
            }
        }
        Err(io::Error::other(
            "nf_tables is being changed all the time, so it can not be listed",
        ))
    }

    fn ask_once(
        &mut self,
        question: &Question,
        mut read: impl FnMut(u8, Attributes<'_>),
    ) -> Result<(), Unfinished> {
        // A new number for each try: what is left of an earlier answer is passed over.
        self.asked = self.asked.wrapping_add(1);
        let message = question.message(self.asked);
        send(&self.socket, &message, SendFlags::empty()).map_err(io::Error::from)?;
        let mut has_changed = false;
        loop {
            let (_, length) =
                recv(&self.socket, &mut *self.buffer, RecvFlags::TRUNC).map_err(io::Error::from)?;
            let mut got = (self.buffer.get(..length)).ok_or(Unfinished::TooLong(length))?;
            while !got.is_empty() {
                let (first, rest) = split(got).ok_or_else(garbled)?;
                got = rest;
                let ReceivedMessage { answer, changed } = answer(first, question.asked, self.asked);
                has_changed |= changed;
                match answer {
                    Answer::Other => {}
                    Answer::Object(family, object) => {
                        read(family, object);
                        if !question.all {
                            return Ok(());
                        }
                    }
                    // The rest is received in any case: while a list is being given, the
                    // socket takes no other question.
                    Answer::Done if has_changed => return Err(Unfinished::Interrupted),
                    Answer::Done => return Ok(()),
                    Answer::Refused(libc::EINTR) => return Err(Unfinished::Interrupted),
                    Answer::Refused(error) => {
                        return Err(io::Error::from_raw_os_error(error).into());
                    }
                }
            }
        }
    }
}

fn garbled() -> io::Error {
    io::Error::other("an answer of nf_tables is not understood")
}

/// `ENOENT`: there is no such table, chain or set.
fn is_not_there(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOENT)
}
