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
