//! How a helper comes to its end.

use std::net::IpAddr;
use std::thread;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::unistd::Pid;
use xinetd_core::policy::NameAnswer;

use crate::journal::heard;
use crate::sys::scheduling::Scheduling;

use super::super::super::idle::Idle;
use super::super::End;
use super::waits::never;
use super::*;

impl Scene {
    /// Lets the helper make turns until it ends.
    fn end(&mut self) -> End {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            let most = Some(Duration::from_millis(5));
            if let Some(end) = self.helper.turn(&mut Events::new(), most).unwrap() {
                return end;
            }
        }
        panic!("it does not end");
    }

    /// Sends the helper a signal, which only this thread can get.
    fn signal(&self, signal: Signal) {
        let mut signals = SigSet::empty();
        signals.add(signal);
        signals.thread_block().unwrap();
        raise(signal).unwrap();
    }

    fn terminate(&mut self) -> End {
        self.signal(Signal::SIGTERM);
        self.end()
    }
}

#[test]
fn an_idle_helper_ends_but_not_before_it_has_served_who_has_come_by_then() {
    let mut scene = Scene::new(&[(CAT, &shell("echo served"))]);
    scene.helper.idle = Idle::new(Duration::ZERO);
    let client = scene.connect();
    assert_eq!(scene.end(), End::Done);
    assert_eq!(scene.helper.state.running(), 0);
    client.set_nonblocking(false).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = String::new();
    (&client).read_to_string(&mut text).unwrap();
    assert_eq!(text, "served\n");
}

#[test]
fn a_helper_that_is_told_to_end_leaves_its_servers_to_the_next_one() {
    let mut scene = Scene::new(&[]);
    assert_eq!(scene.terminate(), End::Done);

    let mut scene = Scene::new(&[]);
    let mut client = scene.session();
    assert_eq!(scene.terminate(), End::Abandoned);
    // It is told of clients no more, and its server is there.
    let late = scene.connect();
    scene
        .helper
        .turn(&mut Events::new(), Some(Duration::from_millis(20)))
        .unwrap();
    assert_eq!(scene.helper.state.running(), 1);
    client.write_all(b"hello").unwrap();
    client.set_nonblocking(false).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut echo = [0; 5];
    client.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"hello");
    drop(late);
}

#[test]
fn what_is_known_of_cps_is_noted_at_the_end() {
    let rate = "rate = { max = 5, wait = 7 }, instances";
    let mut scene = Scene::new(&[("instances", rate)]);
    let _session = scene.session();
    assert_eq!(scene.terminate(), End::Abandoned);
    assert_eq!(scene.state.read_rate().count, 1);
}

#[test]
fn a_client_in_the_queue_is_let_go_at_the_end() {
    let only = r#"access = { no_access = [ { pattern = "host bad.example", place = "f:1:1" } ] }"#;
    let mut scene = Scene::new(&[("access = {}", only)]);
    scene.resolve_with(|_| {
        loop {
            thread::park();
        }
    });
    let _client = scene.connect();
    scene.until(|helper| (status(helper).waiting > 0).then_some(()));
    assert_eq!(scene.helper.state.running(), 1);
    assert_eq!(scene.terminate(), End::Done);
    assert_eq!(
        (scene.status().waiting, scene.helper.state.running()),
        (0, 0)
    );
}

#[test]
fn a_helper_sleeps_until_something_is_due_and_does_not_end_in_a_pause() {
    let rate = "rate = { max = 4000000000, wait = 3600 }, instances";
    let mut scene = Scene::new(&[("instances", rate)]);
    let now = Moment::now().unwrap();
    // A window of `cps` that no client has begun keeps no helper.
    assert!(!scene.helper.expire(now));
    assert!(scene.helper.expire(now.plus(super::super::super::IDLE)));
    scene.helper.expire(now);
    let due = scene.helper.due().unwrap();
    assert!(
        due > now && due <= now.plus(super::super::super::IDLE),
        "{due:?}"
    );
    scene.helper.out_of_descriptors(now);
    assert!(!scene.helper.expire(now.plus(Duration::from_secs(3000))));
    assert!(scene.helper.pause.is_on());
}

