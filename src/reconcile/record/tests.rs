//! Records, and what is left of a service when steps have been taken.

use super::super::action::{Action, ActionError};
use super::super::kernel::Seen;
use super::super::live::{ServiceState, Unit};
use super::*;

#[test]
fn a_record_survives_its_way() {
    let applied = Applied {
        socket: u64::MAX,
        filter: 9,
        service: 0,
        program: 6,
        spec: 7,
        enabled: true,
        stand: Stand::Down,
    };
    let record = Record::of([(r"a\x20b".to_owned(), applied)]).with_rpc("b", "1 2 3 tcp=::.0.9");
    let path = std::env::temp_dir().join(format!("record-{}.toml", std::process::id()));
    record.write(&path).unwrap();
    assert_eq!(Record::read(&path), Some(record));
    fs::write(&path, "units = 1").unwrap();
    assert_eq!(Record::read(&path), None);
    fs::remove_file(&path).unwrap();
    assert_eq!(Record::read(&path), None);
}

#[test]
fn only_the_section_counts() {
    let unit = b"[Unit]\nDescription=a\n\n[Socket]\nListenStream=1\n\n[Install]\nx=y\n";
    assert_eq!(section(unit, b"[Socket]"), b"[Socket]\nListenStream=1\n");
    assert_eq!(section(b"[Socket]\nA=1\n", b"[Socket]"), b"[Socket]\nA=1\n");
    let (lists, others) = lists_apart(b"[Socket]\nX-OnlyFrom=::1\nX-OnlyFromX=2\nA=1");
    assert_eq!(lists, b"X-OnlyFrom=::1\n");
    assert_eq!(others, b"[Socket]\nX-OnlyFromX=2\nA=1");
}

/// A service with this spec, left so.
fn applied(spec: u64, stand: Stand) -> Applied {
    Applied {
        socket: 1,
        filter: 2,
        service: 3,
        program: 4,
        spec,
        enabled: true,
        stand,
    }
}

/// A record of one service.
fn one(spec: u64, stand: Stand) -> Record {
    Record::of([("a".to_owned(), applied(spec, stand))])
}

/// A service whose socket is active and whose helper runs.
fn live() -> Live {
    let unit = Unit {
        socket: Socket::On(Seen::Yes),
        service: ServiceState::On,
    };
    Live::of([("a".to_owned(), unit)])
}

/// What is left of a service that had the spec 7, when a step has been taken or has failed.
fn left(wanted: &Record, step: Operation, why: Why, has_failed: bool) -> Option<(u64, Stand)> {
    let outcome = Outcome {
        action: Action {
            unit: "a".to_owned(),
            step,
            why,
        },
        fault: has_failed.then(|| ActionError::Told("no".to_owned())),
    };
    let settled = settle(Some(&one(7, Stand::Up)), wanted, &live(), &[outcome]);
    let left = settled.get("a")?;
    Some((left.spec, left.stand))
}

#[test]
fn a_step_that_has_failed_is_tried_again_and_one_that_was_taken_is_not() {
    use Operation::{Keep, Rebind, Reload, Respawn, Start, Stop};
    let wanted = one(8, Stand::Up);
    for (step, why, failed, done) in [
        (Rebind, Why::Lists, (7, Stand::Down), (8, Stand::Up)),
        (Rebind, Why::Socket, (8, Stand::Down), (8, Stand::Up)),
        (Start, Why::New, (8, Stand::Down), (8, Stand::Up)),
        (Respawn, Why::Service, (7, Stand::Up), (8, Stand::Up)),
        (Reload, Why::Settings, (7, Stand::Up), (8, Stand::Up)),
        (Stop, Why::Disabled, (7, Stand::Up), (8, Stand::Stopped)),
        (Keep, Why::Real, (8, Stand::Down), (8, Stand::Down)),
    ] {
        let left = |has_failed| left(&wanted, step, why, has_failed);
        assert_eq!(left(true), Some(failed), "{step}, as {why}");
        assert_eq!(left(false), Some(done), "{step}, as {why}");
    }
}

#[test]
fn a_service_that_has_gone_is_remembered_until_it_is_stopped() {
    let gone = Record::of([]);
    let left = |has_failed| left(&gone, Operation::Stop, Why::Gone, has_failed);
    assert_eq!(left(true), Some((7, Stand::Leaving)));
    assert_eq!(left(false), None);
}

#[test]
fn a_service_that_was_ejected_is_forgotten_with_its_registration() {
    let names = |wanted: &Record| {
        let units = ["a", "b"].map(|unit| (unit.to_owned(), applied(1, Stand::Up)));
        let mut record = Record::of(units).with_rpc("a", "1 2 3");
        record.forget_ejected(wanted, |unit| unit == "a");
        let names: Vec<String> = record.names().map(str::to_owned).collect();
        (names, record.rpc().count())
    };
    let (names_left, registrations) = names(&Record::of([]));
    assert_eq!((names_left.join(" "), registrations), ("b".to_owned(), 0));
    let (names_left, registrations) = names(&one(1, Stand::Up));
    let again = ("a b".to_owned(), 1);
    assert_eq!((names_left.join(" "), registrations), again, "taken back");
}

#[test]
fn problems_are_said_once() {
    let with = |problems| Record {
        problems,
        ..Record::default()
    };
    assert!(with(1).has_other_problems(None));
    assert!(with(1).has_other_problems(Some(&with(2))));
    assert!(!with(1).has_other_problems(Some(&with(1))));
}

#[test]
fn a_file_of_other_content_is_another_one() {
    assert_eq!(hash(b"a"), hash(b"a"));
    assert_ne!(hash(b"a"), hash(b"b"));
    let path = std::env::temp_dir().join(format!("program-{}", std::process::id()));
    assert_eq!(installed(&path), 0);
    fs::write(&path, "1").unwrap();
    let first = installed(&path);
    fs::write(&path, "22").unwrap();
    assert_ne!(installed(&path), first);
    fs::remove_file(&path).unwrap();
}
