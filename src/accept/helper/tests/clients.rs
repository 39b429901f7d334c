//! Clients of a stream service, each of which gets a server: their limits, banners and lines in the log.

use super::*;

#[test]
fn a_client_gets_its_server_and_the_log_tells_of_both() {
    let script = shell("echo $0 $REMOTE_HOST $REMOTE_ADDR $A; exit 3");
    let mut scene = Scene::new(&[
        (CAT, &script),
        LOGGED,
        ("environment = {}", r#"environment = { set = ["A=1"] }"#),
    ]);
    assert_eq!(scene.text(), "sh ::ffff:127.0.0.1 127.0.0.1 1\n");
    scene.until_idle();
    let start = "START: test pid=# from=::ffff:127.0.0.1";
    assert_eq!(scene.log(), [start, "EXIT: test status=3 pid=# duration=#"]);
}

#[test]
fn a_mapped_peer_reaches_the_server_over_ipv4_if_the_spec_says_so() {
    let script = "exec python3 -c 'import socket; print(socket.socket(fileno=0).family)' 2>&1";
    for (unmap, family) in [("unmap = true", "2\n"), ("unmap = false", "10\n")] {
        let mut scene = Scene::new(&[(CAT, &shell(script)), ("unmap = true", unmap)]);
        let client = scene.connect();
        assert_eq!(scene.receive(client).unwrap(), family.as_bytes());
    }
}

#[test]
fn a_client_that_is_not_in_only_from_gets_banners_and_no_process() {
    let (always, fail) = (file("always", b"hello\n"), file("fail", b"no\n"));
    let banners = format!("banners = {{ always = {always:?}, failure = {fail:?} }}");
    let mut scene = Scene::new(&[
        (
            "access = {}",
            r#"access = { only_from = [ { pattern = "192.0.2.0/24", place = "f:1:1" } ] }"#,
        ),
        ("banners = {}", &banners),
        LOGGED,
    ]);
    assert_eq!(scene.text(), "hello\nno\n");
    assert_eq!(scene.log(), ["FAIL: test address from=::ffff:127.0.0.1"]);
    assert_eq!(
        (scene.status().counters.served, scene.helper.state.running()),
        (0, 0)
    );
}

#[test]
fn names_are_looked_up_where_they_decide() {
    let only = r#"access = { only_from = [ { pattern = "host localhost", place = "f:1:1" } ] }"#;
    let success = file("success", b"welcome\n");
    let banners = format!("banners = {{ success = {success:?} }}");
    let mut scene = Scene::new(&[
        ("access = {}", only),
        ("banners = {}", &banners),
        (CAT, &shell("echo served")),
    ]);
    let client = scene.connect();
    scene.until(|helper| (helper.state.running() == 1).then_some(()));
    assert_eq!(scene.receive(client).unwrap(), b"welcome\nserved\n");
    // The second time it is known.
    assert_eq!(scene.text(), "welcome\nserved\n");
    assert!(scene.status().waiting == 0);
}

#[test]
fn instances_hold_and_a_free_place_is_used() {
    let limit = (r#"instances = "unlimited""#, "instances = 1");
    let mut scene = Scene::new(&[limit]);
    let first = scene.session();
    assert_eq!(scene.text(), "");
    assert_eq!(
        scene.log(),
        ["FAIL: test service_limit from=::ffff:127.0.0.1"]
    );
    drop(first);
    scene.until_idle();
    drop(scene.session());
    scene.until_idle();
    assert_eq!(scene.status().counters.served, 2);
}

#[test]
fn while_cps_pauses_clients_are_reset_and_counted() {
    let rate = "rate = { max = 3, wait = 3600 }, instances";
    let changes = [("instances", rate), (CAT, &shell("true"))];
    let mut scene = Scene::new(&changes);
    for _ in 0..100 {
        if scene.status().paused_for.is_some() {
            break;
        }
        assert_eq!(scene.text(), "");
    }
    for _ in 0..2 {
        let client = scene.connect();
        let error = scene.receive(client).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    // New settings end the pause.
    let text = spec(&changes);
    scene
        .helper
        .take_spec(text.as_bytes(), Moment::now().unwrap())
        .unwrap();
    assert_eq!(scene.text(), "");
    scene.until_idle();
    let expected = [
        "Deactivating service test due to excessive incoming connections.  Restarting in 3600 seconds.",
        "FAIL: test connections per second from=::ffff:127.0.0.1",
        "readjusting service test",
        "Activating service test",
        "Service=test: 2 connections were reset during the pause",
    ];
    assert_eq!(scene.log(), expected);
}

#[test]
fn a_pause_of_no_time_ends_at_once() {
    let rate = "rate = { max = 3, wait = 0 }, instances";
    let mut scene = Scene::new(&[("instances", rate), (CAT, &shell("true"))]);
    for _ in 0..100 {
        if scene.log().len() >= 3 {
            break;
        }
        assert_eq!(scene.text(), "");
    }
    assert_eq!(scene.log()[2], "Activating service test");
}

#[test]
fn a_server_that_can_not_be_executed_is_said_and_not_counted() {
    let missing = r#"{ path = "/no/such", argv = ["such"] }"#;
    let mut scene = Scene::new(&[(CAT, missing), LOGGED]);
    assert_eq!(scene.text(), "");
    let expected = "execv( /no/such ) failed: No such file or directory (errno = 2)";
    assert_eq!(scene.log(), [expected]);
    assert_eq!(
        (scene.status().counters.served, scene.helper.state.running()),
        (0, 0)
    );
}

#[test]
fn a_client_that_does_not_read_its_banner_stalls_no_other() {
    let banner = vec![b'x'; 1024 * 1024];
    let path = file("large", &banner);
    let banners = format!("banners = {{ success = {path:?} }}");
    let listener = TcpListener::bind("[::]:0").unwrap();
    // So small that a banner has no room in it.
    nix::sys::socket::setsockopt(&listener, nix::sys::socket::sockopt::SndBuf, &4096).unwrap();
    let state = StateFile::create().unwrap();
    let changes = [("banners = {}", &*banners), (CAT, &shell("echo served"))];
    let mut scene = Scene::with(listener, state, &changes);
    let slow = scene.connect();
    scene.until(|helper| (status(helper).waiting > 0).then_some(()));
    assert_eq!(scene.text().len(), banner.len() + "served\n".len());
    assert!(scene.status().waiting > 0);
    let text = scene.receive(slow).unwrap();
    assert!(text.starts_with(&banner) && text.ends_with(b"served\n"));
    assert!(scene.status().waiting == 0);
    // One that never reads loses its place when its time is over.
    let _silent = scene.connect();
    scene.until(|helper| (status(helper).waiting > 0).then_some(()));
    let later = Moment::now().unwrap().plus(Duration::from_secs(31));
    scene.helper.expire_pending(later);
    assert!(scene.status().waiting == 0);
    scene.until_idle();
}

#[test]
fn a_missing_banner_is_said_and_the_client_served() {
    let banners = r#"banners = { always = "/no/such" }"#;
    let mut scene = Scene::new(&[("banners = {}", banners), (CAT, &shell("echo served"))]);
    assert_eq!(scene.text(), "served\n");
    assert!(scene.log()[0].contains("/no/such"), "{:?}", scene.log());
}

#[test]
fn clients_can_not_fill_the_log_with_a_missing_banner() {
    let mut scene = Scene::new(&[("banners = {}", r#"banners = { always = "/nonexistent" }"#)]);
    for _ in 0..30 {
        scene.text();
    }
    // Nobody was refused, and nothing says so.
    scene.helper.report.finish(Moment::default());
    let log = scene.log();
    let missing = log.iter().filter(|line| line.contains("open of banner"));
    assert!(missing.count() < 30, "{log:?}");
    let last = log.last().unwrap();
    assert!(
        last.ends_with("more messages were not logged one by one"),
        "{last}"
    );
}

#[test]
fn a_successor_counts_the_sessions_of_a_helper_that_is_gone() {
    let changes = [(r#"instances = "unlimited""#, "instances = 1"), LOGGED];
    let mut scene = Scene::new(&changes);
    let session = scene.session();
    let listener = scene.helper.sockets.stream(0).unwrap().try_clone().unwrap();
    let Scene { helper, state, .. } = scene;
    // As if killed: the server is no child of the next one, as far as that can tell.
    std::mem::forget(helper.kinds);
    drop(helper.reactor);
    let mut scene = Scene::with(listener, state, &changes);
    assert_eq!(scene.helper.state.running(), 1);
    assert_eq!(scene.text(), "");
    drop(session);
    scene.until_idle();
    let log = scene.log();
    assert_eq!(
        log[0],
        "Service=test: the helper was restarted and found 1 running servers"
    );
    assert_eq!(log[1], "FAIL: test service_limit from=::ffff:127.0.0.1");
    assert!(log[2].starts_with("EXIT: test"), "{log:?}");
}

#[test]
fn a_wrong_spec_changes_nothing() {
    let mut scene = Scene::new(&[(CAT, &shell("echo served"))]);
    let now = Moment::now().unwrap();
    assert!(scene.helper.take_spec(b"rubbish", now).is_err());
    let other = spec(&[("\"nobody\"", "7")]);
    let error = scene.helper.take_spec(other.as_bytes(), now).unwrap_err();
    assert!(error.contains("restart"), "{error}");
    assert_eq!(scene.text(), "served\n");
}

#[test]
fn sessions_leave_some_descriptors_alone() {
    let mut scene = Scene::new(&[]);
    scene.helper.inherited.files = 4;
    let sessions = [scene.session(), scene.session()];
    let client = scene.connect();
    assert_eq!(
        scene.receive(client).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    let expected =
        "Deactivating service test due to no available descriptors.  Restarting in 10 seconds.";
    assert_eq!(scene.log(), [expected]);
    drop(sessions);
    scene.until_idle();
}

#[test]
fn only_an_idle_helper_goes_and_not_before_the_window_of_cps_is_over() {
    let rate = "rate = { max = 100, wait = 1 }, instances";
    let mut scene = Scene::new(&[("instances", rate)]);
    let in_seconds = |seconds| Moment::now().unwrap().plus(Duration::from_secs(seconds));
    let session = scene.session();
    assert!(!scene.helper.expire(in_seconds(0)));
    assert!(!scene.helper.expire(in_seconds(10_000)), "a session runs");
    drop(session);
    scene.until_idle();
    assert!(!scene.helper.expire(in_seconds(0)));
    assert!(
        !scene.helper.expire(in_seconds(98)),
        "the window lasts for 100 seconds"
    );
    assert!(scene.helper.expire(in_seconds(102)));
}

#[test]
fn what_is_known_of_cps_is_noted_for_a_successor_after_a_second() {
    let rate = "rate = { max = 5, wait = 7 }, instances";
    let mut scene = Scene::new(&[("instances", rate)]);
    let begin = Moment::now().unwrap();
    let _session = scene.session();
    let due = scene.helper.kinds.due().unwrap();
    assert!(due.since(begin) >= Duration::from_secs(1));
    scene.helper.expire(begin);
    assert_eq!(scene.state.read_rate().count, 0);
    scene.helper.expire(due);
    let noted = scene.state.read_rate();
    assert_eq!(
        (noted.count, noted),
        (1, scene.helper.state.rate_snapshot())
    );
    assert_eq!(scene.helper.kinds.due(), None);
}
