//! The kinds of service: what is done with a client that is let in.
//!
//! Each kind keeps its sessions to itself. A reload may change the kind of a service; the sessions that
//! are open go on as they began, so that a helper has all kinds side by side.

mod context;
mod detach;
pub(crate) mod internal;
mod program;
mod redirect;
mod sensor;
mod tcpmux;
mod wait;

use std::path::PathBuf;

use nix::unistd::Uid;

use super::clock::{Moment, earliest};
use super::peer::Remote;
use super::pending::Connection;
use super::settings::Work;
use super::slab::Key;

pub(super) use context::{Cx, Ended, NO_PROCESS, Served};
use internal::Internal;
use program::Servers;
pub(super) use program::{Sessions, spawn};
use redirect::Relays;
pub(super) use redirect::{Route, Side};
use sensor::Sensor;
use tcpmux::Tcpmux;
#[cfg(any(test, fuzzing))]
pub(super) use tcpmux::{MAX_LINE, Progress, RequestLine};
use wait::Wait;

/// The sessions of all kinds.
pub(super) struct Kinds {
    pub(super) program: Servers,
    pub(super) wait: Wait,
    pub(super) internal: Internal,
    pub(super) redirect: Relays,
    pub(super) sensor: Sensor,
    pub(super) tcpmux: Tcpmux,
}

impl Kinds {
    /// With these sessions of servers; sensors report to the coordinator at this socket.
    pub(super) fn new(sessions: Sessions, coordinator: PathBuf) -> Self {
        Self {
            program: Servers::new(sessions),
            wait: Wait::default(),
            internal: Internal::default(),
            redirect: Relays::default(),
            sensor: Sensor::new(coordinator),
            tcpmux: Tcpmux::default(),
        }
    }
}

/// Where a session is kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum SessionKey {
    /// With those that have a server.
    Program(Key),
    /// With those of internal services.
    Internal(Key),
    /// With those of `redirect`.
    Redirect(Key),
}

/// A session that is open, as it is told.
pub(super) struct OpenSession<'a> {
    /// Its server, or [`NO_PROCESS`].
    pub(super) pid: i32,
    /// Its client.
    pub(super) remote: &'a Remote,
    /// When it began.
    pub(super) started: Moment,
}

impl Kinds {
    /// How many sessions are open; the clients of tcpmux are about to have one elsewhere.
    pub(super) fn running(&self) -> usize {
        let Self {
            program,
            // Its servers are those of `program`.
            wait: _,
            internal,
            redirect,
            sensor: _,
            tcpmux: _,
        } = self;
        program.len() + internal.len() + redirect.len()
    }

    /// How many file descriptors of sessions are open.
    pub(super) fn descriptors(&self) -> usize {
        let Self {
            program,
            wait: _,
            internal,
            redirect,
            // It has one for all clients.
            sensor: _,
            tcpmux,
        } = self;
        program.len() + internal.len() + redirect.descriptors() + tcpmux.len()
    }

    /// Whether nothing goes on.
    pub(super) fn is_idle(&self) -> bool {
        let Self {
            program: _,
            wait,
            internal: _,
            redirect: _,
            sensor,
            tcpmux,
        } = self;
        self.running() == 0 && tcpmux.len() == 0 && wait.due().is_none() && sensor.is_idle()
    }

    /// When to call [`Self::expire`], if nothing happens before.
    pub(super) fn due(&mut self) -> Option<Moment> {
        let Self {
            program,
            wait,
            internal: _,
            redirect,
            sensor,
            tcpmux,
        } = self;
        earliest([
            program.due(),
            wait.due(),
            redirect.due(),
            tcpmux.due(),
            sensor.due(),
        ])
    }

    /// Does what is due. Returns clients that are to be told something before their connections are
    /// closed.
    pub(super) fn expire(&mut self, work: &Work, cx: &mut Cx<'_>) -> Vec<Connection> {
        let Self {
            program,
            // Looked at with the listening sockets.
            wait: _,
            internal: _,
            redirect,
            sensor,
            tcpmux,
        } = self;
        program.expire(cx);
        redirect.expire(cx);
        sensor.expire(cx.now, cx.reactor);
        tcpmux.expire(work.targets(), cx)
    }

    /// Whether clients are on their way to a session: they name a service, or a backend is searched for them.
    pub(super) fn is_undecided(&self) -> bool {
        self.tcpmux.len() > 0 || self.redirect.is_searching()
    }

    /// Has the sessions that have no server go on in processes of their own, as `user` where one is given: the
    /// helper leaves, and its successor takes them over as it does servers.
    pub(super) fn detach(&mut self, user: Option<Uid>, cx: &mut Cx<'_>) {
        let Self {
            program,
            wait: _,
            internal,
            redirect,
            sensor: _,
            tcpmux,
        } = self;
        tcpmux.stop(cx);
        internal.detach(program, user, cx);
        redirect.detach(program, user, cx);
    }

    /// Ends the sessions that have no server: the service stops.
    pub(super) fn stop(&mut self, cx: &mut Cx<'_>) {
        let Self {
            // `xinetd-accept --stop` ends servers.
            program: _,
            wait: _,
            internal,
            redirect,
            sensor: _,
            tcpmux,
        } = self;
        tcpmux.stop(cx);
        internal.stop(cx);
        redirect.stop(cx);
    }

    /// The sessions that are open.
    pub(super) fn sessions(&self) -> impl Iterator<Item = (SessionKey, OpenSession<'_>)> {
        let open = |pid, remote, started| OpenSession {
            pid,
            remote,
            started,
        };
        let Self {
            program,
            wait: _,
            internal,
            redirect,
            sensor: _,
            tcpmux: _,
        } = self;
        let program = program.sessions();
        let program = program.map(move |(key, pid, remote, started)| {
            (SessionKey::Program(key), open(pid, remote, started))
        });
        let internal = internal.sessions();
        let internal = internal.map(move |(key, remote, started)| {
            (SessionKey::Internal(key), open(NO_PROCESS, remote, started))
        });
        let redirect = redirect.sessions();
        let redirect = redirect.map(move |(key, remote, started)| {
            (SessionKey::Redirect(key), open(NO_PROCESS, remote, started))
        });
        program.chain(internal).chain(redirect)
    }

    /// Ends a session, or has its server end it.
    ///
    /// # Errors
    /// In words, if the server can't be told.
    pub(super) fn kick(&mut self, key: SessionKey, cx: &mut Cx<'_>) -> Result<(), String> {
        match key {
            SessionKey::Program(key) => return self.program.kick(key),
            SessionKey::Internal(key) => self.internal.end(key, cx),
            SessionKey::Redirect(key) => self.redirect.end(key, cx),
        }
        Ok(())
    }
}
