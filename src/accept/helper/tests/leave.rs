//! A helper leaves while the service goes on: its sessions outlive it, and a successor counts them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::super::super::state::StateFile;
use super::super::End;
use super::mux::target;
use super::{CAT, LOGGED, PATIENCE, Scene, TASK, shell, status};

const TWO: (&str, &str) = (r#"instances = "unlimited""#, r#"instances = 2"#);

impl Scene {
    /// The helper leaves, and another one takes its place.
    fn replace(mut self, changes: &[(&str, &str)]) -> (End, Self) {
        let listener = self.helper.sockets.streams()[0].try_clone().unwrap();
        let end = self.helper.terminate().unwrap();
        let state = StateFile::open(self.state.file().try_clone().unwrap().into()).unwrap();
        drop(self);
        (end, Self::with(listener, state, changes))
    }
}

/// Has a read wait, and not for ever.
fn wait_for(socket: &TcpStream) {
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
}

/// Sends and hears it back, without a helper's help.
fn echo(mut client: &TcpStream, mut server: Option<&TcpStream>, bytes: &[u8]) {
    wait_for(client);
    let mut heard = vec![0; bytes.len()];
    client.write_all(bytes).unwrap();
    if let Some(server) = &mut server {
        wait_for(server);
        server.read_exact(&mut heard).unwrap();
        server.write_all(&heard).unwrap();
    }
    client.read_exact(&mut heard).unwrap();
    assert_eq!(heard, bytes);
}

#[test]
fn sessions_of_internal_services_outlive_their_helper() {
    let changes = [(TASK, r#"internal = "echo""#), LOGGED, TWO];
    let mut scene = Scene::new(&changes);
    let (first, second) = (scene.session(), scene.session());
    let (end, mut scene) = scene.replace(&changes);
    assert_eq!(end, End::Abandoned);
    echo(&first, None, b"still here");
    assert_eq!(scene.status().running, 2);
    // They count.
    assert_eq!(scene.text(), "");
    first.shutdown(Shutdown::Write).unwrap();
    assert_eq!((&first).read(&mut [0]).unwrap(), 0);
    scene.until(|helper| (helper.state.running() == 1).then_some(()));
    echo(&second, None, &[b'x'; 100_000]);
    // The service stops: so do they.
    let peer = second.local_addr().unwrap().to_string();
    scene
        .helper
        .kick(&peer, super::Moment::now().unwrap())
        .unwrap();
    scene.until_idle();
    let exits = scene
        .log()
        .into_iter()
        .filter(|line| line.starts_with("EXIT: test"));
    assert_eq!(exits.count(), 2, "{:?}", scene.log());
}

#[test]
fn sessions_of_redirect_outlive_their_helper_with_what_is_on_its_way() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = backend.local_addr().unwrap().port();
    let task = format!(r#"redirect = {{ targets = [{{ host = "127.0.0.1", port = {port} }}] }}"#);
    let changes = [(TASK, &task[..]), LOGGED];
    let mut scene = Scene::new(&changes);
    let mut client = scene.session();
    let (mut server, _) = backend.accept().unwrap();
    // More than the sockets take: a pipe holds some of it while the backend does not read.
    let mut sent = 0;
    let chunk = [b'z'; 65_536];
    scene.until(|_| match client.write(&chunk) {
        Ok(count) => {
            sent += count;
            None
        }
        Err(_) => (sent > 0).then_some(()),
    });
    let (end, mut scene) = scene.replace(&changes);
    assert_eq!(end, End::Abandoned);
    wait_for(&server);
    let mut heard = vec![0; sent];
    server.read_exact(&mut heard).unwrap();
    assert!(heard.iter().all(|byte| *byte == b'z'));
    echo(&client, Some(&server), b"in both directions");
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.read(&mut [0]).unwrap(), 0, "the end is passed on");
    drop(server);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    scene.until_idle();
}

#[test]
fn a_helper_without_sessions_leaves_none() {
    let changes = [(TASK, r#"internal = "echo""#)];
    let (end, mut scene) = Scene::new(&changes).replace(&changes);
    assert_eq!(end, End::Done);
    assert_eq!(scene.text(), "");
}

#[test]
fn a_successor_goes_on_with_the_window_of_cps() {
    let rate = "rate = { max = 2, wait = 3600 }, instances";
    let changes = [("instances", rate), (CAT, &shell("echo served"))];
    let mut scene = Scene::new(&changes);
    assert_eq!(scene.text(), "served\n");
    scene.until_idle();
    let (_, scene) = scene.replace(&changes);
    assert_eq!(scene.helper.state.rate_snapshot().count, 1);
}

#[test]
fn a_client_that_is_about_to_name_its_service_is_passed_on_before_its_helper_leaves() {
    let (listener, path) = target("last");
    let task = format!("tcpmux = [{{ name = \"name\", socket = {path:?} }}]");
    let mut scene = Scene::new(&[(TASK, &task)]);
    let mut client = scene.connect();
    client.write_all(b"na").unwrap();
    scene.until(|helper| (status(helper).waiting > 0).then_some(()));
    let rest = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        client.write_all(b"me\r\n").unwrap();
        client
    });
    assert_eq!(scene.helper.terminate().unwrap(), End::Done);
    assert!(listener.accept().is_ok());
    drop(rest.join());
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_client_whose_backend_is_slow_has_its_session_before_its_helper_leaves() {
    // Its backlog is full, and has room when the kernel asks again, after a second.
    let backend = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
    backend.bind(&any.into()).unwrap();
    backend.listen(0).unwrap();
    let address = backend.local_addr().unwrap().as_socket().unwrap();
    let first = TcpStream::connect(address).unwrap();
    let port = address.port();
    let task = format!(r#"redirect = {{ targets = [{{ host = "127.0.0.1", port = {port} }}] }}"#);
    let mut scene = Scene::new(&[(TASK, &task)]);
    let client = scene.connect();
    scene.until(|helper| (status(helper).running == 1).then_some(()));
    let second = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        drop((backend.accept().unwrap(), first));
        TcpStream::from(backend.accept().unwrap().0)
    });
    assert_eq!(scene.helper.terminate().unwrap(), End::Abandoned);
    let server = second.join().unwrap();
    echo(&client, Some(&server), b"hello");
    client.shutdown(Shutdown::Write).unwrap();
}
