//! The `.socket` unit.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::rpc;
use super::servable::{Door, Servable};
use super::unit::{Directive, Plain, UnitFile, Value};
use super::unit_name::UnitName;
use super::unit_section::unit_section;
use crate::service::{AccessRule, AccessRules, Family, Port, Service, SocketType};
use crate::spec::Task;

/// The unit that listens for a service.
pub(super) fn socket(service: &Service, servable: &Servable, unit: &UnitName) -> UnitFile {
    let mut head = unit_section(service);
    // What xinetd asks when it loads its files. The generator may not look: other file systems are
    // not mounted yet. A path that no unit can hold is left to the exec, whose failure is logged.
    let program = servable.task.program();
    if let Some(server) = program.and_then(|program| Plain::path(program.path.as_path())) {
        head.push(Directive::new(
            "ConditionFileIsExecutable",
            Value::Plain(server),
        ));
    }
    head.extend([
        Directive::new("PartOf", Value::Literal("xinetd.target")),
        // From the first start on, daemon-reloads are followed.
        Directive::new("Wants", Value::Literal("xinetd-reconcile.path")),
        // systemd does not try again to open a socket, also where a process that it was about to start
        // still had the one of before.
        Directive::new("OnFailure", Value::Literal("xinetd-reconcile.timer")),
        // The only starts are the administrator's: the sixth restart in 10 s is no reason to refuse.
        Directive::new("StartLimitIntervalSec", Value::Number(0)),
    ]);

    let rpc = rpc::socket(service, servable, unit);
    let (wants, unregister) = rpc.unzip();
    head.extend(wants);
    let listen = match service.socket_type {
        SocketType::Dgram => "ListenDatagram",
        _ => "ListenStream",
    };
    let mut body = vec![
        Directive::new(listen, address(&servable.door, unit)),
        // The same for all: a service may be called as what the helper keeps in its descriptor
        // store.
        Directive::new("FileDescriptorName", Value::Literal("listener")),
        Directive::new("Accept", Value::Literal("no")),
    ];
    match &servable.door {
        Door::Port { family, bind, .. } => {
            body.extend(options(service, *family, bind.is_some()));
        }
        // Where there is no socket, tcpmux knows no such service.
        Door::Mux(_) => body.push(Directive::new("RemoveOnStop", Value::Literal("yes"))),
    }
    body.extend(filter(service, servable));
    // More than 20 starts of the service in 2 s would close the socket for good. PollLimit= of
    // systemd 255 stays at its 15 events in 2 s: it holds back a helper that keeps failing, closes
    // nothing, and nothing is polled while the helper runs.
    body.push(Directive::new("TriggerLimitIntervalSec", Value::Number(0)));
    body.extend(unregister);
    // Backlog= stays at its default, the kernel's limit: xinetd's 64 loses clients in bursts.

    UnitFile {
        sections: vec![("Unit", head), ("Socket", body)],
    }
}

/// The names of the lists in a socket unit, which are none of systemd's.
pub const PACKET_LISTS: [&str; 2] = ["X-OnlyFrom", "X-NoAccess"];

/// The lists that the helper makes a filter of packets of, where the server accepts by itself.
///
/// systemd passes over them. The filter is the socket's as long as that is open: other lists take
/// another helper, and where none runs another socket, as a client that is dropped starts no helper.
fn filter(service: &Service, servable: &Servable) -> Vec<Directive> {
    if !matches!(servable.task, Task::Wait(_)) || service.socket_type != SocketType::Stream {
        return Vec::new();
    }
    let text = |list: &[AccessRule]| {
        let patterns: Vec<String> = list.iter().map(|rule| rule.pattern.to_string()).collect();
        Value::Prose(patterns.join(" ").into_bytes())
    };
    let AccessRules {
        only_from,
        no_access,
    } = &service.access;
    let [only_from_name, no_access_name] = PACKET_LISTS;
    let only_from = only_from
        .as_deref()
        .map(|list| Directive::new(only_from_name, text(list)));
    let no_access =
        (!no_access.is_empty()).then(|| Directive::new(no_access_name, text(no_access)));
    only_from.into_iter().chain(no_access).collect()
}

/// What a port needs.
fn options(service: &Service, family: Family, is_bound: bool) -> Vec<Directive> {
    // Said in each case, as the default follows a sysctl and xinetd does not.
    let only = match family {
        Family::V4 => None,
        Family::Any | Family::V6 => Some("both"),
        Family::V6Only => Some("ipv6-only"),
    };
    let only = only.map(|only| Directive::new("BindIPv6Only", Value::Literal(only)));
    let mut options: Vec<_> = only.into_iter().collect();
    if is_bound {
        // systemd does not try again when an address comes up later than the socket.
        options.push(Directive::new("FreeBind", Value::Literal("yes")));
    }
    if service.socket_type == SocketType::Dgram {
        return options;
    }
    if service.flags.nodelay {
        options.push(Directive::new("NoDelay", Value::Literal("yes")));
    }
    if service.flags.keepalive {
        options.push(Directive::new("KeepAlive", Value::Literal("yes")));
    }
    options
}

/// The address to listen on.
fn address(door: &Door, unit: &UnitName) -> Value {
    let (bind, family, Port(port)) = match door {
        Door::Port {
            port, family, bind, ..
        } => (bind, *family, *port),
        Door::Mux(_) => return Value::MuxSocket(unit.clone()),
    };
    let (address, zone) = match (bind, family) {
        (Some((address, zone)), _) => (*address, zone.clone()),
        (None, Family::V4) => (Ipv4Addr::UNSPECIFIED.into(), None),
        // A bare port is IPv4 on a machine without IPv6.
        (None, Family::Any) => return Value::Number(port.into()),
        (None, Family::V6 | Family::V6Only) => (Ipv6Addr::UNSPECIFIED.into(), None),
    };
    Value::Listen(SocketAddr::new(address, port), zone)
}
