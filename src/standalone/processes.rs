//! The processes below a helper: the servers of its sessions, and what they have started.
//!
//! Under systemd a control group holds them together. Here it is their descent: the supervisor is their
//! subreaper (prctl(2)), so that what a server or a helper leaves behind becomes its own child.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::sys::process::{Process, living_parent, parent};

/// How long servers may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// How often it is looked for those that are left.
pub(super) const ROUND: Duration = Duration::from_millis(20);

/// The processes of the machine, each with its parent.
#[derive(Debug, Default)]
pub(super) struct Processes(HashMap<i32, Vec<i32>>);

impl Processes {
    /// As they are now.
    ///
    /// # Errors
    /// If /proc can't be read.
    pub(super) fn now() -> io::Result<Self> {
        let entries = fs::read_dir("/proc")?.flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        // Those that have ended are left out: a parent that stands still may never hear of it.
        Ok(Self::of(numbers.filter_map(|pid| {
            Some((pid, living_parent(pid).ok().flatten()?))
        })))
    }

    fn of(pairs: impl Iterator<Item = (i32, i32)>) -> Self {
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        for (pid, parent) in pairs {
            children.entry(parent).or_default().push(pid);
        }
        Self(children)
    }

    /// All below these processes, without those that are `spared`. What is below one of those is left out
    /// only where `with_descent` says so.
    pub(super) fn below(
        &self,
        roots: &[i32],
        spared: &HashSet<i32>,
        with_descent: bool,
    ) -> Vec<i32> {
        let mut found = Vec::new();
        let mut seen: HashSet<i32> = HashSet::new();
        let mut open = roots.to_vec();
        while let Some(parent) = open.pop() {
            for &child in self.0.get(&parent).into_iter().flatten() {
                let is_spared = spared.contains(&child);
                if !seen.insert(child) || is_spared && with_descent {
                    continue;
                }
                if !is_spared {
                    found.push(child);
                }
                open.push(child);
            }
        }
        found
    }
}

/// The end of servers: first by SIGTERM, and of those that are left after a while by SIGKILL.
#[derive(Debug)]
pub(super) struct Farewell {
    begun: Instant,
    told: HashSet<i32>,
}

impl Farewell {
    /// Begins now.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            begun: now,
            told: HashSet::new(),
        }
    }

    /// The signals that are to be sent now.
    fn signals(&mut self, servers: &[i32], now: Instant) -> Vec<(i32, Signal)> {
        if now.duration_since(self.begun) >= GRACE {
            return servers.iter().map(|pid| (*pid, Signal::SIGKILL)).collect();
        }
        let new = servers.iter().filter(|pid| self.told.insert(**pid));
        new.map(|pid| (*pid, Signal::SIGTERM)).collect()
    }

    /// Has these servers end; to be called again until there are none.
    pub(super) fn round(&mut self, servers: &[i32], now: Instant) {
        for (pid, signal) in self.signals(servers, now) {
            // It may have ended, and the number may be another process's: that one is not below us.
            let before = parent(pid);
            if let (Ok(before), Ok(process)) = (before, Process::open(pid))
                && parent(pid).is_ok_and(|after| after == before)
            {
                let _ = process.end_by(signal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 has the helpers 2 and 3 and the stranger 9, which has a child; 2 has servers.
    fn processes() -> Processes {
        let pairs = [
            (2, 1),
            (3, 1),
            (9, 1),
            (10, 9),
            (4, 2),
            (5, 4),
            (6, 2),
            (7, 3),
            (8, 1),
            (20, 15),
        ];
        Processes::of(pairs.into_iter())
    }

    fn below(roots: &[i32], spared: &[i32], with_descent: bool) -> Vec<i32> {
        let spared = spared.iter().copied().collect();
        let mut found = processes().below(roots, &spared, with_descent);
        found.sort_unstable();
        found
    }

    #[test]
    fn servers_are_what_is_below_a_helper() {
        assert_eq!(below(&[2], &[], false), [4, 5, 6]);
        assert_eq!(below(&[1], &[2, 3], false), [4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(below(&[1], &[9], true), [2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(below(&[17], &[], false), [0; 0]);
    }

    #[test]
    fn servers_are_asked_once_and_killed_when_they_do_not_listen() {
        let begin = Instant::now();
        let mut farewell = Farewell::new(begin);
        let terminate = |pid| (pid, Signal::SIGTERM);
        assert_eq!(
            farewell.signals(&[4, 5], begin),
            [terminate(4), terminate(5)]
        );
        assert_eq!(farewell.signals(&[4, 6], begin), [terminate(6)]);
        assert_eq!(
            farewell.signals(&[4], begin + GRACE),
            [(4, Signal::SIGKILL)]
        );
    }
}
