use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;

use super::*;

fn stream(address: &str) -> Listener {
    Listener::parse("Stream", address).unwrap()
}

#[test]
fn a_zone_is_left_out() {
    let plain = stream("[fe80::1]:23");
    assert_eq!(stream("[fe80::1%eth0]:23"), plain);
    assert_eq!(stream("[fe80::1]:23%eth0"), plain);
    assert_eq!(Listener::parse("FIFO", "fifo"), None);
}

#[test]
fn the_kernels_list_has_what_listens_and_no_connections() {
    let four = TcpListener::bind("127.0.0.1:0").unwrap();
    let six = UdpSocket::bind("[::1]:0").unwrap();
    let client = TcpStream::connect(four.local_addr().unwrap()).unwrap();
    let sockets = Sockets::look().unwrap();
    let four = Listener::Stream(four.local_addr().unwrap());
    let (found, holders) = sockets.in_the_way(&four).unwrap();
    assert_eq!(found, &four);
    let own = i32::try_from(std::process::id()).unwrap();
    assert!(holders.iter().any(|holder| holder.pid == own));
    let six = Listener::Datagram(six.local_addr().unwrap());
    assert!(sockets.all.contains_key(&six));
    let client = Listener::Stream(client.local_addr().unwrap());
    assert!(!sockets.all.contains_key(&client));
}

#[test]
fn a_process_with_connections_alone_is_told_from_one_that_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let sockets = Sockets::look().unwrap();
    let own = sockets
        .of_process(i32::try_from(std::process::id()).unwrap())
        .unwrap();
    let port = |address: SocketAddr| PortNumber {
        port: address.port(),
        is_tcp: true,
    };
    assert!(own.is_connected);
    assert!(own.ports.contains(&port(listener.local_addr().unwrap())));
    assert!(!own.ports.contains(&port(client.local_addr().unwrap())));
}

#[test]
fn a_datagram_port_may_have_two_owners() {
    let datagram = |address: &str| Listener::parse("Datagram", address).unwrap();
    let (ours, theirs) = (datagram("[::]:7"), datagram("0.0.0.0:7"));
    let there = [
        (ours.clone(), true),
        (theirs, false),
        (datagram("[::]:13"), true),
        (datagram("[::]:19"), false),
        (stream("[::]:9"), true),
    ];
    let mut sockets = Sockets::of(&there, false);
    let foreign = sockets.foreign();
    assert_eq!(foreign.keys().collect::<Vec<_>>(), [&&ours]);
    assert_eq!(foreign[&ours], ["1"]);
    assert_eq!(sockets.shared().keys().collect::<Vec<_>>(), [&&ours]);
    assert!(Sockets::of(&there, true).foreign().is_empty());
    sockets.connections.insert("1".to_owned());
    assert!(sockets.foreign().is_empty(), "it hears a single peer");
}

#[test]
fn what_is_hidden_is_not_taken_for_closed() {
    let (own, other) = (stream("[::]:23"), stream("127.0.0.1:24"));
    let there = [(own.clone(), true), (other.clone(), false)];
    let missing = stream("[::]:25");
    let both = [own.clone(), other.clone()];
    let seen = Sockets::of(&there, false);
    assert_eq!(seen.has(std::slice::from_ref(&own)), Seen::Yes);
    assert_eq!(seen.has(&both), Seen::No);
    let hidden = Sockets::of(&there, true);
    assert_eq!(hidden.has(&both), Seen::Hidden);
    assert_eq!(hidden.has(&[own, missing]), Seen::No);
}

#[test]
fn what_this_user_may_not_see_is_told_from_what_is_not_there() {
    let kind = |kind: ErrorKind| visible(Err::<(), _>(kind.into()));
    assert_eq!(kind(ErrorKind::PermissionDenied).unwrap(), None);
    assert!(kind(ErrorKind::NotFound).is_err());
    assert!(inodes("/no/such/fd").is_err());
}

#[test]
fn a_connection_is_told_from_a_socket_that_hears_all() {
    let inode = |socket: &dyn AsFd| nix::sys::stat::fstat(socket.as_fd()).unwrap().st_ino;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let open = UdpSocket::bind("127.0.0.1:0").unwrap();
    let connected = UdpSocket::bind("127.0.0.1:0").unwrap();
    connected.connect(open.local_addr().unwrap()).unwrap();
    let sockets = Sockets::look().unwrap();
    let hears_one = |socket: &dyn AsFd| sockets.connections.contains(&inode(socket).to_string());
    assert!(hears_one(&client) && hears_one(&connected));
    assert!(!hears_one(&listener) && !hears_one(&open));
}

#[test]
fn wildcards_are_in_the_way_of_addresses() {
    let clashes = [
        ("[::]:23", "127.0.0.1:23"),
        ("0.0.0.0:23", "127.0.0.1:23"),
        ("127.0.0.1:23", "127.0.0.1:23"),
        ("[::1]:23", "[::]:23"),
    ];
    for (one, other) in clashes {
        assert!(clash(&stream(one), &stream(other)), "{one} {other}");
    }
    for (one, other) in [
        ("[::]:23", "[::]:24"),
        ("127.0.0.2:23", "127.0.0.1:23"),
        ("0.0.0.0:23", "[::1]:23"),
    ] {
        assert!(!clash(&stream(one), &stream(other)), "{one} {other}");
    }
    let datagram = Listener::parse("Datagram", "[::]:23").unwrap();
    assert!(!clash(&datagram, &stream("[::]:23")));
}
