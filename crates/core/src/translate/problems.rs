//! What is worth saying about a translation.

use std::path::Path;

use super::name::Native;
use super::obstacle::{Obstacle, place_of};
use super::report::{ServiceReport, Standing};
use super::unit_name::UnitName;
use crate::bytes::ByteString;
use crate::config::{Attribute, Configuration};
use crate::policy::PacketLists;
use crate::problem::{Problem, Severity};
use crate::service::{Service, Serving};
use crate::startup::Startup;

/// Problems as they are found.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<Problem>,
}

impl Problems {
    /// All of them, in the order in which they were found.
    pub(super) fn finish(self) -> Vec<Problem> {
        self.list
    }

    /// Adds what was found elsewhere.
    pub(super) fn append(&mut self, other: Self) {
        self.list.extend(other.list);
    }

    fn add(&mut self, problem: Problem) {
        self.list.push(problem);
    }

    /// What is wrong beside xinetd's files, and what has no effect in /etc/xinetd-bridge.toml.
    pub(super) fn startup(&mut self, configuration: &Configuration, startup: &Startup) {
        self.list.extend(startup.problems().cloned());
        for (id, section) in startup.options().services() {
            let is_it = |other: &ByteString| other.to_text() == id;
            let service = configuration.services.iter().find(|s| is_it(&s.id));
            let dropped = configuration.dropped.iter().any(|other| is_it(&other.id));
            let redirects = service.is_some_and(|s| matches!(s.serving, Serving::Redirect { .. }));
            let message = match service {
                None if dropped => continue,
                None => format!("no service has the id {id}"),
                Some(_) if section.redirect.is_some() && !redirects => {
                    format!("{id} does not redirect")
                }
                Some(_) => continue,
            };
            self.add(Problem {
                severity: Severity::Warning,
                code: "bridge-file-unused",
                place: section.place.clone(),
                message,
                help: "write the id of a service that has the attribute redirect".to_owned(),
            });
        }
    }

    pub(super) fn native(
        &mut self,
        service: &Service,
        unit: &UnitName,
        path: &Path,
        native: Native,
    ) {
        let (id, path) = (service.id.to_text(), path.display());
        let (code, message, help) = match native {
            Native::Own => (
                "native-unit",
                format!("{path} takes the place of {unit}"),
                "remove one of the two if that is not meant".to_owned(),
            ),
            Native::Copy => (
                "native-copy",
                format!(
                    "{path} has the name of {id}, and there is no {unit}.socket: no socket listens for it"
                ),
                format!(
                    "move {path} away and use a drop-in (`systemctl edit {unit}.service`), or write \
                     {unit}.socket as well"
                ),
            ),
            Native::Mask => (
                "masked-unit",
                format!("{id} is masked by {path}, and not served"),
                match path.to_string().rsplit_once('/') {
                    Some((_, name)) => format!("`systemctl unmask {name}` brings it back"),
                    None => String::new(),
                },
            ),
            Native::Ejected => (
                "ejected",
                format!("{id} was ejected to {path}: what stands here has no effect"),
                format!("change {path}, or remove this service"),
            ),
        };
        self.add(Problem {
            severity: match native {
                Native::Copy => severity(service, Severity::Warning),
                Native::Own | Native::Mask | Native::Ejected => Severity::Note,
            },
            code,
            place: service.place.clone(),
            message,
            help,
        });
    }

    pub(super) fn renamed(&mut self, service: &Service, unit: &UnitName, path: &Path) {
        self.add(Problem {
            severity: Severity::Note,
            code: "vendor-unit",
            place: service.place.clone(),
            message: format!(
                "the units are called {unit}, as there is {}",
                path.display()
            ),
            help: format!("use {unit}.socket and {unit}.service"),
        });
    }

    /// A service of type TCPMUX without a tcpmux that is on: xinetd says nothing.
    pub(super) fn unreachable(&mut self, service: &Service) {
        self.add(Problem {
            severity: severity(service, Severity::Warning),
            code: "no-tcpmux",
            place: place_of(service, Attribute::Type).clone(),
            message: format!(
                "{}: no service tcpmux that is on leads to it, so that no client can reach it",
                service.id.to_text()
            ),
            help: "switch tcpmux on, or add a service tcpmux with type = INTERNAL".to_owned(),
        });
    }

    /// Host names in the lists of a server that accepts by itself: xinetd heeds none of its lists.
    pub(super) fn unknown_names(&mut self, service: &Service) {
        let lists = PacketLists::new(&service.access, true);
        let rows = [
            (
                lists.allows_names,
                Attribute::OnlyFrom,
                "its host names let no client in",
            ),
            (
                lists.denies_names,
                Attribute::NoAccess,
                "its host names keep no client out",
            ),
        ];
        for (_, attribute, what) in rows.into_iter().filter(|row| row.0) {
            self.add(Problem {
                severity: severity(service, Severity::Warning),
                code: "names-unknown",
                place: place_of(service, attribute).clone(),
                message: format!(
                    "{}: with wait = yes {} is a filter of packets, which have no names: {what}",
                    service.id.to_text(),
                    attribute.name()
                ),
                help: "write addresses, or have the server itself look at names".to_owned(),
            });
        }
    }

    /// What is not served or not enforced, at its place.
    pub(super) fn report(&mut self, service: &Service, report: &ServiceReport) {
        if let Standing::NotServed(obstacles) = &report.standing {
            self.not_served(service, obstacles);
        }
    }

    /// What stands in the way of a service, each at its place.
    pub(super) fn not_served(&mut self, service: &Service, obstacles: &[Obstacle]) {
        for obstacle in obstacles {
            self.add(Problem {
                severity: severity(service, Severity::Error),
                code: "not-served",
                place: obstacle.place.clone(),
                message: format!("{}: {}", service.id.to_text(), obstacle.reason),
                help: obstacle.reason.help().to_owned(),
            });
        }
    }
}

/// What is wrong in a service that is switched off is no more than a note.
fn severity(service: &Service, severity: Severity) -> Severity {
    if service.enabled {
        severity
    } else {
        Severity::Note
    }
}
