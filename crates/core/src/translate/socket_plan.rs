//! What a service's socket is, as plain data: the socket unit is written by it, and where there is no systemd
//! the supervisor binds it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use super::mux::MuxPlace;
use super::servable::{Door, Servable};
use super::unit_name::UnitName;
use super::zone::Zone;
use crate::service::{AccessRule, AccessRules, Family, Port, Service, SocketType};
use crate::spec::Task;

/// The socket of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketPlan {
    /// One that clients reach.
    Port(PortPlan),
    /// A stream socket of unix(7) with this path, on which tcpmux hands clients on.
    Mux(PathBuf),
}

impl SocketPlan {
    /// That of a service.
    pub(super) fn of(
        service: &Service,
        servable: &Servable,
        unit: &UnitName,
        mux: &MuxPlace,
    ) -> Self {
        match &servable.door {
            Door::Port { port, family, bind } => Self::Port(PortPlan::of(
                service,
                &servable.task,
                *port,
                *family,
                bind.as_ref(),
            )),
            Door::Mux(_) => Self::Mux(mux.socket(unit)),
        }
    }
}

impl fmt::Display for SocketPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(plan) => plan.address.fmt(f),
            Self::Mux(path) => path.display().fmt(f),
        }
    }
}

/// The socket of a service that has a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortPlan {
    /// Whether it takes datagrams; else it listens for connections.
    pub is_datagram: bool,
    /// What it is bound to.
    pub address: BindAddress,
    /// Whether it may be bound to an address that comes up later (ip(7), `IP_FREEBIND`).
    pub free_bind: bool,
    /// `TCP_NODELAY`.
    pub no_delay: bool,
    /// `SO_KEEPALIVE`.
    pub keep_alive: bool,
    /// The lists of addresses that the helper makes a filter of packets of.
    pub packet_filter: PacketFilterLists,
}

/// What a socket is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindAddress {
    /// This port of all addresses of both families; of IPv4 alone on a machine without IPv6.
    AnyFamily(u16),
    /// An address of IPv4.
    V4(Ipv4Addr, u16),
    /// An address of IPv6.
    V6 {
        /// The address.
        address: Ipv6Addr,
        /// The port.
        port: u16,
        /// The interface of a link-local address.
        zone: Option<Zone>,
        /// Whether it has no clients of IPv4 (`IPV6_V6ONLY`).
        is_only: bool,
    },
}

impl fmt::Display for BindAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyFamily(port) => write!(f, "port {port}"),
            Self::V4(address, port) => write!(f, "{address}:{port}"),
            Self::V6 {
                address,
                port,
                zone: Some(zone),
                ..
            } => write!(f, "[{address}%{zone}]:{port}"),
            Self::V6 { address, port, .. } => write!(f, "[{address}]:{port}"),
        }
    }
}

/// The lists of a server that accepts by itself, as a filter of packets holds for them.
///
/// The filter is the socket's as long as that is open: other lists take another helper, and where none
/// runs another socket, as a client that is dropped starts no helper.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacketFilterLists {
    /// `only_from`, where the service has it.
    pub only_from: Option<String>,
    /// `no_access`, where the service has it.
    pub no_access: Option<String>,
}

impl PacketFilterLists {
    fn of(service: &Service, task: &Task) -> Self {
        if !matches!(task, Task::Wait(_)) || service.socket_type != SocketType::Stream {
            return Self::default();
        }
        let text = |list: &[AccessRule]| {
            let patterns: Vec<String> = list.iter().map(|rule| rule.pattern.to_string()).collect();
            patterns.join(" ")
        };
        let AccessRules {
            only_from,
            no_access,
        } = &service.access;
        Self {
            only_from: only_from.as_deref().map(text),
            no_access: (!no_access.is_empty()).then(|| text(no_access)),
        }
    }
}

impl PortPlan {
    /// That of a service with this door.
    fn of(
        service: &Service,
        task: &Task,
        Port(port): Port,
        family: Family,
        bind: Option<&(IpAddr, Option<Zone>)>,
    ) -> Self {
        let is_datagram = service.socket_type == SocketType::Dgram;
        let address = match (bind, family) {
            (Some((address, zone)), _) => match *address {
                IpAddr::V4(address) => BindAddress::V4(address, port),
                IpAddr::V6(address) => BindAddress::V6 {
                    address,
                    port,
                    zone: zone.clone(),
                    is_only: family == Family::V6Only,
                },
            },
            (None, Family::V4) => BindAddress::V4(Ipv4Addr::UNSPECIFIED, port),
            (None, Family::Any) => BindAddress::AnyFamily(port),
            (None, Family::V6 | Family::V6Only) => BindAddress::V6 {
                address: Ipv6Addr::UNSPECIFIED,
                port,
                zone: None,
                is_only: family == Family::V6Only,
            },
        };
        Self {
            is_datagram,
            address,
            free_bind: bind.is_some(),
            no_delay: service.flags.nodelay && !is_datagram,
            keep_alive: service.flags.keepalive && !is_datagram,
            packet_filter: PacketFilterLists::of(service, task),
        }
    }
}
