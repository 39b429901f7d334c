//! The sessions of `redirect`: from a client's admission through the search for a backend to the end
//! (docs/xinetd-behaviour.md, section 4.12).
//!
//! Bytes go from socket to pipe to socket inside the kernel. A session has a pipe only while bytes
//! are on their way: an idle one costs two descriptors and some hundred bytes.

mod flow;
mod hosts;
mod link;
mod pipes;
mod proxy;
mod relay;
mod search;

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use nix::sys::epoll::EpollFlags;
use nix::unistd::Uid;
use xinetd_core::admission::Admitted;

use crate::journal::{ErrorText, Event};

use super::super::clock::Moment;
use super::super::peer::Remote;
use super::super::pending::Connection;
use super::super::reactor::{Owner, Reactor};
use super::super::slab::{Key, Slab};
use super::super::socket::Socket;
use super::context::{Cx, Ended, NO_PROCESS, Served};
use super::detach::detach;
use super::program::Servers;

use hosts::Hosts;
use link::Link;
pub(in crate::accept) use link::Side;
use pipes::Pipes;
use relay::{Relay, RelayStage};
pub(in crate::accept) use search::Route;
use search::{Failure, Next, Search};

/// How long a look-up, or an attempt to connect, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a connection that is being made is watched for.
const CONNECTED: EpollFlags = EpollFlags::EPOLLOUT;

/// The sessions of `redirect`.
#[derive(Default)]
pub(in crate::accept) struct Relays {
    sessions: Slab<Relay>,
    pipes: Pipes,
    /// Where backends are; none before the first client has come.
    hosts: Option<Hosts>,
    /// Time limits in their order; those of waits that are over are skipped.
    limits: VecDeque<(Moment, Key, u32)>,
}

impl Relays {
    /// Searches a backend for `connection`, which counts already.
    pub(in crate::accept) fn serve(
        &mut self,
        route: &Route,
        connection: Connection,
        admitted: Admitted,
        cx: &mut Cx<'_>,
    ) -> Served {
        let Connection { socket, remote, .. } = connection;
        let (slot, user) = admitted.into_parts();
        let Socket::Stream(client) = socket else {
            cx.cancel(slot);
            return Served::Done;
        };
        cx.started(NO_PROCESS, &remote, user.as_ref());
        let ready = self.hosts(cx.reactor).and_then(|hosts| {
            client.set_nonblocking(true)?;
            // Bytes are passed on as they come.
            client.set_nodelay(true)?;
            Ok(Search::new(route.clone(), hosts, cx.now))
        });
        let Ok(search) = ready else {
            drop(client);
            cx.ended(Ended::without_process(&remote, slot, Duration::ZERO));
            return Served::Done;
        };
        let session = Relay {
            client,
            remote,
            slot,
            started: cx.now,
            stage: RelayStage::Searching(Box::new(search)),
            wait: 0,
        };
        match self.sessions.insert(session) {
            Ok(key) => self.search(key, cx),
            Err(session) => cx.cancel(session.slot),
        }
        Served::Held
    }

    fn hosts(&mut self, reactor: &Reactor) -> io::Result<&Hosts> {
        match &mut self.hosts {
            Some(hosts) => Ok(hosts),
            none => {
                let hosts = Hosts::new()?;
                let events = EpollFlags::EPOLLIN;
                reactor.add(hosts.descriptor(), Owner::RedirectHosts.only(), events)?;
                Ok(none.insert(hosts))
            }
        }
    }

    /// Goes on with the search of a session, until it has to wait or is over.
    fn search(&mut self, key: Key, cx: &mut Cx<'_>) {
        loop {
            let (Some(session), Some(hosts)) = (self.sessions.get_mut(key), &mut self.hosts) else {
                return;
            };
            let RelayStage::Searching(search) = &mut session.stage else {
                return;
            };
            match search.advance(hosts, key, cx.now) {
                Next::Wait => return self.limit(key, cx.now),
                Next::Connect => {
                    let token = Owner::RedirectBackend.of(key);
                    let watch = |stream| cx.reactor.add(stream, token, CONNECTED);
                    return match search.attempt().map(watch) {
                        Some(Ok(())) => self.limit(key, cx.now),
                        _ => self.end(key, cx),
                    };
                }
                Next::Unreachable(host, failure) => {
                    log_unreachable(&session.remote, &host, &failure, cx);
                }
                Next::Exhausted => return self.end(key, cx),
            }
        }
    }

