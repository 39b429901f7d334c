//! What of a service's events is logged, and as what.

use xinetd_core::bytes::ByteString;
use xinetd_core::problem::Place;
use xinetd_core::service::{Facility, FailureFlags, Level, LogTarget, SuccessFlags};
use xinetd_core::spec::Spec;

use super::entry::Entry;
use super::table::Kind;

/// The part of a service that its log entries depend on.
#[derive(Clone, Debug)]
pub(crate) struct ServiceLog {
    pub(super) id: ByteString,
    pub(super) name: ByteString,
    /// Its name in hosts.allow and hosts.deny.
    pub(super) daemon: ByteString,
    /// The fields that all its entries have.
    pub(super) fields: Vec<u8>,
    pub(super) success: SuccessFlags,
    pub(super) failure: FailureFlags,
    unasked: bool,
    facility: Facility,
    level: Level,
}

impl ServiceLog {
    /// The log of the service of `spec`.
    pub(crate) fn new(spec: &Spec) -> Self {
        let (facility, level) = match spec.logging.target {
            LogTarget::Syslog { facility, level } => (facility, level),
            // Lines for a file go to the journal as well as those for nowhere.
            LogTarget::Unset | LogTarget::File { .. } => (Facility::Daemon, Level::Info),
        };
        let unasked = spec.logging.failure == FailureFlags::default();
        Self {
            id: spec.id.clone(),
            name: spec.name.clone(),
            daemon: spec.libwrap.clone().unwrap_or_default(),
            fields: common_fields(&spec.id, &spec.place),
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

    /// The log of a telnet service that stands there, with all words that there are.
    pub(super) fn of_all_words(place: &Place) -> Self {
        let id = ByteString::from("telnet");
        Self {
            fields: common_fields(&id, place),
            name: id.clone(),
            id,
            daemon: "in.telnetd".into(),
            success: SuccessFlags {
                pid: true,
                host: true,
                userid: true,
                exit: true,
                duration: true,
                traffic: true,
            },
            failure: FailureFlags {
                host: true,
                userid: true,
                attempt: true,
            },
            unasked: false,
            facility: Facility::Daemon,
            level: Level::Info,
        }
    }

    /// The log of what happens to no service.
    pub(super) fn of_none() -> Self {
        Self {
            id: ByteString::default(),
            name: ByteString::default(),
            daemon: ByteString::default(),
            fields: Vec::new(),
            success: SuccessFlags::default(),
            failure: FailureFlags::default(),
            unasked: false,
            facility: Facility::Daemon,
            level: Level::Info,
        }
    }

    /// Whether events of this kind are logged at all: a start if `log_on_success` has any word, an exit if it
    /// has EXIT or DURATION, the traffic if it has TRAFFIC, everything else always (docs/xinetd-behaviour.md,
    /// section 5.2; that refusals are logged where `log_on_failure` is empty is a deviation).
    pub(crate) fn wants(&self, kind: Kind) -> bool {
        match kind {
            Kind::Start => self.success != SuccessFlags::default(),
            Kind::Exit => self.success.exit || self.success.duration,
            Kind::Traffic => self.success.traffic,
            _ => true,
        }
    }

    /// Whether fields of sessions have the client's address.
    pub(super) fn names_served(&self) -> bool {
        self.success.host || self.success.userid
    }

    /// Whether fields of refusals have the client's address.
    pub(super) fn names_refused(&self) -> bool {
        self.failure.host || self.failure.userid
    }

    /// Whether the configuration asks for no lines about refusals, so that they go by a
    /// [`LineBudget`](xinetd_core::policy::LineBudget): `log_on_failure` is empty.
    pub(crate) fn refusals_unasked(&self) -> bool {
        self.unasked
    }

    /// The facility and level of a kind of event.
    pub(super) fn urgency(&self, kind: Kind) -> (Facility, Level) {
        kind.level().map_or((self.facility, self.level), |level| {
            (Facility::Daemon, level)
        })
    }
}

/// The fields that all entries of a service have, ready made.
fn common_fields(id: &ByteString, place: &Place) -> Vec<u8> {
    let mut fields = Entry::default();
    fields.bytes("XINETD_SERVICE", id.as_bytes());
    fields.text("XINETD_CONFIG", place);
    fields.as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(change: impl FnOnce(&mut Spec)) -> ServiceLog {
        let mut spec = Spec::example();
        change(&mut spec);
        ServiceLog::new(&spec)
    }

    #[test]
    fn starts_and_exits_are_logged_as_log_on_success_says() {
        let wants = |change: fn(&mut SuccessFlags)| {
            let log = log(|spec| change(&mut spec.logging.success));
            (log.wants(Kind::Start), log.wants(Kind::Exit))
        };
        assert_eq!(wants(|_| {}), (false, false));
        assert_eq!(wants(|flags| flags.pid = true), (true, false));
        assert_eq!(wants(|flags| flags.traffic = true), (true, false));
        assert_eq!(wants(|flags| flags.exit = true), (true, true));
        assert_eq!(wants(|flags| flags.duration = true), (true, true));
    }

    #[test]
    fn refusals_are_always_logged_but_rationed_where_nobody_asked() {
        let unasked = log(|_| {});
        assert!(unasked.wants(Kind::Fail) && unasked.refusals_unasked());
        let asked = log(|spec| spec.logging.failure.attempt = true);
        assert!(asked.wants(Kind::Fail) && !asked.refusals_unasked());
    }

    #[test]
    fn log_type_tells_the_level_of_the_lines_and_not_of_the_messages() {
        let to = |target| log(|spec| spec.logging.target = target);
        let usual = (Facility::Daemon, Level::Info);
        let file = LogTarget::File {
            path: "/var/log/x".into(),
            limits: None,
        };
        let own = LogTarget::Syslog {
            facility: Facility::Local3,
            level: Level::Notice,
        };
        assert_eq!(to(LogTarget::Unset).urgency(Kind::Start), usual);
        assert_eq!(to(file).urgency(Kind::Fail), usual);
        let own = to(own);
        assert_eq!(own.urgency(Kind::Exit), (Facility::Local3, Level::Notice));
        assert_eq!(
            own.urgency(Kind::Activating),
            (Facility::Daemon, Level::Err)
        );
    }
}
