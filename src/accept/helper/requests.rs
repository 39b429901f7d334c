//! What root asks a helper for: new settings, its end, what it is doing, the end of a session.

use std::net::{IpAddr, SocketAddr};

use nix::sys::epoll::EpollFlags;

use crate::status::{MOST_SESSIONS, OK, SessionRow, Status};

use super::super::clock::Moment;
use super::super::control::{Progress, Request};
use super::super::kinds::{NO_PROCESS, OpenSession};
use super::super::reactor::Owner;
use super::super::slab::Key;
use super::{Course, Helper, Parts};

impl Helper {
    /// A client has connected to the control socket.
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

    /// The service stops: no other client is let in, and the sessions that have no server end.
    pub(super) fn refuse_more(&mut self, now: Moment) {
        self.course = Course::Stopping;
        self.unwatch_listeners();
        self.abandon_pending();
        let Parts { kinds, mut cx, .. } = self.parts(now);
        kinds.stop(&mut cx);
        self.report.stopping();
    }

    /// What the service is doing.
    pub(super) fn status(&self, now: Moment) -> Status {
        let sessions = self.kinds.sessions().map(|(_, open)| row(&open, now));
        Status {
            running: self.kinds.running() as u64,
            waiting: (self.pending.len() + self.kinds.tcpmux.len()) as u64,
            // Rounded up: a pause of 0 seconds would be none.
            paused_for: self.pause.due().map(|until| until.since(now).as_secs() + 1),
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
        let meant = self.kinds.sessions();
        let meant = meant.filter(|(_, open)| is_it(&row(open, now)));
        let keys: Vec<_> = meant.map(|(key, _)| key).collect();
        if keys.is_empty() {
            return Err(format!("there is no session of {whom}"));
        }
        let Parts { kinds, mut cx, .. } = self.parts(now);
        keys.into_iter()
            .try_for_each(|key| kinds.kick(key, &mut cx))
    }
}

fn row(open: &OpenSession<'_>, now: Moment) -> SessionRow {
    SessionRow {
        pid: open.pid,
        peer: canonical(open.remote.address()),
        age: now.since(open.started).as_secs(),
    }
}

/// Clients are told, and called, by their IPv4 addresses where they have one.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(v4) => (v4, address.port()).into(),
        IpAddr::V6(_) => address,
    }
}
