//! RPC services (docs/xinetd-behaviour.md, section 4.14): their ports, and the unit that registers them.
//!
//! systemd opens no port that the kernel chooses, so a service without `port` gets one here: by its
//! program, so that it stays the same, from a range that Linux gives to no socket by itself.

use std::collections::HashSet;

use super::output::GeneratedLink;
use super::servable::{Door, Servable};
use super::unit::{Directive, UnitFile, Value};
use super::unit_name::{UnitName, rpc_unit};
use super::unit_section::unit_section;
use crate::portmap::{Endpoint, RpcService};
use crate::service::{Port, Protocol, Reach, Service};

/// The ports behind those of ip_local_port_range, as Linux sets it.
const FIRST: u16 = 61_000;

/// How many there are.
const COUNT: u16 = u16::MAX - FIRST + 1;

/// The ports of the services that are RPC services, each in its place.
pub(super) fn ports(services: &[Service]) -> Vec<Option<Port>> {
    let given = |service: &Service| match &service.reach {
        Reach::Listen(listen) | Reach::Rpc(_, listen) => Some(listen.port),
        Reach::Mux(_) => None,
    };
    let is_tcp = |service: &Service| service.protocol == Protocol::Tcp;
    let given_ports = services
        .iter()
        .filter_map(|service| Some((is_tcp(service), given(service)?.0)));
    let mut taken: HashSet<(bool, u16)> = given_ports.collect();
    let port = |service: &Service| match &service.reach {
        Reach::Rpc(_, listen) if listen.port != Port(0) => Some(listen.port),
        Reach::Rpc(program, _) => {
            let start = hash(program.number, program.versions.first);
            let tried = (0..COUNT).map(|step| FIRST + (start + step) % COUNT);
            let mut free = tried.filter(|port| !taken.contains(&(is_tcp(service), *port)));
            // With so many services the last ones clash.
            let port = free.next().unwrap_or(FIRST);
            taken.insert((is_tcp(service), port));
            Some(Port(port))
        }
        Reach::Listen(_) | Reach::Mux(_) => None,
    };
    services.iter().map(port).collect()
}

/// A number below [`COUNT`] (FNV-1a): the same in each version of this program.
fn hash(program: u32, version: u32) -> u16 {
    let bytes = program
        .to_be_bytes()
        .into_iter()
        .chain(version.to_be_bytes());
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(16_777_619);
    let hash = bytes.fold(2_166_136_261, step) % u32::from(COUNT);
    u16::try_from(hash).unwrap_or(0)
}

/// The link by which a start of rpcbind registers the service again.
pub(super) fn link(unit: &UnitName) -> GeneratedLink {
    let name = rpc_unit(unit.as_str());
    GeneratedLink {
        path: format!("rpcbind.service.wants/{name}").into(),
        target: format!("../{name}").into(),
    }
}

/// What has to be added to the socket of an RPC service: to its sections Unit and Socket.
pub(super) fn socket(
    service: &Service,
    servable: &Servable,
    unit: &UnitName,
) -> Option<(Directive, Directive)> {
    let rpc = rpc_service(service, servable)?;
    let command = Value::Helper("-", arguments("--rpc-unregister", &rpc));
    Some((
        Directive::new("Wants", Value::RpcUnit(unit.clone())),
        Directive::new("ExecStopPost", command),
    ))
}

/// The unit that registers an RPC service: when its socket starts, which wants it, and when rpcbind
/// does, by a link. It ends when that is done.
pub(super) fn unit(service: &Service, servable: &Servable, unit: &UnitName) -> Option<UnitFile> {
    let rpc = rpc_service(service, servable)?;
    let literal = |key, value| Directive::new(key, Value::Literal(value));
    let mut head = unit_section(service);
    head.extend([
        // The start of rpcbind must not start a service that is off.
        Directive::new("Requisite", Value::Unit(unit.clone(), ".socket")),
        Directive::new("PartOf", Value::Unit(unit.clone(), ".socket")),
        // A start that meets it while it ends would be lost: it goes down and up with rpcbind.
        literal("PartOf", "rpcbind.service"),
        Directive::new("After", Value::Unit(unit.clone(), ".socket")),
        literal("After", "rpcbind.service"),
        literal("CollectMode", "inactive-or-failed"),
        Directive::new("StartLimitIntervalSec", Value::Number(0)),
    ]);
    let command = Value::Helper("", arguments("--rpc-register", &rpc));
    let body = vec![
        // No unit waits for it: it may wait for an rpcbind that never comes.
        literal("Type", "exec"),
        Directive::new("ExecStart", command),
        literal("SyslogIdentifier", "xinetd"),
        literal("Restart", "on-failure"),
        literal("RestartSec", "5s"),
        // Root, as whom it registers, but without root's rights.
        literal("CapabilityBoundingSet", ""),
        literal("NoNewPrivileges", "yes"),
        literal("PrivateDevices", "yes"),
        literal("PrivateNetwork", "yes"),
        literal("ProtectHome", "yes"),
        literal("ProtectSystem", "strict"),
        literal("RestrictAddressFamilies", "AF_UNIX"),
        literal("SystemCallFilter", "@system-service"),
    ];
    Some(UnitFile {
        sections: vec![("Unit", head), ("Service", body)],
    })
}

/// What the portmapper is told of a service, if it is an RPC service.
pub(super) fn rpc_service(service: &Service, servable: &Servable) -> Option<RpcService> {
    let (Some(rpc), Door::Port { port, family, bind }) = (&servable.rpc, &servable.door) else {
        return None;
    };
    let bind = bind.as_ref().map(|(address, _)| *address);
    Some(RpcService {
        id: service.id.to_text(),
        program: rpc.number,
        versions: (rpc.versions.first, rpc.versions.last),
        endpoints: Endpoint::of(service.socket_type, *family, bind, port.0),
    })
}

fn arguments(command: &str, rpc: &RpcService) -> Vec<Vec<u8>> {
    let words = std::iter::once(command.to_owned()).chain(rpc.words());
    words.map(String::into_bytes).collect()
}
