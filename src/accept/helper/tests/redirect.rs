//! `redirect`, with the helper and real sockets around it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use super::super::super::clock::Moment;
use super::{LOGGED, Scene, TASK, status};

const TRAFFIC: (&str, &str) = (
    LOGGED.0,
    "success = { host = true, exit = true, traffic = true }",
);

pub(super) fn backend() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Where nobody listens.
fn closed_port() -> u16 {
    backend().1
}

/// A service that redirects to these.
pub(super) fn scene(targets: &[(&str, u16)]) -> Scene {
    let targets: Vec<_> = targets
        .iter()
        .map(|(host, port)| format!("{{ host = {host:?}, port = {port} }}"))
        .collect();
    let task = format!("redirect = {{ targets = [{}] }}", targets.join(", "));
    Scene::new(&[(TASK, &task), TRAFFIC])
}

impl Scene {
    /// A client and its connection at the backend.
    pub(super) fn relayed(&mut self, listener: &TcpListener) -> (TcpStream, TcpStream) {
        listener.set_nonblocking(true).unwrap();
        let client = self.connect();
        let server = self.until(|_| listener.accept().ok()).0;
        server.set_nonblocking(true).unwrap();
        (client, server)
    }

    /// Writes all of it and hears it at the other end.
    pub(super) fn pass(&mut self, mut from: &TcpStream, mut to: &TcpStream, bytes: &[u8]) {
        let (mut sent, mut heard) = (0, Vec::new());
        let mut chunk = vec![0; 1 << 20];
        self.until(|_| {
            if sent < bytes.len()
                && let Ok(count) = from.write(&bytes[sent..])
            {
                sent += count;
            }
            if let Ok(count) = to.read(&mut chunk) {
                heard.extend_from_slice(&chunk[..count]);
            }
            (heard.len() >= bytes.len()).then_some(())
        });
        assert!(heard == bytes);
    }

    fn relays(&self) -> u64 {
        self.status().running
    }
}

#[test]
fn bytes_go_both_ways_and_each_end_is_passed_on() {
    let (listener, port) = backend();
    let mut scene = scene(&[("127.0.0.1", port)]);
    for client_first in [true, false] {
        let (client, server) = scene.relayed(&listener);
        let large: Vec<u8> = (0..5_u32 << 20).map(|i| (i % 253) as u8).collect();
        scene.pass(&client, &server, b"hello");
        scene.pass(&server, &client, &large);
        let (first, second) = match client_first {
            true => (client, server),
            false => (server, client),
        };
        first.shutdown(Shutdown::Write).unwrap();
        scene.until(|_| match (&second).read(&mut [0]) {
            Ok(0) => Some(()),
            Ok(_) => panic!("bytes from nowhere"),
            Err(_) => None,
        });
        // Half of it still works.
        scene.pass(&second, &first, b"goodbye");
        drop(second);
        assert_eq!(scene.receive(first).unwrap(), b"");
        scene.until_idle();
    }
    let log = scene.log();
    assert_eq!(log[0], "START: test from=::ffff:127.0.0.1");
    assert_eq!(log[1], "TRAFFIC: test in=5(bytes) out=5242887(bytes)");
    assert_eq!(log[2], "EXIT: test status=0");
    assert_eq!(log[4], "TRAFFIC: test in=12(bytes) out=5242880(bytes)");
}

#[test]
fn a_reader_who_is_slow_stops_the_writer_and_costs_one_pipe() {
    let (listener, port) = backend();
    let mut scene = scene(&[("127.0.0.1", port)]);
    let (client, server) = scene.relayed(&listener);
    let text = vec![b'x'; 64 << 20];
    let (mut sent, mut quiet) = (0, 0);
    scene.until(|_| {
        match (&client).write(&text[sent..]) {
            Ok(count) => (sent, quiet) = (sent + count, 0),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                quiet += 1;
            }
        }
        (quiet == 20).then_some(())
    });
    assert!(sent < text.len(), "nothing held it back");
    assert_eq!(scene.helper.kinds.redirect.descriptors(), 2 + 2);
    // A session that ends gives its pipe back, with what is in it.
    let (other, _far) = scene.relayed(&listener);
    quiet = 0;
    scene.until(|_| {
        quiet = (&other).write(&text).map_or(quiet + 1, |_| 0);
        (quiet == 20).then_some(())
    });
    assert_eq!(scene.helper.kinds.redirect.descriptors(), 2 * (2 + 2));
    let peer = other.local_addr().unwrap().to_string();
    scene.helper.kick(&peer, Moment::now().unwrap()).unwrap();
    assert_eq!(scene.helper.kinds.redirect.descriptors(), 2 + 2);
    // The client goes, and what it has sent arrives all the same.
    drop(client);
    let heard = scene.receive(server).unwrap();
    assert_eq!(heard.len(), sent);
    scene.until_idle();
}

#[test]
fn who_finds_no_pipe_is_served_as_well() {
    let (listener, port) = backend();
    let mut scene = scene(&[("127.0.0.1", port)]);
    let lent = scene.helper.kinds.redirect.take_all_pipes();
    let (client, server) = scene.relayed(&listener);
    let large: Vec<u8> = (0..20_u32 << 20).map(|i| (i % 241) as u8).collect();
    scene.pass(&client, &server, &large);
    scene.pass(&server, &client, &large);
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(scene.receive(server).unwrap(), b"");
    drop(client);
    scene.until_idle();
    let traffic = "TRAFFIC: test in=20971520(bytes) out=20971520(bytes)";
    assert_eq!(scene.log()[1], traffic);
    // One that is reset is gone for good, although its backend stays.
    let (client, server) = scene.relayed(&listener);
    scene.pass(&client, &server, b"up");
    crate::sys::socket::reset(client);
    scene.until_idle();
    drop((server, lent));
}

