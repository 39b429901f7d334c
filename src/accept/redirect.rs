//! `redirect`: from a client's admission through the search for a backend to the end (semantics,
//! section 4.12).

use std::net::TcpStream;
use std::time::Duration;

use nix::sys::epoll::EpollFlags;

use crate::journal::{ErrorText, Event};
use crate::policy::Slot;

use super::clock::Moment;
use super::helper::Helper;
use super::intake::Served;
use super::kinds::{Ended, NO_PROCESS};
use super::pending::Connection;
use super::reactor::Owner;
use super::relay::{Failure, Hosts, Link, Next, Relay, Route, Search, Side, Stage};
use super::slab::Key;
use super::socket::Socket;

/// What a connection that is being made is watched for.
const CONNECTED: EpollFlags = EpollFlags::EPOLLOUT;

impl Helper {
    /// Searches a backend for `connection`, which counts already.
    pub(super) fn redirect(
        &mut self,
        connection: Connection,
        slot: Slot,
        route: Route,
        now: Moment,
    ) -> Served {
        let Connection {
            socket,
            remote,
            known,
            ..
        } = connection;
        let Socket::Stream(stream) = socket else {
            self.kinds(now).1.cancel(slot);
            return Served::Done;
        };
        self.report.started(NO_PROCESS, &remote);
        self.report.served_user(&remote, known.answer.as_ref(), now);
        let ready = self
            .start_hosts()
            .and_then(|()| stream.set_nonblocking(true))
            .and_then(|()| stream.set_nodelay(true));
        let search = self
            .hosts
            .as_ref()
            .map(|hosts| Search::new(route, hosts, now));
        let (Ok(()), Some(search)) = (ready, search) else {
            drop(stream);
            self.kinds(now)
                .1
                .ended(Ended::without_process(&remote, slot, Duration::ZERO));
            return Served::Done;
        };
        let relay = Relay::new(stream, remote, slot, search, now);
        match self.relays.slab.insert(relay) {
            Ok(key) => self.search(key, now),
            Err(relay) => self.kinds(now).1.cancel(relay.slot),
        }
        Served::Held
    }

    fn start_hosts(&mut self) -> std::io::Result<()> {
        if self.hosts.is_none() {
            let hosts = Hosts::new()?;
            let events = EpollFlags::EPOLLIN;
            self.reactor
                .add(hosts.descriptor(), Owner::Hosts.only(), events)?;
            self.hosts = Some(hosts);
        }
        Ok(())
    }

    /// Goes on with the search of a session, until it has to wait or is over.
    fn search(&mut self, key: Key, now: Moment) {
        loop {
            let (Some(relay), Some(hosts)) = (self.relays.slab.get_mut(key), &mut self.hosts)
            else {
                return;
            };
            let Stage::Searching(search) = &mut relay.stage else {
                return;
            };
            match search.advance(hosts, key, now) {
                Next::Wait => return self.relays.limit(key, now),
                Next::Connect => {
                    let token = Owner::Backend.of(key);
                    let watch = |stream| self.reactor.add(stream, token, CONNECTED);
                    let watched = search.attempt().map(watch);
                    return match watched {
                        Some(Ok(())) => self.relays.limit(key, now),
                        _ => self.end_relay(key, now),
                    };
                }
                Next::Unreachable(host, failure) => self.log_unreachable(key, &host, &failure, now),
                Next::Exhausted => return self.end_relay(key, now),
            }
        }
    }

    fn log_unreachable(&mut self, key: Key, host: &str, failure: &Failure, now: Moment) {
        // Each client causes such lines.
        if !self.report.admits_remark(now) {
            return;
        }
        let failure = match failure {
            Failure::Io(error) => match error.raw_os_error() {
                Some(errno) => ErrorText(errno).to_string(),
                None => error.to_string(),
            },
            Failure::Resolver(words) => words.clone(),
        };
        if let Some(relay) = self.relays.slab.get_mut(key) {
            let event = Event::Unreachable {
                peer: relay.remote.as_peer(),
                host,
                failure: &failure,
            };
            self.report.record(&event);
        }
    }

