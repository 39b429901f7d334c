//! The pause after `cps` has tripped, or when descriptors run out (docs/xinetd-behaviour.md, sections 4.2,
//! 4.6).
//!
//! xinetd closes its listener meanwhile. Ours is systemd's: connections are accepted and reset.

use super::clock::Moment;

/// Whether the service pauses.
#[derive(Debug, Default)]
pub(super) struct Pause(Option<Current>);

#[derive(Debug)]
struct Current {
    until: Moment,
    /// Connections are not even accepted: there is no descriptor for them.
    deaf: bool,
}

impl Pause {
    /// Whether the service pauses.
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// When the pause ends, if there is one.
    pub(super) fn due(&self) -> Option<Moment> {
        self.0.as_ref().map(|current| current.until)
    }

    /// The service pauses until then.
    pub(super) fn begin(&mut self, until: Moment) {
        self.0 = Some(Current { until, deaf: false });
    }

    /// No connection is accepted in the pause from now on; whether that is new.
    pub(super) fn deafen(&mut self) -> bool {
        let current = self.0.as_mut();
        current.is_some_and(|current| !std::mem::replace(&mut current.deaf, true))
    }

    /// The pause is over; whether no connection was accepted in it.
    pub(super) fn end(&mut self) -> bool {
        self.0.take().is_some_and(|current| current.deaf)
    }
}
