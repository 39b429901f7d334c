//! What of a service's events is logged, and as what.

use crate::bytes::ByteString;
use crate::problem::Place;
use crate::service::{Facility, FailureFlags, Level, LogTarget, SuccessFlags};
use crate::spec::Spec;

use super::event::Event;
use super::kind::Kind;

/// The part of a service that its log entries depend on.
#[derive(Clone, Debug)]
pub struct ServiceLog {
    pub(super) id: ByteString,
    pub(super) name: ByteString,
    pub(super) place: Place,
    pub(super) success: SuccessFlags,
    pub(super) failure: FailureFlags,
    unasked: bool,
    facility: Facility,
    level: Level,
}

impl ServiceLog {
    /// The log of the service of `spec`.
    pub fn new(spec: &Spec) -> Self {
        let (facility, level) = match spec.logging.target {
            LogTarget::Syslog { facility, level } => (facility, level),
            // Lines for a file go to the journal as well as those for nowhere.
            LogTarget::Unset | LogTarget::File { .. } => (Facility::Daemon, Level::Info),
        };
        let unasked = spec.logging.failure == FailureFlags::default();
        Self {
            id: spec.id.clone(),
            name: spec.name.clone(),
            place: spec.place.clone(),
            success: spec.logging.success,
            failure: FailureFlags {
                host: spec.logging.failure.host || unasked,
                ..spec.logging.failure
            },
            unasked,
            facility,
            level,
        }
    }

    /// Whether an event is logged at all: a start if `log_on_success` has any word, an exit if it
    /// has EXIT or DURATION, everything else always (semantics, section 5.2; that refusals are
    /// logged where nobody asked is a deviation).
    pub fn wants(&self, event: &Event<'_>) -> bool {
        match event {
            Event::Start { .. } => self.success != SuccessFlags::default(),
            Event::Exit { .. } => self.success.exit || self.success.duration,
            _ => true,
        }
    }

    /// Whether nobody asked for lines about refusals, so that they go by a
    /// [`LineBudget`](crate::policy::LineBudget): `log_on_failure` is empty.
    pub fn refusals_unasked(&self) -> bool {
        self.unasked
    }

    /// The facility and level of a kind of event.
    pub(super) fn urgency(&self, kind: Kind) -> (Facility, Level) {
        kind.level().map_or((self.facility, self.level), |level| {
            (Facility::Daemon, level)
        })
    }
}
