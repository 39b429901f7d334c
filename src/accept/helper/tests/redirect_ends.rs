//! `redirect`: sides of a session that end, or have gone.

use std::io::{Read, Write};
use std::net::Shutdown;

use super::redirect::{backend, scene};

/// Whether the kernel asks at this end of a connection, from one port to another, if the other end is there: its
/// timer in /proc/net/tcp is that of keepalive then.
fn is_asked(local: u16, remote: u16) -> bool {
    let lists = ["tcp", "tcp6"].map(|list| std::fs::read_to_string(format!("/proc/net/{list}")));
    let lists = lists.map(Result::unwrap_or_default).concat();
    let is_it = |line: &&str| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let ends = |word: Option<&str>, port: u16| {
            word.is_some_and(|word| word.ends_with(&format!(":{port:04X}")))
        };
        ends(words.next(), local) && ends(words.next(), remote)
    };
    let row = lists.lines().find(is_it).unwrap();
    row.split_ascii_whitespace()
        .nth(5)
        .unwrap()
        .starts_with("02:")
}

#[test]
fn a_side_that_has_sent_its_last_byte_is_asked_whether_it_is_there() {
    let (listener, port) = backend();
    let mut scene = scene(&[("127.0.0.1", port)]);
    let own = scene.address.port();
    let (client, server) = scene.relayed(&listener);
    let theirs = client.local_addr().unwrap().port();
    scene.pass(&client, &server, b"up");
    assert!(!is_asked(own, theirs));
    client.shutdown(Shutdown::Write).unwrap();
    scene.until(|_| matches!((&server).read(&mut [0]), Ok(0)).then_some(()));
    assert!(is_asked(own, theirs));

    // The backend has, before its client has taken all.
    let (client, mut server) = scene.relayed(&listener);
    let ours = server.peer_addr().unwrap().port();
    scene.pass(&client, &server, b"up");
    let chunk = vec![b'x'; 1 << 20];
    let mut quiet = 0;
    scene.until(|_| {
        quiet = server.write(&chunk).map_or(quiet + 1, |_| 0);
        (quiet == 20).then_some(())
    });
    server.shutdown(Shutdown::Write).unwrap();
    assert!(!is_asked(ours, port));
    let (mut taken, mut client) = (vec![0; 1 << 20], client);
    scene.until(|_| matches!(client.read(&mut taken), Ok(0)).then_some(()));
    assert!(is_asked(ours, port));
}

#[test]
fn an_address_that_can_not_be_reached_is_said_as_the_kernel_says_it() {
    let mut scene = scene(&[("255.255.255.255", 9)]);
    assert_eq!(scene.text(), "");
    scene.until_idle();
    let log = scene.log();
    assert!(
        log[1].contains("255.255.255.255: Network is unreachable"),
        "{log:?}"
    );
}

#[test]
fn a_side_that_is_reset_ends_the_session() {
    let (listener, port) = backend();
    let mut scene = scene(&[("127.0.0.1", port)]);
    for client_first in [true, false] {
        let (client, server) = scene.relayed(&listener);
        scene.pass(&client, &server, b"up");
        let (first, second) = match client_first {
            true => (client, server),
            false => (server, client),
        };
        // What it has not read makes a reset of its end.
        (&second).write_all(b"unread").unwrap();
        scene.until(|_| first.peek(&mut [0]).ok());
        drop(first);
        let _ = scene.receive(second);
        scene.until_idle();
    }
    // Also when one side had sent its last byte before, and the other is silent.
    let (client, server) = scene.relayed(&listener);
    scene.pass(&client, &server, b"up");
    client.shutdown(Shutdown::Write).unwrap();
    scene.until(|_| matches!((&server).read(&mut [0]), Ok(0)).then_some(()));
    crate::sys::socket::reset(client);
    scene.until_idle();
    drop(server);
}
