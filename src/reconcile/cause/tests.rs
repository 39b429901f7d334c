//! Why sockets do not listen, as a systemd that the test plays tells it.

use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;

use super::*;
use crate::bus::systemd::played::Played;

/// A row of the property `Conditions`: name, whether one of several is enough, whether it is negated, what it
/// is about, and how it was.
type Condition = (String, bool, bool, String, i32);

fn condition(name: &str, is_negated: bool, about: &str, was: i32) -> Condition {
    (name.to_owned(), false, is_negated, about.to_owned(), was)
}

fn told(played: &Played, unit: &str) -> Option<Trouble> {
    let units = BTreeSet::from([unit]);
    among(&played.connect(), &units).unwrap().remove(unit)
}

#[test]
fn a_socket_that_is_not_active_has_a_reason() {
    let played = Played::obedient();
    played.put("a.socket", "inactive", "dead", |_| {});
    let unit = || "a".to_owned();
    let stopped = Trouble::Stopped { unit: unit() };
    assert_eq!(told(&played, "a"), Some(stopped));
    played.put("a.socket", "failed", "failed", |_| {});
    let failed = Trouble::Failed { unit: unit() };
    assert_eq!(told(&played, "a"), Some(failed));
    played.put("a.socket", "active", "listening", |_| {});
    assert_eq!(told(&played, "a"), None, "whose they are is hidden");
    played.put("a.socket", "active", "listening", |unit| {
        unit.set("Listen", vec![("Stream", "127.0.0.1:1")]);
    });
    assert_eq!(told(&played, "a"), Some(Trouble::Closed));
    assert_eq!(told(&played, "none"), Some(Trouble::Unapplied));
}

#[test]
fn the_first_condition_that_does_not_hold_is_the_reason() {
    let unmet = |conditions: Vec<Condition>| {
        let played = Played::obedient();
        played.put("a.socket", "inactive", "dead", |unit| {
            unit.set("Conditions", conditions);
        });
        told(&played, "a").unwrap()
    };
    let about = |condition: &str, about: &str| Trouble::Unmet {
        condition: condition.to_owned(),
        about: about.to_owned(),
        start: None,
    };
    let found = unmet(vec![
        condition("ConditionPathExists", false, "/held", 1),
        condition("ConditionPathExists", false, "/untried", 0),
        condition("ConditionHost", true, "here", -1),
        condition("ConditionPathExists", false, "/later", -1),
    ]);
    assert_eq!(found, about("ConditionHost", "!here"));
    let missing = "/no/such/server";
    let found = unmet(vec![condition(EXECUTABLE, false, missing, -1)]);
    assert_eq!(found, about(EXECUTABLE, missing));
    // Its server is there by now.
    let found = unmet(vec![condition(EXECUTABLE, false, "/bin/sh", -1)]);
    assert!(matches!(found, Trouble::Stopped { .. }), "{found}");
}

#[test]
fn an_address_that_another_process_has_is_told_with_the_process() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let played = Played::obedient();
    let here = address.to_string();
    played.put("a.socket", "failed", "failed", |unit| {
        unit.set("Listen", vec![("Stream".to_owned(), here)]);
    });
    let trouble = told(&played, "a").unwrap();
    let Trouble::Taken {
        address: taken,
        by: Some(by),
        passes: false,
    } = trouble
    else {
        panic!("{trouble}");
    };
    assert_eq!(taken, format!("{address}/tcp"));
    let own = format!("(process {})", std::process::id());
    assert!(by.contains(&own), "{by}");
}

#[test]
fn processes_are_told_by_the_first_and_their_number() {
    let holder = |pid, name| Holder::of(pid, name);
    let one = holder(7, "one");
    assert_eq!(described(&[]), None);
    let only = described(std::slice::from_ref(&one)).unwrap();
    assert_eq!(only, "one (process 7)");
    let both = described(&[one.clone(), holder(1, "systemd")]).unwrap();
    assert_eq!(both, "one (process 7) and 1 more");
    for of_systemd in [holder(1, "systemd"), holder(9, "(server)")] {
        let told = described(&[of_systemd]).unwrap();
        assert!(told.contains("systemctl list-sockets"), "{told}");
    }
}

#[test]
fn the_socket_unit_at_an_address_is_one_that_is_active() {
    let played = Played::obedient();
    let put = |name: &str, active: &str, port: u16| {
        played.put(name, active, "", |unit| {
            unit.set(
                "Listen",
                vec![("Stream".to_owned(), format!("[::]:{port}"))],
            );
        });
    };
    put("old.socket", "inactive", 7);
    put("echo.service", "active", 7);
    put("echo.socket", "active", 7);
    put("other.socket", "active", 9);
    put("stopped.socket", "inactive", 11);
    put("time.service", "active", 13);
    let systemd = played.connect();
    let loaded = systemd.units().unwrap();
    let at = |address: &str| {
        let listener = Listener::parse("Stream", address).unwrap();
        socket_at(&systemd, &loaded, &listener)
    };
    assert_eq!(at("[::]:7").as_deref(), Some("echo.socket"));
    for none in ["[::]:8", "[::]:11", "[::]:13"] {
        assert_eq!(at(none), None);
    }
}

#[test]
fn a_server_is_a_file_that_some_user_may_execute() {
    let directory = std::env::temp_dir();
    let file = |mode| {
        let path = directory.join(format!("server-{}-{mode:o}", std::process::id()));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).mode(mode);
        drop(options.open(&path).unwrap());
        let told = is_executable(&path);
        fs::remove_file(&path).unwrap();
        told
    };
    assert_eq!((file(0o700), file(0o600)), (Some(true), Some(false)));
    assert_eq!(is_executable(&directory), Some(false));
    assert_eq!(is_executable(Path::new("/no/such/file")), Some(false));
}

#[test]
fn a_socket_that_is_stopped_waits_for_its_server_where_that_is_missing() {
    let stopped = |server: &str| {
        let text = format!("[Unit]\nDescription=x\n{EXECUTABLE}={server}\n[Socket]\n");
        stopped_of("a", &text)
    };
    let missing = Trouble::of_condition("a", EXECUTABLE, "/no/such%".to_owned());
    assert_eq!(stopped("/no/such%%"), missing);
    let unit = "a".to_owned();
    assert_eq!(stopped("/bin/sh"), Trouble::Stopped { unit });
}

#[test]
fn a_port_that_another_program_hears_too_is_told_where_the_socket_is_active() {
    let datagram = |address: &str| Listener::parse("Datagram", address).unwrap();
    let (ours, theirs) = (datagram("[::]:7"), datagram("0.0.0.0:7"));
    let played = Played::obedient();
    for (name, active, address) in [
        ("shared", "active", "[::]:7"),
        ("alone", "active", "[::]:9"),
        ("off", "inactive", "[::]:7"),
    ] {
        played.put(&format!("{name}.socket"), active, "", |unit| {
            let row = ("Datagram".to_owned(), address.to_owned());
            unit.set("Listen", vec![row]);
        });
    }
    let units = BTreeSet::from(["shared", "alone", "off"]);
    let told = |sockets: &[(Listener, bool)]| {
        shared_of(&Sockets::of(sockets, false), &played.connect(), &units).unwrap()
    };
    let troubles = told(&[(ours.clone(), true), (theirs, false)]);
    let names: Vec<_> = troubles.keys().map(String::as_str).collect();
    assert_eq!(names, ["shared"]);
    let words = troubles["shared"].to_string();
    assert!(words.starts_with("[::]:7/udp is bound by "), "{words}");
    assert_eq!(told(&[(ours, true)]), BTreeMap::new());
}
