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
        if let Some(blame) = self.blame(sockets, spec) {
            log::error!("{blame}");
        }
    }

    fn blame(&self, sockets: &Sockets, spec: &Spec) -> Option<String> {
        let count = self.fruitless;
        if count < 2 {
            return None;
        }
        let id = spec.id.to_text();
        let (what, how) = match sockets.has_datagrams() {
            false => ("client", "accept(2) it"),
            true => ("datagram", "read it from standard input"),
        };
        Some(format!(
            "service {id}: {count} servers in a row have ended at once while a {what} still waited, which \
             started the next one each time; the server has to {how}"
        ))
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

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use crate::journal::heard;

    use super::super::super::reactor::Events;
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    /// A service whose client waits.
    fn waiting() -> (Sockets, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let sockets = Sockets::new(vec![listener], Vec::new(), Vec::new());
        (sockets.unwrap(), client)
    }

    #[test]
    fn servers_that_take_nothing_are_not_started_one_after_the_other_for_ever() {
        let (sockets, _client) = waiting();
        let spec = Spec::example();
        let mut wait = Wait::default();
        let ended = |wait: &mut Wait, millis| {
            let duration = Duration::from_millis(millis);
            wait.server_exited(duration, &sockets, &spec, at(100));
        };
        ended(&mut wait, 5);
        assert_eq!(wait.blame(&sockets, &spec), None, "once is no row");
        ended(&mut wait, 5);
        assert!(wait.blame(&sockets, &spec).is_some());
        heard();
        for _ in 2..99 {
            ended(&mut wait, 5);
        }
        assert_eq!((wait.due(), heard().len()), (None, 0));
        ended(&mut wait, 999);
        assert_eq!((wait.due(), heard().len()), (Some(at(105)), 1));
        ended(&mut wait, 5);
        assert_eq!(heard().len(), 0, "it is said once");
        let blame = wait.blame(&sockets, &spec).unwrap();
        assert!(
            blame.contains("101 servers") && blame.contains("accept(2)"),
            "{blame}"
        );
        // One that has worked breaks the row.
        let mut wait = Wait::default();
        for millis in [[5; 99].as_slice(), &[1000], &[5; 99]].concat() {
            ended(&mut wait, millis);
        }
        assert_eq!(wait.due(), None);
    }

    #[test]
    fn a_server_that_has_taken_its_client_is_not_blamed() {
        let (sockets, _client) = waiting();
        drop(sockets.stream(0).unwrap().accept().unwrap());
        let mut wait = Wait::default();
        for _ in 0..200 {
            wait.server_exited(Duration::ZERO, &sockets, &Spec::example(), at(100));
        }
        assert_eq!(wait.due(), None);
    }

    #[test]
    fn a_socket_that_a_server_has_connected_hears_all_clients_again() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect("127.0.0.1:9").unwrap();
        let sockets = Sockets::new(Vec::new(), vec![socket], Vec::new()).unwrap();
        Wait::default().server_exited(Duration::ZERO, &sockets, &Spec::example(), at(100));
        assert!(sockets.datagram(0).unwrap().peer_addr().is_err());
    }

    #[test]
    fn the_socket_is_watched_while_it_is_free_and_not_left_alone() {
        let (sockets, _client) = waiting();
        let reactor = Reactor::new().unwrap();
        let mut wait = Wait::default();
        let is_told = |wait: &mut Wait, is_free, now| {
            wait.watch(is_free, &sockets, &reactor, at(now));
            let mut events = Events::new();
            reactor.wait(&mut events, Some(Duration::ZERO)).unwrap();
            !events.is_empty()
        };
        assert!(is_told(&mut wait, true, 100));
        assert!(is_told(&mut wait, true, 100));
        assert!(!is_told(&mut wait, false, 100));
        wait.back_off(at(100));
        assert!(!is_told(&mut wait, true, 104));
        assert!(is_told(&mut wait, true, 105));
        assert_eq!(wait.due(), None);
    }

    #[test]
    fn made_up_senders_hold_the_socket_up_for_a_part_of_the_time() {
        let mut wait = Wait::default();
        assert!(wait.waits_for_names(at(100)));
        wait.hurry_names(at(100));
        assert!(!wait.waits_for_names(at(103)));
        assert!(wait.waits_for_names(at(104)));
    }
}
