//! `access_times`.

use crate::problem::Place;
use crate::service::{MinuteOfDay, TimeWindow};

const MINUTES_PER_DAY: usize = 24 * 60;

/// The minutes of the day that some interval contains.
#[derive(Debug)]
pub(super) struct Minutes {
    allowed: Box<[bool; MINUTES_PER_DAY]>,
    place: Place,
}

impl Minutes {
    /// The minutes in any of `windows`; none if there is no window, which means always.
    pub(super) fn new(windows: &[TimeWindow]) -> Option<Self> {
        let place = windows.first()?.place.clone();
        let mut allowed = Box::new([false; MINUTES_PER_DAY]);
        for window in windows {
            let (from, to) = (index(window.from), index(window.to));
            if from <= to {
                allowed[from..=to].fill(true);
            } else {
                allowed[from..].fill(true);
                allowed[..=to].fill(true);
            }
        }
        Some(Self { allowed, place })
    }

    pub(super) fn contain(&self, minute: MinuteOfDay) -> bool {
        self.allowed[index(minute)]
    }

    /// Where the first interval is written.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }
}

fn index(minute: MinuteOfDay) -> usize {
    u16::from(minute).into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn minute(number: u16) -> MinuteOfDay {
        number.try_into().unwrap()
    }

    fn window(from: u16, to: u16) -> TimeWindow {
        TimeWindow {
            from: minute(from),
            to: minute(to),
            place: Place {
                file: Path::new("/etc/xinetd.conf").into(),
                line: 9,
                column: 20,
                length: 0,
            },
        }
    }

    #[test]
    fn no_interval_means_always() {
        assert!(Minutes::new(&[]).is_none());
    }

    #[test]
    fn both_end_minutes_are_included() {
        let minutes = Minutes::new(&[window(8 * 60, 17 * 60)]).unwrap();
        let inside = [8 * 60, 12 * 60, 17 * 60];
        let outside = [0, 8 * 60 - 1, 17 * 60 + 1, 1439];
        assert!(inside.iter().all(|&at| minutes.contain(minute(at))));
        assert!(!outside.iter().any(|&at| minutes.contain(minute(at))));
    }

    #[test]
    fn an_interval_may_run_over_midnight() {
        let minutes = Minutes::new(&[window(22 * 60, 6 * 60)]).unwrap();
        let inside = [22 * 60, 1439, 0, 6 * 60];
        let outside = [6 * 60 + 1, 12 * 60, 22 * 60 - 1];
        assert!(inside.iter().all(|&at| minutes.contain(minute(at))));
        assert!(!outside.iter().any(|&at| minutes.contain(minute(at))));
    }

    proptest! {
        /// Against a walk from the first minute of each interval to its last.
        #[test]
        fn each_minute_is_in_the_intervals_that_pass_it(
            ends in prop::collection::vec((0u16..1440, 0u16..1440), 1..6),
        ) {
            let windows: Vec<_> = ends.iter().map(|&(from, to)| window(from, to)).collect();
            let minutes = Minutes::new(&windows).unwrap();
            let mut expected = vec![false; 1440];
            for (from, to) in ends {
                let mut at = from;
                loop {
                    expected[usize::from(at)] = true;
                    if at == to {
                        break;
                    }
                    at = (at + 1) % 1440;
                }
            }
            for (at, expected) in (0u16..).zip(expected) {
                prop_assert_eq!(minutes.contain(minute(at)), expected, "minute {}", at);
            }
        }
    }
}
