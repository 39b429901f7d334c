//! The kinds of service: what is done with a client that is let in.
//!
//! Each kind keeps its sessions to itself. A reload may change the kind of a service; the sessions that
//! are open go on as they began, so that a helper has all kinds side by side.

pub(crate) mod internal;
mod redirect;
mod sensor;
mod tcpmux;

use std::path::PathBuf;
use std::time::Duration;

use crate::journal::Ending;
use crate::policy::{Slot, State};
use crate::spec::Spec;

use super::clock::Moment;
use super::ident::Answer;
use super::log::Report;
use super::peer::Remote;
use super::reactor::Reactor;

use internal::Internal;
use redirect::Redirect;
pub(super) use redirect::{Route, Side};
use sensor::Sensor;
use tcpmux::Tcpmux;
#[cfg(any(test, fuzzing))]
pub(super) use tcpmux::{Line, MAX_LINE, Progress};

/// In the place of a process, for what the helper does itself.
pub(super) const NO_PROCESS: i32 = 0;

/// The sessions of all kinds.
pub(super) struct Kinds {
    pub(super) internal: Internal,
    pub(super) redirect: Redirect,
    pub(super) sensor: Sensor,
    pub(super) tcpmux: Tcpmux,
}

impl Kinds {
    /// No sessions yet; sensors report to the coordinator at this socket.
    pub(super) fn new(coordinator: PathBuf) -> Self {
        Self {
            internal: Internal::default(),
            redirect: Redirect::default(),
            sensor: Sensor::new(coordinator),
            tcpmux: Tcpmux::default(),
        }
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
    pub(super) fn started(&mut self, pid: i32, remote: &Remote, user: Option<&Answer>) {
        self.report.started(pid, remote);
        self.report.served_user(remote, user, self.now);
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
