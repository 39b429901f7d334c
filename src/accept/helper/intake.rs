//! Where clients come in: the listening sockets, and the one loop that accepts from them.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;

use nix::errno::Errno;

use crate::sys::socket::{discard, peek_sender, reset};

use super::super::clock::Moment;
use super::super::kinds::Served;
use super::super::peer::Peer;
use super::super::pending::Connection;
use super::super::socket::Socket;
use super::Helper;

/// Clients that are refused or wait before the loop looks at other events again.
pub(super) const BATCH: usize = 32;

impl Helper {
    /// Takes what clients the listener `index` has, up to the first that gets a process.
    pub(super) fn accept(&mut self, index: u32, now: Moment) {
        self.accept_each(now, |this| {
            let listener = this.sockets.stream(index)?;
            Some(listener.accept().map(|(stream, address)| {
                let peer = Peer::Known(address);
                this.meet(stream.into(), peer, now)
            }))
        });
    }

    /// Takes the connections that tcpmux has for this service at the listener `index`.
    pub(super) fn accept_from_mux(&mut self, index: u32, now: Moment) {
        self.accept_each(now, |this| {
            let listener = this.sockets.mux(index)?;
            let accepted = listener.accept();
            Some(accepted.map(|(sender, _)| this.accept_passed(sender, now)))
        });
    }

    /// A client waits for its server to accept it (`wait = yes`).
    pub(super) fn client_waits(&mut self, index: u32, now: Moment) {
        let Some(listener) = self.sockets.stream(index) else {
            return;
        };
        if self.pause.is_on() {
            let _ = listener.set_nonblocking(true);
            let come = (0..BATCH).map_while(|_| listener.accept().ok());
            let count = come.map(|(stream, _)| reset(stream)).count();
            return self.turn_away(count as u64);
        }
        // A server expects a socket that waits. O_NONBLOCK is a property of the open file description,
        // so that a pause, or the server before, may have set it.
        let _ = listener.set_nonblocking(false);
        if let Ok(socket) = listener.as_fd().try_clone_to_owned() {
            self.meet(Socket::Listening(socket), Peer::Unknown, now);
        }
    }

    /// A datagram waits for a server to read it (`wait = yes`).
    pub(super) fn datagram_waits(&mut self, index: u32, now: Moment) {
        let Some(socket) = self.sockets.datagram(index) else {
            return;
        };
        if self.pause.is_on() {
            let come = (0..BATCH).map_while(|_| discard(socket.as_fd()).ok());
            let count = come.count();
            return self.turn_away(count as u64);
        }
        // What is wrong with the datagram, such as its checksum, is gone with this.
        let sender = peek_sender(socket.as_fd()).ok().flatten();
        if let Some(sender) = sender
            && let Ok(shared) = socket.as_fd().try_clone_to_owned()
        {
            // As for a stream.
            let _ = socket.set_nonblocking(false);
            self.meet(Socket::Listening(shared), Peer::Known(sender), now);
        }
    }

    /// A client was refused that no server has accepted yet, if the service is one with `wait = yes`.
    pub(super) fn turn_away_waiting(&mut self, connection: &Connection, now: Moment) {
        if self.is_wait() {
            let is_paused = self.pause.is_on();
            self.kinds
                .wait
                .refused(connection, &self.sockets, is_paused, now);
        }
    }

    /// Watches the socket of a service with `wait = yes`, or does not.
    pub(super) fn watch_waiting(&mut self, now: Moment) {
        if self.is_wait() {
            let is_free =
                self.takes_clients() && self.kinds.program.len() == 0 && self.pending.is_empty();
            self.kinds
                .wait
                .watch(is_free, &self.sockets, &self.reactor, now);
        }
    }

    /// Accepts by `accept` until a client gets a process, there is none, or it is the turn of others.
    fn accept_each(
        &mut self,
        now: Moment,
        accept: impl Fn(&mut Self) -> Option<io::Result<Served>>,
    ) {
        for _ in 0..BATCH {
            if !self.takes_clients() {
                return;
            }
            let goes_on = match accept(self) {
                None | Some(Ok(Served::Forked)) => return,
                Some(Ok(Served::Held | Served::Done)) => ControlFlow::Continue(()),
                Some(Err(error)) => self.accept_failed(&error, now),
            };
            if goes_on.is_break() {
                return;
            }
        }
    }

    fn accept_failed(&mut self, error: &io::Error, now: Moment) -> ControlFlow<()> {
        match Obstacle::of(error) {
            Obstacle::Gone => return ControlFlow::Continue(()),
            Obstacle::NoClient => {}
            Obstacle::NoRoom => self.go_deaf(now),
            Obstacle::Network => {
                if self.report.admits_remark(now) {
                    log::error!("accept failed: {error}");
                }
            }
        }
        ControlFlow::Break(())
    }
}

/// Why accept(2) has brought no client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    /// No client waits.
    NoClient,
    /// This client has gone; the next one may be there.
    Gone,
    /// There is no descriptor, or no memory: as little helped by another attempt.
    NoRoom,
    /// A fault of the network on the way to one client.
    Network,
}

impl Obstacle {
    fn of(error: &io::Error) -> Self {
        match error.raw_os_error().map(Errno::from_raw) {
            // A supervisor has shut the socket for good; the order to end is on its way.
            Some(Errno::EAGAIN | Errno::EINVAL) => Self::NoClient,
            Some(Errno::ECONNABORTED | Errno::EPROTO) => Self::Gone,
            Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => Self::NoRoom,
            _ => Self::Network,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_client_that_has_gone_makes_way_for_the_next_one_at_once() {
        for (errno, obstacle) in [
            (Errno::EAGAIN, Obstacle::NoClient),
            (Errno::ECONNABORTED, Obstacle::Gone),
            (Errno::EPROTO, Obstacle::Gone),
            (Errno::EMFILE, Obstacle::NoRoom),
            (Errno::ENFILE, Obstacle::NoRoom),
            (Errno::ENOBUFS, Obstacle::NoRoom),
            (Errno::ENOMEM, Obstacle::NoRoom),
            (Errno::EHOSTUNREACH, Obstacle::Network),
        ] {
            assert_eq!(Obstacle::of(&errno.into()), obstacle, "{errno}");
        }
    }
}
