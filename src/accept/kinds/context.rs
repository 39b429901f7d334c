//! What a kind of service shares with the helper around it.

use std::time::Duration;

use xinetd_core::admission::UserAnswer;
use xinetd_core::policy::{Slot, State};
use xinetd_core::spec::Spec;

use crate::journal::Ending;

use super::super::clock::Moment;
use super::super::log::Report;
use super::super::peer::Remote;
use super::super::reactor::Reactor;

/// In the place of a process, for what the helper does itself.
pub(in crate::accept) const NO_PROCESS: i32 = 0;

/// What has become of a client that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::accept) enum Served {
    /// It got a process, which takes time to make: the loop looks at other events first.
    Forked,
    /// It waits, or is served by the helper itself.
    Held,
    /// It has gone.
    Done,
}

/// What a kind may use of the helper around it.
pub(in crate::accept) struct Cx<'a> {
    /// Tells of the kind's file descriptors.
    pub(in crate::accept) reactor: &'a Reactor,
    /// Told of the kind's sessions.
    pub(in crate::accept) report: &'a mut Report,
    pub(super) state: &'a mut State,
    /// What the service is to be like.
    pub(in crate::accept) spec: &'a Spec,
    /// The time.
    pub(in crate::accept) now: Moment,
}

/// A session that is over. Its socket is closed already: a client that sees the end of its connection
/// may count on the session's end.
pub(in crate::accept) struct Ended<'a> {
    /// Its server, or [`NO_PROCESS`].
    pub(in crate::accept) pid: i32,
    /// Its client.
    pub(in crate::accept) remote: &'a Remote,
    /// Its place in the counts.
    pub(in crate::accept) slot: Slot,
    /// How the server ended, if that is known.
    pub(in crate::accept) ending: Option<Ending>,
    /// How long it took.
    pub(in crate::accept) duration: Duration,
}

impl<'a> Ended<'a> {
    /// Of a session that had no process.
    pub(in crate::accept) fn without_process(
        remote: &'a Remote,
        slot: Slot,
        duration: Duration,
    ) -> Self {
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
    pub(in crate::accept) fn new(
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
    pub(in crate::accept) fn started(
        &mut self,
        pid: i32,
        remote: &Remote,
        user: Option<&UserAnswer>,
    ) {
        self.report.started(pid, remote);
        if let Some(user) = user {
            self.report.user(remote, user, self.now);
        }
    }

    /// A session has ended: it counts no more, and its end is told.
    pub(in crate::accept) fn ended(&mut self, ended: Ended<'_>) {
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
    pub(in crate::accept) fn cancel(&mut self, slot: Slot) {
        self.state.leave(slot);
        self.report.status_changed();
    }
}
