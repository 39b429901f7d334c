//! Sensors, and a coordinator that the test plays.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, bind, listen, recv, send,
    socket,
};
use xinetd_core::bans::Until;

use crate::protocol::bans::{PACKET, ReportReply, SensorReport};
use crate::sys::socket::accept;

use super::bans::{PEER, table};
use super::internal::sender;
use super::*;

pub(super) fn port(scene: &Scene) -> u16 {
    scene.address.port()
}

/// The coordinator's socket, which listens.
pub(super) fn listening(path: &Path) -> OwnedFd {
    let listener = socket(
        AddressFamily::Unix,
        SockType::SeqPacket,
        SockFlag::empty(),
        None,
    )
    .unwrap();
    bind(listener.as_raw_fd(), &UnixAddr::new(path).unwrap()).unwrap();
    listen(&listener, Backlog::new(8).unwrap()).unwrap();
    listener
}

pub(super) fn wait(socket: &OwnedFd) {
    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut fds, PollTimeout::from(10_000_u16)), Ok(1));
}

pub(super) fn enter(listener: &OwnedFd) -> OwnedFd {
    wait(listener);
    accept(listener.as_fd()).unwrap()
}

fn heard(client: &OwnedFd) -> Option<SensorReport> {
    let mut packet = [0; PACKET];
    wait(client);
    let length = recv(client.as_raw_fd(), &mut packet, MsgFlags::empty()).unwrap();
    SensorReport::decode(&packet[..length])
}

impl Scene {
    /// Has it tell the coordinator what there is to tell.
    fn sense(&mut self, now: Moment) {
        let helper = &mut self.helper;
        helper.kinds.sensor.ready(now, &helper.reactor);
    }
}

/// The task of a sensor.
fn sensor(deny_time: &str, allow: &str) -> String {
    format!("sensor = {{ deny_time = {deny_time}, ipv6_prefix = 64, allow = {allow} }}")
}

#[test]
fn a_sensor_bans_nobody_who_must_not_be_banned() {
    let fail = file("caught", b"caught\n");
    let banners = format!("banners = {{ failure = {fail:?} }}");
    let task = sensor("\"forever\"", "[]");
    let mut scene = Scene::new(&[(TASK, &task), ("banners = {}", &banners), LOGGED]);
    assert_eq!(scene.text(), "caught\n");
    assert_eq!(scene.log(), ["FAIL: test address from=::ffff:127.0.0.1"]);
    assert!(scene.helper.kinds.sensor.is_idle());
}

#[test]
fn a_report_is_kept_until_a_coordinator_has_answered_it() {
    let task = sensor("{ minutes = 5 }", "[]");
    let mut scene = Scene::new(&[(TASK, &task)]);
    let path = scratch("coordinator", port(&scene));
    let peer = "192.0.2.7".parse().unwrap();
    let now = || Moment::now().unwrap();
    // No coordinator runs yet.
    scene.helper.kinds.sensor.report(peer, None);
    scene.sense(now());
    let first = listening(&path);
    let later = scene.helper.kinds.sensor.due().unwrap();
    scene.sense(later);
    let client = enter(&first);
    assert_eq!(heard(&client), Some(SensorReport(peer)));
    // It dies before it answers, and the next one hears the same.
    drop((client, first));
    fs::remove_file(&path).unwrap();
    let second = listening(&path);
    scene.until(|helper| helper.kinds.sensor.due());
    let later = scene.helper.kinds.sensor.due().unwrap();
    scene.sense(later);
    let client = enter(&second);
    assert_eq!(heard(&client), Some(SensorReport(peer)));
    send(
        client.as_raw_fd(),
        &ReportReply::Done.encode(),
        MsgFlags::empty(),
    )
    .unwrap();
    scene.until(|helper| helper.kinds.sensor.is_idle().then_some(()));
    // One that has answered is killed: its successor hears at once, while the peer sees no end.
    drop(client);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let caught = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    scene.helper.kinds.sensor.report(PEER, Some(stream.into()));
    scene.sense(now());
    assert!(scene.helper.kinds.sensor.due().is_none());
    assert_eq!(heard(&enter(&second)), Some(SensorReport(PEER)));
    caught.set_nonblocking(true).unwrap();
    let seen = (&caught).read(&mut [0]).unwrap_err();
    assert_eq!(seen.kind(), ErrorKind::WouldBlock);
    fs::remove_file(&path).unwrap();
}

