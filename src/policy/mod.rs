//! Decisions: pure functions of plain data.
//!
//! A connection passes two of them, as in xinetd (semantics, section 4.2): [`Policy::limits`] right
//! after it was accepted, and [`Policy::access`], which may need the peer's name. Neither reads a
//! clock, a resolver or anything else: [`Facts`] and [`NameAnswer`] bring what they need, [`State`]
//! holds what changes. Neither costs more for a service with many rules, peers or servers.
#![forbid(unsafe_code)]

mod access;
mod budget;
mod ranges;
mod rate;
mod refusal;
mod state;
#[cfg(test)]
mod tests;
mod times;

use std::net::IpAddr;

use crate::service::{Limit, Limits, MinuteOfDay};
use crate::spec::Spec;

use access::Lists;
pub use access::{Access, NameAnswer};
pub use budget::LineBudget;
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
    pub fn since(self, earlier: Self) -> u64 {
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

/// What becomes of a connection, as far as limits go.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    /// It counts as a running server from now on, until its slot is given back to
    /// [`State::leave`]: when the server has ended, or when the client is refused after all.
    Admit(Slot),
    /// It is refused.
    Refuse(Refusal),
    /// It is refused, and the service takes no connections before `until`.
    Pause {
        /// Why: the rate.
        refusal: Refusal,
        /// When to call [`State::resume`].
        until: MonotonicSeconds,
    },
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

    /// Whether limits let a connection pass; the first in xinetd's order that does not decides
    /// (semantics, section 4.2, step 4). Every connection counts for `cps`, refused ones as well.
    ///
    /// Not to be asked while [`State::paused_until`] is set: xinetd does not listen then.
    pub fn limits(&self, state: &mut State, facts: &Facts) -> Verdict {
        if let Some(rate) = self.limits.rate
            && state.window.trips(rate, facts.now)
        {
            return Verdict::Pause {
                refusal: Refusal::by(Reason::Rate),
                until: self.pause(state, facts.now),
            };
        }
        // A limit that is not a number refuses no one.
        if let (Some(limit), Some(load)) = (self.limits.load, facts.load)
            && load >= limit
        {
            return Verdict::Refuse(Refusal::by(Reason::Load));
        }
        if let Some(times) = &self.times
            && !times.contain(facts.minute)
        {
            return Verdict::Refuse(Refusal::at(Reason::Time, Some(times.place())));
        }
        if reached(self.limits.instances, state.running()) {
            return Verdict::Refuse(Refusal::by(Reason::ServiceLimit));
        }
        if reached(self.limits.per_source, state.running_for(facts.peer)) {
            return Verdict::Refuse(Refusal::by(Reason::PerSourceLimit));
        }
        Verdict::Admit(state.enter(facts.peer))
    }

    /// Pauses the service, as too high a rate does: also for when accept(2) finds no descriptor
    /// (semantics, section 4.2, step 1). Tells until when.
    pub fn pause(&self, state: &mut State, now: MonotonicSeconds) -> MonotonicSeconds {
        let until = now.plus(self.pause_seconds());
        state.pause(until);
        until
    }

    /// How long a pause lasts: the second number of `cps`, the usual one where `cps` is off.
    pub fn pause_seconds(&self) -> u32 {
        self.limits.rate.unwrap_or_default().wait
    }

    /// Whether `max_load` is set: else [`Facts::load`] is not looked at.
    pub fn needs_load(&self) -> bool {
        self.limits.load.is_some()
    }

    /// Whether `access_times` is set: else [`Facts::minute`] is not looked at.
    pub fn needs_minute(&self) -> bool {
        self.times.is_some()
    }

    /// Whether the access lists let `peer` in, whose address is as in [`Facts::peer`].
    pub fn access(&self, peer: IpAddr, name: &NameAnswer) -> Access {
        self.lists.decide(peer, name)
    }
}

fn reached(limit: Limit, running: u32) -> bool {
    match limit {
        Limit::Unlimited => false,
        Limit::AtMost(most) => running >= most,
    }
}
