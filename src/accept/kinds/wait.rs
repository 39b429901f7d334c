//! `wait = yes`: one server at a time gets the service's own socket, and takes its clients itself
//! (docs/xinetd-behaviour.md, sections 4.3 and 4.4).
//!
//! The socket is watched only while nothing runs or waits: [`Wait::watch`] sees to that before each wait
//! of the loop, so that no way that a client may go has to. The state of a predecessor needs nothing more
//! for it: a session that is adopted has the socket.

use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use xinetd_core::spec::Spec;

use crate::sys::socket::{discard, disconnect, peek_sender};

use super::super::clock::Moment;
use super::super::pending::Connection;
use super::super::reactor::Reactor;
use super::super::sockets::Sockets;

/// How long a client that was refused waits in the queue before it is looked at again: it stays
/// there, as no server has accepted it.
const BACK_OFF: Duration = Duration::from_secs(5);

/// How long no datagram waits for the name of its sender after one has waited for nothing: senders that
/// are made up can hold the socket up for a fifth of the time.
const HURRY: Duration = Duration::from_secs(4);

/// A server that ends sooner and has taken nothing has done nothing.
const SOON: Duration = Duration::from_secs(1);
/// So many of those in a row, and the socket is left alone for a while: `cps`, which trips earlier by
/// itself, may be off.
const FRUITLESS: u32 = 100;

/// The service's socket, while it is watched or is not.
#[derive(Debug, Default)]
pub(in crate::accept) struct Wait {
    watched: bool,
    /// Until when it is left alone.
    back_off: Option<Moment>,
    /// Servers in a row that have done nothing.
    fruitless: u32,
    /// Until when no datagram waits for a name.
    hurried: Option<Moment>,
}

impl Wait {
    /// When the socket may be watched again, if it is left alone.
    pub(in crate::accept) fn due(&self) -> Option<Moment> {
        self.back_off
    }

    /// Watches the service's socket, if that `is_free` for the next server, or does not.
    pub(in crate::accept) fn watch(
        &mut self,
        is_free: bool,
        sockets: &Sockets,
        reactor: &Reactor,
        now: Moment,
    ) {
        if self.back_off.is_some_and(|until| now >= until) {
            self.back_off = None;
        }
        let wanted = is_free && self.back_off.is_none();
        if wanted == self.watched {
            return;
        }
        self.watched = wanted;
        if !wanted {
            sockets.unwatch(reactor);
        } else if let Err(error) = sockets.watch(reactor) {
            log::error!("the service's socket can't be watched: {error}");
            self.watched = false;
            self.back_off(now);
        }
    }

    /// Leaves the socket alone for a while.
    pub(in crate::accept) fn back_off(&mut self, now: Moment) {
        self.back_off = Some(now.plus(BACK_OFF));
    }

    /// Whether a client may wait for a name: the sender of a datagram holds up all others meanwhile.
    pub(in crate::accept) fn waits_for_names(&self, now: Moment) -> bool {
        self.hurried.is_none_or(|until| now >= until)
    }

    /// The name of a datagram's sender was waited for in vain.
    pub(in crate::accept) fn hurry_names(&mut self, now: Moment) {
        self.hurried = Some(now.plus(HURRY));
    }

    /// A client was refused: its datagram goes, a connection stays where it is.
    pub(in crate::accept) fn refused(
        &mut self,
        connection: &Connection,
        sockets: &Sockets,
        is_paused: bool,
        now: Moment,
    ) {
        if sockets.has_datagrams() {
            // Only the one that was looked at: others have senders of their own.
            let socket = connection.socket.as_fd();
            if peek_sender(socket).ok().flatten() == Some(connection.remote.address()) {
                let _ = discard(socket);
            }
        } else if !is_paused {
            self.back_off(now);
        }
    }

    /// The server has ended after `duration`: what it has left of its own on the socket goes. Where one
    /// after the other takes nothing, the socket is left alone for a while.
    pub(in crate::accept) fn server_exited(
        &mut self,
        duration: Duration,
        sockets: &Sockets,
        spec: &Spec,
        now: Moment,
    ) {
        sockets.datagrams().for_each(release);
        if duration >= SOON || !client_waits(sockets) {
            self.fruitless = 0;
            return;
        }
        self.fruitless = self.fruitless.saturating_add(1);
        if self.fruitless == FRUITLESS {
            let id = spec.id.to_text();
            log::error!(
                "service {id}: {FRUITLESS} servers have ended at once and taken no client; from now on \
                 one is started every {} seconds",
                BACK_OFF.as_secs()
            );
        }
        if self.fruitless >= FRUITLESS {
            self.back_off(now);
        }
    }

    /// Says which connections were too many, where one and the same has started server after server.
    pub(in crate::accept) fn blame_server(&self, sockets: &Sockets, spec: &Spec) {
        let count = self.fruitless;
        if count < 2 {
            return;
        }
        let id = spec.id.to_text();
        let (what, how) = match sockets.has_datagrams() {
            false => ("client", "accept(2) it"),
            true => ("datagram", "read it from standard input"),
        };
        log::error!(
            "service {id}: {count} servers in a row have ended at once while a {what} still waited, which \
             started the next one each time; the server has to {how}"
        );
    }
}

/// Whether a client waits on one of the sockets.
fn client_waits(sockets: &Sockets) -> bool {
    let readable = |socket| PollFd::new(socket, PollFlags::POLLIN);
    let mut sockets: Vec<_> = sockets.of_clients().map(readable).collect();
    poll(&mut sockets, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

/// Takes a connect(2) of the server back: a socket that is connected hears one peer alone.
fn release(socket: &UdpSocket) {
    if socket.peer_addr().is_ok()
        && let Err(error) = disconnect(socket.as_fd())
    {
        log::warn!("the server has left the socket connected: {error}");
    }
}
