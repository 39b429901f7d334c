//! New settings that a helper with `wait = yes` takes, or leaves to another one.

use super::*;

const WAIT: (&str, &str) = (TASK, r#"wait = { path = "/bin/cat", argv = ["cat"] }"#);

fn access(pattern: &str) -> String {
    format!(r#"access = {{ no_access = [ {{ pattern = "{pattern}", place = "f:1:1" }} ] }}"#)
}

/// What a helper says that has begun with the first task and lists, and is to take the other lists.
fn take(scene: &mut Scene, task: (&str, &str), lists: &str) -> Result<(), String> {
    let text = spec(&[task, ("access = {}", lists)]);
    scene
        .helper
        .take_spec(text.as_bytes(), Moment::now().unwrap())
}

#[test]
fn lists_of_a_server_that_accepts_by_itself_need_another_helper() {
    let (none, one, other) = (
        "access = {}",
        access("192.0.2.1/32"),
        access("192.0.2.2/32"),
    );
    for (before, after, is_taken) in [
        (&one[..], &one[..], true),
        (&one, &other, false),
        (none, &one, false),
        (&one, none, false),
    ] {
        let mut scene = Scene::new(&[WAIT, ("access = {}", before)]);
        let taken = take(&mut scene, WAIT, after);
        assert_eq!(taken.is_ok(), is_taken, "{before} {after}");
        if let Err(why) = taken {
            assert!(why.contains("xinetdctl reload"), "{why}");
        }
    }
    // The helper looks at each client, or at each datagram, itself.
    let mut scene = Scene::new(&[("access = {}", &one)]);
    let unchanged = ("access", "access");
    assert_eq!(take(&mut scene, unchanged, &other), Ok(()));
    let mut scene = Scene::new(&[WAIT, ("access = {}", &one)]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    scene.helper.sockets = Sockets::new(Vec::new(), vec![socket], Vec::new()).unwrap();
    assert_eq!(take(&mut scene, WAIT, &other), Ok(()));
}

#[test]
fn a_server_can_not_take_the_socket_of_a_helper_that_accepts() {
    let mut scene = Scene::new(&[]);
    let why = take(&mut scene, WAIT, "access = {}").unwrap_err();
    assert!(why.starts_with("wait has changed"), "{why}");
}