#[test]
fn clients_wait_in_the_backlog_while_there_is_no_descriptor() {
    let mut scene = Scene::new(&[(CAT, &shell("echo served"))]);
    let now = Moment::now().unwrap();
    scene.helper.go_deaf(now);
    let client = scene.connect();
    client.shutdown(Shutdown::Write).unwrap();
    for _ in 0..3 {
        let most = Some(Duration::from_millis(10));
        scene.helper.turn(&mut Events::new(), most).unwrap();
    }
    assert_eq!(scene.status().counters.all_refused(), 0);
    let due = scene.helper.pause.due().unwrap();
    scene.helper.expire(due);
    assert_eq!(scene.receive(client).unwrap(), b"served\n");
    // Others are reset in a pause.
    scene.helper.out_of_descriptors(now);
    let client = scene.connect();
    assert!(scene.receive(client).is_err());
}

/// A service that has to look up the name of each client.
fn named(server: &str) -> Scene {
    let named = r#"access = { no_access = [ { pattern = "host bad.example", place = "f:1:1" } ] }"#;
    Scene::new(&[("access = {}", named), (CAT, &shell(server))])
}

/// A client with this address.
fn client_from(scene: &Scene, address: [u8; 4]) -> TcpStream {
    let client = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    client.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    client.connect(&scene.address.into()).unwrap();
    client.into()
}

/// What a client gets of a server that its helper has left behind.
fn rest(mut client: &TcpStream) -> String {
    client.set_nonblocking(false).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn clients_that_have_come_are_served_before_a_helper_leaves() {
    let mut scene = named("sleep 0.1; echo served");
    scene.resolve_with(|address| {
        // One name after the other.
        let IpAddr::V4(address) = address.to_canonical() else {
            return NameAnswer::NoName;
        };
        thread::sleep(Duration::from_millis(150) * u32::from(address.octets()[3]));
        NameAnswer::NoName
    });
    let clients = [1, 3].map(|host| client_from(&scene, [127, 0, 0, host]));
    scene.until(|helper| (status(helper).waiting == 2).then_some(()));
    assert_eq!(scene.terminate(), End::Abandoned);
    for client in &clients {
        assert_eq!(rest(client), "served\n");
    }
}

#[test]
fn a_helper_that_leaves_waits_for_clients_no_longer_than_two_seconds() {
    let mut scene = named("echo served");
    scene.resolve_with(never);
    let _client = scene.connect();
    scene.until(|helper| (status(helper).waiting > 0).then_some(()));
    let begin = Instant::now();
    assert_eq!(scene.terminate(), End::Done);
    let time = begin.elapsed();
    let two = Duration::from_secs(2);
    assert!(time >= two && time < two * 2, "{time:?}");
    // Without such clients it leaves at once.
    let begin = Instant::now();
    assert_eq!(named("true").terminate(), End::Done);
    assert!(begin.elapsed() < two / 2);
}

#[test]
fn a_helper_that_is_told_twice_to_end_waits_for_no_client() {
    let mut scene = named("echo served");
    scene.resolve_with(never);
    let _client = scene.connect();
    scene.until(|helper| (status(helper).waiting > 0).then_some(()));
    // Two signals of the same kind would be one.
    scene.signal(Signal::SIGINT);
    let begin = Instant::now();
    assert_eq!(scene.terminate(), End::Done);
    assert!(begin.elapsed() < Duration::from_millis(1500));
}

#[test]
fn a_helper_that_stops_waits_for_each_of_its_servers() {
    let mut scene = Scene::new(&[(CAT, &shell("exec sleep 0.$(($$ % 2 * 3 + 2))")), LOGGED]);
    let clients: Vec<_> = (0..4).map(|_| scene.session()).collect();
    scene.helper.refuse_more(Moment::now().unwrap());
    scene.helper.terminate().unwrap();
    let log = scene.log();
    let exits = log.iter().filter(|line| line.starts_with("EXIT: "));
    assert_eq!(exits.count(), clients.len(), "{log:?}");
}

#[test]
fn a_helper_puts_back_the_processors_that_another_process_has_taken_from_it() {
    let this = Pid::from_raw(0);
    let mut scene = Scene::new(&[]);
    scene.helper.scheduling = Some(Scheduling::now().unwrap());
    let all = sched_getaffinity(this).unwrap();
    let mut few = CpuSet::new();
    let has = |cpu: &usize| all.is_set(*cpu).unwrap_or_default();
    few.set((0..CpuSet::count()).find(has).unwrap()).unwrap();
    sched_setaffinity(this, &few).unwrap();
    heard();
    let due = scene.until(|helper| helper.report.due());
    scene.helper.expire(due);
    assert_eq!(sched_getaffinity(this).unwrap(), all);
    let is_said = heard().iter().any(|line| line.ends_with("it is put back"));
    assert_eq!(is_said, few != all, "a machine may have one processor");
}
