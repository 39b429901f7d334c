//! A client's connection to its backend.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};

use nix::sys::epoll::EpollFlags;

use super::super::super::reactor::{Events, Owner, Reactor};
use super::super::super::slab::Key;
use super::flow::{Flow, Wants, ask_whether_there};
use super::pipes::Pipes;

/// A client's connection to its backend.
#[derive(Debug)]
pub(super) struct Link {
    backend: TcpStream,
    up: Flow,
    down: Flow,
    client: Watch,
    server: Watch,
}

/// What the loop watches a socket for.
#[derive(Clone, Copy, Debug, Default)]
struct Watch {
    /// None while it is not watched.
    events: Option<EpollFlags>,
    /// Its end was told: it would be told again and again.
    gone: bool,
}

/// What the loop is to watch a side for, before and from now on.
type WatchChange = (Side, Option<EpollFlags>, Option<EpollFlags>);

/// A side of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::accept) enum Side {
    Client,
    Backend,
}

impl Link {
    /// Passes bytes on from now on; the backend has been watched for `events` so far.
    pub(super) fn new(backend: TcpStream, events: EpollFlags) -> Self {
        Self {
            backend,
            up: Flow::new(),
            down: Flow::new(),
            client: Watch::default(),
            server: Watch {
                events: Some(events),
                gone: false,
            },
        }
    }

    /// Bytes that went to the backend, and those that came from it.
    pub(super) fn traffic(&self) -> (u64, u64) {
        (self.up.moved, self.down.moved)
    }

    /// Goes on after events of one side; false if the session is over.
    pub(super) fn advance(
        &mut self,
        side: Side,
        events: EpollFlags,
        client: &TcpStream,
        pipes: &mut Pipes,
    ) -> bool {
        let backend = &self.backend;
        let (from, to, watch, this, other) = match side {
            Side::Client => (
                &mut self.up,
                &mut self.down,
                &mut self.client,
                client,
                backend,
            ),
            Side::Backend => (
                &mut self.down,
                &mut self.up,
                &mut self.server,
                backend,
                client,
            ),
        };
        let were = [from.wants, to.wants];
        if from.wants == Wants::Source {
            // What it has sent last is read before its error is.
            if from.advance(this, other, pipes).is_err() {
                return false;
            }
        } else if events.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP) {
            // Gone, while what came from it has not all been passed on, or has ended before.
            watch.gone = true;
            to.end(pipes);
        }
        if to.wants == Wants::Sink && to.advance(other, this, pipes).is_err() {
            return false;
        }
        match [from.wants, to.wants] {
            [Wants::Nothing, Wants::Nothing] => return false,
            [Wants::Nothing, _] if were[0] != Wants::Nothing => ask_whether_there(this),
            [_, Wants::Nothing] if were[1] != Wants::Nothing => ask_whether_there(other),
            _ => {}
        }
        true
    }

    /// Has the loop watch both sides for what they are expected to do.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub(super) fn watch(
        &mut self,
        client: &TcpStream,
        key: Key,
        reactor: &Reactor,
    ) -> io::Result<()> {
        for (side, before, events) in self.changes().into_iter().flatten() {
            let (socket, token) = match side {
                Side::Client => (client, Owner::RedirectClient.of(key)),
                Side::Backend => (&self.backend, Owner::RedirectBackend.of(key)),
            };
            match (before, events) {
                (None, Some(events)) => reactor.add(socket, token, events)?,
                (_, Some(events)) => reactor.modify(socket, token, events)?,
                (_, None) => reactor.remove(socket),
            }
        }
        Ok(())
    }

    /// Passes bytes on until the session is over, in a process that does nothing else.
    ///
    /// # Errors
    /// As epoll_create1(2), epoll_ctl(2) and epoll_wait(2).
    pub(super) fn carry_on(&mut self, client: &TcpStream, key: Key) -> io::Result<()> {
        let (reactor, mut pipes, mut events) = (Reactor::new()?, Pipes::default(), Events::new());
        self.client.events = None;
        self.server.events = None;
        loop {
            self.watch(client, key, &reactor)?;
            reactor.wait(&mut events, None)?;
            for (token, events) in events.iter() {
                let side = match token.owner {
                    Owner::RedirectClient => Side::Client,
                    _ => Side::Backend,
                };
                if !self.advance(side, events, client, &mut pipes) {
                    return Ok(());
                }
            }
        }
    }

    /// The descriptors of the connection to the backend, and of the pipes that hold bytes.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let pipes = self.up.descriptors().chain(self.down.descriptors());
        pipes.chain([self.backend.as_raw_fd()])
    }

    /// What each side is to be watched for, where that has changed. A side that nothing is expected
    /// of tells of its end all the same.
    fn changes(&mut self) -> [Option<WatchChange>; 2] {
        let change = |side, watch: &mut Watch, reading: &Flow, writing: &Flow| {
            let reads = reading.wants == Wants::Source;
            let mut events = EpollFlags::empty();
            events.set(EpollFlags::EPOLLIN, reads);
            events.set(EpollFlags::EPOLLOUT, writing.wants == Wants::Sink);
            let events = (reads || !watch.gone).then_some(events);
            let before = std::mem::replace(&mut watch.events, events);
            (before != events).then_some((side, before, events))
        };
        [
            change(Side::Client, &mut self.client, &self.up, &self.down),
            change(Side::Backend, &mut self.server, &self.down, &self.up),
        ]
    }

    /// Gives up what has not been passed on.
    pub(super) fn end(&mut self, pipes: &mut Pipes) {
        self.up.end(pipes);
        self.down.end(pipes);
    }
}