    /// The resolver has answered.
    pub(super) fn hosts_found(&mut self, now: Moment) {
        let keys = self.hosts.as_mut().map(|hosts| hosts.answers(now));
        for key in keys.unwrap_or_default() {
            let searching = self.relays.slab.get_mut(key).is_some_and(|relay| {
                matches!(&relay.stage, Stage::Searching(search) if search.attempt().is_none())
            });
            if searching {
                self.search(key, now);
            }
        }
    }

    /// Searches that have waited long enough go on with the next backend.
    pub(super) fn expire_searches(&mut self, now: Moment) {
        while let Some(key) = self.relays.expired(now) {
            let (Some(relay), Some(hosts)) = (self.relays.slab.get_mut(key), &mut self.hosts)
            else {
                continue;
            };
            if let Stage::Searching(search) = &mut relay.stage
                && let Some((host, failure)) = search.time_out(hosts, now)
            {
                self.log_unreachable(key, &host, &failure, now);
            }
            self.search(key, now);
        }
    }

    /// A session's client or backend has something to say.
    pub(super) fn relay_ready(&mut self, key: Key, side: Side, events: EpollFlags, now: Moment) {
        let Some(relay) = self.relays.slab.get_mut(key) else {
            return;
        };
        let concluded = match (&mut relay.stage, &mut self.hosts) {
            (Stage::Open(link), _) => {
                if link.advance(side, events, &relay.client, &mut self.relays.pipes) {
                    self.watch_relay(key, now);
                } else {
                    self.end_relay(key, now);
                }
                return;
            }
            (Stage::Searching(search), Some(hosts)) => {
                search.conclude(&relay.client, &relay.remote, hosts)
            }
            (Stage::Searching(_), None) => None,
        };
        match concluded {
            Some(Ok(backend)) => self.open(key, backend, now),
            Some(Err((host, error))) => {
                self.log_unreachable(key, &host, &Failure::Io(error), now);
                self.search(key, now);
            }
            None => {}
        }
    }

    /// A backend has taken the connection.
    fn open(&mut self, key: Key, backend: TcpStream, now: Moment) {
        if let Some(relay) = self.relays.slab.get_mut(key) {
            relay.stage = Stage::Open(Link::new(backend, CONNECTED));
            self.watch_relay(key, now);
        }
    }

    /// Has the loop watch both sides for what they are expected to do.
    fn watch_relay(&mut self, key: Key, now: Moment) {
        let Some(Relay { client, stage, .. }) = self.relays.slab.get_mut(key) else {
            return;
        };
        let Stage::Open(link) = stage else {
            return;
        };
        let changes = link.changes();
        let mut watched = Ok(());
        for (side, before, events) in changes.into_iter().flatten() {
            let (socket, token) = match side {
                Side::Client => (&*client, Owner::Client.of(key)),
                Side::Backend => (link.backend(), Owner::Backend.of(key)),
            };
            watched = watched.and(match (before, events) {
                (None, Some(events)) => self.reactor.add(socket, token, events),
                (_, Some(events)) => self.reactor.modify(socket, token, events),
                (_, None) => {
                    self.reactor.remove(socket);
                    Ok(())
                }
            });
        }
        if let Err(error) = watched {
            log::warn!("a session can't be watched: {error}");
            self.end_relay(key, now);
        }
    }

    /// A session is over.
    pub(super) fn end_relay(&mut self, key: Key, now: Moment) {
        let Some(mut relay) = self.relays.slab.remove(key) else {
            return;
        };
        let traffic = match &mut relay.stage {
            Stage::Open(link) => {
                link.end(&mut self.relays.pipes);
                Some(link.traffic())
            }
            Stage::Searching(_) => None,
        };
        let Relay {
            client,
            remote,
            slot,
            started,
            stage,
            ..
        } = relay;
        // First of all: who counts the end of a session has seen the end of the connection.
        drop((client, stage));
        if let Some((up, down)) = traffic {
            let peer = remote.as_peer();
            self.report.record(&Event::Traffic { peer, up, down });
        }
        self.kinds(now)
            .1
            .ended(Ended::without_process(&remote, slot, now.since(started)));
    }

    /// The service stops: all sessions have to go.
    pub(super) fn end_relays(&mut self, now: Moment) {
        for key in self.relays.slab.keys() {
            self.end_relay(key, now);
        }
    }
}
