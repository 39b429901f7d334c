//! What root asks a helper for: new settings, its end, what it is doing, the end of a session.

use std::net::{IpAddr, SocketAddr};

use nix::sys::epoll::EpollFlags;
use nix::sys::signal::Signal;

use crate::status::{MOST_SESSIONS, OK, SessionRow, Status};

use super::clock::Moment;
use super::control::{Progress, Request};
use super::helper::{Helper, Parts};
use super::kinds::NO_PROCESS;
use super::peer::Remote;
use super::reactor::Owner;
use super::slab::Key;

impl Helper {
    /// Someone has come to the control socket.
    pub(super) fn accept_control(&mut self, now: Moment) {
        let Some(control) = &mut self.control else {
            return;
        };
        if let Some((key, client)) = control.accept(now) {
            let token = Owner::ControlClient.of(key);
            if let Err(errno) = self.reactor.add(client, token, EpollFlags::EPOLLIN) {
                control.answer(key, errno.desc());
            }
        }
    }

    /// A client of the control socket has sent something.
    pub(super) fn read_control(&mut self, key: Key, now: Moment) {
        let control = self.control.as_mut();
        let Some(Progress::Complete(request)) = control.map(|control| control.read(key)) else {
            return;
        };
        let answer = match request {
            Request::Reload(spec) => self.take_spec(&spec, now).map(|()| OK.to_owned()),
            Request::Stop => {
                self.refuse_more(now);
                Ok(OK.to_owned())
            }
            Request::Reopen => {
                self.report.log().reopen();
                Ok(OK.to_owned())
            }
            Request::Status => self.status(now).to_text(),
            Request::Kick(whom) => self.kick(&whom, now).map(|()| OK.to_owned()),
        };
        if let Some(control) = &mut self.control {
            control.answer(key, &answer.unwrap_or_else(|error| error));
        }
    }

    /// The service stops: nobody else is let in, and who has no process has to go.
    pub(super) fn refuse_more(&mut self, now: Moment) {
        self.stopping = true;
        self.unwatch_listeners();
        self.abandon_pending();
        let Parts { kinds, mut cx, .. } = self.parts(now);
        kinds.internal.stop(&mut cx);
        kinds.redirect.stop(&mut cx);
        kinds.tcpmux.stop(&mut cx);
        self.report.stopping();
    }

    /// All sessions, as they are told.
    fn all_sessions(&self, now: Moment) -> impl Iterator<Item = (Place, SessionRow)> {
        let servers = self.sessions.iter().map(move |(key, session)| {
            let pid = session.process.pid();
            let row = row(pid, &session.remote, session.started, now);
            (Place::Server(key), row)
        });
        let internal = self.kinds.internal.sessions();
        let internal = internal.map(move |(key, remote, started)| {
            (Place::Internal(key), row(NO_PROCESS, remote, started, now))
        });
        let redirect = self.kinds.redirect.sessions();
        let redirect = redirect.map(move |(key, remote, started)| {
            (Place::Redirect(key), row(NO_PROCESS, remote, started, now))
        });
        servers.chain(internal).chain(redirect)
    }

    /// What the service is doing.
    pub(super) fn status(&self, now: Moment) -> Status {
        let sessions = self.all_sessions(now).map(|(_, row)| row);
        Status {
            running: self.running() as u64,
            waiting: (self.pending.len() + self.kinds.tcpmux.len()) as u64,
            // Rounded up: a pause of 0 seconds would be none.
            paused_for: self.pause.map(|pause| pause.until.since(now).as_secs() + 1),
            sessions: sessions.take(MOST_SESSIONS).collect(),
            counters: self.report.counters().clone(),
        }
    }

    /// Ends sessions: the one with this process, or those of the client with this address and port.
    ///
    /// # Errors
    /// In words, if there is none or it can't be ended.
    pub(super) fn kick(&mut self, whom: &str, now: Moment) -> Result<(), String> {
        let pid: Option<i32> = whom.parse().ok().filter(|pid| *pid != NO_PROCESS);
        let peer: Option<SocketAddr> = whom.parse().ok().map(canonical);
        let is_peer = |row: &SessionRow| {
            peer.is_some_and(|peer| (peer.ip(), peer.port()) == (row.peer.ip(), row.peer.port()))
        };
        let is_it = |row: &SessionRow| pid == Some(row.pid) || is_peer(row);
        let meant = self.all_sessions(now).filter(|(_, row)| is_it(row));
        let places: Vec<_> = meant.map(|(place, _)| place).collect();
        if places.is_empty() {
            return Err(format!("there is no session of {whom}"));
        }
        for place in places {
            match place {
                Place::Server(key) => {
                    let session = self.sessions.get_mut(key);
                    let ended = session.map_or(Ok(()), |one| one.process.kill(Signal::SIGTERM));
                    ended.map_err(|error| format!("the server can't be ended: {error}"))?;
                }
                Place::Internal(key) => {
                    let Parts { kinds, mut cx, .. } = self.parts(now);
                    kinds.internal.end(key, &mut cx);
                }
                Place::Redirect(key) => {
                    let Parts { kinds, mut cx, .. } = self.parts(now);
                    kinds.redirect.end(key, &mut cx);
                }
            }
        }
        Ok(())
    }
}

/// Where a session is kept.
#[derive(Clone, Copy, Debug)]
enum Place {
    Server(Key),
    Internal(Key),
    Redirect(Key),
}

fn row(pid: i32, remote: &Remote, started: Moment, now: Moment) -> SessionRow {
    SessionRow {
        pid,
        peer: canonical(remote.address()),
        age: now.since(started).as_secs(),
    }
}

/// Clients are told, and called, by their IPv4 addresses where they have one.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(v4) => (v4, address.port()).into(),
        IpAddr::V6(_) => address,
    }
}
