//! Which services this version can't serve, and why.

use std::net::IpAddr;

use super::account::{check, is_root, nobody};
use super::obstacle::{Obstacle, Reason};
use super::zone::Zone;
use crate::bans::BanOptions;
use crate::config::Attribute;
use crate::options::ServiceOptions;
use crate::policy::PacketLists;
use crate::service::{
    Bind, Credentials, DenyTime, Family, Internal, Mux, Port, Protocol, Reach, RpcProgram, Service,
    Serving, SocketType,
};
use crate::spec::{Redirect, Sensor, Target, Task};

/// What the units of a service need, which only a service that can be served has.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Servable {
    pub(super) door: Door,
    /// What the portmapper tells of it.
    pub(super) rpc: Option<RpcProgram>,
    pub(super) task: Task,
    /// What the helper runs as, and the server.
    pub(super) credentials: Credentials,
}

/// Where connections come from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Door {
    /// A port of its own.
    Port {
        port: Port,
        family: Family,
        /// The address and zone of `bind`.
        bind: Option<(IpAddr, Option<Zone>)>,
    },
    /// The tcpmux service.
    Mux(Mux),
}

/// The parts for the units, or all that stands in the way.
///
/// `options` is what /etc/xinetd-bridge.toml says of the service, `bans` what it says of bans.
/// `rpc_port` is the port of an RPC service.
pub(super) fn servable(
    service: &Service,
    options: Option<&ServiceOptions>,
    bans: &BanOptions,
    rpc_port: Option<Port>,
) -> Result<Servable, Vec<Obstacle>> {
    let mut found = Obstacles {
        service,
        list: Vec::new(),
    };
    // An internal service takes its clients itself, whatever wait says; one behind tcpmux has no
    // socket to wait for.
    let is_waiting = service.wait
        && matches!(service.serving, Serving::Program(_))
        && !matches!(service.reach, Reach::Mux(_));
    match service.socket_type {
        SocketType::Stream => {}
        SocketType::Dgram if is_waiting || takes_datagrams(service) => {}
        SocketType::Dgram if matches!(service.serving, Serving::Program(_)) => {
            found.add(Attribute::Wait, Reason::DatagramNowait);
        }
        other => found.add(Attribute::SocketType, Reason::SocketType(other)),
    }
    if is_waiting
        && service.socket_type == SocketType::Stream
        && let Some(attribute) = list(service)
        && PacketLists::new(&service.access, true).program().is_none()
    {
        found.add(attribute, Reason::LongList);
    }
    match &service.protocol {
        Protocol::Tcp => {}
        // Said by the socket type already.
        Protocol::Udp if service.socket_type == SocketType::Dgram => {}
        Protocol::Udp => found.add(Attribute::Protocol, Reason::Protocol("udp".to_owned())),
        Protocol::Other(name, _) => {
            found.add(Attribute::Protocol, Reason::Protocol(name.to_text()));
        }
    }
    if service.flags.labeled {
        found.add(Attribute::Flags, Reason::Labeled);
    }
    if service.flags.intercept {
        found.add(Attribute::Flags, Reason::Intercept);
    }
    let door = match &service.reach {
        Reach::Listen(listen) => {
            let bind = found.bind(listen.bind.as_ref());
            if listen.port == Port(0) {
                found.add(Attribute::Port, Reason::EphemeralPort);
            }
            Some(Door::Port {
                port: listen.port,
                family: listen.family,
                bind,
            })
        }
        Reach::Rpc(_, listen) => {
            let bind = found.bind(listen.bind.as_ref());
            Some(Door::Port {
                port: rpc_port.unwrap_or(listen.port),
                family: listen.family,
                bind,
            })
        }
        Reach::Mux(mux) => Some(Door::Mux(*mux)),
    };
    let task = match &service.serving {
        Serving::Program(program) if is_waiting => Some(Task::Wait(program.clone())),
        Serving::Program(program) => Some(Task::Execute(program.clone())),
        Serving::Internal(Internal::Builtin(builtin)) => Some(Task::Internal(*builtin)),
        // Which services it leads to is known when all of them have names.
        Serving::Internal(Internal::Tcpmux) => Some(Task::Tcpmux(Vec::new())),
        Serving::Redirect { host, port } => {
            let only = Target {
                host: host.to_text(),
                port: port.0,
            };
            Some(Task::Redirect(redirect(service, only, options)))
        }
        Serving::Sensor(deny_time) => Some(Task::Sensor(Sensor {
            deny_time: match service.socket_type {
                // A client could have any other one banned: the sender of a datagram can be made up.
                SocketType::Dgram => DenyTime::Never,
                _ => *deny_time,
            },
            ipv6_prefix: bans.ipv6_prefix(),
            allow: bans.allow_list(),
        })),
    };
    let credentials = match &service.credentials {
        // xinetd's tcpmux must be root to become the users of others. Ours becomes the user nobody.
        Some(credentials) if !(is_tcpmux(service) && is_root(&credentials.user)) => {
            if let Err((attribute, reason)) = check(credentials) {
                found.add(attribute, reason);
            }
            credentials.clone()
        }
        // Of those without, there are internal services alone.
        _ => nobody(),
    };
    match (door, task) {
        (Some(door), Some(task)) if found.list.is_empty() => Ok(Servable {
            door,
            rpc: match &service.reach {
                Reach::Rpc(program, _) => Some(program.clone()),
                Reach::Listen(_) | Reach::Mux(_) => None,
            },
            task,
            credentials,
        }),
        _ => Err(found.list),
    }
}

