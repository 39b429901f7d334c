//! What a helper tells of itself, and sessions that root ends.

use std::os::unix::net::UnixStream;

use nix::sys::epoll::EpollFlags;

use crate::status::{Cause, control_socket};

use super::super::super::control::Control;
use super::super::super::reactor::Owner;

use super::*;

#[test]
fn the_status_has_sessions_and_what_was_counted() {
    let limit = (r#"instances = "unlimited""#, "instances = 1");
    let mut scene = Scene::new(&[limit]);
    let client = scene.session();
    assert_eq!(scene.text(), "", "a second one");
    let later = Moment::now().unwrap().plus(Duration::from_secs(100));
    let status = scene.helper.status(later);
    let row = status.sessions[0];
    assert_eq!((status.running, status.sessions.len()), (1, 1));
    assert_eq!(row.peer, client.local_addr().unwrap());
    assert!(row.pid > 0 && (100..200).contains(&row.age), "{row:?}");
    assert_eq!((status.paused_for, status.counters.served), (None, 1));
    assert_eq!(status.counters.refused[&Cause::ServiceLimit], 1);
    drop(client);
    scene.until_idle();
    let status = scene.helper.status(later);
    assert_eq!((status.running, status.counters.durations.count()), (0, 1));
}

#[test]
fn a_pause_is_told_and_who_comes_in_it_is_counted() {
    let rate = "rate = { max = 1, wait = 30 }, instances";
    let mut scene = Scene::new(&[("instances", rate), (CAT, &shell("echo served"))]);
    let served = (0..100).take_while(|_| scene.text_or_reset()).count();
    assert!(served < 100, "it does not pause");
    let status = scene.helper.status(Moment::now().unwrap());
    assert!(
        status.paused_for.is_some_and(|left| left <= 31),
        "{status:?}"
    );
    assert_eq!(status.counters.refused[&Cause::Pause], 1);
    let due = scene.helper.pause.due().unwrap();
    let status = scene.helper.status(due);
    assert_eq!(status.paused_for, Some(1), "as long as it lasts");
}

#[test]
fn a_session_is_ended_by_its_process_or_its_client() {
    let mut scene = Scene::new(&[(CAT, &shell("exec sleep 100"))]);
    let first = scene.session();
    let second = scene.session();
    let now = Moment::now().unwrap();
    let rows = scene.helper.status(now).sessions;
    let is_first = |row: &&crate::status::SessionRow| row.peer == first.local_addr().unwrap();
    let pid = rows.iter().find(is_first).unwrap().pid;
    scene.helper.kick(&pid.to_string(), now).unwrap();
    assert_eq!(scene.receive(first).unwrap(), b"");
    let peer = second.local_addr().unwrap().to_string();
    scene.helper.kick(&peer, now).unwrap();
    assert_eq!(scene.receive(second).unwrap(), b"");
    scene.until_idle();
    assert!(scene.helper.kick(&peer, now).is_err(), "it is gone");
    for nobody in ["", "0", "-1", "1", "127.0.0.1"] {
        assert!(scene.helper.kick(nobody, now).is_err(), "{nobody}");
    }

    let mut scene = Scene::new(&[(TASK, r#"internal = "echo""#)]);
    let client = scene.connect();
    scene.until(|helper| (status(helper).running == 1).then_some(()));
    let peer = client.local_addr().unwrap().to_string();
    scene.helper.kick(&peer, now).unwrap();
    assert_eq!(scene.receive(client).unwrap(), b"");
}

#[test]
#[ignore = "needs root, which alone is heard"]
fn root_is_answered_at_the_control_socket() {
    let mut scene = Scene::new(&[(CAT, &shell("echo served"))]);
    let directory = scratch("runtime", scene.address.port());
    std::fs::create_dir_all(&directory).unwrap();
    let control = Control::listen(&directory, 0).unwrap();
    let (token, events) = (Owner::Control.only(), EpollFlags::EPOLLIN);
    let watched = scene.helper.reactor.add(control.listener(), token, events);
    watched.unwrap();
    scene.helper.control = Some(control);
    assert_eq!(scene.text(), "served\n");
    let mut ask = |request: &str| {
        let mut client = UnixStream::connect(control_socket(&directory)).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        client.set_nonblocking(true).unwrap();
        let mut answer = String::new();
        scene.until(|_| client.read_to_string(&mut answer).ok());
        answer
    };
    let told = Status::parse(&ask("status\n")).unwrap();
    assert_eq!(told.counters.served, 1);
    assert_eq!(
        ask("kick\n127.0.0.1:1"),
        "there is no session of 127.0.0.1:1"
    );
    assert_eq!(ask("reload\nrubbish").lines().count(), 1);
    assert_eq!(ask("stop\n"), "ok");
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn clients_that_have_not_named_a_service_are_told_as_waiting() {
    let mut scene = Scene::new(&[(TASK, "tcpmux = []")]);
    let _clients = [scene.connect(), scene.connect()];
    scene.until(|helper| (helper.state.running() == 2).then_some(()));
    assert_eq!((scene.status().waiting, scene.status().running), (2, 0));
}

impl Scene {
    /// Whether a client was served, and not reset.
    fn text_or_reset(&mut self) -> bool {
        let client = self.connect();
        self.receive(client).is_ok()
    }
}
