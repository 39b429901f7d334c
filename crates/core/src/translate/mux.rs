//! tcpmux and the services that it leads to (docs/xinetd-behaviour.md, section 4.13).
//!
//! Each keeps a helper of its own, under its own user: the helper of tcpmux reads a name and hands
//! the connection to the helper of that service, on a unix socket which that listens on in place of
//! a port. So tcpmux needs no rights, and the service's own limits, lists and log lines hold.

use std::path::{Path, PathBuf};

use super::servable::{Door, Servable};
use super::unit_name::UnitName;
use crate::service::{Mux, Service, SocketType};
use crate::spec::{MAX_TCPMUX, MUX_DIRECTORY, MuxClient, MuxSecret, MuxSender, MuxTarget, Task};

/// The size of a path that a socket can have (unix(7)), without the NUL at its end.
const MAX_PATH: usize = 107;

/// Where services that tcpmux leads to listen, and by what they know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MuxPlace {
    directory: PathBuf,
    /// None where systemd tells which process is of which unit.
    secret: Option<MuxSecret>,
}

impl MuxPlace {
    /// Under systemd.
    pub(super) fn units() -> Self {
        Self {
            directory: MUX_DIRECTORY.into(),
            secret: None,
        }
    }

    /// In this directory of a supervisor, which tells both sides the secret.
    pub fn supervised(directory: PathBuf, secret: MuxSecret) -> Self {
        Self {
            directory,
            secret: Some(secret),
        }
    }

    /// Where the sockets lie.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The path of a service's socket.
    pub(super) fn socket(&self, unit: &UnitName) -> PathBuf {
        self.directory.join(unit.simple())
    }

    /// Whether a socket can have the path for this name.
    pub(super) fn has_room(&self, unit: &UnitName) -> bool {
        self.socket(unit).as_os_str().len() <= MAX_PATH
    }
}

/// What services have to know of each other: which leads to which, and which answer datagrams.
#[derive(Debug)]
pub(super) struct Switchboard {
    place: MuxPlace,
    targets: Vec<MuxTarget>,
    /// The ports of internal services for datagrams.
    answering: Vec<u16>,
    /// The units of the services tcpmux.
    units: Vec<String>,
    /// One of them is on.
    leads: bool,
}

impl Switchboard {
    /// Without services.
    pub(super) fn new(place: MuxPlace) -> Self {
        Self {
            place,
            targets: Vec::new(),
            answering: Vec::new(),
            units: Vec::new(),
            leads: false,
        }
    }

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
                socket: self.place.socket(unit),
                secret: self.place.secret,
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
            from: match self.place.secret {
                None => MuxSender::Units(self.units.clone()),
                Some(secret) => MuxSender::Secret(secret),
            },
        })
    }

    /// Whether no tcpmux that is on leads to the services of type TCPMUX.
    pub(super) fn is_dead(&self) -> bool {
        !self.leads
    }
}
