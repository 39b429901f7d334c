//! The loop: one thread that waits for everything at once.

use std::io;
use std::time::Duration;

use xinetd_core::policy::State;
use xinetd_core::spec::Spec;

use super::super::clock::{Moment, earliest};
use super::super::control::Control;
use super::super::kinds::Side;
use super::super::membership::has_others;
use super::super::reactor::{Events, Owner};
use super::{Course, Helper, Parts};

/// How long clients that have come may take to become sessions when the helper leaves: new ones wait for its
/// successor meanwhile.
const LAST_DECISIONS: Duration = Duration::from_secs(2);

/// How long servers that were killed may take to end: the kernel takes a process out of its control
/// group before it tells the parent of its end.
const LAST_SERVERS: Duration = Duration::from_secs(1);

/// How a helper ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::accept) enum End {
    /// It had nothing to do, or was stopped and has no sessions any more.
    Done,
    /// It was told to end while servers run: systemd shall start another one that counts them.
    Abandoned,
}

impl Helper {
    /// Serves until there is nothing more to do.
    ///
    /// # Errors
    /// If the kernel refuses to tell of events.
    pub(in crate::accept) fn run(&mut self) -> io::Result<End> {
        let mut events = Events::new();
        // systemd answers with messages and log lines of its own, which take a processor: a client
        // that waits already is served before.
        self.reactor.wait(&mut events, Some(Duration::ZERO))?;
        let must_end = self.dispatch(&events, Moment::now()?);
        self.report.ready(Moment::now()?, self.activity());
        if must_end {
            return self.terminate();
        }
        loop {
            if let Some(end) = self.turn(&mut events, None)? {
                return Ok(end);
            }
        }
    }

    /// Does what is due, waits for events, for `most` at most where that is given, and deals with them.
    pub(super) fn turn(
        &mut self,
        events: &mut Events,
        most: Option<Duration>,
    ) -> io::Result<Option<End>> {
        let now = Moment::now()?;
        let idle = self.expire(now);
        let limit = match idle {
            // A client that has come by now is served first.
            true => Some(Duration::ZERO),
            false => self.due().map(|due| due.since(now)),
        };
        let limit = match (limit, most) {
            (Some(limit), Some(most)) => Some(limit.min(most)),
            (limit, most) => limit.or(most),
        };
        self.reactor.wait(events, limit)?;
        if idle && events.is_empty() {
            self.report.stopping();
            self.report.finish(now);
            return Ok(Some(End::Done));
        }
        match self.dispatch(events, Moment::now()?) {
            true => self.terminate().map(Some),
            false => Ok(None),
        }
    }

    /// Servers that have ended make room for those who wait: they come first. True if the helper
    /// is to end.
    fn dispatch(&mut self, events: &Events, now: Moment) -> bool {
        for (token, _) in events.iter() {
            if token.owner == Owner::Program {
                self.server_ready(token.key, now);
            }
        }
        let mut end = false;
        for (token, events) in events.iter() {
            let key = token.key;
            match token.owner {
                Owner::Program => {}
                Owner::Listener if self.is_wait() => self.client_waits(key.index, now),
                Owner::Listener => self.accept(key.index, now),
                Owner::Pending => self.ready(key, now),
                Owner::Ident => self.ident_ready(key, now),
                Owner::Datagrams if self.is_wait() => self.datagram_waits(key.index, now),
                Owner::Datagrams => self.take_datagrams(key.index, now),
                Owner::Internal => {
                    let Parts { kinds, mut cx, .. } = self.parts(now);
                    kinds.internal.ready(key, &mut cx);
                }
                Owner::MuxListener => self.accept_from_mux(key.index, now),
                Owner::FdPassing => self.passed_ready(key, now),
                Owner::Tcpmux => self.tcpmux_ready(key, now),
                Owner::RedirectClient => {
                    let Parts { kinds, mut cx, .. } = self.parts(now);
                    kinds.redirect.ready(key, Side::Client, events, &mut cx);
                }
                Owner::RedirectBackend => {
                    let Parts { kinds, mut cx, .. } = self.parts(now);
                    kinds.redirect.ready(key, Side::Backend, events, &mut cx);
                }
                Owner::RedirectHosts => {
                    let Parts { kinds, mut cx, .. } = self.parts(now);
                    kinds.redirect.hosts_found(&mut cx);
                }
                Owner::Names => self.named(now),
                Owner::Coordinator => self.kinds.sensor.ready(now, &self.reactor),
                Owner::LogFile => self.report.log().file_ready(now, &self.reactor),
                Owner::Command => self.command_ended(key),
                Owner::Journal => self.report.log().journal_ready(),
                Owner::Control => self.accept_control(now),
                Owner::ControlClient => self.read_control(key, now),
                Owner::Signals => {
                    if let Ok(Some(_)) = self.signals.read_signal() {
                        end = true;
                    }
                }
            }
        }
        end
    }

