//! Decisions: pure functions of plain data.
//!
//! [`Policy::check`] asks a limit and [`Policy::access`] the access lists, which may need the client's
//! name; their order is that of the module `admission`. Neither reads a clock, a resolver or
//! anything else: [`Facts`] and [`NameAnswer`] bring what they need, [`State`] holds what changes. Neither
//! costs more for a service with many rules, peers or servers.

mod access;
mod budget;
mod name;
mod packets;
mod ranges;
mod rate;
mod refusal;
mod state;
mod times;

use std::net::IpAddr;

use crate::problem::Place;
use crate::service::{Limit, Limits, MinuteOfDay};
use crate::spec::Spec;

pub use access::Access;
use access::Lists;
pub use budget::LineBudget;
pub use name::{HostName, NameAnswer, NoHostName};
pub use packets::{Instruction, PacketLists};
pub use refusal::{Note, Reason, Refusal};
pub use state::{RateSnapshot, Slot, State};
use times::Minutes;

/// Whole seconds of a clock that never goes back and is the same for all processes of one boot,
/// such as `CLOCK_BOOTTIME`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MonotonicSeconds(pub u64);

impl MonotonicSeconds {
    /// This time and so many seconds.
    #[must_use]
    pub fn plus(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(seconds.into()))
    }

    /// The seconds since `earlier`; 0 if that is later.
    #[must_use]
    pub(crate) fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// What a decision about limits depends on, besides the service and its [`State`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    /// The peer's address as accept(2) gave it: v4-mapped on a dual-stack socket.
    pub peer: IpAddr,
    /// Now, for `cps`.
    pub now: MonotonicSeconds,
    /// The local time of day, for `access_times`.
    pub minute: MinuteOfDay,
    /// The 1-minute load average; none if it could not be read, which refuses no one.
    pub load: Option<f64>,
}

/// One of the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// `cps`.
    Rate,
    /// `max_load`.
    Load,
    /// `access_times`.
    Time,
    /// `instances`.
    Instances,
    /// `per_source`.
    PerSource,
}

impl Check {
    /// All of them, in xinetd's order.
    pub const ORDER: [Self; 5] = [
        Self::Rate,
        Self::Load,
        Self::Time,
        Self::Instances,
        Self::PerSource,
    ];
}

/// The rules of one service, compiled.
#[derive(Debug)]
pub struct Policy {
    limits: Limits,
    times: Option<Minutes>,
    lists: Lists,
}

impl Policy {
    /// The rules of `spec`.
    pub fn new(spec: &Spec) -> Self {
        Self {
            limits: spec.limits.clone(),
            times: Minutes::new(&spec.access_times),
            lists: Lists::new(&spec.access),
        }
    }

    /// Whether one of the limits refuses a connection. The rate counts it.
    pub fn check(&self, check: Check, state: &mut State, facts: &Facts) -> Option<Refusal> {
        match check {
            Check::Rate => {
                let trips = state.window.trips(self.limits.rate?, facts.now);
                trips.then(|| Refusal::by(Reason::Rate))
            }
            // A limit that is not a number refuses no one.
            Check::Load => (facts.load? >= self.limits.load?).then(|| Refusal::by(Reason::Load)),
            Check::Time => {
                let times = self.times.as_ref()?;
                let refuses = !times.contain(facts.minute);
                refuses.then(|| Refusal::at(Reason::Time, Some(times.place())))
            }
            Check::Instances => reached(self.limits.instances, state.running())
                .then(|| Refusal::by(Reason::ServiceLimit)),
            Check::PerSource => reached(self.limits.per_source, state.running_for(facts.peer))
                .then(|| Refusal::by(Reason::PerSourceLimit)),
        }
    }

    /// Pauses the service, as too high a rate does: also for when accept(2) finds no descriptor
    /// (docs/xinetd-behaviour.md, section 4.2, step 1).
    pub fn pause(&self, state: &mut State, now: MonotonicSeconds) {
        state.pause(now.plus(self.pause_seconds()));
    }

    /// How long a pause lasts: the second number of `cps`, the usual one where `cps` is off.
    pub fn pause_seconds(&self) -> u32 {
        self.limits.rate.unwrap_or_default().wait
    }

    /// Whether `max_load` is set: else [`Facts::load`] is not looked at.
    pub(crate) fn needs_load(&self) -> bool {
        self.limits.load.is_some()
    }

    /// Whether `access_times` is set: else [`Facts::minute`] is not looked at.
    pub(crate) fn needs_minute(&self) -> bool {
        self.times.is_some()
    }

    /// Whether the access lists let `peer` in, whose address is as in [`Facts::peer`], with the entry of
    /// `only_from` that lets it in, if it takes one.
    pub fn access(&self, peer: IpAddr, name: &NameAnswer) -> (Access, Option<&Place>) {
        self.lists.decide(peer, name)
    }
}

fn reached(limit: Limit, running: u32) -> bool {
    match limit {
        Limit::Unlimited => false,
        Limit::AtMost(most) => running >= most,
    }
}
