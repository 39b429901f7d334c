//! tcpmux and the services that it leads to, each with the helper around it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::super::super::clock::Moment;
use super::super::super::state::StateFile;
use super::{CAT, LOGGED, PATIENCE, Scene, TASK, shell, status};
use crate::journal::heard;
use crate::sys::handover::{receive, send};

/// A socket in the place of another helper's.
pub(super) fn target(name: &str) -> (UnixListener, PathBuf) {
    let path = std::env::temp_dir().join(format!("mux-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    (listener, path)
}

fn tcpmux(targets: &[(&str, &PathBuf)]) -> Scene {
    let targets: Vec<_> = targets
        .iter()
        .map(|(name, path)| format!("{{ name = \"{name}\", socket = {path:?} }}"))
        .collect();
    let task = format!("tcpmux = [{}]", targets.join(", "));
    Scene::new(&[(TASK, &task), LOGGED])
}

impl Scene {
    /// What a client gets that sends this.
    fn reply(&mut self, request: &str) -> String {
        let mut client = self.connect();
        client.write_all(request.as_bytes()).unwrap();
        String::from_utf8(self.receive(client).unwrap()).unwrap()
    }

    /// Has it take a connection as if it came from tcpmux.
    fn take(&mut self, sender: UnixStream) {
        self.helper.take_passed(sender, Moment::now().unwrap());
    }
}

#[test]
fn tcpmux_answers_those_whom_it_can_not_lead() {
    let (listener, open) = target("open");
    let (_, closed) = target("closed");
    let gone = PathBuf::from("/nonexistent");
    let mut scene = tcpmux(&[("Open", &open), ("closed", &closed), ("gone", &gone)]);
    assert_eq!(scene.reply("none\r\n"), "-Service name not found\r\n");
    assert_eq!(scene.reply("CLOSED\r\n"), "-Service name not found\r\n");
    assert_eq!(scene.reply("gone\r\n"), "-Service name not found\r\n");
    std::fs::remove_file(&closed).unwrap();
    assert_eq!(scene.reply("HELP\r\n"), "Open\r\n");
    assert_eq!(scene.reply("open\n"), "");
    scene.until_idle();
    let start = "START: test pid=# from=::ffff:127.0.0.1";
    let exit = "EXIT: test status=0 pid=# duration=#";
    assert_eq!(scene.log(), [start, exit].repeat(5));
    assert!(listener.accept().is_err(), "nobody was led there");
}

#[test]
fn a_client_reaches_the_server_it_names_with_all_that_it_has_sent() {
    let (listener, path) = target("led");
    let (_, stopped) = target("stopped");
    let mut scene = tcpmux(&[("Name", &stopped), ("name", &path)]);
    let mut client = scene.connect();
    client.write_all(b"NA").unwrap();
    scene.until(|helper| (status(helper).waiting > 0).then_some(()));
    assert_eq!(scene.helper.state.running(), 1);
    client.write_all(b"ME\r\nhello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    scene.until_idle();
    let sender = listener.accept().unwrap().0;

    let script = shell("echo $REMOTE_HOST; cat");
    let go = "mux = { plus = true, nodelay = false, keepalive = false, from = [] }\naccess";
    let mut service = Scene::new(&[
        (CAT, &script),
        ("access", go),
        ("unmap = true", "unmap = false"),
        LOGGED,
    ]);
    service.take(sender);
    let heard = service.receive(client).unwrap();
    assert_eq!(heard, b"+Go\r\n::ffff:127.0.0.1\nhello");
    service.until_idle();
    let start = "START: test pid=# from=::ffff:127.0.0.1";
    assert_eq!(service.log()[0], start);
}

#[test]
fn the_limits_of_the_service_hold_for_those_who_come_through_tcpmux() {
    let (listener, path) = target("limited");
    let mut scene = tcpmux(&[("name", &path)]);
    let mut service = Scene::new(&[(
        "access = {}",
        r#"access = { no_access = [ { pattern = "127.0.0.0/8", place = "f:1:1" } ] }
        mux = { plus = false, nodelay = false, keepalive = false, from = [] }"#,
    )]);
    let mut client = scene.connect();
    client.write_all(b"name\r\n").unwrap();
    scene.until(|helper| (status(helper).counters.served == 1).then_some(()));
    scene.until_idle();
    service.take(listener.accept().unwrap().0);
    assert_eq!(service.receive(client).unwrap(), b"");
    assert_eq!(service.log(), ["FAIL: test address from=::ffff:127.0.0.1"]);
}

#[test]
fn who_names_nothing_for_half_a_minute_is_sent_away() {
    let mut scene = tcpmux(&[]);
    let mut client = scene.connect();
    scene.until(|helper| (status(helper).waiting > 0).then_some(()));
    client.write_all(b"a").unwrap();
    let in_seconds = |seconds| Moment::now().unwrap().plus(Duration::from_secs(seconds));
    scene.helper.expire(in_seconds(28));
    assert_eq!(scene.status().waiting, 1);
    scene.helper.expire(in_seconds(31));
    assert_eq!(scene.helper.state.running(), 0);
    let log = scene.log();
    assert!(log[1].starts_with("EXIT: test"), "{log:?}");
}

#[test]
fn the_client_that_has_named_nothing_for_the_longest_time_makes_room() {
    let limit = nix::sys::resource::Resource::RLIMIT_NOFILE;
    nix::sys::resource::setrlimit(limit, 8192, 8192).unwrap();
    let mut scene = tcpmux(&[]);
    scene.helper.inherited.files = 4096;
    let first = scene.connect();
    let mut others = Vec::new();
    for count in 1..=1024 {
        scene.until(|helper| (status(helper).waiting == count).then_some(()));
        others.push(scene.connect());
    }
    assert_eq!(scene.receive(first).unwrap(), b"");
    assert_eq!(scene.status().waiting, 1024);
    assert_eq!(scene.helper.state.running(), 1024);
}

/// Local users may connect to the socket of a service, too.
#[test]
fn a_client_waits_for_a_service_whose_queue_is_full() {
    let (_, path) = target("full");
    std::fs::remove_file(&path).unwrap();
    let address = SockAddr::unix(&path).unwrap();
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&address).unwrap();
    listener.listen(1).unwrap();
    let mut strangers = Vec::new();
    loop {
        let stranger = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        stranger.set_nonblocking(true).unwrap();
        match stranger.connect(&address) {
            Ok(()) => strangers.push(stranger),
            Err(_) => break,
        }
    }
    let mut scene = tcpmux(&[("name", &path)]);
    let mut client = scene.connect();
    client.write_all(b"name\r\n").unwrap();
    scene.until(|helper| (status(helper).waiting > 0).then_some(()));
    assert_eq!(scene.helper.state.running(), 1);
    for _ in &strangers {
        drop(listener.accept().unwrap());
    }
    scene.until_idle();
    assert!(
        receive(listener.accept().unwrap().0.as_fd(), &mut [0]).is_ok(),
        "the client is there"
    );

    let mut late = scene.connect();
    late.write_all(b"name\r\n").unwrap();
    strangers.clear();
    for _ in 0..2 {
        let stranger = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        stranger.connect(&address).unwrap();
        strangers.push(stranger);
    }
    scene.until(|helper| (status(helper).waiting > 0).then_some(()));
    let now = Moment::now().unwrap();
    scene.helper.expire(now.plus(Duration::from_secs(11)));
    let heard = scene.receive(late).unwrap();
    assert_eq!(heard, b"-Service not available\r\n");
}

#[test]
fn strangers_hand_over_nothing() {
    let (_, path) = target("strangers");
    std::fs::remove_file(&path).unwrap();
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut service = Scene::with_sockets(
        TcpListener::bind("[::]:0").unwrap(),
        Vec::new(),
        vec![listener],
        StateFile::create().unwrap(),
        &[(
            "access",
            r#"mux = { plus = true, nodelay = false, keepalive = false, from = ["tcpmux"] }
            access"#,
        )],
    );
    let stranger = UnixStream::connect(&path).unwrap();
    service.helper.accept_from_mux(0, Moment::now().unwrap());
    stranger.set_read_timeout(Some(PATIENCE)).unwrap();
    let end = (&stranger).read(&mut [0]).unwrap();
    assert_eq!(end, 0, "it was sent away");
    assert!(service.helper.fd_passing.is_empty());
}

#[test]
fn clients_that_are_about_to_name_a_service_keep_the_helper_and_end_with_it() {
    let mut scene = tcpmux(&[]);
    let client = scene.connect();
    scene.until(|helper| (status(helper).waiting > 0).then_some(()));
    assert!(!scene.helper.kinds.is_idle());
    assert_eq!(scene.helper.kinds.descriptors(), 1);
    let due = scene.helper.kinds.tcpmux.due().unwrap();
    let left = due.since(Moment::now().unwrap());
    assert!(
        left.as_secs() >= 20 && left <= Duration::from_secs(30),
        "{left:?}"
    );
    scene.helper.refuse_more(Moment::now().unwrap());
    assert_eq!(scene.receive(client).unwrap(), b"");
    assert_eq!(scene.helper.state.running(), 0);
    assert!(scene.helper.kinds.is_idle());
}

/// A service that takes what tcpmux passes, and tells of its client.
fn service(script: &str) -> Scene {
    let mux = "mux = { plus = false, nodelay = true, keepalive = true, from = [] }\naccess";
    Scene::new(&[(CAT, &shell(script)), ("access", mux)])
}

/// A client, and its connection where tcpmux has it.
fn connection() -> (std::net::TcpStream, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_nonblocking(true).unwrap();
    (client, listener.accept().unwrap().0)
}

#[test]
fn a_connection_that_comes_late_is_waited_for_and_gets_the_options_of_the_service() {
    let options = "s.getsockopt(k.IPPROTO_TCP, k.TCP_NODELAY), \
                   s.getsockopt(k.SOL_SOCKET, k.SO_KEEPALIVE)";
    let program = format!("import socket as k; s = k.socket(fileno=0); print({options})");
    let mut service = service(&format!("exec python3 -c \"{program}\""));
    let (near, far) = UnixStream::pair().unwrap();
    service.take(near);
    assert!(!service.helper.fd_passing.is_empty());
    let (client, stream) = connection();
    send(far.as_fd(), b"p", stream.as_fd()).unwrap();
    drop(stream);
    assert_eq!(service.receive(client).unwrap(), b"1 1\n");
    assert!(service.helper.fd_passing.is_empty());
}

#[test]
fn what_tcpmux_never_sends_is_not_served() {
    let mut service = service("echo served");
    for (what, served) in [
        (&b"p"[..], &b"served\n"[..]),
        (b"u", b"served\n"),
        (b"x", b""),
        (b"pp", b""),
    ] {
        let (near, far) = UnixStream::pair().unwrap();
        let (client, stream) = connection();
        send(far.as_fd(), what, stream.as_fd()).unwrap();
        drop(stream);
        service.take(near);
        assert!(service.helper.fd_passing.is_empty(), "{what:?}");
        assert_eq!(service.receive(client).unwrap(), served, "{what:?}");
        service.until_idle();
    }
}

#[test]
fn nothing_is_taken_while_the_service_stops() {
    let mut service = service("echo served");
    let (near, far) = UnixStream::pair().unwrap();
    service.take(near);
    service.helper.refuse_more(Moment::now().unwrap());
    let (client, stream) = connection();
    send(far.as_fd(), b"p", stream.as_fd()).unwrap();
    drop(stream);
    assert_eq!(service.receive(client).unwrap(), b"");
    assert_eq!(service.status().counters.served, 0);
}

#[test]
fn a_bounded_number_of_senders_is_waited_for_and_the_first_makes_room() {
    let mut service = service("echo served");
    let mut pairs = Vec::new();
    for _ in 1..=65 {
        let (near, far) = UnixStream::pair().unwrap();
        service.take(near);
        far.set_nonblocking(true).unwrap();
        pairs.push(far);
    }
    let is_open = pairs.iter().map(|mut far| far.read(&mut [0]).is_err());
    let is_open: Vec<_> = is_open.collect();
    assert_eq!(is_open[..2], [false, true]);
    assert!(is_open[1..].iter().all(|is_open| *is_open));
}

/// Without systemd.
#[test]
fn only_a_sender_that_knows_the_secret_is_heard() {
    let secret = "5a".repeat(32);
    let mux = format!(
        "mux = {{ plus = false, nodelay = false, keepalive = false, from = \"{secret}\" }}\naccess"
    );
    let mut service = Scene::new(&[(CAT, &shell("echo served")), ("access", &mux)]);
    let proof = [&b"p"[..], &[0x5a; 32]].concat();
    let mut wrong = proof.clone();
    wrong[32] = 0;
    for (message, served) in [
        (&proof[..], &b"served\n"[..]),
        (&wrong, b""),
        (b"p", b""),
        (&proof[..32], b""),
    ] {
        let (near, far) = UnixStream::pair().unwrap();
        let (client, stream) = connection();
        send(far.as_fd(), message, stream.as_fd()).unwrap();
        drop(stream);
        heard();
        service.helper.accept_passed(near, Moment::now().unwrap());
        let said = heard();
        let is_told = said
            .iter()
            .any(|line| line.ends_with("which is not tcpmux"));
        assert_eq!(is_told, served.is_empty(), "{said:?}");
        assert_eq!(service.receive(client).unwrap(), served, "{message:?}");
        service.until_idle();
    }
}

#[test]
fn tcpmux_proves_itself_to_those_that_ask_for_it() {
    let (listener, path) = target("proof");
    let secret = "5a".repeat(32);
    let task =
        format!("tcpmux = [{{ name = \"name\", socket = {path:?}, secret = \"{secret}\" }}]");
    let mut scene = Scene::new(&[(TASK, &task), ("unmap = true", "unmap = false")]);
    let mut client = scene.connect();
    client.write_all(b"name\r\n").unwrap();
    let sender = scene.until(|_| listener.accept().ok()).0;
    let mut what = [0; 99];
    let (length, _) = receive(sender.as_fd(), &mut what).unwrap();
    assert_eq!(what[..length], [&b"p"[..], &[0x5a; 32]].concat());
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_mapped_client_is_passed_as_what_its_socket_is() {
    for (unmap, expected) in [("unmap = true", b'u'), ("unmap = false", b'p')] {
        let (listener, path) = target(unmap);
        let task = format!("tcpmux = [{{ name = \"name\", socket = {path:?} }}]");
        let mut scene = Scene::new(&[(TASK, &task), ("unmap = true", unmap)]);
        let mut client = scene.connect();
        client.write_all(b"name\r\n").unwrap();
        let sender = scene.until(|_| listener.accept().ok()).0;
        let mut what = [0; 9];
        let (length, _) = receive(sender.as_fd(), &mut what).unwrap();
        assert_eq!(what[..length], [expected], "{unmap}");
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_service_that_can_not_be_reached_is_said_at_once() {
    let (_, path) = target("other");
    std::fs::remove_file(&path).unwrap();
    // Of another kind than tcpmux connects to.
    let _socket = UnixDatagram::bind(&path).unwrap();
    let mut scene = tcpmux(&[("name", &path)]);
    heard();
    assert_eq!(scene.reply("name\r\n"), "-Service not available\r\n");
    let said = heard();
    assert!(said[0].contains("name can't be reached"), "{said:?}");
    std::fs::remove_file(path).unwrap();
}
