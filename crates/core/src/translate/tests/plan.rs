//! What is served where there is no systemd.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::bytes::ByteString;
use crate::spec::MuxSecret;

/// Where the sockets of services of type TCPMUX are.
fn mux_place() -> MuxPlace {
    MuxPlace::supervised("/run/mux".into(), MuxSecret::new([7; MuxSecret::LENGTH]))
}

fn plan(services: Vec<Service>) -> Plan {
    let configuration = Configuration {
        services,
        dropped: Vec::new(),
        problems: Vec::new(),
        sources: Sources::default(),
    };
    let startup = Startup::commanded(&MemoryTree::default(), None, false);
    Plan::of(&configuration, startup, mux_place())
}

fn socket(service: Service) -> PortPlan {
    match plan(vec![service]).services.remove(0).socket {
        SocketPlan::Port(plan) => plan,
        SocketPlan::Mux(path) => panic!("{path:?} is no port"),
    }
}

fn behind_tcpmux(id: &str) -> Service {
    let mut service = service(id);
    service.reach = Reach::Mux(Mux::Server);
    service
}

#[test]
fn a_socket_is_what_the_unit_says() {
    let any = socket(listening(Family::Any, None));
    assert_eq!(any.address, BindAddress::AnyFamily(79));
    assert!(!any.free_bind && !any.is_datagram && !any.no_delay && !any.keep_alive);
    let four = Bind::Address(Ipv4Addr::LOCALHOST.into(), None);
    let four = socket(listening(Family::V4, Some(four)));
    assert_eq!(four.address, BindAddress::V4(Ipv4Addr::LOCALHOST, 79));
    assert!(four.free_bind, "the address may come up later");
    let link = Bind::Address("fe80::1".parse().unwrap(), Some("eth0".into()));
    let link = socket(listening(Family::V6, Some(link)));
    assert_eq!(link.address.to_string(), "[fe80::1%eth0]:79");
    let only = socket(listening(Family::V6Only, None));
    let expected = BindAddress::V6 {
        address: Ipv6Addr::UNSPECIFIED,
        port: 79,
        zone: None,
        is_only: true,
    };
    assert_eq!(only.address, expected);
    let mut flags = service("foo");
    flags.flags.nodelay = true;
    flags.flags.keepalive = true;
    let flags = socket(flags);
    assert!(flags.no_delay && flags.keep_alive);
}

#[test]
fn a_service_is_what_the_unit_and_the_spec_say() {
    let mut foo = service("foo");
    foo.umask = Some(0o077);
    foo.nice = Some(40);
    let mut off = service("off");
    off.enabled = false;
    let plan = plan(vec![foo, off]);
    assert_eq!(plan.services.len(), 1, "the other one is switched off");
    let foo = &plan.services[0];
    assert_eq!(
        (foo.unit.as_str(), foo.umask, foo.nice),
        ("foo", 0o077, Some(19))
    );
    assert_eq!(foo.id().to_text(), "foo");
    assert!(matches!(foo.spec.task, Task::Execute(_)) && foo.spec.unmap);
    assert!(plan.problems.is_empty() && plan.unserved.is_empty());
}

#[test]
fn tcpmux_and_its_services_are_told_where_to_meet_and_a_secret() {
    let mut tcpmux = service("tcpmux");
    tcpmux.serving = Serving::Internal(Internal::Tcpmux);
    let led = behind_tcpmux("led:1");
    let plan = plan(vec![tcpmux, led]);
    assert_eq!(plan.problems, []);
    let [tcpmux, led] = &plan.services[..] else {
        panic!("{plan:?}");
    };
    let path = Path::new("/run/mux/led@x3a1");
    assert_eq!(led.socket, SocketPlan::Mux(path.into()));
    let Task::Tcpmux(targets) = &tcpmux.spec.task else {
        panic!("{tcpmux:?}");
    };
    assert_eq!(targets[0].socket, path);
    let secret = targets[0].secret.unwrap();
    let from = led.spec.mux.clone().unwrap().from;
    assert_eq!(from, MuxSender::Secret(secret));
    // As they are told.
    let text = toml::to_string(&led.spec).unwrap();
    assert_eq!(toml::from_str::<Spec>(&text).unwrap(), led.spec);
}

#[test]
fn a_service_that_no_tcpmux_leads_to_is_served_and_told() {
    let plan = plan(vec![behind_tcpmux("alone")]);
    assert_eq!(plan.services.len(), 1);
    let codes: Vec<_> = plan.problems.iter().map(|one| one.code).collect();
    assert_eq!(codes, ["no-tcpmux"]);
}

#[test]
fn the_portmapper_is_told_of_an_rpc_service() {
    let mut rpc = service("rpc");
    let Reach::Listen(listen) = rpc.reach.clone() else {
        panic!("it listens");
    };
    let program = RpcProgram {
        number: 300_000,
        versions: RpcRange { first: 1, last: 2 },
    };
    rpc.reach = Reach::Rpc(program, listen);
    let plan = plan(vec![service("good"), rpc]);
    let told = plan
        .services
        .iter()
        .map(|one| one.rpc.as_ref().map(|rpc| rpc.words().join(" ")));
    let expected = "rpc 300000 1 2 tcp=0.0.0.0.0.79 tcp6=::.0.79";
    assert_eq!(told.collect::<Vec<_>>(), [None, Some(expected.to_owned())]);
}

#[test]
fn what_can_not_be_served_is_named_and_the_rest_is_served() {
    let mut labeled = service("labeled");
    labeled.flags.labeled = true;
    let plan = plan(vec![service("good"), labeled]);
    assert_eq!(plan.services.len(), 1);
    let unserved: Vec<_> = plan.unserved.iter().map(ByteString::to_text).collect();
    assert_eq!(unserved, ["labeled"]);
    let said = plan.problems.iter().map(|one| (one.severity, one.code));
    let expected = (Severity::Error, "not-served");
    assert_eq!(said.collect::<Vec<_>>(), [expected]);
}
