//! How clients reach a service: protocol, port, family, address (docs/xinetd-behaviour.md, sections 1.4 and
//! 4.1).

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use super::super::report::quoted;
use super::super::values::socket::{flag, kind};
use super::service::Validation;
use crate::problem::Severity;
use crate::service::Attribute;
use crate::service::{Bind, Family, Listen, Mux, Port, Protocol, Reach, RpcProgram, SocketType};

/// The protocol, given or from the socket type.
pub(super) fn protocol(check: &mut Validation<'_>) -> Option<Protocol> {
    match (&check.values.protocol, check.values.socket_type) {
        (Some(protocol), _) => Some(protocol.clone()),
        (None, Some(SocketType::Stream)) => Some(Protocol::Tcp),
        (None, Some(SocketType::Dgram)) => Some(Protocol::Udp),
        (None, Some(_)) => check.missing(Attribute::Protocol),
        // The socket type is reported as missing.
        (None, None) => None,
    }
}

/// The socket type, given or from the protocol.
pub(super) fn socket_type(check: &mut Validation<'_>) -> Option<SocketType> {
    let of_protocol = match check.values.protocol {
        Some(Protocol::Tcp) => Some(SocketType::Stream),
        Some(Protocol::Udp) => Some(SocketType::Dgram),
        Some(Protocol::Other(..)) | None => None,
    };
    let Some(socket_type) = check.values.socket_type else {
        return of_protocol.or_else(|| check.missing(Attribute::SocketType));
    };
    // A raw socket goes with any protocol.
    if of_protocol.is_some_and(|fitting| ![fitting, SocketType::Raw].contains(&socket_type)) {
        let place = check.place(Attribute::SocketType);
        return check.fail(
            "socket-protocol",
            place,
            "there is no socket of this socket_type and protocol",
            "write stream with tcp, or dgram with udp",
        );
    }
    Some(socket_type)
}

/// The name of a protocol in /etc/services.
pub(super) fn protocol_name(protocol: &Protocol) -> &[u8] {
    match protocol {
        Protocol::Tcp => b"tcp",
        Protocol::Udp => b"udp",
        Protocol::Other(name, _) => name.as_bytes(),
    }
}

/// How clients reach the service.
pub(super) fn reach(check: &mut Validation<'_>, protocol: Option<&Protocol>) -> Option<Reach> {
    let plus = check.has_type(kind::TCPMUXPLUS);
    if plus || check.has_type(kind::TCPMUX) {
        let place = check.place(Attribute::Type);
        if !check.has_type(kind::UNLISTED) {
            return check.fail(
                "tcpmux",
                place,
                "a TCPMUX service must be UNLISTED",
                "add UNLISTED to type",
            );
        }
        if protocol != Some(&Protocol::Tcp) {
            return check.fail(
                "tcpmux",
                place,
                "a TCPMUX service needs protocol = tcp",
                "write protocol = tcp",
            );
        }
        return Some(Reach::Mux(if plus { Mux::Plus } else { Mux::Server }));
    }
    let bind = bind(check);
    let family = family(check, bind.as_ref());
    if check.has_type(kind::RPC) {
        let program = rpc(check);
        let listen = Listen {
            port: check.values.port.unwrap_or(Port(0)),
            family: family?,
            bind,
        };
        return Some(Reach::Rpc(program?, listen));
    }
    let port = port(check, protocol?);
    Some(Reach::Listen(Listen {
        port: port?,
        family: family?,
        bind,
    }))
}

/// The number and versions of an RPC program.
fn rpc(check: &mut Validation<'_>) -> Option<RpcProgram> {
    let versions = check.values.rpc_versions;
    let versions = versions.or_else(|| check.missing(Attribute::RpcVersion));
    let name = check.entry.name.as_bytes();
    let number = if check.has_type(kind::UNLISTED) {
        let number = check.values.rpc_number;
        number.or_else(|| check.missing(Attribute::RpcNumber))
    } else {
        let number = check.databases.rpc(name);
        number.or_else(|| {
            check.fail(
                "unknown-rpc",
                check.entry.place.clone(),
                format!("/etc/rpc does not list {}", quoted(name)),
                "add it there, or write type = RPC UNLISTED and rpc_number",
            )
        })
    };
    Some(RpcProgram {
        number: number?,
        versions: versions?,
    })
}

