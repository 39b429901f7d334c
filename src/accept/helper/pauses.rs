//! When the service pauses, and what is done at the start and at the end of that.

use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::journal::{Event, PauseCause};
use crate::status::Cause;

use super::super::clock::Moment;
use super::Helper;

/// Descriptors that are not for sessions: our own, files that are read, the resolver's.
const RESERVE: u64 = 64;

impl Helper {
    /// The policy has paused the service, from `now` on.
    pub(super) fn begin_pause(&mut self, cause: PauseCause, now: Moment) {
        let seconds = self.settings.admission.policy().pause_seconds();
        self.pause
            .begin(now.plus(Duration::from_secs(seconds.into())));
        if cause == PauseCause::Rate && self.is_wait() {
            let (sockets, spec) = (&self.sockets, &self.settings.spec);
            self.kinds.wait.blame_server(sockets, spec);
        }
        self.report.record(&Event::Deactivating { cause, seconds });
        self.kinds.program.save_rate(&self.state);
        self.report.status_changed();
    }

    /// Whether one more session would take a descriptor that we need for other things, such as
    /// telling the watchdog that we are alive.
    pub(super) fn is_full(&self) -> bool {
        let most = self.inherited.files - RESERVE.min(self.inherited.files / 2);
        let taken = self.kinds.descriptors() + self.pending.descriptors();
        taken as u64 >= most
    }

    /// There are too few descriptors for another session.
    pub(super) fn out_of_descriptors(&mut self, now: Moment) {
        if !self.pause.is_on() {
            let policy = self.settings.admission.policy();
            policy.pause(&mut self.state, now.seconds());
            self.begin_pause(PauseCause::Descriptors, now);
        }
    }

    /// accept(2) found no descriptor at all.
    pub(super) fn go_deaf(&mut self, now: Moment) {
        self.out_of_descriptors(now);
        if self.pause.deafen() {
            self.unwatch_listeners();
        }
    }

    /// Counts clients that came while the service paused.
    pub(super) fn turn_away(&mut self, count: u64) {
        self.state.turn_away(count);
        self.report.turned_away(Cause::Pause, count);
    }

    /// Goes on with the pause of a predecessor, and listens.
    pub(super) fn restore_pause(&mut self, now: Moment) -> io::Result<()> {
        if let Some(until) = self.state.paused_until() {
            // Only whole seconds were kept: rather one too long, but never longer than a whole
            // pause. Where the time is over it ends at once, and says so.
            let whole = now.plus(Duration::from_secs(
                self.settings.admission.policy().pause_seconds().into(),
            ));
            self.pause.begin(Moment::from(until.plus(1)).min(whole));
        }
        self.watch_listeners()
    }

    pub(super) fn end_pause_if_due(&mut self, now: Moment) {
        if self.pause.due().is_some_and(|due| now >= due) {
            let turned_away = self.state.resume();
            self.end_pause(turned_away, now);
        }
    }

    /// The pause is over; `turned_away` connections were reset in it.
    pub(super) fn end_pause(&mut self, turned_away: u64, now: Moment) {
        let deaf = self.pause.end();
        self.report.record(&Event::Activating);
        if let Some(count) = NonZeroU64::new(turned_away) {
            self.report.record(&Event::TurnedAway { count });
        }
        self.kinds.program.save_rate(&self.state);
        self.report.status_changed();
        if deaf
            && self.takes_clients()
            && let Err(error) = self.watch_listeners()
        {
            log::error!("the listening socket can't be watched: {error}");
            self.unwatch_listeners();
            self.go_deaf(now);
        }
    }
}
