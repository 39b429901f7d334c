//! What the service's clients come to, told once: it is counted, logged, and shown by
//! `systemctl status`.

use std::time::Duration;

use nix::errno::Errno;
use xinetd_core::admission::{NoUser, UserAnswer};
use xinetd_core::bytes::ByteString;
use xinetd_core::policy::Refusal;

use crate::journal::{Ending, Event, Kind};
use crate::status::{Cause, Counters, UNEXECUTABLE};

use super::super::clock::{Moment, earliest};
use super::super::peer::Remote;
use super::{Log, Notifier, StoredCounters};

/// Log, counters, and what systemd is told.
pub(in crate::accept) struct Report {
    log: Log,
    counters: StoredCounters,
    notifier: Notifier,
    /// Which server could not be executed for the last client, and why.
    exec_failure: Option<String>,
}

/// What the service is doing.
#[derive(Clone, Copy, Debug)]
pub(in crate::accept) struct Activity {
    /// The sessions that are open.
    pub(in crate::accept) running: usize,
    /// Whether clients are let in.
    pub(in crate::accept) phase: Phase,
}

/// Whether clients are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::accept) enum Phase {
    /// They are.
    Open,
    /// The service pauses.
    Paused,
    /// The service stops.
    Stopping,
}

impl Report {
    /// Tells by this log, and goes on with these counters.
    pub(in crate::accept) fn new(log: Log, counters: StoredCounters) -> Self {
        let mut notifier = Notifier::new();
        notifier.status_changed();
        Self {
            log,
            counters,
            notifier,
            exec_failure: None,
        }
    }

    /// The log, for what is neither counted nor part of the status.
    pub(in crate::accept) fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    /// As [`Log::record`].
    pub(in crate::accept) fn record(&mut self, event: &Event<'_>) {
        self.log.record(event);
    }

    /// As [`Log::admits_remark`].
    pub(in crate::accept) fn admits_remark(&mut self, now: Moment) -> bool {
        self.log.admits_remark(now)
    }

    /// A client's session has begun, with this process.
    pub(in crate::accept) fn started(&mut self, pid: i32, remote: &Remote) {
        self.counters.serve();
        self.exec_failure = None;
        self.notifier.status_changed();
        if self.log.wants(Kind::Start) {
            let peer = remote.as_peer();
            self.log.record(&Event::Start { pid, peer });
        }
    }

    /// Logs what the client's machine has said of its user.
    pub(in crate::accept) fn user(&mut self, remote: &Remote, answer: &UserAnswer, now: Moment) {
        let peer = remote.as_peer();
        match answer {
            Ok(user) => self.record(&Event::UserId { peer, user }),
            // Few machines have an ident server: xinetd does not mention it either.
            Err(NoUser::NoServer) => {}
            Err(failure) if self.admits_remark(now) => {
                let failure = failure.to_string();
                self.record(&Event::IdentFailed {
                    peer,
                    failure: &failure,
                });
            }
            Err(_) => {}
        }
    }

    /// A client's session has ended.
    pub(in crate::accept) fn ended(
        &mut self,
        pid: i32,
        remote: &Remote,
        ending: Option<Ending>,
        duration: Duration,
    ) {
        self.counters.end(duration);
        self.notifier.status_changed();
        if self.log.wants(Kind::Exit) {
            self.log.record(&Event::Exit {
                pid,
                peer: remote.as_peer(),
                ending,
                duration,
            });
        }
    }

    /// A client was refused.
    pub(in crate::accept) fn refused(&mut self, refusal: &Refusal, remote: &Remote, now: Moment) {
        self.counters.refuse_by(refusal);
        self.notifier.status_changed();
        self.log.refusal(refusal, remote, now);
    }

    /// So many clients were turned away without a line for each.
    pub(in crate::accept) fn turned_away(&mut self, cause: Cause, count: u64) {
        self.counters.refuse(cause, count);
        self.notifier.status_changed();
    }

    /// The server could not be executed, and its client was turned away.
    pub(in crate::accept) fn not_executed(&mut self, server: &ByteString, error: Errno) {
        let errno = error as i32;
        self.log.record(&Event::ExecFailed { server, errno });
        let (server, error) = (server.to_text(), error.desc());
        self.exec_failure = Some(format!("{server} can't be executed: {error}"));
    }

    /// Goes by new settings, with which the server may be another one.
    pub(in crate::accept) fn forget_failure(&mut self) {
        self.exec_failure = None;
        self.notifier.status_changed();
    }

    /// What the status shows has changed.
    pub(in crate::accept) fn status_changed(&mut self) {
        self.notifier.status_changed();
    }

    /// What was counted so far.
    pub(in crate::accept) fn counters(&self) -> &Counters {
        self.counters.get()
    }

    /// Tells systemd that the service is ready.
    pub(in crate::accept) fn ready(&mut self, now: Moment, activity: Activity) {
        self.notifier.ready(now, &self.status_line(activity));
    }

    /// Tells systemd that the helper is about to exit.
    pub(in crate::accept) fn stopping(&self) {
        self.notifier.stopping();
    }

    /// When there is something to tell or to write, if nothing happens before.
    pub(in crate::accept) fn due(&self) -> Option<Moment> {
        earliest([self.log.due(), self.notifier.due()])
    }

    /// Whether systemd is to be told something.
    pub(in crate::accept) fn is_notification_due(&self, now: Moment) -> bool {
        self.notifier.due().is_some_and(|due| now >= due)
    }

    /// Tells systemd what is due, and keeps what was counted.
    pub(in crate::accept) fn notify(&mut self, now: Moment, activity: Activity) {
        self.counters.save();
        let status = self.status_line(activity);
        self.notifier.tell(now, || status);
    }

    /// Whether the helper may go: a failure of the server is known to it alone, until a client gets a
    /// server.
    pub(in crate::accept) fn is_idle(&self, now: Moment) -> bool {
        self.exec_failure.is_none() && self.log.is_idle(now)
    }

    /// Writes what waits: the helper ends.
    pub(in crate::accept) fn finish(&mut self, now: Moment) {
        self.counters.save();
        self.log.finish(now);
    }

    /// The status line for `systemctl status`.
    fn status_line(&self, activity: Activity) -> String {
        if let Some(why) = &self.exec_failure {
            return format!("{UNEXECUTABLE}{why}");
        }
        let counters = self.counters.get();
        let (served, refused) = (counters.served, counters.all_refused());
        let Activity { running, phase } = activity;
        let phase = match phase {
            Phase::Stopping => "stopping, ",
            Phase::Paused => "paused, ",
            Phase::Open => "",
        };
        format!("{phase}{running} running, {served} served and {refused} refused so far")
    }
}
