//! `redirect`: from a client's admission through the search for a backend to the end
//! (docs/xinetd-behaviour.md, section 4.12).

use std::net::TcpStream;

use nix::sys::epoll::{EpollEvent, EpollFlags};

use crate::journal::{ErrorText, Event};
use crate::policy::Slot;

use super::clock::Moment;
use super::helper::{Helper, Token};
use super::pending::Connection;
use super::relay::{Failure, Hosts, Link, Next, Relay, Route, Search, Side, Stage};
use super::slab::Key;

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
    ) {
        let Connection {
            stream,
            remote,
            known,
            ..
        } = connection;
        self.log_start(&remote);
        self.log_user(&remote, known.answer, now);
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
            self.log_exit(&remote, now, now);
            return self.state.leave(slot);
        };
        let relay = Relay::new(stream, remote, slot, search, now);
        match self.relays.slab.insert(relay) {
            Ok(key) => self.search(key, now),
            Err(relay) => self.state.leave(relay.slot),
        }
    }

    fn start_hosts(&mut self) -> std::io::Result<()> {
        if self.hosts.is_none() {
            let hosts = Hosts::new()?;
            self.watch(hosts.descriptor(), Token::Hosts, EpollFlags::EPOLLIN)?;
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
                    let event = EpollEvent::new(CONNECTED, Token::Backend(key).encode());
                    let watched = search.attempt().map(|stream| self.epoll.add(stream, event));
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
        if !self.remarks.admits(now.seconds()) {
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
            self.log_file
                .record(self.journal, &self.settings.log, &event);
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
                Side::Client => (&*client, Token::Client(key)),
                Side::Backend => (link.backend(), Token::Backend(key)),
            };
            let event = |events| EpollEvent::new(events, token.encode());
            watched = watched.and(match (before, events) {
                (None, Some(events)) => self.epoll.add(socket, event(events)),
                (_, Some(events)) => self.epoll.modify(socket, &mut event(events)),
                (_, None) => self.epoll.delete(socket),
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
            self.log(&Event::Traffic { peer, up, down });
        }
        self.log_exit(&remote, started, now);
        self.state.leave(slot);
        self.notifier.status_changed();
    }

    /// The service stops: all sessions have to go.
    pub(super) fn end_relays(&mut self, now: Moment) {
        for key in self.relays.slab.keys() {
            self.end_relay(key, now);
        }
    }
}
