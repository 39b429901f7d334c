//! Clients that wait, and do not get what they wait for: in time, or because others need their places.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use nix::sys::epoll::EpollFlags;
use xinetd_core::admission::admitted;
use xinetd_core::policy::NameAnswer;

use super::super::super::clock::Moment;
use super::super::super::libwrap::Files;
use super::super::super::names::Names;
use super::super::super::peer::Peer;
use super::super::super::pending::{Awaiting, Connection};
use super::super::super::reactor::Owner;
use super::{CAT, LOGGED, Scene, file, shell, status};

const SERVED: &str = "echo served";

/// A service with rules of its own in hosts.allow and hosts.deny, and a resolver.
fn wrapped(rules: [&str; 2], resolve: fn(std::net::IpAddr) -> NameAnswer) -> Scene {
    let mut scene = Scene::new(&[
        ("access = {}", "libwrap = \"ftpd\"\naccess = {}"),
        (CAT, &shell(SERVED)),
        LOGGED,
    ]);
    let port = scene.address.port();
    let [allow, deny] = rules;
    let write =
        |name: &str, text: &str| -> PathBuf { file(&format!("{name}-{port}"), text.as_bytes()) };
    scene.helper.wrap.files = Files::new([write("allow", allow), write("deny", deny)]);
    scene.resolve_with(resolve);
    scene
}

fn never(_: std::net::IpAddr) -> NameAnswer {
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
    let client = scene.connect();
    assert_eq!(scene.receive(client).unwrap(), b"");
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
