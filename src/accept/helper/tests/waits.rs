//! Clients that wait, and do not get what they wait for: in time, or because others need their places.

use std::io::Read;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use xinetd_core::admission::{Candidate, Source, admitted};
use xinetd_core::policy::NameAnswer;

use crate::journal::heard;

use super::super::super::clock::Moment;
use super::super::super::libwrap::Files;
use super::super::super::load::LoadAverage;
use super::super::super::names::Names;
use super::super::super::peer::Peer;
use super::super::super::pending::{Awaiting, Connection};
use super::super::super::reactor::Owner;
use super::{CAT, LOGGED, Scene, file, shell, status};

const SERVED: &str = "echo served";

/// A service with rules of its own in hosts.allow and hosts.deny, and a resolver.
fn wrapped(rules: [&str; 2], resolve: fn(std::net::IpAddr) -> NameAnswer) -> Scene {
    let mut scene = ruled(rules, &[(CAT, &shell(SERVED)), LOGGED]);
    scene.resolve_with(resolve);
    scene
}

/// The same with these changes of the spec, and without a resolver.
pub(super) fn ruled(rules: [&str; 2], changes: &[(&str, &str)]) -> Scene {
    let libwrap = ("access = {}", "libwrap = \"ftpd\"\naccess = {}");
    let mut scene = Scene::new(&[&[libwrap], changes].concat());
    let port = scene.address.port();
    let [allow, deny] = rules;
    let write =
        |name: &str, text: &str| -> PathBuf { file(&format!("{name}-{port}"), text.as_bytes()) };
    scene.helper.wrap.files = Files::new([write("allow", allow), write("deny", deny)]);
    scene
}

pub(super) fn never(_: std::net::IpAddr) -> NameAnswer {
    loop {
        thread::park();
    }
}

fn in_seconds(seconds: u64) -> Moment {
    Moment::now().unwrap().plus(Duration::from_secs(seconds))
}

const REFUSED: [&str; 2] = [
    "libwrap refused connection to test (libwrap=ftpd) from ::ffff:127.0.0.1",
    "FAIL: test libwrap from=::ffff:127.0.0.1",
];

#[test]
fn a_client_whose_name_does_not_come_gets_in_only_where_nothing_depends_on_it() {
    let cases = [
        (["", "ALL: .evil.example\n"], false),
        (["ALL: .evil.example: deny\n", ""], false),
        (["ALL: .good.example\n", "ALL: ALL\n"], false),
        (["ALL: .good.example\n", ""], true),
        (["ALL: 127. EXCEPT 10.\n", "ALL: .evil.example\n"], true),
    ];
    for (rules, is_let_in) in cases {
        for displaced in [false, true] {
            let mut scene = wrapped(rules, never);
            let client = scene.connect();
            let waits = |scene: &mut Scene| {
                scene.until(|helper| {
                    let begun = status(helper).counters.served > 0 || status(helper).waiting > 0;
                    begun.then_some(())
                });
            };
            waits(&mut scene);
            for key in scene.helper.pending.keys() {
                match displaced {
                    true => scene.helper.displace(key, Moment::now().unwrap()),
                    false => scene.helper.expire_pending(in_seconds(21)),
                }
            }
            let text = scene.receive(client).unwrap();
            let wanted = if is_let_in { "served\n" } else { "" };
            assert_eq!(String::from_utf8(text).unwrap(), wanted, "{rules:?}");
            scene.until_idle();
            assert!(scene.status().waiting == 0);
            let log = scene.log();
            let refused = REFUSED
                .iter()
                .all(|line| log.iter().any(|other| other == line));
            assert_eq!(refused, !is_let_in, "{rules:?}: {log:?}");
        }
    }
}

#[test]
fn a_resolver_that_fails_is_no_statement_about_the_name() {
    let rules = ["", "ALL: .evil.example\n"];
    let mut scene = wrapped(rules, |_| NameAnswer::Undetermined);
    heard();
    let client = scene.connect();
    assert_eq!(scene.receive(client).unwrap(), b"");
    let said = heard();
    assert!(said[0].contains("could not be found out"), "{said:?}");
    let mut scene = wrapped(rules, |_| NameAnswer::NoName);
    assert_eq!(scene.text(), "served\n");
}

impl Scene {
    /// Gives the helper another resolver.
    pub(super) fn resolve_with(&mut self, resolve: fn(std::net::IpAddr) -> NameAnswer) {
        let names = Names::with(resolve).unwrap();
        let (token, events) = (Owner::Names.only(), EpollFlags::EPOLLIN);
        let watched = self.helper.reactor.add(names.descriptor(), token, events);
        watched.unwrap();
        self.helper.names = Some(names);
    }

    /// A client, and its connection as it has been accepted.
    fn accepted(&mut self) -> (std::net::TcpStream, Connection) {
        let client = self.connect();
        let (stream, address) = self.until(|helper| helper.sockets.stream(0)?.accept().ok());
        let connection = Connection::new(stream.into(), Peer::Known(address));
        (client, connection)
    }

