//! The life of a service's helper: when it is started, how long it may take, and what follows on its end. The
//! times are those of the units (crates/core/src/translate/service.rs).

use std::time::{Duration, Instant};

use crate::sys::process::Ended;

/// How long a helper may take until it serves: the account of the service may be asked of LDAP.
const START: Duration = Duration::from_secs(90);

/// How long it may be silent that serves; it speaks after half of that.
pub(super) const WATCHDOG: Duration = Duration::from_secs(30);

/// How long it may take to end.
const STOP: Duration = Duration::from_secs(20);

/// When one that failed is started again: after twice as long each time, up to the second.
const RESTART: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A helper that has served for so long has not failed at its start.
const SETTLED: Duration = Duration::from_secs(10);

/// The state of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No helper runs; the first client has one started.
    Listening,
    /// A helper was started and does not serve yet.
    Starting {
        /// When it was started.
        since: Instant,
    },
    /// A helper serves.
    Serving {
        /// Since when.
        since: Instant,
        /// When it spoke last.
        heard: Instant,
    },
    /// The helper ends.
    Stopping {
        /// Since when.
        since: Instant,
    },
    /// The helper failed; until then no other one is started.
    Waiting {
        /// Until when.
        until: Instant,
    },
}

/// What has to be done as time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A helper is to be started.
    Start,
    /// The helper is to be killed, for this reason.
    Kill(&'static str),
}

/// What follows on the end of a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The next client has another one started; what this one had stored counts no more.
    Listen,
    /// Another one is started after this time, and finds what this one had stored.
    Restart(Duration),
}

/// The life of a service's helper.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    phase: Phase,
    failures: u32,
}

impl Life {
    /// Before the first client.
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Listening,
            failures: 0,
        }
    }

    /// The state.
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// A helper was started.
    pub(super) fn started(&mut self, now: Instant) {
        self.phase = Phase::Starting { since: now };
    }

    /// It serves.
    pub(super) fn ready(&mut self, now: Instant) {
        if let Phase::Starting { .. } = self.phase {
            self.phase = Phase::Serving {
                since: now,
                heard: now,
            };
        }
    }

    /// It has told that it is alive.
    pub(super) fn alive(&mut self, now: Instant) {
        if let Phase::Serving { since, .. } = self.phase {
            self.phase = Phase::Serving { since, heard: now };
        }
    }

    /// The time that it has for what it does begins anew, as where the supervisor itself has stood still: what the
    /// helper has told meanwhile may be lost.
    pub(super) fn excuse(&mut self, now: Instant) {
        self.phase = match self.phase {
            Phase::Starting { .. } => Phase::Starting { since: now },
            Phase::Serving { since, .. } => Phase::Serving { since, heard: now },
            Phase::Stopping { .. } => Phase::Stopping { since: now },
            other @ (Phase::Listening | Phase::Waiting { .. }) => other,
        };
    }

    /// It ends, by itself or as it was told to.
    pub(super) fn stopping(&mut self, now: Instant) {
        if let Phase::Starting { .. } | Phase::Serving { .. } = self.phase {
            self.phase = Phase::Stopping { since: now };
        }
    }

    /// It could not be started.
    pub(super) fn unstartable(&mut self, now: Instant) -> Duration {
        self.fail(now)
    }

    /// It has ended so.
    pub(super) fn ended(&mut self, how: Ended, now: Instant) -> After {
        let has_served = match self.phase {
            Phase::Serving { since, .. } => {
                if now.duration_since(since) >= SETTLED {
                    self.failures = 0;
                }
                true
            }
            Phase::Stopping { .. } => true,
            Phase::Starting { .. } | Phase::Listening | Phase::Waiting { .. } => false,
        };
        // One that turns away the clients of an unknown user ends well without having served. Without a pause the
        // client that waits would have helpers started in a circle.
        if how == Ended::Exited(0) && has_served {
            *self = Self::new();
            return After::Listen;
        }
        After::Restart(self.fail(now))
    }

    fn fail(&mut self, now: Instant) -> Duration {
        let pause = pause(RESTART, self.failures);
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Waiting { until: now + pause };
        pause
    }

    /// The one that has ended was to make room for the next one, which is started at once.
    pub(super) fn make_room(&mut self, now: Instant) {
        self.failures = 0;
        self.phase = Phase::Waiting { until: now };
    }

    /// When there is something to do, if nothing happens until then.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.phase {
            Phase::Listening => None,
            Phase::Starting { since } => Some(since + START),
            Phase::Serving { heard, .. } => Some(heard + WATCHDOG),
            Phase::Stopping { since } => Some(since + STOP),
            Phase::Waiting { until } => Some(until),
        }
    }

    /// What there is to do now. A helper that is killed has until its next deadline to be gone.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Due> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        let due = match self.phase {
            Phase::Listening => return None,
            Phase::Waiting { .. } => return Some(Due::Start),
            Phase::Starting { .. } => Due::Kill("it has not begun to serve in 90 s"),
            Phase::Serving { .. } => Due::Kill("its loop stands still (watchdog)"),
            Phase::Stopping { .. } => Due::Kill("it does not end"),
        };
        self.excuse(now);
        Some(due)
    }
}

