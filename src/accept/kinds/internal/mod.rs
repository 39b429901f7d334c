//! The sessions of internal services, from the admission of a client to its end.
//!
//! They have no process: their START and EXIT have pid=0, as xinetd writes it for what it does
//! itself. Those of time and daytime have no EXIT, as in xinetd.

mod chargen;
pub(crate) mod datagram;
mod talk;
mod times;

use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use nix::sys::epoll::EpollFlags;
use nix::unistd::Uid;
use xinetd_core::admission::Admitted;
use xinetd_core::policy::Slot;
use xinetd_core::service::Builtin;

use crate::sys::fork::go_on_in_child;
use crate::sys::process::Process;

use super::super::clock::Moment;
use super::super::peer::Remote;
use super::super::pending::Connection;
use super::super::reactor::Owner;
use super::super::slab::{Key, Slab};
use super::super::socket::Socket;
use super::context::{Cx, Ended, NO_PROCESS, Served};
use super::detach::{OwnSession, detach};
use super::program::Servers;

use datagram::Answers;
use talk::Talk;

/// The sessions of internal services, and what goes on from datagram to datagram.
#[derive(Debug, Default)]
pub(in crate::accept) struct Internal {
    sessions: Slab<InternalSession>,
    answers: Answers,
}

/// A client of an internal service.
#[derive(Debug)]
struct InternalSession {
    stream: TcpStream,
    remote: Remote,
    slot: Slot,
    started: Moment,
    /// What the loop watches the socket for.
    watched: EpollFlags,
    talk: Talk,
}

impl Internal {
    /// Serves `connection`, which counts already.
    pub(in crate::accept) fn serve(
        &mut self,
        builtin: Builtin,
        connection: Connection,
        admitted: Admitted,
        cx: &mut Cx<'_>,
    ) -> Served {
        let Connection { socket, remote, .. } = connection;
        let (slot, user) = admitted.into_parts();
        let Socket::Stream(stream) = socket else {
            cx.cancel(slot);
            return Served::Done;
        };
        cx.started(NO_PROCESS, &remote, user.as_ref());
        let mut talk = Talk::new(builtin, &stream);
        let Some(events) = talk.advance(&stream) else {
            drop(stream);
            tell_end(&talk, &remote, slot, cx.now, cx);
            return Served::Done;
        };
        let session = InternalSession {
            stream,
            remote,
            slot,
            started: cx.now,
            watched: events,
            talk,
        };
        match self.sessions.insert(session) {
            Ok(key) => self.watch(key, events, cx),
            Err(session) => session.end(cx),
        }
        Served::Held
    }

    fn watch(&mut self, key: Key, events: EpollFlags, cx: &mut Cx<'_>) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let token = Owner::Internal.of(key);
        if let Err(error) = cx.reactor.add(&session.stream, token, events) {
            log::warn!("a client can't be watched: {error}");
            self.end(key, cx);
        }
    }

    /// The client of a session has sent something, or takes more.
    pub(in crate::accept) fn ready(&mut self, key: Key, cx: &mut Cx<'_>) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        match session.talk.advance(&session.stream) {
            Some(events) if events == session.watched => {}
            Some(events) => {
                session.watched = events;
                let token = Owner::Internal.of(key);
                if cx.reactor.modify(&session.stream, token, events).is_err() {
                    self.end(key, cx);
                }
            }
            None => self.end(key, cx),
        }
    }

    /// Ends a session.
    pub(in crate::accept) fn end(&mut self, key: Key, cx: &mut Cx<'_>) {
        if let Some(session) = self.sessions.remove(key) {
            session.end(cx);
        }
    }

    /// Ends all sessions: the service stops.
    pub(in crate::accept) fn stop(&mut self, cx: &mut Cx<'_>) {
        for key in self.sessions.keys() {
            self.end(key, cx);
        }
    }

    /// Has each session go on in a process of its own; where that can't be it ends.
    pub(in crate::accept) fn detach(
        &mut self,
        program: &mut Servers,
        user: Option<Uid>,
        cx: &mut Cx<'_>,
    ) {
        for key in detach(&mut self.sessions, program, user, cx) {
            self.end(key, cx);
        }
    }

    /// How many sessions are open.
    pub(in crate::accept) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// The sessions that are open: their clients, and when they began.
    pub(in crate::accept) fn sessions(&self) -> impl Iterator<Item = (Key, &Remote, Moment)> {
        let sessions = self.sessions.iter();
        sessions.map(|(key, session)| (key, &session.remote, session.started))
    }

    /// The answer to a datagram; none where nothing is sent back.
    pub(in crate::accept) fn answer(
        &mut self,
        builtin: Builtin,
        datagram: &[u8],
    ) -> Option<Vec<u8>> {
        self.answers.answer(builtin, datagram)
    }
}

impl OwnSession for InternalSession {
    fn fork(&mut self, _: Key, user: Option<Uid>) -> io::Result<Process> {
        let (stream, talk) = (&self.stream, &mut self.talk);
        go_on_in_child(&[stream.as_raw_fd()], user, || {
            let _ = talk.carry_on(stream);
        })
    }

    fn into_parts(self) -> (Remote, Slot, Moment) {
        (self.remote, self.slot, self.started)
    }
}

impl InternalSession {
    fn end(self, cx: &mut Cx<'_>) {
        // First of all: a client that counts the end of a session has seen the end of the connection.
        drop(self.stream);
        tell_end(&self.talk, &self.remote, self.slot, self.started, cx);
    }
}

fn tell_end(talk: &Talk, remote: &Remote, slot: Slot, started: Moment, cx: &mut Cx<'_>) {
    match talk.has_exit() {
        true => {
            let duration = cx.now.since(started);
            cx.ended(Ended::without_process(remote, slot, duration));
        }
        false => cx.cancel(slot),
    }
}
