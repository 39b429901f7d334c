//! `cps`: the rate of connections (semantics, section 4.6).

use crate::service::ConnectionRate;

use super::MonotonicSeconds;

/// The connections that were counted, and since when. xinetd's "second" of `cps` is really an
/// average over a window that grows to as many seconds as connections are allowed in one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    /// Connections since `start`; 0 if there is no window yet.
    pub(super) count: u64,
    /// When the window began.
    pub(super) start: MonotonicSeconds,
}

impl Window {
    /// Counts a connection; true if it is one too many.
    pub(super) fn trips(&mut self, rate: ConnectionRate, now: MonotonicSeconds) -> bool {
        let max = u64::from(rate.max.get());
        let elapsed = now.since(self.start);
        if self.count == 0 || elapsed >= max {
            *self = Self {
                count: 1,
                start: now,
            };
            return false;
        }
        self.count = self.count.saturating_add(1);
        self.count / elapsed.max(1) > max
    }
}
