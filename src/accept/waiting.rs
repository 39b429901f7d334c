//! `wait = yes`: one server at a time gets the service's own socket, and takes its clients itself
//! (docs/xinetd-behaviour.md, sections 4.3 and 4.4).
//!
//! The socket is watched only while nothing runs or waits: [`Helper::watch_waiting`] sees to that
//! before each wait of the loop, so that no way that a client may go has to. The state of a
//! predecessor needs nothing more for it: a session that is adopted has the socket.

use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::sys::socket::{discard, disconnect, peek_sender, reset};

use super::clock::Moment;
use super::connection::BATCH;
use super::helper::Helper;
use super::peer::Remote;
use super::pending::Connection;
use super::settings::Work;

/// How long a client that was refused waits in the queue before it is looked at again: it stays
/// there, as nobody has accepted it.
const REST: Duration = Duration::from_secs(5);

/// How long no datagram waits for the name of its sender after one has waited for nothing: senders that
/// are made up can hold the socket up for a fifth of the time.
const HURRY: Duration = Duration::from_secs(4);

/// A server that ends sooner and has taken nothing has done nothing.
const SOON: Duration = Duration::from_secs(1);
/// So many of those in a row, and the socket rests: `cps`, which trips earlier by itself, may be off.
const FRUITLESS: u32 = 100;

/// The service's socket, while it is not watched or is.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    watched: bool,
    /// Until when it is left alone.
    rest: Option<Moment>,
    /// Servers in a row that have done nothing.
    fruitless: u32,
    /// Until when no datagram waits for a name.
    hurried: Option<Moment>,
}

impl Waiting {
    /// When it has rested, if it does.
    pub(super) fn due(&self) -> Option<Moment> {
        self.rest
    }
}

/// Nobody knows who connects before the server accepts it.
const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Helper {
    /// Whether servers get the service's own socket.
    pub(super) fn hands_over(&self) -> bool {
        matches!(self.settings.work, Work::Wait(_))
    }

    /// Watches the socket of a service with `wait = yes`, or does not.
    pub(super) fn watch_waiting(&mut self, now: Moment) {
        if !self.hands_over() {
            return;
        }
        if self.waiting.rest.is_some_and(|until| now >= until) {
            self.waiting.rest = None;
        }
        let wanted = !self.stopping
            && self.sessions.is_empty()
            && self.pending.is_empty()
            && self.waiting.rest.is_none();
        if wanted == self.waiting.watched {
            return;
        }
        self.waiting.watched = wanted;
        if !wanted {
            self.unwatch_listeners();
        } else if let Err(error) = self.watch_sockets() {
            log::error!("the service's socket can't be watched: {error}");
            self.waiting.watched = false;
            self.rest(now);
        }
    }

    /// Leaves the socket alone for a while.
    pub(super) fn rest(&mut self, now: Moment) {
        self.waiting.rest = Some(now.plus(REST));
    }

    /// Whether a client may wait for a name: the sender of a datagram holds up all others meanwhile.
    pub(super) fn waits_for_names(&self, now: Moment) -> bool {
        self.waiting.hurried.is_none_or(|until| now >= until)
    }

    /// The name of a datagram's sender was waited for in vain.
    pub(super) fn hurry_names(&mut self, now: Moment) {
        self.waiting.hurried = Some(now.plus(HURRY));
    }

    /// A client waits for its server to accept it.
    pub(super) fn client_waits(&mut self, index: u32, now: Moment) {
        let Some(listener) = self.listeners.get(index as usize) else {
            return;
        };
        if self.pause.is_some() {
            let _ = listener.set_nonblocking(true);
            let come = (0..BATCH).map_while(|_| listener.accept().ok());
            let count = come.map(|(stream, _)| reset(stream)).count();
            return self.turn_away(count as u64);
        }
        if let Ok(socket) = listener.try_clone() {
            self.meet(TcpStream::from(OwnedFd::from(socket)), NOBODY, now);
        }
    }

    /// A datagram is there.
    pub(super) fn datagram_waits(&mut self, index: u32, now: Moment) {
        let Some(socket) = self.datagrams.get(index as usize) else {
            return;
        };
        if self.pause.is_some() {
            let come = (0..BATCH).map_while(|_| discard(socket.as_fd()).ok());
            let count = come.count();
            return self.turn_away(count as u64);
        }
        // What is wrong with the datagram, such as its checksum, is gone with this.
        let sender = peek_sender(socket.as_fd()).ok().flatten();
        if let Some(sender) = sender
            && let Ok(socket) = socket.try_clone()
        {
            self.meet(TcpStream::from(OwnedFd::from(socket)), sender, now);
        }
    }

    /// A client of such a service was refused: its datagram goes, a connection stays where it is.
    pub(super) fn turn_away_waiting(&mut self, connection: &Connection, now: Moment) {
        if !self.hands_over() {
            return;
        }
        match self.datagrams.is_empty() {
            false => {
                // Only the one that was looked at: others have senders of their own.
                let socket = connection.stream.as_fd();
                if peek_sender(socket).ok().flatten() == Some(connection.remote.address) {
                    let _ = discard(socket);
                }
            }
            true if self.pause.is_none() => self.rest(now),
            true => {}
        }
    }

    /// A server has ended after `duration`: what it has left of its own on the socket goes. Where one
    /// after the other takes nothing, the socket rests.
    pub(super) fn take_back(&mut self, duration: Duration, now: Moment) {
        if !self.hands_over() {
            return;
        }
        self.datagrams.iter().for_each(release);
        if duration >= SOON || !self.someone_waits() {
            self.waiting.fruitless = 0;
            return;
        }
        self.waiting.fruitless = self.waiting.fruitless.saturating_add(1);
        if self.waiting.fruitless == FRUITLESS {
            let id = self.settings.spec.id.to_text();
            log::error!(
                "service {id}: {FRUITLESS} servers have ended at once and taken no client; from now on \
                 one is started every {} seconds",
                REST.as_secs()
            );
        }
        if self.waiting.fruitless >= FRUITLESS {
            self.rest(now);
        }
    }

    /// Says which connections were too many, where one and the same has started server after server.
    pub(super) fn blame_server(&self) {
        let count = self.waiting.fruitless;
        if !self.hands_over() || count < 2 {
            return;
        }
        let id = self.settings.spec.id.to_text();
        let (what, how) = match self.datagrams.is_empty() {
            true => ("client", "accept(2) it"),
            false => ("datagram", "read it from standard input"),
        };
        log::error!(
            "service {id}: {count} servers in a row have ended at once while a {what} still waited, which \
             started the next one each time; the server has to {how}"
        );
    }

    /// Whether a client waits on one of the sockets.
    fn someone_waits(&self) -> bool {
        let streams = self.listeners.iter().map(AsFd::as_fd);
        let sockets = streams.chain(self.datagrams.iter().map(AsFd::as_fd));
        let mut sockets: Vec<_> = sockets
            .map(|socket| PollFd::new(socket, PollFlags::POLLIN))
            .collect();
        poll(&mut sockets, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }
}

/// One that was connected would hear nobody else.
fn release(socket: &UdpSocket) {
    if socket.peer_addr().is_ok()
        && let Err(error) = disconnect(socket.as_fd())
    {
        log::warn!("the server has left the socket connected: {error}");
    }
}

impl Remote {
    /// Whether it is known who it is.
    pub(super) fn is_known(&self) -> bool {
        self.address != NOBODY
    }
}