    /// Each client that waits gives its place up.
    fn displace_all(&mut self) {
        for key in self.helper.pending.keys() {
            self.helper.displace(key, Moment::now().unwrap());
        }
    }
}

#[test]
fn a_displaced_client_without_a_process_is_refused() {
    let mut scene = Scene::new(&[LOGGED]);
    scene.helper.unwatch_listeners();
    let now = Moment::now().unwrap();
    let (client, connection) = scene.accepted();
    let admitted = admitted(&mut scene.helper.state, connection.remote.ip());
    scene
        .helper
        .wait(connection, Awaiting::Retry(admitted, 1), now);
    assert_eq!(scene.helper.state.running(), 1);
    scene.displace_all();
    assert_eq!(scene.receive(client).unwrap(), b"");
    assert_eq!(scene.log(), ["FAIL: test fork from=::ffff:127.0.0.1"]);
    assert_eq!(scene.helper.state.running(), 0);
}

#[test]
fn a_displaced_client_that_reads_no_banner_is_closed() {
    let mut scene = Scene::new(&[LOGGED]);
    scene.helper.unwatch_listeners();
    let (client, mut connection) = scene.accepted();
    connection.outbox.push(vec![b'x'; 20_000_000].into());
    scene
        .helper
        .close_when_drained(connection, Moment::now().unwrap());
    assert_eq!(scene.status().waiting, 1);
    scene.displace_all();
    assert!(scene.receive(client).unwrap().len() < 20_000_000);
}

#[test]
fn a_client_without_a_process_is_served_when_there_is_one() {
    let mut scene = Scene::new(&[(CAT, &shell(SERVED)), LOGGED]);
    scene.helper.unwatch_listeners();
    let now = Moment::now().unwrap();
    let (client, connection) = scene.accepted();
    let admitted = admitted(&mut scene.helper.state, connection.remote.ip());
    scene
        .helper
        .wait(connection, Awaiting::Retry(admitted, 1), now);
    scene.helper.expire_pending(in_seconds(100));
    assert_eq!(scene.receive(client).unwrap(), b"served\n");
    scene.until_idle();
}

#[test]
fn a_client_takes_its_banner_while_its_name_is_looked_up() {
    let named = r#"access = { no_access = [ { pattern = "host bad.example", place = "f:1:1" } ] }"#;
    let mut scene = Scene::new(&[("access = {}", named)]);
    scene.resolve_with(never);
    scene.helper.unwatch_listeners();
    let (mut client, mut connection) = scene.accepted();
    connection.outbox.push(vec![b'x'; 20_000_000].into());
    let candidate = Candidate::new(Source::Peer(connection.remote.ip()));
    let _ = scene
        .helper
        .admit(connection, candidate, Moment::now().unwrap());
    let (mut chunk, mut taken) = (vec![0; 1 << 20], 0);
    scene.until(|_| {
        taken += client.read(&mut chunk).unwrap_or(0);
        (taken == 20_000_000).then_some(())
    });
    assert_eq!(scene.status().waiting, 1);
}

#[test]
fn a_client_without_a_process_gets_five_attempts_or_one() {
    let refused = "FAIL: test fork from=::ffff:127.0.0.1";
    for (noretry, attempts) in [(false, 5), (true, 1)] {
        let format = ("format = 3", &*format!("format = 3\nnoretry = {noretry}"));
        let mut scene = Scene::new(&[LOGGED, format]);
        scene.helper.unwatch_listeners();
        let now = Moment::now().unwrap();
        heard();
        let mut lines = Vec::new();
        for failures in 1..=attempts {
            let (_client, connection) = scene.accepted();
            let admitted = admitted(&mut scene.helper.state, connection.remote.ip());
            scene
                .helper
                .fork_failed(connection, admitted, failures, Errno::EAGAIN, now);
            let is_refused = scene.log().iter().any(|line| line == refused);
            assert_eq!(is_refused, failures == attempts, "{failures}");
            lines = heard();
        }
        let is_said = lines.iter().any(|line| line.contains("fork failures"));
        assert_eq!(is_said, !noretry, "{lines:?}");
    }
}

#[test]
fn a_service_is_closed_while_the_machine_is_busy() {
    let mut scene = Scene::new(&[
        ("limits = { instances", "limits = { load = 2.0, instances"),
        LOGGED,
    ]);
    scene.helper.unwatch_listeners();
    let now = Moment::now().unwrap();
    for (load, is_busy) in [(1.9, false), (2.5, true)] {
        scene.helper.load = LoadAverage::of(load, now.seconds());
        let (_client, connection) = scene.accepted();
        let Connection { socket, .. } = connection;
        let peer = Peer::Known(scene.address);
        let _ = scene.helper.meet(socket, peer, now);
        let log = scene.log().join(" ");
        assert_eq!(log.contains("FAIL: test load"), is_busy, "{load}: {log}");
    }
}
