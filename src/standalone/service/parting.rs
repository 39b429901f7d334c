//! The end of a service that a reload has taken away, or of all of them.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use xinetd_core::translate::PlannedService;

use super::super::processes::Farewell;
use super::Supervised;

/// How long a helper without servers may take to end. A container has ten seconds in all where its engine is not told
/// otherwise, of which servers have five.
const LAST_MOMENTS: Duration = Duration::from_secs(2);

/// The end of a service's servers and helper.
#[derive(Debug)]
pub(in crate::standalone) struct Parting {
    /// The servers'.
    pub(in crate::standalone) farewell: Farewell,
    /// What the service is then; none if it goes.
    pub(in crate::standalone) successor: Option<PlannedService>,
    /// When the helper was told to end.
    told: Option<Instant>,
}

impl Supervised {
    /// Closes the socket; the end of servers and helper has begun.
    pub(in crate::standalone) fn part(&mut self, now: Instant) {
        self.close();
        self.registrar.close(now);
        self.parting = Some(Parting {
            farewell: Farewell::new(now),
            successor: None,
            told: None,
        });
    }

    /// Whether its end has begun.
    pub(in crate::standalone) fn is_parting(&self) -> bool {
        self.parting.is_some()
    }

    /// Whether its end is over: all that is left of it are sessions.
    pub(in crate::standalone) fn has_parted(&self) -> bool {
        self.is_parting() && self.helper.is_none() && self.registrar.is_idle()
    }

    /// Has the helper of a service whose end has begun, and that has no server any more, end too.
    pub(in crate::standalone) fn end_helper(&mut self, now: Instant) {
        let Some(parting) = &mut self.parting else {
            return;
        };
        match parting.told {
            None => {
                parting.told = Some(now);
                self.end_by(Signal::SIGTERM, now);
            }
            Some(told) if now >= told + LAST_MOMENTS => self.end_by(Signal::SIGKILL, now),
            Some(_) => {}
        }
    }

    /// The end that has begun.
    pub(in crate::standalone) fn parting(&mut self) -> Option<&mut Parting> {
        self.parting.as_mut()
    }

    /// What the service is now that its helper has gone: itself, its successor, or none.
    pub(in crate::standalone) fn after_parting(self, now: Instant) -> Option<Self> {
        match self.parting {
            None => Some(self),
            Some(Parting { successor, .. }) => {
                successor.map(|planned| Self::new(planned, self.row, now))
            }
        }
    }
}
