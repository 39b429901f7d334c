//! Clients whose user is asked for, with an ident server that the test plays.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use socket2::{Domain, Socket, Type};

use super::super::super::clock::Moment;
use super::{CAT, Scene, shell, status};

const SUCCESS: (&str, &str) = ("success = {}", "success = { userid = true }");
const FAILURE: (&str, &str) = ("failure = {}", "failure = { userid = true }");
const NOBODY: (&str, &str) = (
    "access = {}",
    r#"access = { no_access = [ { pattern = "0.0.0.0/0", place = "f:1:1" } ] }"#,
);
const JOE: &str = "USERID: test UNIX :joe";

/// A machine whose ident server calls each user joe, or never answers.
struct Machine {
    address: Ipv4Addr,
    server: Option<JoinHandle<()>>,
    listener: TcpListener,
}

impl Machine {
    fn new(number: u8, answers: bool) -> Self {
        let address = Ipv4Addr::new(127, 113, 0, number);
        let listener = TcpListener::bind((address, 113)).unwrap();
        let its = listener.try_clone().unwrap();
        let server = answers.then(|| {
            thread::spawn(move || {
                let (mut stream, _) = its.accept().unwrap();
                let mut question = String::new();
                BufReader::new(&stream).read_line(&mut question).unwrap();
                let answer = format!("{} : USERID : UNIX :joe\r\n", question.trim_end());
                stream.write_all(answer.as_bytes()).unwrap();
            })
        });
        Self {
            address,
            server,
            listener,
        }
    }

    /// A client from there.
    fn connect(&self, scene: &Scene) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let from: std::net::SocketAddr = (self.address, 0).into();
        socket.bind(&from.into()).unwrap();
        socket.connect(&scene.address.into()).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.into()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            // One that was not asked waits still.
            let _ = TcpStream::connect(self.listener.local_addr().unwrap());
            let _ = server.join();
        }
    }
}

#[test]
#[ignore = "needs root, for the port of ident servers"]
fn a_client_is_served_when_its_machine_has_said_its_user() {
    let machine = Machine::new(1, true);
    let mut scene = Scene::new(&[(CAT, &shell("echo served")), SUCCESS]);
    let client = machine.connect(&scene);
    assert_eq!(scene.receive(client).unwrap(), b"served\n");
    assert!(
        scene.log().iter().any(|line| line == JOE),
        "{:?}",
        scene.log()
    );
}

#[test]
#[ignore = "needs root, for the port of ident servers"]
fn the_user_of_a_client_that_is_refused_is_logged_where_that_is_wanted() {
    for (flags, is_asked) in [(FAILURE, true), (SUCCESS, false)] {
        let machine = Machine::new(2, true);
        let mut scene = Scene::new(&[NOBODY, flags]);
        let client = machine.connect(&scene);
        assert_eq!(scene.receive(client).unwrap(), b"");
        let log = scene.log();
        assert_eq!(log.iter().any(|line| line == JOE), is_asked, "{log:?}");
    }
}

#[test]
#[ignore = "needs root, for the port of ident servers"]
fn a_client_whose_machine_never_answers_is_served_without_its_user() {
    let machine = Machine::new(3, false);
    for is_displaced in [false, true] {
        let mut scene = Scene::new(&[(CAT, &shell("echo served")), SUCCESS]);
        let client = machine.connect(&scene);
        scene.until(|helper| (status(helper).waiting > 0).then_some(()));
        let now = Moment::now().unwrap();
        match is_displaced {
            true => {
                for key in scene.helper.pending.keys() {
                    scene.helper.displace(key, now);
                }
            }
            false => {
                let much_later = now.plus(std::time::Duration::from_secs(100));
                scene.helper.expire_pending(much_later);
            }
        }
        assert_eq!(scene.receive(client).unwrap(), b"served\n");
        assert!(!scene.log().iter().any(|line| line == JOE));
    }
}

#[test]
#[ignore = "needs root, for the port of ident servers"]
fn for_a_line_of_the_log_no_other_client_gives_its_place_up() {
    let machine = Machine::new(4, false);
    let mut scene = Scene::new(&[NOBODY, FAILURE]);
    let mut clients = Vec::new();
    let address = IpAddr::V4(machine.address);
    let is_full = |helper: &mut super::Helper| {
        use super::super::super::pending::{Vacancy, WaitsFor};
        helper.pending.place(WaitsFor::Ident, address) != Vacancy::Free
    };
    // Where the places of all clients, or those of one address, are taken the next one is let go at once.
    while !is_full(&mut scene.helper) {
        clients.push(machine.connect(&scene));
        let count = clients.len() as u64;
        assert!(count < 10_000, "there is no bound");
        scene.until(|helper| (status(helper).waiting == count).then_some(()));
    }
    let waiting = scene.status().waiting;
    let last = machine.connect(&scene);
    assert_eq!(scene.receive(last).unwrap(), b"");
    assert_eq!(scene.status().waiting, waiting);
}
