//! The kinds of service: what is done with a client that is let in.
//!
//! Each kind keeps its sessions to itself. A reload may change the kind of a service; the sessions that
//! are open go on as they began, so that a helper has all kinds side by side.

pub(crate) mod internal;
mod program;
mod redirect;
mod sensor;
mod tcpmux;
mod wait;

use std::path::PathBuf;
use std::time::Duration;

use xinetd_core::admission::User;
use xinetd_core::policy::{Slot, State};
use xinetd_core::spec::Spec;

use crate::journal::Ending;

use super::clock::{Moment, earliest};
use super::log::Report;
use super::peer::Remote;
use super::pending::Connection;
use super::reactor::Reactor;
use super::settings::Work;
use super::slab::Key;

use internal::Internal;
use program::Program;
pub(super) use program::{Sessions, spawn};
use redirect::Redirect;
pub(super) use redirect::{Route, Side};
use sensor::Sensor;
use tcpmux::Tcpmux;
#[cfg(any(test, fuzzing))]
pub(super) use tcpmux::{Line, MAX_LINE, Progress};
use wait::Wait;

/// In the place of a process, for what the helper does itself.
pub(super) const NO_PROCESS: i32 = 0;

/// The sessions of all kinds.
pub(super) struct Kinds {
    pub(super) program: Program,
    pub(super) wait: Wait,
    pub(super) internal: Internal,
    pub(super) redirect: Redirect,
    pub(super) sensor: Sensor,
    pub(super) tcpmux: Tcpmux,
}

impl Kinds {
    /// With these sessions of servers; sensors report to the coordinator at this socket.
    pub(super) fn new(sessions: Sessions, coordinator: PathBuf) -> Self {
        Self {
            program: Program::new(sessions),
            wait: Wait::default(),
            internal: Internal::default(),
            redirect: Redirect::default(),
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
pub(super) struct Open<'a> {
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
        self.program.len() + self.internal.len() + self.redirect.len()
    }

    /// How many file descriptors of sessions are open.
    pub(super) fn descriptors(&self) -> usize {
        let redirect = self.redirect.descriptors();
        self.program.len() + self.internal.len() + redirect + self.tcpmux.len()
    }

    /// Whether nothing goes on.
    pub(super) fn is_idle(&self) -> bool {
        self.running() == 0
            && self.tcpmux.len() == 0
            && self.wait.due().is_none()
            && self.sensor.is_idle()
    }

    /// When to call [`Self::expire`], if nothing happens before.
    pub(super) fn due(&mut self) -> Option<Moment> {
        earliest([
            self.program.due(),
            self.wait.due(),
            self.redirect.due(),
            self.tcpmux.due(),
            self.sensor.due(),
        ])
    }

    /// Does what is due. Returns clients that are to be told something before their connections are
    /// closed.
    pub(super) fn expire(&mut self, work: &Work, cx: &mut Cx<'_>) -> Vec<Connection> {
        self.program.expire(cx);
        self.redirect.expire(cx);
        self.sensor.expire(cx.now, cx.reactor);
        self.tcpmux.expire(work.targets(), cx)
    }

    /// Ends the sessions that have no server: the service stops.
    pub(super) fn stop(&mut self, cx: &mut Cx<'_>) {
        self.tcpmux.stop(cx);
        self.internal.stop(cx);
        self.redirect.stop(cx);
    }

    /// The sessions that are open.
    pub(super) fn sessions(&self) -> impl Iterator<Item = (SessionKey, Open<'_>)> {
        let open = |pid, remote, started| Open {
            pid,
            remote,
            started,
        };
        let program = self.program.sessions();
        let program = program.map(move |(key, pid, remote, started)| {
            (SessionKey::Program(key), open(pid, remote, started))
        });
        let internal = self.internal.sessions();
        let internal = internal.map(move |(key, remote, started)| {
            (SessionKey::Internal(key), open(NO_PROCESS, remote, started))
        });
        let redirect = self.redirect.sessions();
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

/// What a kind may use of the helper around it.
pub(super) struct Cx<'a> {
    /// Tells of the kind's file descriptors.
    pub(super) reactor: &'a Reactor,
    /// Told of the kind's sessions.
    pub(super) report: &'a mut Report,
    state: &'a mut State,
    /// What the service is to be like.
    pub(super) spec: &'a Spec,
    /// The time.
    pub(super) now: Moment,
}

/// A session that is over. Its socket is closed already: a client that sees the end of its connection
/// may count on the session's end.
pub(super) struct Ended<'a> {
    /// Its server, or [`NO_PROCESS`].
    pub(super) pid: i32,
    /// Its client.
    pub(super) remote: &'a Remote,
    /// Its place in the counts.
    pub(super) slot: Slot,
    /// How the server ended, if that is known.
    pub(super) ending: Option<Ending>,
    /// How long it took.
    pub(super) duration: Duration,
}

impl<'a> Ended<'a> {
    /// Of a session that had no process.
    pub(super) fn without_process(remote: &'a Remote, slot: Slot, duration: Duration) -> Self {
        Self {
            pid: NO_PROCESS,
            remote,
            slot,
            ending: Some(Ending::Exited(0)),
            duration,
        }
    }
}

impl<'a> Cx<'a> {
    /// These parts of a helper.
    pub(super) fn new(
        reactor: &'a Reactor,
        report: &'a mut Report,
        state: &'a mut State,
        spec: &'a Spec,
        now: Moment,
    ) -> Self {
        Self {
            reactor,
            report,
            state,
            spec,
            now,
        }
    }

    /// A client's session has begun, with this process; its user is logged where that is asked for.
    pub(super) fn started(&mut self, pid: i32, remote: &Remote, user: Option<&User>) {
        self.report.started(pid, remote);
        if let Some(user) = user {
            self.report.user(remote, user, self.now);
        }
    }

    /// A session has ended: it counts no more, and its end is told.
    pub(super) fn ended(&mut self, ended: Ended<'_>) {
        let Ended {
            pid,
            remote,
            slot,
            ending,
            duration,
        } = ended;
        self.state.leave(slot);
        self.report.ended(pid, remote, ending, duration);
    }

    /// A client that counted has no session any more, or never had one, and nothing is to be told of it.
    pub(super) fn cancel(&mut self, slot: Slot) {
        self.state.leave(slot);
        self.report.status_changed();
    }
}
