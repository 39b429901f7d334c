//! RPC services.

use super::*;

/// An RPC service without a port.
fn rpc(id: &str, number: u32, port: u16) -> Service {
    let mut service = service(id);
    service.socket_type = SocketType::Dgram;
    service.protocol = Protocol::Udp;
    service.wait = true;
    let versions = RpcRange { first: 2, last: 4 };
    let listen = Listen {
        port: Port(port),
        family: Family::Any,
        bind: None,
    };
    service.reach = Reach::Rpc(RpcProgram { number, versions }, listen);
    service
}

#[test]
fn rpc_services_have_ports_that_stay_and_nobody_else_has() {
    let port = |services: Vec<Service>| {
        let translation = translation(&MemoryTree::default(), services);
        let socket = translation.services[0].files.last().unwrap();
        let text = String::from_utf8(socket.content.clone()).unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("ListenDatagram="));
        line.unwrap()["ListenDatagram=".len()..]
            .parse::<u16>()
            .unwrap()
    };
    let own = port(vec![rpc("rstatd", 100_001, 0)]);
    assert!(own >= 61_000);
    assert_eq!(
        port(vec![rpc("rstatd", 100_001, 0), rpc("b", 100_001, 0)]),
        own
    );
    assert_ne!(port(vec![rpc("rstatd", 100_001, 0), rpc("b", 7, own)]), own);
    assert_eq!(port(vec![rpc("rstatd", 100_001, 1023)]), 1023);
}

#[test]
fn rpc_services_are_registered_while_their_socket_listens() {
    let translation = translation(&MemoryTree::default(), vec![rpc("rstatd", 100_001, 256)]);
    let service = &translation.services[0];
    let text = |name: &str| {
        let mut files = service.files.iter();
        let file = files.find(|file| file.path.as_os_str() == name).unwrap();
        String::from_utf8(file.content.clone()).unwrap()
    };
    let arguments = "rstatd 100001 2 4 udp=0.0.0.0.1.0 udp6=::.1.0\n";
    let unit = text("xinetd-rpc@rstatd.service");
    assert!(
        unit.contains(&format!(" --rpc-register {arguments}")),
        "{unit}"
    );
    assert!(unit.contains("\nRequisite=rstatd.socket\n"), "{unit}");
    let socket = text("rstatd.socket");
    assert!(
        socket.contains("\nWants=xinetd-rpc@rstatd.service\n"),
        "{socket}"
    );
    assert!(
        socket.contains(&format!(" --rpc-unregister {arguments}")),
        "{socket}"
    );
    let links = service.links.iter().map(|link| link.path.to_str().unwrap());
    assert!(
        links
            .collect::<Vec<_>>()
            .contains(&"rpcbind.service.wants/xinetd-rpc@rstatd.service")
    );
}
