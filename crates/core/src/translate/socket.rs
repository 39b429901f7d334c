//! The `.socket` unit.

use super::mux::MuxPlace;
use super::rpc;
use super::servable::Servable;
use super::socket_plan::{BindAddress, PacketFilterLists, PortPlan, SocketPlan};
use super::unit::{Directive, Plain, UnitFile, Value};
use super::unit_name::UnitName;
use super::unit_section::unit_section;
use crate::service::{Service, SocketType};

/// The names of the lists in a socket unit, which are none of systemd's.
pub const PACKET_LISTS: [&str; 2] = ["X-OnlyFrom", "X-NoAccess"];

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
    let plan = SocketPlan::of(service, servable, unit, &MuxPlace::units());
    let listen = match service.socket_type {
        SocketType::Dgram => "ListenDatagram",
        _ => "ListenStream",
    };
    let address = match &plan {
        SocketPlan::Port(plan) => address(&plan.address),
        SocketPlan::Mux(_) => Value::MuxSocket(unit.clone()),
    };
    let mut body = vec![
        Directive::new(listen, address),
        // The same for all: a service may be called as what the helper keeps in its descriptor
        // store.
        Directive::new("FileDescriptorName", Value::Literal("listener")),
        Directive::new("Accept", Value::Literal("no")),
    ];
    match &plan {
        SocketPlan::Port(plan) => body.extend(options(plan)),
        // Where there is no socket, tcpmux knows no such service.
        SocketPlan::Mux(_) => body.push(Directive::new("RemoveOnStop", Value::Literal("yes"))),
    }
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

/// What a port needs.
fn options(plan: &PortPlan) -> Vec<Directive> {
    let flag = |key, is_set: bool| is_set.then(|| Directive::new(key, Value::Literal("yes")));
    // Said in each case, as the default follows a sysctl and xinetd does not.
    let only = match plan.address {
        BindAddress::V4(..) => None,
        BindAddress::AnyFamily(_) | BindAddress::V6 { is_only: false, .. } => Some("both"),
        BindAddress::V6 { is_only: true, .. } => Some("ipv6-only"),
    };
    let PacketFilterLists {
        only_from,
        no_access,
    } = &plan.packet_filter;
    // systemd passes over them.
    let lists = PACKET_LISTS.into_iter().zip([only_from, no_access]);
    let lists = lists.filter_map(|(key, list)| {
        let text = list.as_ref()?.clone().into_bytes();
        Some(Directive::new(key, Value::Prose(text)))
    });
    let only = only.map(|only| Directive::new("BindIPv6Only", Value::Literal(only)));
    // systemd does not try again when an address comes up later than the socket.
    let free_bind = flag("FreeBind", plan.free_bind);
    let flags = [
        free_bind,
        flag("NoDelay", plan.no_delay),
        flag("KeepAlive", plan.keep_alive),
    ];
    let flags = flags.into_iter().flatten();
    only.into_iter().chain(flags).chain(lists).collect()
}

/// The address to listen on.
fn address(address: &BindAddress) -> Value {
    match address {
        // A bare port is IPv4 on a machine without IPv6.
        BindAddress::AnyFamily(port) => Value::Number((*port).into()),
        BindAddress::V4(address, port) => Value::Listen((*address, *port).into(), None),
        BindAddress::V6 {
            address,
            port,
            zone,
            ..
        } => Value::Listen((*address, *port).into(), zone.clone()),
    }
}
