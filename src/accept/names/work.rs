//! The addresses that wait for a look-up, and whose turn it is.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use super::super::crowd::{Crowd, Network};
use super::THREADS;

/// How many of them for one network.
pub(super) const THREADS_OF_NETWORK: usize = THREADS / 2;
/// Addresses that wait for a thread: as many as connections may wait for names. When there are more,
/// those go that came last of the network that has the most: others are nearer to their answer.
pub(super) const QUEUE: usize = 1024;

/// The addresses that wait for a thread.
#[derive(Default)]
pub(super) struct Work {
    queue: Crowd<IpAddr>,
    /// The networks that have addresses in the queue, the next one first.
    turns: VecDeque<Network>,
    /// How many threads work for a network, if any does.
    pub(super) busy: HashMap<Network, usize>,
    /// Threads without work.
    pub(super) idle: usize,
}

/// What became of an address that was to wait.
pub(super) enum Pushed {
    /// It waits.
    Added,
    /// It waits, and this one does not any more.
    Displaced(IpAddr),
    /// There is no place for it.
    Refused,
}

impl Work {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// One more waits, if there is a place for it.
    pub(super) fn push(&mut self, address: IpAddr) -> Pushed {
        let network = Network::of(address);
        let mut pushed = Pushed::Added;
        if self.queue.len() >= QUEUE {
            let gives_way = self.queue.gives_way(network);
            match self.queue.last(gives_way) {
                Some(other) if gives_way != network => {
                    self.queue.leave(gives_way, other);
                    pushed = Pushed::Displaced(other);
                }
                _ => return Pushed::Refused,
            }
        }
        if self.queue.of(network) == 0 {
            self.turns.push_back(network);
        }
        self.queue.enter(network, address);
        pushed
    }

    /// The next address, of the first network whose turn it is and that does not keep its part of the
    /// threads busy already.
    pub(super) fn take(&mut self) -> Option<IpAddr> {
        let free =
            |network: &Network| self.busy.get(network).copied().unwrap_or(0) < THREADS_OF_NETWORK;
        let network = self.turns.remove(self.turns.iter().position(free)?)?;
        let address = self.queue.take_first(network)?;
        if self.queue.of(network) > 0 {
            self.turns.push_back(network);
        }
        *self.busy.entry(network).or_default() += 1;
        Some(address)
    }

    /// A thread is done with an address.
    pub(super) fn done(&mut self, address: IpAddr) {
        let network = Network::of(address);
        if let Some(busy) = self.busy.get_mut(&network) {
            *busy -= 1;
            if *busy == 0 {
                self.busy.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::flood;
    use super::*;

    #[test]
    fn networks_take_turns() {
        let mut work = Work::default();
        for number in 0..20 {
            work.push(flood(number));
        }
        work.push("192.0.2.7".parse().unwrap());
        work.push("198.51.100.7".parse().unwrap());
        let taken: Vec<_> = std::iter::from_fn(|| work.take()).collect();
        let expected = [
            flood(0),
            "192.0.2.7".parse().unwrap(),
            "198.51.100.7".parse().unwrap(),
        ];
        assert_eq!(taken[..3], expected);
        // No more than its part works for the flood.
        assert_eq!(taken.len(), 2 + THREADS_OF_NETWORK);
        work.done(flood(0));
        assert_eq!(work.take(), Some(flood(THREADS_OF_NETWORK)));
        assert_eq!(work.take(), None);
    }
}
