//! What no file says: whether servers are there, and whether sockets listen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use xinetd_core::config::{Attribute, Databases};
use xinetd_core::problem::{Problem, Severity};
use xinetd_core::service::{Service, Serving};
use xinetd_core::translate::{Native, ServiceReport, Standing, TranslatedService};

use super::executable::hindrance;
use super::machine::is_own;
use super::manager;
use crate::installed;
use crate::reconcile::{Trouble, is_executable};

/// Which sockets do not listen, though their services are switched on.
#[derive(Debug, Default)]
pub(super) struct Listening {
    /// By the word of the service manager; none where that can't be asked.
    told: Option<BTreeMap<String, Trouble>>,
    /// For errors in the files: the service manager does not know these.
    faulty: BTreeMap<String, Trouble>,
}

impl Listening {
    /// Asks the service manager about these units without suffix.
    ///
    /// Nothing is known where there is none, or this user may not ask it, and of the files below another root.
    pub(super) fn look<'a>(root: Option<&Path>, units: impl IntoIterator<Item = &'a str>) -> Self {
        if !is_own(root) {
            return Self::default();
        }
        let units: BTreeSet<&str> = units.into_iter().collect();
        Self {
            told: manager::of_this_machine().troubles(&units).ok(),
            faulty: BTreeMap::new(),
        }
    }

    /// The same with services that have errors in the files, by the units that stand for them.
    pub(super) fn with_faulty(self, faulty: BTreeMap<String, Trouble>) -> Self {
        Self { faulty, ..self }
    }

    /// Whether a unit stands for a service that has errors in the files.
    pub(super) fn is_faulty(&self, unit: &str) -> bool {
        self.faulty.contains_key(unit)
    }

    /// Asks about those of the units, which the service manager has, that are switched on.
    pub(super) fn look_at_enabled<'a>(units: impl IntoIterator<Item = &'a str>) -> Self {
        let manager = manager::of_this_machine();
        let units = units.into_iter().filter(|unit| manager.is_enabled(unit));
        Self::look(None, units)
    }

    /// Why the socket of a unit does not listen, if it does not.
    pub(super) fn trouble(&self, unit: &str) -> Option<&Trouble> {
        let told = || self.told.as_ref()?.get(unit);
        self.faulty.get(unit).or_else(told)
    }

    /// Whether it does, as far as it is known.
    pub(super) fn listens(&self, unit: &str) -> Option<bool> {
        match self.is_faulty(unit) {
            true => Some(false),
            false => Some(!self.told.as_ref()?.contains_key(unit)),
        }
    }
}

/// The unit, without suffix, of a service that is switched on: by its file, or by `systemctl enable` where it
/// was ejected.
pub(super) fn enabled_unit(standing: &Standing) -> Option<&str> {
    match standing {
        Standing::Served {
            unit,
            enabled: true,
            ..
        } => Some(unit),
        Standing::Native {
            unit,
            native: Native::Ejected,
            ..
        } => installed::is_enabled(unit).then_some(unit),
        Standing::Served { .. } | Standing::Native { .. } | Standing::NotServed(_) => None,
    }
}

/// The unit, without suffix, of a service that has units of ours, switched on or off.
pub(super) fn served_unit(standing: &Standing) -> Option<&str> {
    match standing {
        Standing::Served { unit, .. } => Some(unit),
        Standing::Native { .. } | Standing::NotServed(_) => enabled_unit(standing),
    }
}

/// Names the services whose sockets do not listen.
pub(super) fn silent(services: &[ServiceReport]) -> Vec<Problem> {
    let units = services.iter();
    let units = units.filter_map(|service| enabled_unit(&service.standing));
    let listening = Listening::look(None, units);
    let problem = |service: &ServiceReport| {
        let trouble = listening.trouble(enabled_unit(&service.standing)?)?;
        let (severity, help) = match trouble {
            // It is said of the file's line.
            Trouble::Unmet { start: None, .. } => return None,
            Trouble::Unmet { .. } => (Severity::Warning, ""),
            // That is said of real xinetd itself.
            Trouble::LeftToReal => return None,
            Trouble::Unapplied
            | Trouble::Stopped { .. }
            | Trouble::AllStopped
            | Trouble::AllMasked => (Severity::Note, ""),
            Trouble::Taken { .. } | Trouble::Closed | Trouble::Failed { .. } => {
                (Severity::Warning, "`xinetdctl reload` tries it again")
            }
            Trouble::Shared { .. } => (Severity::Warning, "stop one of the two"),
            Trouble::Stuck | Trouble::Faulty { .. } | Trouble::Supervised { .. } => {
                (Severity::Warning, "")
            }
            Trouble::TurnedAway { .. } => (
                Severity::Warning,
                "its helper asks the name services again every two seconds while clients come",
            ),
            Trouble::Unstartable { .. } => (
                Severity::Warning,
                "systemd tries it once a second; `systemctl cat` shows drop-ins of the unit",
            ),
            Trouble::Unexecutable { .. } => (
                Severity::Warning,
                "have the service's user execute it; the next client tries it again",
            ),
            Trouble::Unregistered => (
                Severity::Warning,
                "it is registered as soon as rpcbind answers",
            ),
        };
        Some(Problem {
            severity,
            code: match trouble {
                Trouble::Shared { .. } => "port-shared",
                _ => "not-listening",
            },
            place: service.place.clone(),
            message: format!("{} is down: {trouble}", service.id.to_text()),
            help: help.to_owned(),
        })
    };
    services.iter().filter_map(problem).collect()
}

/// The path of a service's server, where none is there: systemd does not start the socket then.
pub(super) fn missing_server(service: &Service) -> Option<String> {
    let Serving::Program(program) = &service.serving else {
        return None;
    };
    // Another user than root may be unable to tell.
    let is_missing = is_executable(program.path.as_path()) == Some(false);
    is_missing.then(|| program.path.to_text())
}

/// Names the servers that are not there, as systemd does not start the sockets of such services, and those
/// that can't be executed, as each client is reset.
///
/// Nothing is said of a file in whose place a unit of the administrator counts.
pub(super) fn missing_servers(
    services: &[Service],
    translated: &[TranslatedService],
    databases: &Databases,
) -> Vec<Problem> {
    let problem = |service: &Service| {
        let Serving::Program(program) = &service.serving else {
            return None;
        };
        let (code, message, help) = match missing_server(service) {
            Some(path) => (
                "server-missing",
                format!("{path} is not there, or not executable: the service does not listen"),
                "install it, and then run `xinetdctl reload`",
            ),
            None => {
                let credentials = service.credentials.as_ref()?;
                let why = hindrance(program.path.as_path(), credentials, databases)?;
                (
                    "server-unexecutable",
                    format!("{} {why}: each client is reset", program.path.to_text()),
                    "the next client finds it mended",
                )
            }
        };
        let mut lines = service.attributes.iter().rev();
        let line = lines.find(|line| line.attribute == Attribute::Server);
        Some(Problem {
            severity: match service.enabled {
                true => Severity::Warning,
                false => Severity::Note,
            },
            code,
            place: line.map_or(&service.place, |line| &line.place).clone(),
            message,
            help: help.to_owned(),
        })
    };
    let is_native =
        |one: &TranslatedService| matches!(one.report.standing, Standing::Native { .. });
    let counting = services.iter().zip(translated);
    let counting = counting.filter(|(_, translated)| !is_native(translated));
    counting
        .filter_map(|(service, _)| problem(service))
        .collect()
}