#[test]
fn without_a_coordinator_a_helper_does_not_stay_for_ever() {
    let mut scene = Scene::new(&[]);
    scene.helper.kinds.sensor.report(PEER, None);
    let start = Moment::now().unwrap();
    scene.sense(start);
    assert!(!scene.helper.kinds.sensor.is_idle());
    scene.sense(start.plus(Duration::from_secs(59)));
    assert!(!scene.helper.kinds.sensor.is_idle());
    scene.sense(start.plus(Duration::from_secs(60)));
    assert!(scene.helper.kinds.sensor.is_idle());
}

#[test]
fn nobody_is_banned_for_a_datagram() {
    let task = r#"sensor = { deny_time = "never", ipv6_prefix = 64, allow = [] }"#;
    let (mut scene, port) = Scene::of_datagrams(&[(TASK, task), LOGGED]);
    // From a port on which services answer, too: there is no answer that could make a loop.
    let twin = UdpSocket::bind(("127.0.0.2", port)).unwrap();
    twin.send_to(b"hello", ("127.0.0.1", port)).unwrap();
    let client = sender(port, b"hello");
    let expected = [
        "FAIL: test address from=::ffff:127.0.0.2",
        "FAIL: test address from=::ffff:127.0.0.1",
    ];
    scene.until(|helper| (status(helper).counters.all_refused() == 2).then_some(()));
    assert_eq!(scene.log(), expected);
    assert!(client.recv(&mut [0; 9]).is_err());
    assert_eq!(scene.helper.state.running(), 0);
}

/// A peer with this number.
fn peer(number: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, number])
}

/// What the coordinator has not read yet, without waiting for more.
fn rest(client: &OwnedFd) -> usize {
    let mut packet = [0; PACKET];
    let read = || recv(client.as_raw_fd(), &mut packet, MsgFlags::MSG_DONTWAIT);
    std::iter::repeat_with(read)
        .take_while(|read| read.is_ok_and(|length| length > 0))
        .count()
}

#[test]
fn a_bounded_number_of_reports_is_under_way() {
    let mut scene = Scene::new(&[]);
    let path = scratch("coordinator", port(&scene));
    let listener = listening(&path);
    for number in 0..100 {
        scene.helper.kinds.sensor.report(peer(number), None);
    }
    scene.sense(Moment::now().unwrap());
    let client = enter(&listener);
    assert_eq!(rest(&client), 64);
    for _ in 0..2 {
        let answer = ReportReply::Done.encode();
        send(client.as_raw_fd(), &answer, MsgFlags::empty()).unwrap();
    }
    let mut more = 0;
    scene.until(|_| {
        more += rest(&client);
        (more == 2).then_some(())
    });
    fs::remove_file(path).unwrap();
}

#[test]
fn clients_wait_no_longer_where_no_coordinator_is() {
    let mut scene = Scene::new(&[]);
    let (caught, near) = std::os::unix::net::UnixStream::pair().unwrap();
    let now = Moment::now().unwrap();
    scene.helper.kinds.sensor.report(PEER, Some(near.into()));
    scene.sense(now);
    caught.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!((&caught).read(&mut [0]).unwrap(), 0);
    let second = Duration::from_secs(1);
    assert_eq!(scene.helper.kinds.due(), Some(now.plus(second)));
    scene.sense(now.plus(second / 2));
    assert_eq!(scene.helper.kinds.due(), Some(now.plus(second)));
    scene.helper.expire(now.plus(second));
    assert_eq!(scene.helper.kinds.due(), Some(now.plus(second * 2)));
}

