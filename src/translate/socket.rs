//! The `.socket` unit.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::servable::Servable;
use super::unit::{Directive, Plain, UnitFile, Value};
use crate::service::{Family, Service};

/// The unit that listens for a service.
pub(super) fn socket(service: &Service, servable: &Servable) -> UnitFile {
    let mut head = super::unit_section(service);
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
        // The only starts are the administrator's: the sixth restart in 10 s is no reason to refuse.
        Directive::new("StartLimitIntervalSec", Value::Number(0)),
    ]);

    let mut body = vec![
        Directive::new("ListenStream", address(servable)),
        // The same for all: a service may be called as what the helper keeps in its descriptor
        // store.
        Directive::new("FileDescriptorName", Value::Literal("listener")),
        Directive::new("Accept", Value::Literal("no")),
    ];
    // Said in each case, as the default follows a sysctl and xinetd does not.
    let only = match servable.family {
        Family::V4 => None,
        Family::Any | Family::V6 => Some("both"),
        Family::V6Only => Some("ipv6-only"),
    };
    body.extend(only.map(|only| Directive::new("BindIPv6Only", Value::Literal(only))));
    if servable.bind.is_some() {
        // systemd does not try again when an address comes up later than the socket.
        body.push(Directive::new("FreeBind", Value::Literal("yes")));
    }
    if service.flags.nodelay {
        body.push(Directive::new("NoDelay", Value::Literal("yes")));
    }
    if service.flags.keepalive {
        body.push(Directive::new("KeepAlive", Value::Literal("yes")));
    }
    // More than 20 starts of the service in 2 s would close the socket for good. PollLimit= of
    // systemd 255 stays at its 15 events in 2 s: it holds back a helper that keeps failing, closes
    // nothing, and nothing is polled while the helper runs.
    body.push(Directive::new("TriggerLimitIntervalSec", Value::Number(0)));
    // Backlog= stays at its default, the kernel's limit: xinetd's 64 loses clients in bursts.

    UnitFile {
        sections: vec![("Unit", head), ("Socket", body)],
    }
}

/// The address to listen on.
fn address(servable: &Servable) -> Value {
    let (address, zone) = match (&servable.bind, servable.family) {
        (Some((address, zone)), _) => (*address, zone.clone()),
        (None, Family::V4) => (Ipv4Addr::UNSPECIFIED.into(), None),
        // A bare port is IPv4 on a machine without IPv6.
        (None, Family::Any) => return Value::Number(servable.port.0.into()),
        (None, Family::V6 | Family::V6Only) => (Ipv6Addr::UNSPECIFIED.into(), None),
    };
    Value::Listen(SocketAddr::new(address, servable.port.0), zone)
}
