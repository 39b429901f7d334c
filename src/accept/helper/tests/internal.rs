//! Internal services, with the helper around them.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::time::Duration;

use crate::journal::heard;

use super::super::super::clock::Moment;
use super::super::super::reactor::Events;
use super::super::super::state::StateFile;
use super::{LOGGED, Scene, TASK, bans, scratch, status};

#[test]
fn echo_sends_back_all_and_reads_no_more_than_goes_back() {
    let mut scene = Scene::new(&[(TASK, r#"internal = "echo""#), LOGGED]);
    let mut client = scene.connect();
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(scene.receive(client).unwrap(), b"hello");
    scene.until_idle();
    let start = "START: test pid=# from=::ffff:127.0.0.1";
    assert_eq!(scene.log(), [start, "EXIT: test status=0 pid=# duration=#"]);
    // One that sends and does not read is held back by the kernel's buffers, and then hears it all.
    let mut greedy = scene.connect();
    let text: Vec<u8> = (0..32_u32 << 20).map(|i| (i % 251) as u8).collect();
    let mut sent = 0;
    let mut quiet = 0;
    scene.until(|_| {
        match greedy.write(&text[sent..]) {
            Ok(count) => (sent, quiet) = (sent + count, 0),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                quiet += 1;
            }
        }
        (quiet == 20).then_some(())
    });
    assert!(sent < text.len(), "nothing held it back");
    let mut events = Events::new();
    let moment = Some(Duration::from_millis(20));
    scene.helper.reactor.wait(&mut events, moment).unwrap();
    assert!(events.is_empty(), "the helper sleeps meanwhile");
    greedy.shutdown(Shutdown::Write).unwrap();
    assert!(scene.receive(greedy).unwrap() == text[..sent]);
    scene.until_idle();
}

#[test]
fn discard_reads_and_chargen_writes_without_end() {
    let mut scene = Scene::new(&[(TASK, r#"internal = "discard""#)]);
    let mut client = scene.connect();
    let mut left = 1 << 20;
    scene.until(|_| {
        match client.write(&vec![b'x'; left]) {
            Ok(count) => left -= count,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        (left == 0).then_some(())
    });
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(scene.receive(client).unwrap(), b"");
    scene.until_idle();

    let mut scene = Scene::new(&[(TASK, r#"internal = "chargen""#)]);
    let mut client = scene.connect();
    // What it sends does not matter, nor that it has sent all.
    client.write_all(b"rubbish").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    let mut chunk = [0; 1 << 16];
    scene.until(|_| {
        match client.read(&mut chunk) {
            Ok(count) => heard.extend_from_slice(&chunk[..count]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        (heard.len() > 1 << 20).then_some(())
    });
    // Ninety-five lines of 74 bytes, again and again.
    assert!(
        heard
            .chunks_exact(95 * 74)
            .all(|round| round == &heard[..95 * 74])
    );
    drop(client);
    scene.until_idle();
}

#[test]
fn time_and_daytime_say_it_and_leave_no_session() {
    let mut scene = Scene::new(&[(TASK, r#"internal = "time""#), LOGGED]);
    let client = scene.connect();
    let heard = scene.receive(client).unwrap();
    let seconds = u32::from_be_bytes(heard.try_into().unwrap());
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs()
        + 2_208_988_800;
    assert!(now - u64::from(seconds) < 60);
    scene.until_idle();
    assert_eq!(scene.log(), ["START: test pid=# from=::ffff:127.0.0.1"]);

    let mut scene = Scene::new(&[(TASK, r#"internal = "daytime""#)]);
    let text = scene.text();
    assert!(
        text.ends_with("\r\n") && text.split(' ').count() == 5,
        "{text:?}"
    );
}

#[test]
fn clients_of_internal_services_count_and_end_with_the_service() {
    let limit = (r#"instances = "unlimited""#, "instances = 1");
    let mut scene = Scene::new(&[(TASK, r#"internal = "echo""#), limit, LOGGED]);
    let first = scene.connect();
    scene.until(|helper| (status(helper).running == 1).then_some(()));
    assert_eq!(scene.text(), "");
    assert!(
        !scene
            .helper
            .expire(Moment::now().unwrap().plus(Duration::from_secs(10_000)))
    );
    scene.helper.refuse_more(Moment::now().unwrap());
    assert_eq!(scene.receive(first).unwrap(), b"");
    assert_eq!(scene.helper.state.running(), 0);
    let expected = [
        "START: test pid=# from=::ffff:127.0.0.1",
        "FAIL: test service_limit from=::ffff:127.0.0.1",
        "EXIT: test status=0 pid=# duration=#",
    ];
    assert_eq!(scene.log(), expected);
}

/// A client that has sent a datagram to `port`.
pub(super) fn sender(port: u16, datagram: &[u8]) -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_nonblocking(true).unwrap();
    client.send_to(datagram, ("127.0.0.1", port)).unwrap();
    client
}

impl Scene {
    /// A service with a socket for datagrams, and its port.
    pub(super) fn of_datagrams(changes: &[(&str, &str)]) -> (Self, u16) {
        let socket = UdpSocket::bind("[::ffff:127.0.0.1]:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let port = socket.local_addr().unwrap().port();
        let listener = TcpListener::bind("[::]:0").unwrap();
        let state = StateFile::create().unwrap();
        let scene = Self::with_sockets(listener, vec![socket], Vec::new(), state, changes);
        (scene, port)
    }

    fn datagram(&mut self, client: &UdpSocket) -> Vec<u8> {
        let mut buffer = vec![0; 1 << 16];
        let count = self.until(|_| client.recv(&mut buffer).ok());
        buffer.truncate(count);
        buffer
    }
}

#[test]
fn datagrams_are_answered_one_by_one() {
    let (mut scene, port) = Scene::of_datagrams(&[(TASK, r#"internal = "echo""#), LOGGED]);
    heard();
    // A burst loses none.
    let clients: Vec<_> = (0..50).map(|n| sender(port, &[n; 9])).collect();
    for (client, number) in clients.iter().zip(0..) {
        assert_eq!(scene.datagram(client), [number; 9]);
    }
    let long = sender(port, &[7; 3000]);
    assert_eq!(scene.datagram(&long), [7; 2048]);
    let empty = sender(port, b"");
    assert_eq!(scene.datagram(&empty), b"");
    let start = "START: test pid=# from=::ffff:127.0.0.1";
    assert_eq!(scene.log(), vec![start; 52]);
    assert_eq!(heard(), [""; 0], "nothing went wrong");
    assert_eq!(scene.helper.state.running(), 0);
}

#[test]
fn datagrams_of_other_services_and_of_refused_peers_are_not_answered() {
    let only = r#"access = { no_access = [ { pattern = "127.0.0.1/32", place = "f:1:1" } ] }"#;
    let (mut scene, port) =
        Scene::of_datagrams(&[(TASK, r#"internal = "echo""#), ("access = {}", only)]);
    let refused: Vec<_> = (0..100).map(|_| sender(port, b"hello")).collect();
    // The same port at another address: a twin of the service.
    let twin = UdpSocket::bind(("127.0.0.2", port)).unwrap();
    twin.set_nonblocking(true).unwrap();
    twin.send_to(b"hello", ("127.0.0.1", port)).unwrap();
    let other = UdpSocket::bind("127.0.0.2:0").unwrap();
    other.set_nonblocking(true).unwrap();
    other.send_to(b"last", ("127.0.0.1", port)).unwrap();
    assert_eq!(scene.datagram(&other), b"last");
    assert!(
        refused
            .iter()
            .chain([&twin])
            .all(|client| client.recv(&mut [0; 9]).is_err())
    );
    // A flood is shortened.
    let log = scene.log();
    let fail = "FAIL: test address from=::ffff:127.0.0.1";
    assert_eq!(log.iter().filter(|line| *line == fail).count(), 20);
    assert_eq!(scene.status().counters.all_refused(), 100);
}

#[test]
fn a_banned_sender_is_not_answered() {
    let (mut scene, port) = Scene::of_datagrams(&[(TASK, r#"internal = "echo""#)]);
    let path = scratch("bans", scene.address.port());
    let banned = std::net::IpAddr::from([127, 0, 0, 1]);
    bans::table(&path, banned, xinetd_core::bans::Until::Forever);
    let banned = sender(port, b"hello");
    let other = UdpSocket::bind("127.0.0.2:0").unwrap();
    other.set_nonblocking(true).unwrap();
    other.send_to(b"last", ("127.0.0.1", port)).unwrap();
    assert_eq!(scene.datagram(&other), b"last");
    assert!(banned.recv(&mut [0; 9]).is_err());
    let log = scene.log();
    assert_eq!(log, ["FAIL: test address from=::ffff:127.0.0.1"]);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn refusals_that_were_asked_for_are_a_burst_too() {
    let only = r#"access = { no_access = [ { pattern = "127.0.0.1/32", place = "f:1:1" } ] }"#;
    let asked = ("failure = {}", "failure = { host = true }");
    let (mut scene, port) =
        Scene::of_datagrams(&[(TASK, r#"internal = "echo""#), ("access = {}", only), asked]);
    let refused: Vec<_> = (0..100).map(|_| sender(port, b"hello")).collect();
    scene.until(|helper| (status(helper).counters.all_refused() == 100).then_some(()));
    assert_eq!(scene.log().len(), 20);
    drop(refused);
}

#[test]
fn a_datagram_waits_for_the_name_of_its_sender() {
    let only = r#"access = { only_from = [ { pattern = "host localhost", place = "f:1:1" } ] }"#;
    let (mut scene, port) =
        Scene::of_datagrams(&[(TASK, r#"internal = "echo""#), ("access = {}", only)]);
    let client = sender(port, b"who am I");
    assert_eq!(scene.datagram(&client), b"who am I");
    assert!(scene.helper.parked.len() == 0);
}

#[test]
fn datagrams_that_find_no_place_to_wait_are_lost() {
    let only = r#"access = { no_access = [ { pattern = "host bad.example", place = "f:1:1" } ] }"#;
    let (mut scene, port) =
        Scene::of_datagrams(&[(TASK, r#"internal = "echo""#), ("access = {}", only)]);
    scene.resolve_with(|_| {
        loop {
            std::thread::park();
        }
    });
    let senders: Vec<_> = (0..300).map(|_| sender(port, b"hello")).collect();
    let taken = |scene: &mut Scene, count| {
        scene.until(|helper| (helper.parked.len() == count).then_some(()));
    };
    taken(&mut scene, 256);
    let _more = [sender(port, b"hello"), sender(port, b"hello")];
    for _ in 0..10 {
        let moment = Some(Duration::from_millis(1));
        scene.helper.turn(&mut Events::new(), moment).unwrap();
    }
    assert_eq!(scene.helper.parked.len(), 256);
    // They may come from the host that no_access names.
    let localhost = std::net::IpAddr::from([127, 0, 0, 1]);
    let now = Moment::now().unwrap();
    let unknown = xinetd_core::policy::NameAnswer::Undetermined;
    scene.helper.judge_parked(localhost, &unknown, now);
    taken(&mut scene, 0);
    assert!(
        senders
            .iter()
            .all(|sender| sender.recv(&mut [0; 9]).is_err())
    );
    assert!(scene.status().counters.all_refused() >= 256);
}

#[test]
fn a_fault_of_the_network_is_said() {
    let (mut scene, _) = Scene::of_datagrams(&[(TASK, r#"internal = "echo""#)]);
    let socket = scene.helper.sockets.datagram(0).unwrap();
    // No program has this port, as the kernel answers to a socket that is connected to it.
    let closed = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    socket.connect(("::ffff:127.0.0.1", closed.port())).unwrap();
    socket.send(b"hello").unwrap();
    heard();
    let said = scene.until(|_| heard().pop());
    assert_eq!(said, "recvfrom failed: Connection refused (os error 111)");
}
