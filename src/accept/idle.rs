//! How long a helper stays that has nothing to do.

use std::time::Duration;

use super::clock::Moment;

/// How often a helper that would leave looks whether the last process of its servers has ended.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Since when there has been nothing to do.
#[derive(Debug)]
pub(super) struct Idle {
    /// How long the helper stays.
    time: Duration,
    since: Option<Moment>,
}

impl Idle {
    /// The helper stays for so long.
    pub(super) fn new(time: Duration) -> Self {
        Self { time, since: None }
    }

    /// There is something to do.
    pub(super) fn interrupt(&mut self) {
        self.since = None;
    }

    /// Whether there has been nothing to do for long enough at `now`. What `keeps` says has to be over as
    /// well: how long the helper is still needed at a moment.
    pub(super) fn is_over(&mut self, now: Moment, keeps: impl FnOnce(Moment) -> Duration) -> bool {
        let since = *self.since.get_or_insert(now);
        now >= since.plus(self.time.max(keeps(since)))
    }

    /// When that is, if nothing happens before.
    pub(super) fn due(&self, keeps: impl FnOnce(Moment) -> Duration) -> Option<Moment> {
        let since = self.since?;
        Some(since.plus(self.time.max(keeps(since))))
    }

    /// The helper can't leave yet: it is looked at again, some time after what would be its time to leave.
    pub(super) fn look_again(&mut self, now: Moment) {
        self.since = Some(now.plus(LOOK_AGAIN));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_begins_anew_with_each_interruption_and_when_the_helper_is_kept() {
        let at = |seconds| Moment(Duration::from_secs(seconds));
        let nothing = |_| Duration::ZERO;
        let mut idle = Idle::new(Duration::from_secs(60));
        assert_eq!(idle.due(nothing), None);
        assert!(!idle.is_over(at(100), nothing));
        assert_eq!(idle.due(nothing), Some(at(160)));
        assert!(!idle.is_over(at(160), |_| Duration::from_secs(61)));
        assert!(idle.is_over(at(160), nothing));
        idle.look_again(at(160));
        assert_eq!(idle.due(nothing), Some(at(225)));
        idle.interrupt();
        assert!(!idle.is_over(at(300), nothing));
    }
}