    /// Notes that the search of a session waits from `now` on.
    fn limit(&mut self, key: Key, now: Moment) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.wait = session.wait.wrapping_add(1);
            self.limits
                .push_back((now.plus(PATIENCE), key, session.wait));
        }
    }

    /// The resolver has answered.
    pub(in crate::accept) fn hosts_found(&mut self, cx: &mut Cx<'_>) {
        let keys = self.hosts.as_mut().map(|hosts| hosts.answers(cx.now));
        for key in keys.unwrap_or_default() {
            let searching = self.sessions.get_mut(key).is_some_and(|session| {
                matches!(&session.stage, RelayStage::Searching(search) if search.attempt().is_none())
            });
            if searching {
                self.search(key, cx);
            }
        }
    }

    /// A session's client or backend has something to say.
    pub(in crate::accept) fn ready(
        &mut self,
        key: Key,
        side: Side,
        events: EpollFlags,
        cx: &mut Cx<'_>,
    ) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let concluded = match (&mut session.stage, &mut self.hosts) {
            (RelayStage::Open(link), _) => {
                if link.advance(side, events, &session.client, &mut self.pipes) {
                    self.watch(key, cx);
                } else {
                    self.end(key, cx);
                }
                return;
            }
            (RelayStage::Searching(search), Some(hosts)) => {
                search.conclude(&session.client, &session.remote, hosts)
            }
            (RelayStage::Searching(_), None) => None,
        };
        match concluded {
            Some(Ok(backend)) => {
                session.stage = RelayStage::Open(Link::new(backend, CONNECTED));
                self.watch(key, cx);
            }
            Some(Err((host, error))) => {
                log_unreachable(&session.remote, &host, &Failure::Io(error), cx);
                self.search(key, cx);
            }
            None => {}
        }
    }

    /// Has the loop watch both sides for what they are expected to do.
    fn watch(&mut self, key: Key, cx: &mut Cx<'_>) {
        let Some(Relay { client, stage, .. }) = self.sessions.get_mut(key) else {
            return;
        };
        let RelayStage::Open(link) = stage else {
            return;
        };
        if let Err(error) = link.watch(client, key, cx.reactor) {
            log::warn!("a session can't be watched: {error}");
            self.end(key, cx);
        }
    }

    /// When the next search has waited long enough.
    pub(in crate::accept) fn due(&mut self) -> Option<Moment> {
        loop {
            let &(due, key, wait) = self.limits.front()?;
            let session = self.sessions.get_mut(key);
            if session.is_some_and(|session| {
                session.wait == wait && matches!(session.stage, RelayStage::Searching(_))
            }) {
                return Some(due);
            }
            self.limits.pop_front();
        }
    }

    /// Searches that have waited long enough go on with the next backend.
    pub(in crate::accept) fn expire(&mut self, cx: &mut Cx<'_>) {
        while self.due().is_some_and(|due| cx.now >= due)
            && let Some((_, key, _)) = self.limits.pop_front()
        {
            let (Some(session), Some(hosts)) = (self.sessions.get_mut(key), &mut self.hosts) else {
                continue;
            };
            if let RelayStage::Searching(search) = &mut session.stage
                && let Some((host, failure)) = search.time_out(hosts, cx.now)
            {
                log_unreachable(&session.remote, &host, &failure, cx);
            }
            self.search(key, cx);
        }
    }

    /// Ends a session.
    pub(in crate::accept) fn end(&mut self, key: Key, cx: &mut Cx<'_>) {
        let Some(mut session) = self.sessions.remove(key) else {
            return;
        };
        let traffic = match &mut session.stage {
            RelayStage::Open(link) => {
                link.end(&mut self.pipes);
                Some(link.traffic())
            }
            RelayStage::Searching(_) => None,
        };
        let Relay {
            client,
            remote,
            slot,
            started,
            stage,
            ..
        } = session;
        // First of all: a client that counts the end of a session has seen the end of the connection.
        drop((client, stage));
        if let Some((up, down)) = traffic {
            let peer = remote.as_peer();
            cx.report.record(&Event::Traffic { peer, up, down });
        }
        let duration = cx.now.since(started);
        cx.ended(Ended::without_process(&remote, slot, duration));
    }

    /// Ends all sessions: the service stops.
    pub(in crate::accept) fn stop(&mut self, cx: &mut Cx<'_>) {
        for key in self.sessions.keys() {
            self.end(key, cx);
        }
    }

    /// Whether a backend is being searched.
    pub(in crate::accept) fn is_searching(&self) -> bool {
        let mut sessions = self.sessions.iter();
        sessions.any(|(_, session)| matches!(session.stage, RelayStage::Searching(_)))
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

    /// How many descriptors the sessions take.
    pub(in crate::accept) fn descriptors(&self) -> usize {
        2 * self.sessions.len() + self.pipes.descriptors()
    }

    /// Has all pipes in use.
    #[cfg(test)]
    pub(in crate::accept) fn take_all_pipes(&mut self) -> impl Sized + use<> {
        self.pipes.take_all()
    }
}

fn log_unreachable(remote: &Remote, host: &str, failure: &Failure, cx: &mut Cx<'_>) {
    // Each client causes such lines.
    if !cx.report.admits_remark(cx.now) {
        return;
    }
    let failure = match failure {
        Failure::Io(error) => match error.raw_os_error() {
            Some(errno) => ErrorText(errno).to_string(),
            None => error.to_string(),
        },
        Failure::Resolver(words) => words.clone(),
    };
    cx.report.record(&Event::Unreachable {
        peer: remote.as_peer(),
        host,
        failure: &failure,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_small() {
        assert!(
            size_of::<RelayStage>() <= 160,
            "{}",
            size_of::<RelayStage>()
        );
    }
}
