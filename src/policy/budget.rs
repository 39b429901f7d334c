//! How many lines strangers may cause.

use std::num::NonZeroU64;

use super::MonotonicSeconds;

/// Keeps refusals that nobody asked to see (`log_on_failure` is empty) from filling the journal:
/// a burst of them is logged, then one now and then, the others are counted.
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
    pub const BURST: u64 = 20;
    /// Seconds for each line more.
    pub const SECONDS_PER_LINE: u64 = 3;
    /// Seconds after which lines that were withheld are summed up.
    pub const SECONDS_PER_SUMMARY: u32 = 60;

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
