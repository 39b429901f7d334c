//! What is to be done at its time.

use std::time::{Duration, Instant};

use nix::sys::epoll::EpollTimeout;

use super::super::administration::Administration;
use super::super::coordinator::Coordinator;
use super::super::service::Supervised;
use super::{Supervisor, TIDY};

/// A loop that is later than this was stopped, or its machine was.
const LATE: Duration = Duration::from_secs(2);

impl Supervisor {
    /// When there is something to do, if nothing happens until then.
    pub(super) fn due(&self) -> Option<Instant> {
        let services = self.services.values().filter_map(Supervised::due);
        let round = self.is_ending_servers().then_some(self.next_round);
        let administration = self.administration.as_ref();
        let client = administration.and_then(Administration::due);
        let coordinator = self.coordinator.as_ref();
        let bans = coordinator.and_then(Coordinator::due);
        let others = [round, Some(self.next_tidy), client, bans];
        services.chain(others.into_iter().flatten()).min()
    }

    /// Has the deadlines of helpers begin anew where it is late: their socket holds few messages, so that what
    /// they have told meanwhile may be lost.
    pub(super) fn excuse(&mut self, due: Option<Instant>, now: Instant) {
        if due.is_some_and(|due| now > due + LATE) {
            for service in self.services.values_mut() {
                service.excuse(now);
            }
        }
    }

    /// Does what is due.
    pub(super) fn expire(&mut self, now: Instant) {
        for service in self.services.values_mut() {
            service.expire(&self.places, now);
        }
        if let Some(administration) = &mut self.administration {
            administration.expire(now);
        }
        if let Some(coordinator) = &mut self.coordinator {
            coordinator.expire(now);
        }
        if now >= self.next_tidy {
            self.next_tidy = now + TIDY;
            self.mend_sockets(now);
            if let Some(coordinator) = &mut self.coordinator {
                coordinator.tidy();
            }
        }
    }
}

/// How long is waited for what happens until then.
pub(super) fn until(due: Option<Instant>, now: Instant) -> EpollTimeout {
    let Some(due) = due else {
        return EpollTimeout::NONE;
    };
    // Never earlier than due: a part of a millisecond would make it turn in a circle.
    let left = due.saturating_duration_since(now) + Duration::from_millis(1);
    EpollTimeout::try_from(left).unwrap_or(EpollTimeout::MAX)
}
