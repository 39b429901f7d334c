//! `wait = yes`: one server at a time has the service's own socket.

use std::net::UdpSocket;

use crate::journal::heard;

use super::super::super::kinds::NO_PROCESS;
use super::internal::sender;
use super::waits::never;
use super::*;

/// A server that is this Python, with the socket as `s`.
fn python(script: &str) -> String {
    let program = format!("import socket; s = socket.socket(fileno=0); {script}");
    format!(
        "wait = {}",
        shell(&format!("exec python3 -c \"{program}\""))
    )
}

const GREET: &str = "c, _ = s.accept(); c.sendall(b\\\"hello\\\")";

#[test]
fn a_server_accepts_its_client_and_the_next_one_comes_when_it_has_ended() {
    let mut scene = Scene::new(&[(TASK, &python(GREET)), LOGGED]);
    let clients = [scene.connect(), scene.connect()];
    for client in clients {
        assert_eq!(scene.receive(client).unwrap(), b"hello");
    }
    scene.until_idle();
    let log = scene.log();
    let starts = log
        .iter()
        .filter(|line| line.starts_with("START: test pid=#"));
    assert_eq!((starts.count(), log.len()), (2, 4), "{log:?}");
    assert!(!log.contains(&format!("START: test pid={NO_PROCESS}")));
}

#[test]
fn a_client_that_is_refused_stays_in_the_queue_and_is_looked_at_later() {
    let limit = (r#"instances = "unlimited""#, "instances = 0");
    let mut scene = Scene::new(&[(TASK, &python(GREET)), limit]);
    let client = scene.connect();
    let refused = |helper: &mut Helper| (status(helper).counters.all_refused() > 0).then_some(());
    scene.until(refused);
    let due = scene.until(|helper| helper.kinds.wait.due());
    let left = due.since(Moment::now().unwrap());
    let five = Duration::from_secs(5);
    assert!(left <= five && left > five / 2, "{left:?}");
    assert!(!scene.helper.kinds.is_idle(), "a client waits");
    assert_eq!(scene.status().counters.all_refused(), 1);
    // It is there still.
    let text = spec(&[(TASK, &python(GREET))]);
    let now = Moment::now().unwrap();
    scene.helper.take_spec(text.as_bytes(), now).unwrap();
    scene.helper.expire(due);
    assert_eq!(scene.helper.kinds.wait.due(), None);
    assert_eq!(scene.receive(client).unwrap(), b"hello");
}

#[test]
fn a_datagram_that_is_refused_goes_and_the_next_one_has_its_server() {
    let only = r#"access = { no_access = [ { pattern = "127.0.0.1/32", place = "f:1:1" } ] }"#;
    let echo = "d, a = s.recvfrom(99); s.sendto(d, a)";
    let (mut scene, port) =
        Scene::of_datagrams(&[(TASK, &python(echo)), ("access = {}", only), LOGGED]);
    let refused = sender(port, b"first");
    let other = UdpSocket::bind("127.0.0.2:0").unwrap();
    other.set_nonblocking(true).unwrap();
    other.send_to(b"second", ("127.0.0.1", port)).unwrap();
    let mut answer = [0; 9];
    let length = scene.until(|_| other.recv(&mut answer).ok());
    assert_eq!(&answer[..length], b"second");
    assert!(refused.recv(&mut answer).is_err());
    scene.until_idle();
    let log = scene.log();
    assert_eq!(log[0], "FAIL: test address from=::ffff:127.0.0.1");
    assert_eq!(log[1], "START: test pid=# from=::ffff:127.0.0.2");
}

#[test]
fn who_comes_in_a_pause_is_reset_and_no_server_is_started() {
    let rate = "rate = { max = 1, wait = 3600 }, instances";
    let mut scene = Scene::new(&[("instances", rate), (TASK, &python(GREET))]);
    for _ in 0..100 {
        if scene.status().paused_for.is_some() {
            break;
        }
        let client = scene.connect();
        let _ = scene.receive(client);
    }
    let served = scene.status().counters.served;
    let client = scene.connect();
    let error = scene.receive(client).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(scene.status().counters.served, served);
}

#[test]
fn datagrams_in_a_pause_are_taken_off_and_counted() {
    let rate = "rate = { max = 1, wait = 3600 }, instances";
    let echo = "d, a = s.recvfrom(99); s.sendto(d, a)";
    let (mut scene, port) = Scene::of_datagrams(&[("instances", rate), (TASK, &python(echo))]);
    let mut senders = Vec::new();
    scene.until(|helper| {
        senders.push(sender(port, b"hello"));
        status(helper).paused_for
    });
    scene.until(|helper| {
        let refused = &status(helper).counters.refused;
        refused
            .get(&crate::status::Cause::Pause)
            .filter(|count| **count > 0)
            .copied()
    });
}

#[test]
fn a_server_that_accepts_nothing_is_blamed_for_the_pause_that_it_causes() {
    let rate = "rate = { max = 3, wait = 3600 }, instances";
    let blame = |lines: Vec<String>| lines.iter().any(|line| line.contains("servers in a row"));
    let mut scene = Scene::new(&[("instances", rate), (TASK, &python("pass"))]);
    heard();
    let _client = scene.connect();
    scene.until(|helper| status(helper).paused_for);
    assert!(blame(heard()));
    // There are too few descriptors for other reasons.
    scene.helper.pause.end();
    let now = Moment::now().unwrap();
    scene.helper.out_of_descriptors(now);
    assert!(!blame(heard()));
}

#[test]
fn made_up_senders_do_not_hold_the_others_up_again_and_again() {
    let named = r#"access = { only_from = [ { pattern = "host localhost", place = "f:1:1" } ] }"#;
    let echo = "d, a = s.recvfrom(99); s.sendto(d, a)";
    let (mut scene, port) = Scene::of_datagrams(&[(TASK, &python(echo)), ("access = {}", named)]);
    scene.resolve_with(never);
    let _first = sender(port, b"hello");
    scene.until(|helper| (status(helper).waiting > 0).then_some(()));
    let now = Moment::now().unwrap();
    scene
        .helper
        .expire_pending(now.plus(Duration::from_secs(100)));
    assert_eq!(scene.status().counters.all_refused(), 1);
    scene.helper.kinds.wait.hurry_names(now);
    let _second = sender(port, b"hello");
    scene.until(|helper| {
        assert_eq!(status(helper).waiting, 0, "none waits");
        (status(helper).counters.all_refused() == 2).then_some(())
    });
}
