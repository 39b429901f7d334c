//! Places in which clients wait for a limited time, shared out by networks (see [`super::crowd`]).
//!
//! All clients that wait for the same thing may wait for the same time, so that the order of arrival is the
//! order of deadlines too.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::clock::Moment;
use super::crowd::{Crowd, Network};
use super::slab::{Key, Slab};

/// The order of those that wait for one thing.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// In the order of deadlines; those that wait no more are skipped.
    order: VecDeque<(Moment, Key)>,
    crowd: Crowd<Key>,
}

impl Queue {
    /// How many wait, by network.
    pub(super) fn crowd(&self) -> &Crowd<Key> {
        &self.crowd
    }

    /// One more waits, until `due` at most.
    pub(super) fn enter(&mut self, network: Network, key: Key, due: Moment) {
        self.crowd.enter(network, key);
        self.order.push_back((due, key));
    }

    /// One waits no more; it waited with this network.
    pub(super) fn leave(&mut self, network: Network, key: Key) {
        self.crowd.leave(network, key);
    }

    /// The one whose time is over first, of those that still wait.
    pub(super) fn first(&mut self, mut waits: impl FnMut(Key) -> bool) -> Option<(Moment, Key)> {
        loop {
            let &(due, key) = self.order.front()?;
            if waits(key) {
                return Some((due, key));
            }
            self.order.pop_front();
        }
    }

    /// All that wait, and some that wait no more.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.order.iter().map(|&(_, key)| key)
    }
}

/// Values that wait for one thing.
#[derive(Debug)]
pub(super) struct Room<T> {
    slab: Slab<(Network, T)>,
    queue: Queue,
    /// How many may wait at once.
    places: usize,
    /// How long each may wait.
    time: Duration,
}

impl<T> Room<T> {
    /// With so many places, each for so long.
    pub(super) fn new(places: usize, time: Duration) -> Self {
        Self {
            slab: Slab::default(),
            queue: Queue::default(),
            places,
            time,
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    /// The one that has to give its place up for one more client from `address`, where all places are
    /// taken: the one that has waited for the longest time, of the network that has the most.
    pub(super) fn displaced(&mut self, address: IpAddr) -> Option<T> {
        if self.slab.len() < self.places {
            return None;
        }
        let gives_way = self.queue.crowd.gives_way(Network::of(address));
        let first = self.queue.crowd.first(gives_way);
        let key = first.or_else(|| self.first().map(|(_, key)| key))?;
        self.remove(key)
    }

    /// Lets a client from `address` wait from `now` on.
    ///
    /// # Errors
    /// Gives it back where there is no room, beyond all limits of the kernel.
    pub(super) fn insert(&mut self, value: T, address: IpAddr, now: Moment) -> Result<Key, T> {
        let network = Network::of(address);
        let inserted = self.slab.insert((network, value));
        let key = inserted.map_err(|entry| entry.1)?;
        self.queue.enter(network, key, now.plus(self.time));
        Ok(key)
    }

    /// The one of a key, if it still waits.
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slab.get_mut(key).map(|(_, value)| value)
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        let (network, value) = self.slab.remove(key)?;
        self.queue.leave(network, key);
        Some(value)
    }

    /// Takes all out.
    pub(super) fn take_all(&mut self) -> Vec<T> {
        let keys = self.slab.keys();
        keys.into_iter()
            .filter_map(|key| self.remove(key))
            .collect()
    }

    /// When the next one has waited long enough.
    pub(super) fn due(&mut self) -> Option<Moment> {
        self.first().map(|(due, _)| due)
    }

    /// Takes out the next one that has waited long enough.
    pub(super) fn expired(&mut self, now: Moment) -> Option<T> {
        let (due, key) = self.first()?;
        (now >= due).then(|| self.remove(key)).flatten()
    }

    fn first(&mut self) -> Option<(Moment, Key)> {
        let Self { slab, queue, .. } = self;
        queue.first(|key| slab.get_mut(key).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    #[test]
    fn the_first_of_the_network_with_the_most_makes_room() {
        let [flood, other] = ["192.0.2.1", "198.51.100.1"].map(|text| text.parse().unwrap());
        let mut room = Room::new(3, Duration::from_secs(30));
        for number in 0..3 {
            assert_eq!(room.displaced(flood), None);
            room.insert(number, flood, at(number)).unwrap();
        }
        assert_eq!(room.displaced(other), Some(0));
        room.insert(9, other, at(9)).unwrap();
        assert_eq!(room.displaced(flood), Some(1));
        assert_eq!(room.len(), 2);
    }

    #[test]
    fn each_waits_for_its_time_at_most() {
        let address = "192.0.2.1".parse().unwrap();
        let mut room = Room::new(3, Duration::from_secs(30));
        let first = room.insert('a', address, at(0)).unwrap();
        room.insert('b', address, at(1)).unwrap();
        assert_eq!(room.remove(first), Some('a'));
        assert_eq!(room.due(), Some(at(31)));
        assert_eq!(room.expired(at(30)), None);
        assert_eq!(room.expired(at(31)), Some('b'));
        assert_eq!((room.due(), room.len()), (None, 0));
    }
}
