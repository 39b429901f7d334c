//! How clients reach a service: protocol, port, family, address (docs/xinetd-behaviour.md, sections 1.4 and
//! 4.1).

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

#[cfg(test)]
mod tests {
    use super::super::super::testing::{codes, load_text, only, telnet};
    use super::*;
    use crate::service::RpcRange;

    fn of(name: &str, lines: &str) -> super::super::super::Configuration {
        load_text(format!(
            "service {name}\n{{\nwait = no\nuser = root\nserver = /bin/cat\n{lines}\n}}\n"
        ))
    }

    fn listen(lines: &str) -> Listen {
        match only(telnet(lines)).reach {
            Reach::Listen(listen) => listen,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn protocol_and_socket_type_follow_from_each_other() {
        assert_eq!(
            only(of("telnet", "protocol = tcp")).socket_type,
            SocketType::Stream
        );
        assert_eq!(
            only(of("time", "socket_type = dgram")).protocol,
            Protocol::Udp
        );
        assert_eq!(
            codes(&of("telnet", "socket_type = raw")),
            ["E 1 missing-attribute"]
        );
        let mixed = of("telnet", "socket_type = stream\nprotocol = udp");
        assert_eq!(
            codes(&mixed),
            ["E 6 socket-protocol", "E 1 unlisted"]
                .map(String::from)
                .into_iter()
                .rev()
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_port_is_listed_or_given() {
        assert_eq!(listen("").port, Port(23));
        assert_eq!(listen("port = 23").port, Port(23));
        assert_eq!(codes(&telnet("port = 24")), ["E 7 port-mismatch"]);
        assert_eq!(listen("port = 24\ntype = UNLISTED").port, Port(24));
        assert_eq!(codes(&telnet("type = UNLISTED")), ["E 1 missing-attribute"]);
        assert_eq!(codes(&of("4000", "socket_type = stream")), ["E 1 unlisted"]);
        let other = of("time", "socket_type = stream");
        assert!(
            other.problems[0].help.contains("udp"),
            "{}",
            other.problems[0].help
        );
    }

    #[test]
    fn flags_and_bind_choose_the_family() {
        let family = |lines: &str| listen(lines).family;
        assert_eq!(family(""), Family::Any);
        assert_eq!(family("flags = IPv4"), Family::V4);
        assert_eq!(family("flags = IPv6"), Family::V6);
        assert_eq!(family("flags = IPv4 IPv6"), Family::V6);
        assert_eq!(family("bind = 127.0.0.1"), Family::V4);
        assert_eq!(family("bind = ::1"), Family::V6);
        assert_eq!(family("bind = www.example.com"), Family::Any);
    }

    #[test]
    fn a_name_in_bind_is_looked_up_in_hosts() {
        let of = |lines: &str| {
            let listen = listen(lines);
            (listen.bind, listen.family)
        };
        let address = |text: &str| Some(Bind::Address(text.parse().unwrap(), None));
        let v6 = (address("2001:db8::1"), Family::V6);
        let v4 = (address("192.0.2.1"), Family::V4);
        assert_eq!(of("bind = both.EXAMPLE"), v6, "of several the one of IPv6");
        assert_eq!(of("bind = both.example\nflags = IPv4"), v4);
        assert_eq!(of("bind = alias"), v4);
        assert_eq!(
            codes(&telnet("bind = alias\nflags = IPv6")),
            ["E 7 family-mismatch"]
        );
        let unknown = Some(Bind::Name("rubbish.example".into()));
        assert_eq!(of("bind = rubbish.example"), (unknown, Family::Any));
    }

    #[test]
    fn bind_and_flags_of_different_families_are_refused() {
        assert_eq!(
            codes(&telnet("bind = 127.0.0.1\nflags = IPv6")),
            ["E 7 family-mismatch"]
        );
        assert_eq!(
            codes(&telnet("bind = ::1\nflags = IPv4")),
            ["E 7 family-mismatch"]
        );
        assert_eq!(listen("bind = 127.0.0.1\nflags = IPv4").family, Family::V4);
    }

    #[test]
    fn v6only_means_what_it_says() {
        let family = |lines: &str| listen(lines).family;
        assert_eq!(family("v6only = yes"), Family::V6Only);
        assert_eq!(family("v6only = no"), Family::Any);
        assert_eq!(codes(&telnet("v6only = yes\nflags = IPv4")), ["W 7 v6only"]);
        let text = "defaults\n{\nv6only = yes\n}\nservice telnet\n{\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n}\n";
        let Reach::Listen(listen) = only(load_text(text)).reach else {
            panic!("a port");
        };
        assert_eq!(listen.family, Family::V6Only, "from defaults");
    }

    #[test]
    fn rpc_programs_have_numbers_and_versions() {
        let rpc = |name: &str, lines: &str| of(name, &format!("socket_type = dgram\n{lines}"));
        let listed = rpc("rstatd", "type = RPC\nrpc_version = 2-4");
        let listed = listed.services.first().map(|service| service.reach.clone());
        let Some(Reach::Rpc(program, _)) = listed else {
            panic!("an RPC service");
        };
        let versions = RpcRange { first: 2, last: 4 };
        assert_eq!(
            program,
            RpcProgram {
                number: 100_001,
                versions
            }
        );
        let errors = |lines| {
            let mut codes = codes(&rpc("nothing", lines));
            codes.retain(|code| code.starts_with('E'));
            codes
        };
        assert_eq!(errors("type = RPC\nrpc_version = 1"), ["E 1 unknown-rpc"]);
        assert_eq!(
            errors("type = RPC UNLISTED\nrpc_version = 1"),
            ["E 1 missing-attribute"]
        );
        assert_eq!(
            errors("type = RPC UNLISTED\nrpc_number = 1"),
            ["E 1 missing-attribute"]
        );
        assert_eq!(
            errors("type = RPC UNLISTED\nrpc_number = 1\nrpc_version = 4-2"),
            ["E 9 bad-value"]
        );
    }

    #[test]
    fn tcpmux_services_are_unlisted_and_tcp() {
        let mux = |lines: &str| of("any", &format!("socket_type = stream\n{lines}"));
        let reach = only(mux("type = TCPMUXPLUS UNLISTED")).reach;
        assert_eq!(reach, Reach::Mux(Mux::Plus));
        assert_eq!(codes(&mux("type = TCPMUX")), ["E 7 tcpmux"]);
        let udp = of(
            "any",
            "socket_type = raw\nprotocol = udp\ntype = TCPMUX UNLISTED",
        );
        assert_eq!(codes(&udp), ["E 8 tcpmux"]);
    }
}