#[test]
fn a_backend_that_is_not_there_is_said_and_the_next_one_taken() {
    let closed = closed_port();
    let mut scene_of_none = scene(&[("127.0.0.1", closed)]);
    assert_eq!(scene_of_none.text(), "");
    scene_of_none.until_idle();
    let refused = "can't connect to remote host 127.0.0.1: Connection refused (errno = 111)";
    let start = "START: test from=::ffff:127.0.0.1";
    assert_eq!(scene_of_none.log(), [start, refused, "EXIT: test status=0"]);

    let (listener, port) = backend();
    let mut scene = scene(&[
        ("127.0.0.1", closed),
        ("no-such-host.invalid", 9),
        ("localhost", port),
    ]);
    let (client, server) = scene.relayed(&listener);
    scene.pass(&client, &server, b"hello");
    let log = scene.log();
    assert_eq!(log[..2], [start, refused]);
    let unknown = "can't connect to remote host no-such-host.invalid: ";
    assert!(log[2].starts_with(unknown), "{log:?}");
    // The next client does not try those first.
    let _more = scene.relayed(&listener);
    let tried = |log: &[String]| log.iter().filter(|line| **line == refused).count();
    assert_eq!(tried(&scene.log()), 1);
}

#[test]
fn a_backend_that_does_not_answer_is_given_up_in_time() {
    // A full backlog drops what comes, as a machine that is switched off does.
    let deaf = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    deaf.bind(&std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .unwrap();
    deaf.listen(0).unwrap();
    let port = deaf.local_addr().unwrap().as_socket().unwrap().port();
    let _full = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let (listener, other) = backend();
    let mut scene = scene(&[("127.0.0.1", port), ("127.0.0.1", other)]);
    let client = scene.connect();
    scene.until(|helper| (status(helper).running == 1).then_some(()));
    let later = |seconds| Moment::now().unwrap().plus(Duration::from_secs(seconds));
    scene.helper.expire(later(5));
    assert_eq!(scene.log().len(), 1);
    scene.helper.expire(later(11));
    let line = "can't connect to remote host 127.0.0.1: Connection timed out (errno = 110)";
    assert_eq!(scene.log()[1], line);
    listener.set_nonblocking(true).unwrap();
    let server = scene.until(|_| listener.accept().ok()).0;
    server.set_nonblocking(true).unwrap();
    scene.pass(&client, &server, b"hello");
}

#[test]
fn sessions_count_go_on_after_a_reload_and_end_with_the_service() {
    let (listener, port) = backend();
    let mut scene = scene(&[("127.0.0.1", port)]);
    let (client, server) = scene.relayed(&listener);
    let task = "redirect = { targets = [{ host = \"127.0.0.1\", port = 1 }] }";
    let text = super::spec(&[
        (TASK, task),
        (r#"instances = "unlimited""#, "instances = 1"),
    ]);
    let now = Moment::now().unwrap();
    scene.helper.take_spec(text.as_bytes(), now).unwrap();
    scene.pass(&client, &server, b"as before");
    assert_eq!((scene.relays(), scene.helper.state.running()), (1, 1));
    assert_eq!(scene.text(), "");
    assert!(
        scene
            .log()
            .iter()
            .any(|line| line.starts_with("FAIL: test service_limit"))
    );
    scene.helper.refuse_more(now);
    assert_eq!(scene.receive(client).unwrap(), b"");
    assert_eq!(scene.receive(server).unwrap(), b"");
    assert_eq!((scene.relays(), scene.helper.state.running()), (0, 0));
}

#[test]
fn an_idle_session_has_no_pipe() {
    let (listener, port) = backend();
    let mut scene = scene(&[("127.0.0.1", port)]);
    let sessions: Vec<_> = (0..20).map(|_| scene.relayed(&listener)).collect();
    for (client, server) in &sessions {
        scene.pass(client, server, b"up");
        scene.pass(server, client, b"down");
    }
    assert_eq!(
        scene.helper.kinds.redirect.descriptors(),
        2 * sessions.len() + 2
    );
    assert_eq!(scene.helper.kinds.redirect.due(), None);
}

#[test]
fn the_backend_hears_who_the_client_is_before_all_else() {
    let (listener, port) = backend();
    for (version, length) in [("v1", 0), ("v2", 28)] {
        let task = format!(
            "redirect = {{ targets = [{{ host = \"127.0.0.1\", port = {port} }}], \
             proxy_protocol = \"{version}\" }}"
        );
        let mut scene = Scene::new(&[(TASK, &task), TRAFFIC]);
        let (client, mut server) = scene.relayed(&listener);
        let (from, to) = (client.local_addr().unwrap().port(), scene.address.port());
        let line = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {from} {to}\r\n");
        let mut header = vec![0; if length == 0 { line.len() } else { length }];
        scene.until(|_| {
            server
                .peek(&mut header)
                .ok()
                .filter(|count| *count == header.len())
        });
        server.read_exact(&mut header).unwrap();
        match length {
            0 => assert_eq!(header, line.as_bytes()),
            _ => assert_eq!(header[24..26], from.to_be_bytes()),
        }
        scene.pass(&client, &server, b"hello");
        drop((client, server));
        scene.until_idle();
        assert!(
            scene
                .log()
                .contains(&"TRAFFIC: test in=5(bytes) out=0(bytes)".to_owned())
        );
    }
}