/// The port, given or from /etc/services, which must not disagree.
fn port(check: &mut Validation<'_>, protocol: &Protocol) -> Option<Port> {
    if check.has_type(kind::UNLISTED) {
        let port = check.values.port;
        return port.or_else(|| check.missing(Attribute::Port));
    }
    let name = check.entry.name.as_bytes();
    let protocol = protocol_name(protocol);
    let shown = String::from_utf8_lossy(protocol);
    let Some(listed) = check.databases.port(name, protocol) else {
        let message = format!("/etc/services does not list {} for {shown}", quoted(name));
        let others: Vec<_> = check.databases.protocols_of(name).collect();
        let help = match (&others[..], check.values.port) {
            ([other, ..], _) => format!(
                "it lists it for {}: correct protocol and socket_type, or add type = UNLISTED and a port",
                String::from_utf8_lossy(other)
            ),
            ([], Some(_)) => {
                "write type = UNLISTED, or add the service to /etc/services".to_owned()
            }
            ([], None) => {
                "write type = UNLISTED and a port, or add the service to /etc/services".to_owned()
            }
        };
        return check.fail("unlisted", check.entry.place.clone(), message, help);
    };
    match check.values.port {
        Some(port) if port.0 != listed => {
            let place = check.place(Attribute::Port);
            check.fail(
                "port-mismatch",
                place,
                format!(
                    "/etc/services has {listed}/{shown} for {}, not {port}",
                    quoted(name)
                ),
                "write type = UNLISTED, or leave port out",
            )
        }
        _ => Some(Port(listed)),
    }
}

/// `bind`, with the address of a name that /etc/hosts has. Of several xinetd takes the first of
/// IPv4 with the flag IPv4, and else the first of IPv6 (docs/xinetd-behaviour.md, section 2).
fn bind(check: &Validation<'_>) -> Option<Bind> {
    let bind = check.values.bind.clone()?;
    let Bind::Name(name) = &bind else {
        return Some(bind);
    };
    let addresses = check.databases.host(name.as_bytes());
    let fitting = match check.has_flag(flag::IPV4) && !check.has_flag(flag::IPV6) {
        true => addresses.iter().find(|address| address.is_ipv4()),
        false => addresses.iter().find(|address| address.is_ipv6()),
    };
    let chosen = fitting.or(addresses.first());
    Some(chosen.map_or(bind, |address| Bind::Address(*address, None)))
}

/// The address family, from the flags or else from the address of `bind`.
fn family(check: &mut Validation<'_>, bind: Option<&Bind>) -> Option<Family> {
    let (v4, v6) = (check.has_flag(flag::IPV4), check.has_flag(flag::IPV6));
    if v4 && v6 {
        let place = check.place(Attribute::Flags);
        check.remark(
            Severity::Note,
            "both-families",
            place,
            "with both IPv4 and IPv6 the service listens on IPv6, with IPv4 clients in it",
            "leave both out",
        );
    }
    let bound = match bind {
        Some(Bind::Address(IpAddr::V4(_), _)) => Some(Family::V4),
        Some(Bind::Address(IpAddr::V6(_), _)) => Some(Family::V6),
        Some(Bind::Name(_)) | None => None,
    };
    let flagged = match (v4, v6) {
        (_, true) => Some(Family::V6),
        (true, false) => Some(Family::V4),
        (false, false) => None,
    };
    if bound.is_some() && flagged.is_some() && bound != flagged {
        let place = check.place(Attribute::Bind);
        return check.fail(
            "family-mismatch",
            place,
            format!(
                "the address that {} binds to is of another family than its flags say: \
                 xinetd listens on all addresses then",
                quoted(check.entry.id().as_bytes())
            ),
            "leave IPv4 and IPv6 out of flags",
        );
    }
    let family = flagged.or(bound).unwrap_or(Family::Any);
    if check.values.v6only != Some(true) {
        return Some(family);
    }
    if family == Family::V4 {
        if check.entry.section.says(Attribute::V6only) {
            let place = check.place(Attribute::V6only);
            check.remark(
                Severity::Warning,
                "v6only",
                place,
                "v6only has no effect on an IPv4 service",
                "leave it out, or take IPv4 out of flags and bind",
            );
        }
        return Some(family);
    }
    Some(Family::V6Only)
}
