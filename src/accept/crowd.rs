//! Places in which clients wait, shared out by the networks that the clients come from.
//!
//! A network may take all places while no other network wants one. When a client finds no place, the network
//! that has the most gives one up. So a network keeps its part, a place for each network that waits at
//! least, however many addresses another one floods from.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The network of a client, for the sharing of places: an IPv4 /24 or an IPv6 /48. Those are the
/// smallest prefixes that the Internet routes by themselves. One client may well have a /64 or a /56
/// with as many addresses as it likes, but hardly more than one /48.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Network(IpAddr);

impl Network {
    /// The one of an address; a v4-mapped one is the IPv4 address that it is.
    pub(super) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << 8)).into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 80)).into(),
        })
    }
}

/// Those that wait, by network.
#[derive(Debug)]
pub(super) struct Crowd<T> {
    /// In the order in which they came; none is empty.
    groups: HashMap<Network, VecDeque<T>>,
    by_size: BTreeSet<(usize, Network)>,
    len: usize,
}

impl<T> Default for Crowd<T> {
    fn default() -> Self {
        Self {
            groups: HashMap::new(),
            by_size: BTreeSet::new(),
            len: 0,
        }
    }
}

impl<T: Copy + PartialEq> Crowd<T> {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many of a network wait.
    pub(super) fn of(&self, network: Network) -> usize {
        self.groups.get(&network).map_or(0, VecDeque::len)
    }

    /// One more waits.
    pub(super) fn enter(&mut self, network: Network, one: T) {
        self.resize(network, |group| {
            group.push_back(one);
            Some(one)
        });
        self.len += 1;
    }

    /// One waits no more; it waited with this network.
    pub(super) fn leave(&mut self, network: Network, one: T) {
        let left = self.resize(network, |group| {
            let at = group.iter().position(|other| *other == one)?;
            group.remove(at)
        });
        self.len -= usize::from(left.is_some());
    }

    /// The one of a network that has waited for the longest time, which waits no more.
    pub(super) fn take_first(&mut self, network: Network) -> Option<T> {
        let first = self.first(network)?;
        self.leave(network, first);
        Some(first)
    }

    /// The one of a network that has waited for the longest time.
    pub(super) fn first(&self, network: Network) -> Option<T> {
        self.groups.get(&network)?.front().copied()
    }

    /// The one of a network that has come last.
    pub(super) fn last(&self, network: Network) -> Option<T> {
        self.groups.get(&network)?.back().copied()
    }

    /// Which network gives a place up for one more of `newcomer`: the one that has the most then, and of
    /// several that one itself.
    pub(super) fn gives_way(&self, newcomer: Network) -> Network {
        match self.by_size.last() {
            Some(&(size, network)) if size > self.of(newcomer) + 1 => network,
            _ => newcomer,
        }
    }

    fn resize(
        &mut self,
        network: Network,
        change: impl FnOnce(&mut VecDeque<T>) -> Option<T>,
    ) -> Option<T> {
        let group = self.groups.entry(network).or_default();
        let before = group.len();
        let changed = change(group);
        let after = group.len();
        if after == 0 {
            self.groups.remove(&network);
        }
        if before != after {
            self.by_size.remove(&(before, network));
            if after > 0 {
                self.by_size.insert((after, network));
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn neighbours_are_one_network() {
        assert_eq!(network("192.0.2.1"), network("192.0.2.255"));
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.9"));
        assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
        assert_eq!(network("fd00:9::1"), network("fd00:9:0:77::1"));
        assert_ne!(network("fd00:9::1"), network("fd00:9:1::1"));
        // No address of a translator or tunnel is taken for the IPv4 address in it.
        assert_ne!(network("64:ff9b::192.0.2.1"), network("192.0.2.1"));
    }

    #[test]
    fn the_network_with_the_most_gives_way() {
        let (flood, other) = (network("192.0.2.1"), network("198.51.100.1"));
        let mut crowd = Crowd::default();
        assert_eq!(crowd.gives_way(flood), flood);
        for number in 0..3 {
            crowd.enter(flood, number);
        }
        assert_eq!(crowd.gives_way(flood), flood);
        assert_eq!(crowd.gives_way(other), flood);
        assert_eq!((crowd.first(flood), crowd.last(flood)), (Some(0), Some(2)));
        crowd.enter(other, 9);
        // Both would have as many.
        crowd.leave(flood, 1);
        assert_eq!(crowd.gives_way(other), other);
        assert_eq!(crowd.take_first(flood), Some(0));
        assert_eq!((crowd.first(flood), crowd.len()), (Some(2), 2));
    }

    proptest! {
        /// However one network pushes in, another one gets its half of the places.
        #[test]
        fn a_flood_leaves_others_their_part(steps in prop::collection::vec(any::<bool>(), 1..200)) {
            const ROOM: usize = 10;
            let networks = [network("192.0.2.1"), network("fd00:9::1")];
            let mut crowd = Crowd::default();
            for number in 0..100 {
                crowd.enter(networks[0], number);
                if crowd.len() > ROOM {
                    crowd.take_first(networks[0]);
                }
            }
            let mut wanted = 0;
            for (step, number) in steps.into_iter().zip(100..) {
                let newcomer = networks[usize::from(step)];
                wanted += usize::from(step);
                let gives_way = crowd.gives_way(newcomer);
                if gives_way != newcomer {
                    crowd.take_first(gives_way);
                    crowd.enter(newcomer, number);
                }
                prop_assert_eq!(crowd.len(), ROOM);
                prop_assert_eq!(crowd.of(networks[1]), wanted.min(ROOM / 2));
            }
        }
    }
}
