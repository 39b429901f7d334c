//! The internal services, over TCP here (docs/xinetd-behaviour.md, section 4.10): a state machine for each
//! client.
//!
//! No client has a buffer. echo looks at what its client has sent, sends back what goes, and takes
//! only that off the socket: a client that does not read what comes back fills the kernel's buffers and is
//! then not read from. chargen has one text for all.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::time::SystemTime;

use nix::sys::epoll::EpollFlags;
use xinetd_core::service::Builtin;

use crate::sys::socket::{peek_now, send_now, skip_now};

use super::super::super::clock::local_time;
use super::super::super::reactor::{Events, Owner, Reactor};
use super::chargen::Position;
use super::times;

/// Bytes that are moved at once.
const CHUNK: usize = 16 * 1024;
/// Chunks that are moved before it is the next client's turn.
const ROUNDS: usize = 4;

/// What is done for a client.
#[derive(Debug)]
pub(super) enum Talk {
    /// It hears what it says.
    Echo,
    /// It is listened to.
    Discard,
    /// It hears the text from here on.
    Chargen(Position),
    /// It is sent the rest of a text, and that is all.
    Tell(Box<[u8]>, usize),
}

impl Talk {
    /// Begins a service for the client of `stream`.
    pub(super) fn new(builtin: Builtin, stream: &TcpStream) -> Self {
        match builtin {
            Builtin::Echo => Self::Echo,
            Builtin::Discard => Self::Discard,
            Builtin::Time => Self::Tell(times::time(SystemTime::now()).into(), 0),
            Builtin::Daytime => Self::Tell(times::daytime(&local_time()).into_bytes().into(), 0),
            Builtin::Chargen => {
                // Where it fails the client has gone, which shows soon enough.
                let _ = stream.shutdown(Shutdown::Read);
                Self::Chargen(Position::default())
            }
        }
    }

    /// Whether its end is logged: xinetd logs none for time and daytime.
    pub(super) fn has_exit(&self) -> bool {
        !matches!(self, Self::Tell(..))
    }

    /// Serves the client until it has ended, in a process that does nothing else.
    ///
    /// # Errors
    /// As epoll_create1(2), epoll_ctl(2) and epoll_wait(2).
    pub(super) fn carry_on(&mut self, stream: &TcpStream) -> io::Result<()> {
        let (reactor, mut told) = (Reactor::new()?, Events::new());
        let token = Owner::Internal.only();
        let mut watched = None;
        while let Some(events) = self.advance(stream) {
            match watched.replace(events) {
                None => reactor.add(stream, token, events)?,
                Some(before) if before == events => {}
                Some(_) => reactor.modify(stream, token, events)?,
            }
            reactor.wait(&mut told, None)?;
        }
        Ok(())
    }

    /// Goes on as far as it can, or as is fair to others; what it waits for, or none if it has
    /// ended.
    pub(super) fn advance(&mut self, stream: &TcpStream) -> Option<EpollFlags> {
        const IN: Option<EpollFlags> = Some(EpollFlags::EPOLLIN);
        const OUT: Option<EpollFlags> = Some(EpollFlags::EPOLLOUT);
        let socket = stream.as_fd();
        // Only some need it, and to clear it costs more than to serve the others.
        let mut room = None;
        let clear = || [0; CHUNK];
        for _ in 0..ROUNDS {
            match self {
                Self::Echo => {
                    let chunk = room.get_or_insert_with(clear);
                    let count = match peek_now(socket, chunk) {
                        Ok(0) => return None,
                        Ok(count) => count,
                        Err(error) => return waits(&error, IN),
                    };
                    let mut sent = match send_now(socket, &chunk[..count]) {
                        Ok(sent) => sent,
                        Err(error) => return waits(&error, OUT),
                    };
                    while sent > 0 {
                        match skip_now(socket, &mut chunk[..sent]) {
                            Ok(count @ 1..) => sent -= count.min(sent),
                            // They were there: it can't go on in good order.
                            Ok(0) | Err(_) => return None,
                        }
                    }
                }
                Self::Discard => match skip_now(socket, room.get_or_insert_with(clear)) {
                    Ok(0) => return None,
                    Ok(_) => {}
                    Err(error) => return waits(&error, IN),
                },
                Self::Chargen(position) => match send_now(socket, position.rest()) {
                    Ok(count) => position.advance(count),
                    Err(error) => return waits(&error, OUT),
                },
                Self::Tell(text, sent) => match text.get(*sent..) {
                    None | Some([]) => return None,
                    Some(rest) => match send_now(socket, rest) {
                        Ok(count) => *sent += count,
                        Err(error) => return waits(&error, OUT),
                    },
                },
            }
        }
        match self {
            Self::Echo | Self::Discard => IN,
            Self::Chargen(_) | Self::Tell(..) => OUT,
        }
    }
}

/// What a client waits for after an error; none if it is gone.
fn waits(error: &io::Error, events: Option<EpollFlags>) -> Option<EpollFlags> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => events,
        _ => None,
    }
}
