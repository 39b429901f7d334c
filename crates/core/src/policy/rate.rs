//! `cps`: the rate of connections (docs/xinetd-behaviour.md, section 4.6).

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

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    fn rate(max: u32) -> ConnectionRate {
        ConnectionRate {
            max: NonZeroU32::new(max).unwrap(),
            wait: 1,
        }
    }

    /// How many connections at `now` pass before one trips.
    fn burst(window: &mut Window, max: u32, now: u64) -> u32 {
        let mut passed = 0;
        while !window.trips(rate(max), MonotonicSeconds(now)) {
            passed += 1;
            assert!(passed < 100_000, "nothing trips");
        }
        passed
    }

    #[test]
    fn as_many_as_allowed_pass_in_a_second() {
        assert_eq!(burst(&mut Window::default(), 3, 100), 3);
        assert_eq!(burst(&mut Window::default(), 1, 100), 1);
        assert_eq!(burst(&mut Window::default(), 50, 0), 50);
    }

    #[test]
    fn the_old_window_goes_on_after_a_pause_shorter_than_it() {
        // cps = 3 2: seen with xinetd, three more pass after the pause.
        let mut window = Window::default();
        assert_eq!(burst(&mut window, 3, 100), 3);
        assert_eq!(burst(&mut window, 3, 102), 3);
    }

    #[test]
    fn quiet_seconds_in_the_window_allow_a_larger_burst() {
        // cps = 10 1: seen with xinetd, 9 and then 34 more after 4 seconds.
        let mut window = Window::default();
        for _ in 0..9 {
            assert!(!window.trips(rate(10), MonotonicSeconds(100)));
        }
        assert_eq!(burst(&mut window, 10, 104), 34);
    }

    #[test]
    fn a_window_ends_after_as_many_seconds_as_connections_are_allowed() {
        let mut window = Window::default();
        assert_eq!(burst(&mut window, 3, 100), 3);
        assert_eq!(burst(&mut window, 3, 103), 3);
    }

    proptest! {
        /// Against a model that keeps each arrival of the window and takes the average of them.
        #[test]
        fn the_rate_is_the_average_over_the_window(
            max in 1u32..12,
            steps in prop::collection::vec(prop_oneof![4 => Just(0u64), 2 => 1u64..3, 1 => 3u64..30], 1..300),
            begin in 1u64..1_000_000,
        ) {
            let mut window = Window::default();
            let mut arrivals: Vec<u64> = Vec::new();
            let mut now = begin;
            for step in steps {
                now += step;
                if arrivals.first().is_some_and(|first| now - first >= max.into()) {
                    arrivals.clear();
                }
                arrivals.push(now);
                let seconds = (now - arrivals[0]).max(1);
                // A whole connection per second more than allowed.
                let expected = arrivals.len() as u64 >= seconds * (u64::from(max) + 1);
                prop_assert_eq!(window.trips(rate(max), MonotonicSeconds(now)), expected);
            }
        }
    }
}
