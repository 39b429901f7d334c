//! What no file says: whether servers are there, and whether sockets listen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::machine::is_here;
use crate::config::Attribute;
use crate::generated;
use crate::problem::{Problem, Severity};
use crate::reconcile::{Trouble, troubles};
use crate::service::{Service, Serving};
use crate::translate::{ServiceReport, Standing};

/// Which sockets do not listen, though their services are switched on.
#[derive(Debug, Default)]
pub(super) struct Listening(Option<BTreeMap<String, Trouble>>);

impl Listening {
    /// Asks systemd about these units without suffix.
    ///
    /// Nothing is known where systemd does not run, and of the files below another root.
    pub(super) fn look<'a>(root: Option<&Path>, units: impl IntoIterator<Item = &'a str>) -> Self {
        if !is_here(root) {
            return Self::default();
        }
        let units: BTreeSet<&str> = units.into_iter().collect();
        Self(troubles(&units).ok())
    }

    /// Asks about those of the units that the generator has switched on.
    pub(super) fn look_at_enabled<'a>(units: impl IntoIterator<Item = &'a str>) -> Self {
        let units = units.into_iter().filter(|unit| generated::is_enabled(unit));
        Self::look(None, units)
    }

    /// Why the socket of a unit does not listen, if it does not.
    pub(super) fn trouble(&self, unit: &str) -> Option<&Trouble> {
        self.0.as_ref()?.get(unit)
    }

    /// Whether it does, as far as it is known.
    pub(super) fn listens(&self, unit: &str) -> Option<bool> {
        Some(!self.0.as_ref()?.contains_key(unit))
    }
}

/// The unit, without suffix, of a service that is switched on.
pub(super) fn enabled_unit(standing: &Standing) -> Option<&str> {
    match standing {
        Standing::Served {
            unit,
            enabled: true,
            ..
        } => Some(unit),
        Standing::Served { .. } | Standing::Native { .. } | Standing::NotServed(_) => None,
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
            Trouble::Unmet { .. } => return None,
            // That is said of real xinetd itself.
            Trouble::LeftToReal => return None,
            Trouble::Unapplied | Trouble::Stopped { .. } => (Severity::Note, ""),
            Trouble::Taken { .. } | Trouble::Closed | Trouble::Failed { .. } => {
                (Severity::Warning, "`xinetdctl reload` tries it again")
            }
            Trouble::Stuck => (Severity::Warning, ""),
            Trouble::TurnedAway { .. } => (
                Severity::Warning,
                "its helper asks the name services again every two seconds while clients come",
            ),
        };
        Some(Problem {
            severity,
            code: "not-listening",
            place: service.place.clone(),
            message: format!("{} is down: {trouble}", service.id.to_text()),
            help: help.to_owned(),
        })
    };
    services.iter().filter_map(problem).collect()
}

/// Names the servers that are not there: systemd does not start the sockets of such services.
pub(super) fn missing_servers(services: &[Service]) -> Vec<Problem> {
    let problem = |service: &Service| {
        let Serving::Program(program) = &service.serving else {
            return None;
        };
        let may_be_executable = match fs::metadata(program.path.as_path()) {
            Ok(file) => file.is_file() && file.permissions().mode() & 0o111 != 0,
            // Another user than root can't tell.
            Err(error) => error.kind() == ErrorKind::PermissionDenied,
        };
        if may_be_executable {
            return None;
        }
        let mut lines = service.attributes.iter().rev();
        let line = lines.find(|line| line.attribute == Attribute::Server);
        let path = program.path.to_text();
        Some(Problem {
            severity: match service.enabled {
                true => Severity::Warning,
                false => Severity::Note,
            },
            code: "server-missing",
            place: line.map_or(&service.place, |line| &line.place).clone(),
            message: format!("{path} is not there, or not executable: the service does not listen"),
            help: "install it, and then run `xinetdctl reload`".to_owned(),
        })
    };
    services.iter().filter_map(problem).collect()
}
