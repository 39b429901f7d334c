//! tcpmux and the services that it leads to (docs/xinetd-behaviour.md, section 4.13).
//!
//! Each keeps a helper of its own, under its own user: the helper of tcpmux reads a name and hands
//! the connection to the helper of that service, on a unix socket which that listens on in place of
//! a port. So tcpmux needs no rights, and the service's own limits, lists and log lines hold.

use std::path::PathBuf;

use super::servable::{Door, Servable};
use super::unit_name::UnitName;
use crate::service::{Mux, Service, SocketType};
use crate::spec::{MAX_TCPMUX, MUX_DIRECTORY, MuxClient, MuxTarget, Task};

/// The size of a path that a socket can have (unix(7)), without the NUL at its end.
const MAX_PATH: usize = 107;

/// What services have to know of each other: which leads to which, and which answer datagrams.
#[derive(Debug, Default)]
pub(super) struct Switchboard {
    targets: Vec<MuxTarget>,
    /// The ports of internal services for datagrams.
    answering: Vec<u16>,
    /// The units of the services tcpmux.
    units: Vec<String>,
    /// One of them is on.
    leads: bool,
}

impl Switchboard {
    /// Adds a service that has units. False if it is a tcpmux that is one too many.
    pub(super) fn add(&mut self, service: &Service, servable: &Servable, unit: &UnitName) -> bool {
        if let Task::Tcpmux(_) = servable.task {
            if self.units.len() == MAX_TCPMUX {
                return false;
            }
            self.units.push(unit.to_string());
            self.leads |= service.enabled;
        }
        if let Door::Mux(_) = servable.door {
            self.targets.push(MuxTarget {
                name: service.name.clone(),
                socket: socket(unit),
            });
        }
        true
    }

    /// Notes at which port a service answers datagrams, if it is an internal one that does.
    pub(super) fn note(&mut self, service: &Service, servable: &Servable) {
        if let (Task::Internal(_), SocketType::Dgram, Door::Port { port, .. }) =
            (&servable.task, service.socket_type, &servable.door)
        {
            self.answering.push(port.0);
        }
    }

    /// The ports that send no datagrams to a service as clients do, beside those that never do.
    pub(super) fn answering(&self, service: &Service, task: &Task) -> Vec<u16> {
        match (task, service.socket_type) {
            (Task::Internal(_), SocketType::Dgram) => self.answering.clone(),
            _ => Vec::new(),
        }
    }

    /// The task, with all that tcpmux has to know.
    pub(super) fn task(&self, task: &Task) -> Task {
        match task {
            Task::Tcpmux(_) => Task::Tcpmux(self.targets.clone()),
            other => other.clone(),
        }
    }

    /// What a service needs that tcpmux leads to.
    pub(super) fn client(&self, service: &Service, door: &Door) -> Option<MuxClient> {
        let Door::Mux(mux) = door else {
            return None;
        };
        Some(MuxClient {
            plus: *mux == Mux::Plus,
            nodelay: service.flags.nodelay,
            keepalive: service.flags.keepalive,
            from: self.units.clone(),
        })
    }

    /// Whether no tcpmux that is on leads to the services of type TCPMUX.
    pub(super) fn is_dead(&self) -> bool {
        !self.leads
    }
}

/// Whether a socket can have a path with this name.
pub(super) fn has_socket(unit: &UnitName) -> bool {
    socket(unit).as_os_str().len() <= MAX_PATH
}

fn socket(unit: &UnitName) -> PathBuf {
    PathBuf::from(MUX_DIRECTORY).join(unit.simple())
}
