//! What changes while a service runs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr};

use super::MonotonicSeconds;
use super::rate::Window;

/// What changes while a service runs: the rate, the pause, and the servers, in all and per source.
///
/// It outlives its [`Policy`](super::Policy): after a reload the servers still count, see
/// [`State::reload`].
#[derive(Debug, Default)]
pub struct State {
    pub(super) window: Window,
    pause: Option<Pause>,
    running: u32,
    /// Servers per source; no entry is 0, so there are no more entries than servers. The hash is
    /// keyed at random: clients choose their addresses.
    sources: HashMap<u128, u32>,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    until: MonotonicSeconds,
    turned_away: u64,
}

/// A running server's place in the counts, to be given back by [`State::leave`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a slot that is dropped counts as a running server for ever"]
pub struct Slot {
    source: u128,
}

/// The part of a [`State`] that a successor of a killed helper can't find out by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateSnapshot {
    /// The connections in the window of `cps`.
    pub count: u64,
    /// When that window began.
    pub start: MonotonicSeconds,
    /// When the pause ends, if the service is paused.
    pub paused_until: Option<MonotonicSeconds>,
    /// The connections that were turned away in the pause so far.
    pub turned_away: u64,
}

impl State {
    /// The servers that run.
    pub fn running(&self) -> u32 {
        self.running
    }

    /// The servers that run for the address of `peer`, v4-mapped or not.
    pub fn running_for(&self, peer: IpAddr) -> u32 {
        self.sources.get(&source(peer)).copied().unwrap_or(0)
    }

    /// How many sources are remembered.
    #[cfg(test)]
    pub(crate) fn sources(&self) -> usize {
        self.sources.len()
    }

    /// Counts a server that runs already, found by a new helper.
    pub fn adopt(&mut self, peer: IpAddr) -> Slot {
        self.enter(peer)
    }

    /// Counts one more server, for a client that has passed the limits.
    pub(crate) fn enter(&mut self, peer: IpAddr) -> Slot {
        let source = source(peer);
        self.running += 1;
        *self.sources.entry(source).or_default() += 1;
        Slot { source }
    }

    /// Takes a server out of the counts.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a slot can be given back only once"
    )]
    pub fn leave(&mut self, slot: Slot) {
        self.running = self.running.saturating_sub(1);
        if let Entry::Occupied(mut servers) = self.sources.entry(slot.source) {
            *servers.get_mut() = servers.get().saturating_sub(1);
            if *servers.get() == 0 {
                servers.remove();
            }
        }
    }

    /// When the pause ends, if the service is paused.
    pub fn paused_until(&self) -> Option<MonotonicSeconds> {
        self.pause.map(|pause| pause.until)
    }

    pub(super) fn pause(&mut self, until: MonotonicSeconds) {
        self.pause = Some(Pause {
            until,
            turned_away: 0,
        });
    }

    /// Counts connections that are reset because the service is paused. They do not count for
    /// `cps`: xinetd never sees them.
    pub fn turn_away(&mut self, count: u64) {
        if let Some(pause) = &mut self.pause {
            pause.turned_away = pause.turned_away.saturating_add(count);
        }
    }

    /// Ends the pause; tells how many connections were turned away in it. The window of `cps` goes
    /// on where it was, as in xinetd.
    pub fn resume(&mut self) -> u64 {
        self.pause.take().map_or(0, |pause| pause.turned_away)
    }

    /// Makes ready for another policy of the same service: its rate begins anew and a pause ends,
    /// the servers still count. Tells how many connections were turned away in the pause, if there
    /// was one.
    pub fn reload(&mut self) -> Option<u64> {
        self.window = Window::default();
        self.pause.take().map(|pause| pause.turned_away)
    }

    /// What a successor has to know.
    pub fn rate_snapshot(&self) -> RateSnapshot {
        RateSnapshot {
            count: self.window.count,
            start: self.window.start,
            paused_until: self.paused_until(),
            turned_away: self.pause.map_or(0, |pause| pause.turned_away),
        }
    }

    /// Goes on where a predecessor stopped. The servers are [adopted](Self::adopt) one by one.
    pub fn restore_rate(&mut self, snapshot: RateSnapshot) {
        self.window = Window {
            count: snapshot.count,
            start: snapshot.start,
        };
        self.pause = snapshot.paused_until.map(|until| Pause {
            until,
            turned_away: snapshot.turned_away,
        });
    }
}

/// The 128 bits by which xinetd tells peers apart (docs/xinetd-behaviour.md, section 2, `per_source`): an
/// IPv4 client is the same on an IPv4 and on a dual-stack socket.
fn source(peer: IpAddr) -> u128 {
    match peer {
        IpAddr::V4(address) => Ipv4Addr::to_ipv6_mapped(&address).to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}
