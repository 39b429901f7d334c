//! How many lines strangers may cause.

use std::num::NonZeroU64;

use super::MonotonicSeconds;

/// Keeps lines that strangers cause and that the configuration does not ask for, such as refusals where
/// `log_on_failure` is empty, from filling the journal: a burst of them is logged, then one now
/// and then, the others are counted.
#[derive(Debug)]
pub struct LineBudget {
    lines: u64,
    /// Up to when lines have been given back.
    refilled: MonotonicSeconds,
    withheld: u64,
    /// When the first of the lines that are withheld was.
    since: MonotonicSeconds,
}

impl LineBudget {
    /// Lines at once.
    const BURST: u64 = 20;
    /// Seconds for each line more.
    const SECONDS_PER_LINE: u64 = 3;
    /// Seconds after which lines that were withheld are summed up.
    const SECONDS_PER_SUMMARY: u32 = 60;

    /// A whole burst is free.
    pub fn new(now: MonotonicSeconds) -> Self {
        Self {
            lines: Self::BURST,
            refilled: now,
            withheld: 0,
            since: now,
        }
    }

    /// Whether one more line may be logged; if not it is counted.
    #[must_use]
    pub fn admits(&mut self, now: MonotonicSeconds) -> bool {
        let earned = now.since(self.refilled) / Self::SECONDS_PER_LINE;
        self.lines = self.lines.saturating_add(earned).min(Self::BURST);
        self.refilled.0 += earned * Self::SECONDS_PER_LINE;
        if let Some(left) = self.lines.checked_sub(1) {
            self.lines = left;
            return true;
        }
        if self.withheld == 0 {
            self.since = now;
        }
        self.withheld = self.withheld.saturating_add(1);
        false
    }

    /// When a summary is due, if lines were withheld.
    pub fn summary_due(&self) -> Option<MonotonicSeconds> {
        (self.withheld > 0).then(|| self.since.plus(Self::SECONDS_PER_SUMMARY))
    }

    /// How many lines were withheld since the last summary, if any.
    pub fn take_summary(&mut self) -> Option<NonZeroU64> {
        NonZeroU64::new(std::mem::take(&mut self.withheld))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> MonotonicSeconds {
        MonotonicSeconds(seconds)
    }

    /// Logs lines up to the first that is withheld.
    fn spend(budget: &mut LineBudget) {
        let logged = (0..1000).take_while(|_| budget.admits(at(0))).count();
        assert!(logged < 1000, "nothing is withheld");
    }

    #[test]
    fn a_burst_is_logged_and_the_rest_is_counted() {
        let mut budget = LineBudget::new(at(1000));
        let logged = (0..100).filter(|_| budget.admits(at(1000))).count();
        assert_eq!(logged as u64, LineBudget::BURST);
        assert_eq!(
            budget.take_summary().map(NonZeroU64::get),
            Some(100 - LineBudget::BURST)
        );
        assert_eq!(budget.take_summary(), None);
    }

    #[test]
    fn a_steady_flood_gets_a_line_now_and_then() {
        let mut budget = LineBudget::new(at(0));
        let mut logged = 0;
        for second in 0..3600 {
            for _ in 0..50 {
                logged += u64::from(budget.admits(at(second)));
            }
        }
        assert_eq!(
            logged,
            LineBudget::BURST + 3599 / LineBudget::SECONDS_PER_LINE
        );
    }

    #[test]
    fn rare_lines_are_all_logged() {
        let mut budget = LineBudget::new(at(0));
        assert!((0..1000).all(|line| budget.admits(at(line * LineBudget::SECONDS_PER_LINE))));
        assert_eq!(budget.summary_due(), None);
    }

    #[test]
    fn quiet_time_gives_back_no_more_than_a_burst() {
        let mut budget = LineBudget::new(at(0));
        spend(&mut budget);
        let logged = (0..100).filter(|_| budget.admits(at(1_000_000))).count();
        assert_eq!(logged as u64, LineBudget::BURST);
    }

    #[test]
    fn the_summary_is_due_a_minute_after_the_first_line_that_it_stands_for() {
        let mut budget = LineBudget::new(at(0));
        assert_eq!(budget.summary_due(), None);
        spend(&mut budget);
        let due = Some(at(LineBudget::SECONDS_PER_SUMMARY.into()));
        assert_eq!(budget.summary_due(), due);
        assert!(!budget.admits(at(1)));
        assert!(!budget.admits(at(2)));
        assert_eq!(budget.summary_due(), due);
        assert_eq!(budget.take_summary().map(NonZeroU64::get), Some(3));
        assert_eq!(budget.summary_due(), None);
    }
}