/// The list of addresses that a service has.
fn list(service: &Service) -> Option<Attribute> {
    match (
        &service.access.only_from,
        service.access.no_access.is_empty(),
    ) {
        (Some(_), _) => Some(Attribute::OnlyFrom),
        (None, false) => Some(Attribute::NoAccess),
        (None, true) => None,
    }
}

/// Whether the helper takes its datagrams itself.
fn takes_datagrams(service: &Service) -> bool {
    match &service.serving {
        Serving::Internal(Internal::Builtin(_)) | Serving::Sensor(_) => true,
        Serving::Internal(Internal::Tcpmux) | Serving::Program(_) | Serving::Redirect { .. } => {
            false
        }
    }
}

/// Where a service redirects to: what /etc/xinetd-bridge.toml says, and else the one target of
/// xinetd's file.
fn redirect(service: &Service, only: Target, options: Option<&ServiceOptions>) -> Redirect {
    let options = options.and_then(|options| options.redirect.as_ref());
    let targets = options.map_or(&[][..], |options| &options.targets);
    Redirect {
        targets: match targets {
            [] => vec![only],
            targets => targets.to_vec(),
        },
        keepalive: service.flags.keepalive,
        proxy_protocol: options.and_then(|options| options.proxy_protocol),
    }
}

/// Whether it is the service that leads to those of type TCPMUX.
pub(super) fn is_tcpmux(service: &Service) -> bool {
    matches!(service.serving, Serving::Internal(Internal::Tcpmux))
}

/// The obstacles of one service, as they are found.
struct Obstacles<'a> {
    service: &'a Service,
    list: Vec<Obstacle>,
}

impl Obstacles<'_> {
    /// Adds one, at the place of an attribute if the service has that.
    fn add(&mut self, attribute: Attribute, reason: Reason) {
        self.list
            .push(Obstacle::of(self.service, attribute, reason));
    }

    /// The numeric address of `bind`.
    fn bind(&mut self, bind: Option<&Bind>) -> Option<(IpAddr, Option<Zone>)> {
        match bind? {
            Bind::Name(_) => {
                self.add(Attribute::Bind, Reason::BindName);
                None
            }
            Bind::Address(address, None) => Some((*address, None)),
            Bind::Address(address, Some(zone)) => {
                // It is looked up where the socket is bound.
                let zone = Zone::new(zone.as_bytes());
                if zone.is_none() {
                    self.add(Attribute::Bind, Reason::BindZone);
                }
                zone.map(|zone| (*address, Some(zone)))
            }
        }
    }
}