/// The pause after so many failures before this one: the first of the two, twice as long each time, up to the second.
pub(super) fn pause((first, longest): (Duration, Duration), failures: u32) -> Duration {
    first.saturating_mul(1 << failures.min(10)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(begin: Instant, seconds: u64) -> Instant {
        begin + Duration::from_secs(seconds)
    }

    #[test]
    fn a_helper_that_leaves_is_started_by_the_next_client() {
        let begin = Instant::now();
        let mut life = Life::new();
        assert_eq!(life.due(), None);
        life.started(begin);
        life.ready(at(begin, 1));
        life.alive(at(begin, 16));
        life.stopping(at(begin, 17));
        assert_eq!(life.ended(Ended::Exited(0), at(begin, 18)), After::Listen);
        assert_eq!(life.phase(), Phase::Listening);
    }

    #[test]
    fn a_helper_is_not_killed_for_a_supervisor_that_stood_still() {
        let begin = Instant::now();
        let mut life = Life::new();
        life.started(begin);
        life.excuse(at(begin, 600));
        assert_eq!(life.expire(at(begin, 600)), None);
        life.ready(at(begin, 601));
        life.excuse(at(begin, 700));
        assert_eq!(life.expire(at(begin, 700)), None);
        let due = at(begin, 700) + WATCHDOG;
        assert!(matches!(life.expire(due), Some(Due::Kill(_))));
    }

    #[test]
    fn one_that_fails_is_started_again_after_longer_and_longer_pauses() {
        let mut now = Instant::now();
        let mut life = Life::new();
        let mut pauses = Vec::new();
        for _ in 0..7 {
            life.started(now);
            let After::Restart(pause) = life.ended(Ended::Exited(1), now) else {
                panic!("it has failed");
            };
            pauses.push(pause.as_secs());
            assert_eq!(life.expire(now), None);
            now += pause;
            assert_eq!(life.expire(now), Some(Due::Start));
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        life.started(now);
        life.ready(now);
        let killed = life.ended(Ended::Killed(9), now + SETTLED);
        assert_eq!(
            killed,
            After::Restart(Duration::from_secs(1)),
            "it has served for long"
        );
    }

    #[test]
    fn one_that_ends_well_without_having_served_is_not_started_in_a_circle() {
        let now = Instant::now();
        let mut life = Life::new();
        life.started(now);
        assert!(matches!(
            life.ended(Ended::Exited(0), now),
            After::Restart(_)
        ));
    }

    #[test]
    fn one_that_is_silent_is_killed_and_its_successor_finds_what_it_stored() {
        let begin = Instant::now();
        let mut life = Life::new();
        life.started(begin);
        assert_eq!(life.expire(at(begin, 89)), None);
        assert!(matches!(life.expire(at(begin, 90)), Some(Due::Kill(_))));
        life.ready(at(begin, 91));
        life.alive(at(begin, 100));
        assert_eq!(life.expire(at(begin, 129)), None);
        assert!(matches!(life.expire(at(begin, 130)), Some(Due::Kill(_))));
        assert_eq!(life.expire(at(begin, 131)), None, "once");
        assert!(matches!(
            life.ended(Ended::Killed(9), at(begin, 131)),
            After::Restart(_)
        ));
    }
}
