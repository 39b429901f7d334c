//! The pause after `cps` has tripped, or when descriptors run out (docs/xinetd-behaviour.md, sections 4.2,
//! 4.6).
//!
//! xinetd closes its listener meanwhile. Ours is systemd's: connections are accepted and reset.

use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::journal::{Event, PauseCause};
use crate::status::Cause;

use super::clock::Moment;
use super::helper::Helper;

/// Descriptors that are not for sessions: our own, files that are read, the resolver's.
const RESERVE: u64 = 64;

/// A pause that goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    /// When it ends.
    pub(super) until: Moment,
    /// Connections are not even accepted: there is no descriptor for them.
    pub(super) deaf: bool,
}

impl Helper {
    /// The policy has paused the service, from `now` on.
    pub(super) fn begin_pause(&mut self, cause: PauseCause, now: Moment) {
        let seconds = self.settings.policy.pause_seconds();
        self.pause = Some(Pause {
            until: now.plus(Duration::from_secs(seconds.into())),
            deaf: false,
        });
        if cause == PauseCause::Rate {
            self.blame_server();
        }
        self.log(&Event::Deactivating { cause, seconds });
        self.sessions.save_rate(&self.state);
        self.notifier.status_changed();
    }

    /// Whether one more session would take a descriptor that we need for other things, such as
    /// telling the watchdog that we are alive.
    pub(super) fn is_full(&self) -> bool {
        let most = self.inherited.files - RESERVE.min(self.inherited.files / 2);
        let taken = self.sessions.len()
            + self.guests.len()
            + self.relays.descriptors()
            + self.pending.descriptors();
        taken as u64 >= most
    }

    /// There are too few descriptors for another session.
    pub(super) fn out_of_descriptors(&mut self, now: Moment) {
        if self.pause.is_none() {
            let _ = self.settings.policy.pause(&mut self.state, now.seconds());
            self.begin_pause(PauseCause::Descriptors, now);
        }
    }

    /// accept(2) found no descriptor at all.
    pub(super) fn go_deaf(&mut self, now: Moment) {
        self.out_of_descriptors(now);
        if let Some(pause) = &mut self.pause
            && !pause.deaf
        {
            pause.deaf = true;
            self.unwatch_listeners();
        }
    }

    /// Counts clients that came while the service paused.
    pub(super) fn turn_away(&mut self, count: u64) {
        self.state.turn_away(count);
        self.tally.counters.refuse(Cause::Pause, count);
        self.notifier.status_changed();
    }

    /// Goes on with the pause of a predecessor, and listens.
    pub(super) fn restore_pause(&mut self, now: Moment) -> io::Result<()> {
        if let Some(until) = self.state.paused_until() {
            // Only whole seconds were kept: rather one too long, but never longer than a whole
            // pause. Where the time is over it ends at once, and says so.
            let whole = now.plus(Duration::from_secs(
                self.settings.policy.pause_seconds().into(),
            ));
            self.pause = Some(Pause {
                until: Moment::from(until.plus(1)).min(whole),
                deaf: false,
            });
        }
        self.watch_listeners()
    }

    pub(super) fn end_pause_if_due(&mut self, now: Moment) {
        if self.pause.is_some_and(|pause| now >= pause.until) {
            let turned_away = self.state.resume();
            self.end_pause(turned_away, now);
        }
    }

    /// The pause is over; `turned_away` connections were reset in it.
    pub(super) fn end_pause(&mut self, turned_away: u64, now: Moment) {
        let deaf = self.pause.take().is_some_and(|pause| pause.deaf);
        self.log(&Event::Activating);
        if let Some(count) = NonZeroU64::new(turned_away) {
            self.log(&Event::TurnedAway { count });
        }
        self.sessions.save_rate(&self.state);
        self.notifier.status_changed();
        if deaf
            && !self.stopping
            && let Err(error) = self.watch_listeners()
        {
            log::error!("the listening socket can't be watched: {error}");
            self.unwatch_listeners();
            self.go_deaf(now);
        }
    }
}
