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