    /// Does what is due in each part; true if the helper has nothing more to do.
    pub(super) fn expire(&mut self, now: Moment) -> bool {
        self.end_pause_if_due(now);
        self.expire_pending(now);
        self.expire_kinds(now);
        if let Some(control) = &mut self.control {
            control.expire(now);
        }
        if self.report.is_notification_due(now) {
            self.restore_scheduling(now);
            let activity = self.activity();
            self.report.notify(now, activity);
        }
        self.report.log().expire(now, &self.reactor);
        self.watch_waiting(now);
        self.common_limit.publish(self.state.running());
        self.is_idle(now)
    }

    /// When there is something to do, if nothing happens before.
    pub(super) fn due(&mut self) -> Option<Moment> {
        earliest([
            self.pause.due(),
            self.pending.due(),
            self.kinds.due(),
            self.control.as_ref().and_then(Control::due),
            self.report.due(),
            self.idle
                .due(|since| rate_left(&self.settings.spec, &self.state, since)),
        ])
    }

    /// Whether it has had nothing to do for long enough. systemd listens on: a client that comes
    /// now waits in the backlog and has it start another helper.
    fn is_idle(&mut self, now: Moment) -> bool {
        let busy = !self.takes_clients()
            || self.pause.is_on()
            || !self.kinds.is_idle()
            || !self.pending.is_empty()
            || !self.fd_passing.is_empty()
            || !self.wrap.commands.is_empty()
            || !self.report.is_idle(now);
        if busy {
            self.idle.interrupt();
            return false;
        }
        let (spec, state) = (&self.settings.spec, &self.state);
        if !self
            .idle
            .is_over(now, |since| rate_left(spec, state, since))
        {
            return false;
        }
        // `systemctl stop` ends what servers have left in the background, as it does for xinetd.
        // systemd would not even try where the unit is no longer active.
        let is_left = has_others();
        if is_left {
            self.idle.look_again(now);
        }
        !is_left
    }

    /// Gives clients that have come a moment to become sessions: their names, their backends and their users are
    /// on their way. Those that come now wait for the successor.
    fn decide(&mut self) -> io::Result<()> {
        let mut events = Events::new();
        let deadline = Moment::now()?.plus(LAST_DECISIONS);
        loop {
            let now = Moment::now()?;
            self.expire(now);
            let is_undecided = self.kinds.is_undecided()
                || !self.pending.is_empty()
                || !self.fd_passing.is_empty();
            if !is_undecided || now >= deadline {
                return Ok(());
            }
            let due = earliest([self.due(), Some(deadline)]);
            self.reactor
                .wait(&mut events, due.map(|due| due.since(now)))?;
            // Another SIGTERM is in a hurry; so is `systemctl stop`.
            if self.dispatch(&events, Moment::now()?) || self.course == Course::Stopping {
                return Ok(());
            }
        }
    }

    /// SIGTERM has come: logs what has ended already, and leaves. Where the service does not stop its sessions go
    /// on, and a successor counts them.
    pub(super) fn terminate(&mut self) -> io::Result<End> {
        self.unwatch_listeners();
        if self.course == Course::Serving {
            self.course = Course::Leaving;
            self.decide()?;
        }
        self.abandon_pending();
        let now = Moment::now()?;
        let user = self.inherited.user;
        let is_stopping = self.course == Course::Stopping;
        let Parts { kinds, mut cx, .. } = self.parts(now);
        match is_stopping {
            true => kinds.stop(&mut cx),
            false => kinds.detach(user, &mut cx),
        }
        let mut events = Events::new();
        let deadline = now.plus(LAST_SERVERS);
        // Each time but the last one a server has ended.
        for _ in 0..=self.kinds.program.len() {
            if is_stopping {
                let left = Moment::now().map_or(Duration::ZERO, |now| deadline.since(now));
                self.kinds.program.await_end(left);
            }
            self.reactor.wait(&mut events, Some(Duration::ZERO))?;
            let before = self.kinds.program.len();
            let now = Moment::now()?;
            for (token, _) in events.iter() {
                if token.owner == Owner::Program {
                    self.server_ready(token.key, now);
                }
            }
            if self.kinds.program.len() == before {
                break;
            }
        }
        self.common_limit.publish(self.state.running());
        self.kinds.program.save_rate(&self.state);
        self.report.finish(now);
        match self.kinds.program.len() == 0 || is_stopping {
            true => Ok(End::Done),
            false => Ok(End::Abandoned),
        }
    }
}

/// How long the window of `cps` goes on after `since`. One that goes on must not be forgotten, or a burst
/// that xinetd lets in would trip it.
fn rate_left(spec: &Spec, state: &State, since: Moment) -> Duration {
    let window = state.rate_snapshot();
    match spec.limits.rate {
        Some(rate) if window.count > 0 => {
            Moment::from(window.start.plus(rate.max.get())).since(since)
        }
        _ => Duration::ZERO,
    }
}
