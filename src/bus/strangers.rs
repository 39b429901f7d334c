//! Processes that have no business at the helpers' socket, which all may connect to.
//!
//! A local user may connect in a loop. To find out that a process is no helper takes a few files of
//! /proc; for a while after that its connections are closed at the cost of two system calls.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a process is not looked at again. A helper that gets its number in this time has to
/// connect once more.
const MEMORY: Duration = Duration::from_millis(500);
/// Processes that are remembered: with more, all are looked at again.
const ROOM: usize = 1024;

/// The processes that were turned away of late, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Strangers(HashMap<i32, Instant>);

impl Strangers {
    /// Whether this process was turned away just now.
    pub(super) fn has(&mut self, pid: i32, now: Instant) -> bool {
        let since = |then: &Instant| now.saturating_duration_since(*then);
        match self.0.get(&pid).map(since) {
            Some(age) if age < MEMORY => true,
            Some(_) => {
                self.0.remove(&pid);
                false
            }
            None => false,
        }
    }

    /// This process was turned away.
    pub(super) fn add(&mut self, pid: i32, now: Instant) {
        if self.0.len() >= ROOM {
            self.0.clear();
        }
        self.0.insert(pid, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_remembered_for_a_while() {
        let mut strangers = Strangers::default();
        let now = Instant::now();
        strangers.add(7, now);
        assert!(strangers.has(7, now));
        assert!(!strangers.has(8, now));
        assert!(!strangers.has(7, now + MEMORY));
        assert!(!strangers.has(7, now), "forgotten");
    }

    #[test]
    fn many_strangers_take_no_more_memory() {
        let mut strangers = Strangers::default();
        let now = Instant::now();
        for pid in 0..100_000 {
            strangers.add(pid, now);
            assert!(strangers.0.len() <= ROOM);
        }
        assert!(strangers.has(99_999, now));
    }
}
