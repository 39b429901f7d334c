//! What is seen of a systemd that the test plays.

use super::*;
use crate::bus::systemd::played::{Played, PlayedUnits};

/// The property `Listen` of a socket.
fn listen(addresses: &[&str]) -> Vec<(String, String)> {
    let stream = |address: &&str| ("Stream".to_owned(), (*address).to_owned());
    addresses.iter().map(stream).collect()
}

/// Where nothing listens.
const NOTHING: &str = "127.0.0.1:1";

fn look(played: &Played, units: &[&str], known: &[&str]) -> Live {
    let set = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<&str>>();
    let leak = |names: &[&str]| -> Vec<&'static str> {
        let leaked = names.iter().map(|name| &*(*name).to_owned().leak());
        leaked.collect()
    };
    Live::look(&played.connect(), &set(&leak(units)), &set(&leak(known))).unwrap()
}

#[test]
fn a_socket_is_open_only_where_systemd_has_its_descriptors() {
    let played = Played::obedient();
    let put = |name: &str, active: &str, addresses: Option<&[&str]>| {
        played.put(&format!("{name}.socket"), active, "", |unit| {
            if let Some(addresses) = addresses {
                unit.set("Listen", listen(addresses));
            }
        });
    };
    put("open", "active", Some(&[]));
    put("hidden", "active", None);
    put("closed", "active", Some(&[NOTHING]));
    put("again", "reloading", Some(&[]));
    put("failed", "failed", Some(&[]));
    put("off", "inactive", Some(&[]));
    played.put("lost.socket", "active", "listening", |unit| {
        unit.lose().set("Listen", listen(&[]));
    });
    let units = [
        "open", "hidden", "closed", "again", "failed", "off", "gone", "lost",
    ];
    let live = look(&played, &units, &units);
    let sockets = units.map(|unit| live.get(unit).socket);
    let expected = [
        Socket::On(Seen::Yes),
        Socket::On(Seen::Hidden),
        Socket::On(Seen::No),
        Socket::On(Seen::Yes),
        Socket::Failed,
        Socket::Off,
        Socket::Off,
        Socket::On(Seen::No),
    ];
    assert_eq!(sockets, expected);
}

#[test]
fn a_condition_is_asked_for_where_a_socket_is_known_and_was_tried() {
    let played = Played::obedient();
    for (name, time, is_met) in [
        ("unmet", 5_u64, false),
        ("met", 5, true),
        ("untried", 0, false),
        ("unknown", 5, false),
    ] {
        played.put(&format!("{name}.socket"), "inactive", "dead", |unit| {
            unit.set("ConditionTimestampMonotonic", time)
                .set("ConditionResult", is_met);
        });
    }
    let units = ["unmet", "met", "untried", "unknown"];
    let live = look(&played, &units, &units[..3]);
    let sockets = units.map(|unit| live.get(unit).socket);
    let expected = [Socket::Unmet, Socket::Off, Socket::Off, Socket::Off];
    assert_eq!(sockets, expected);
}

#[test]
fn a_helper_that_never_comes_is_told_from_one_that_is_about_to() {
    let played = Played::obedient();
    let put = |name: &str, active: &str, sub: &str, has_job| {
        played.put(&format!("{name}.service"), active, sub, |unit| {
            unit.has_job(has_job);
        });
    };
    put("runs", "active", "running", false);
    put("ended", "inactive", "dead", false);
    put("failed", "failed", "failed", false);
    put("waits", "activating", "auto-restart", false);
    put("comes", "activating", "auto-restart-queued", true);
    put("stuck", "activating", "auto-restart-queued", false);
    let units = ["runs", "ended", "failed", "waits", "comes", "stuck", "gone"];
    let live = look(&played, &units, &[]);
    let services = units.map(|unit| live.get(unit).service);
    let expected = [
        ServiceState::On,
        ServiceState::Off,
        ServiceState::Failed,
        ServiceState::On,
        ServiceState::On,
        ServiceState::Stuck,
        ServiceState::Off,
    ];
    assert_eq!(services, expected);
}

/// A systemd that has the target, which was stopped at this time, or never.
fn target(active: &str, has_job: bool, stopped: u64) -> Played {
    let played = Played::obedient();
    played.put(TARGET, active, "", |target| {
        target
            .has_job(has_job)
            .set("InactiveEnterTimestampMonotonic", stopped);
    });
    played
}

#[test]
fn services_are_halted_where_their_target_was_stopped() {
    let seen = |active: &str, has_job, ended| {
        let live = look(&target(active, has_job, ended), &[], &[]);
        (live.halt, live.is_started)
    };
    assert_eq!(seen("active", false, 0), (None, true));
    assert_eq!(seen("active", false, 5), (None, true));
    assert_eq!(seen("inactive", false, 5), (Some(Halt::Stopped), false));
    assert_eq!(seen("inactive", true, 5), (None, false));
}

#[test]
fn services_are_halted_where_nothing_starts_their_target() {
    let is_stopped = |played: &Played, starts_at_boot| {
        let systemd = played.connect();
        let loaded = systemd.units().unwrap();
        is_stopped(&systemd, loaded.get(TARGET), || starts_at_boot)
    };
    for played in [Played::obedient(), target("inactive", false, 0)] {
        assert!(is_stopped(&played, false));
        assert!(!is_stopped(&played, true), "it is about to come");
    }
}

#[test]
fn services_are_left_to_real_xinetd_unless_they_were_started() {
    let halt = |active: &str| {
        let mut live = look(&target(active, false, 0), &[], &[]);
        live.leave_to_real();
        live.halt
    };
    assert_eq!(halt("inactive"), Some(Halt::Real));
    assert_eq!(halt("active"), None);
}

/// A systemd that does this when it is asked for its units for the second time.
fn changing(change: fn(&mut PlayedUnits)) -> Played {
    let mut looks = 0;
    Played::new(move |call, units| {
        looks += u32::from(call == "ListUnits");
        if looks == 2 {
            change(units);
        }
        "done"
    })
}

#[test]
fn a_socket_that_was_closed_in_between_is_not_taken_for_one_that_systemd_has_lost() {
    let played = changing(|units| {
        let socket = units.put("late.socket", "active", "listening");
        socket.set("Listen", listen(&[NOTHING]));
        let socket = units.put("opened.socket", "active", "listening");
        socket.set("Listen", listen(&[]));
    });
    for (name, addresses) in [
        ("late", &[][..]),
        ("opened", &[NOTHING]),
        ("lost", &[NOTHING]),
    ] {
        played.put(&format!("{name}.socket"), "active", "listening", |unit| {
            unit.set("Listen", listen(addresses));
        });
    }
    let units = ["late", "opened", "lost"];
    let live = look(&played, &units, &[]);
    let sockets = units.map(|unit| live.get(unit).socket);
    let expected = [Seen::Hidden, Seen::Yes, Seen::No].map(Socket::On);
    assert_eq!(sockets, expected);
}

#[test]
fn what_a_job_is_about_to_change_is_not_judged() {
    for (active, has_job) in [("inactive", true), ("deactivating", false)] {
        let played = changing(|units| {
            units.put("a.socket", "failed", "failed").has_job(false);
        });
        played.put("a.socket", active, "", |unit| {
            unit.has_job(has_job);
        });
        let live = look(&played, &["a"], &[]);
        assert_eq!(live.get("a").socket, Socket::Failed, "{active}");
    }
}