#[test]
fn a_coordinator_that_is_busy_is_tried_again_soon_and_not_for_ever() {
    let mut scene = Scene::new(&[]);
    let path = scratch("coordinator", port(&scene));
    let _listener = listening(&path);
    // Others have all the places in its queue.
    let mut others = Vec::new();
    loop {
        let flags = SockFlag::SOCK_NONBLOCK;
        let other = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).unwrap();
        let address = UnixAddr::new(&path).unwrap();
        match nix::sys::socket::connect(other.as_raw_fd(), &address) {
            Ok(()) => others.push(other),
            Err(_) => break,
        }
        assert!(others.len() < 10_000, "its queue has no end");
    }
    let (caught, near) = std::os::unix::net::UnixStream::pair().unwrap();
    caught.set_nonblocking(true).unwrap();
    let is_held = || (&caught).read(&mut [0]).is_err();
    let now = Moment::now().unwrap();
    scene.helper.kinds.sensor.report(PEER, Some(near.into()));
    let soon = Duration::from_millis(5);
    for (seconds, holds) in [(0, true), (1, false), (59, false)] {
        let at = now.plus(Duration::from_secs(seconds));
        scene.sense(at);
        assert_eq!(scene.helper.kinds.due(), Some(at.plus(soon)), "{seconds}");
        assert_eq!(is_held(), holds, "{seconds}");
    }
    scene.sense(now.plus(Duration::from_secs(60)));
    assert!(scene.helper.kinds.sensor.is_idle());
    fs::remove_file(path).unwrap();
}

impl Scene {
    /// A client of this address comes; whether there is something to report.
    fn hit(&mut self, peer: IpAddr) -> bool {
        let local = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let _client = TcpStream::connect(local.local_addr().unwrap()).unwrap();
        let (stream, _) = local.accept().unwrap();
        let from = super::super::super::peer::Peer::Known((peer, 9).into());
        let now = Moment::now().unwrap();
        let _ = self.helper.meet(stream.into(), from, now);
        !self.helper.kinds.sensor.is_idle()
    }

    /// How many clients the log calls banned.
    fn banned(&self) -> usize {
        let log = self.log();
        let lines = log.iter().filter(|line| line.contains("process_sensor"));
        lines.count()
    }
}

#[test]
fn a_client_of_a_sensor_is_reported_unless_it_is_banned_for_longer() {
    let task = sensor("{ minutes = 5 }", r#"["192.0.2.9/32"]"#);
    let mut scene = Scene::new(&[(TASK, &task)]);
    let (bans, door) = (
        scratch("bans", port(&scene)),
        scratch("coordinator", port(&scene)),
    );
    let listener = listening(&door);
    assert!(!scene.hit(peer(9)), "it is spared");
    table(&bans, peer(7), Until::Forever);
    assert!(!scene.hit(peer(7)), "it is banned for ever");
    fs::remove_file(&bans).unwrap();
    assert!(scene.hit(peer(7)));
    let client = enter(&listener);
    assert_eq!(heard(&client), Some(SensorReport(peer(7))));
    assert_eq!(scene.banned(), 1);
    // A ban that lasts already is made longer, and not said again.
    let soon = Moment::now().unwrap().plus(Duration::from_secs(10));
    table(&bans, peer(5), Until::At(soon.0));
    scene.hit(peer(5));
    assert_eq!(heard(&client), Some(SensorReport(peer(5))));
    assert_eq!(scene.banned(), 1);
    fs::remove_file(&bans).unwrap();
    fs::remove_file(door).unwrap();
}

#[test]
fn a_ban_for_ever_is_reported_once() {
    let task = sensor("\"forever\"", "[]");
    let mut scene = Scene::new(&[(TASK, &task)]);
    let bans = scratch("bans", port(&scene));
    table(&bans, peer(7), Until::Forever);
    assert!(!scene.hit(peer(7)));
    fs::remove_file(bans).unwrap();
    assert!(scene.hit(peer(7)));
}
