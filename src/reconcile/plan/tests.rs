//! Plans, by table and by properties.

use proptest::collection::btree_map;
use proptest::prelude::*;

use super::super::action::{ActionError, Outcome};
use super::*;
use crate::reconcile::record::settle;

const ON: Applied = Applied {
    socket: 1,
    filter: 4,
    service: 2,
    program: 5,
    spec: 3,
    enabled: true,
    stand: Stand::Up,
};
const OFF: Applied = Applied {
    enabled: false,
    ..ON
};
const STOPPED: Unit = Unit {
    socket: Socket::Off,
    service: ServiceState::Off,
};
const LISTENS: Unit = Unit {
    socket: Socket::On(Seen::Yes),
    ..STOPPED
};
const SERVES: Unit = Unit {
    service: ServiceState::On,
    ..LISTENS
};
const FAILED: Unit = Unit {
    socket: Socket::Failed,
    ..STOPPED
};

/// The step for one service.
fn step(before: Option<Applied>, wanted: Option<Applied>, live: Unit) -> Option<(Operation, Why)> {
    let record =
        |applied: Option<Applied>| Record::of(applied.map(|applied| ("a".to_owned(), applied)));
    let live = Live::of([("a".to_owned(), live)]);
    let mut steps = plan(Some(&record(before)), &record(wanted), &live).into_iter();
    steps.next().map(|action| (action.step, action.why))
}

#[test]
fn the_matrix_of_reloads() {
    let socket = Applied { socket: 9, ..ON };
    let service = Applied { service: 9, ..ON };
    let spec = Applied { spec: 9, ..ON };
    let program = Applied { program: 9, ..ON };
    let lists = Applied {
        filter: 9,
        ..service
    };
    let down = Applied {
        stand: Stand::Down,
        ..ON
    };
    let leaving = Applied {
        stand: Stand::Leaving,
        ..ON
    };
    let on = |seen, service| Unit {
        socket: Socket::On(seen),
        service,
    };
    let stuck = on(Seen::Yes, ServiceState::Stuck);
    let zombie = on(Seen::No, ServiceState::On);
    let hidden = on(Seen::Hidden, ServiceState::On);
    let unmet = Unit {
        socket: Socket::Unmet,
        ..STOPPED
    };
    let left = Unit {
        service: ServiceState::On,
        ..STOPPED
    };
    let broken = Unit {
        service: ServiceState::Failed,
        ..STOPPED
    };
    let start = |why| Some((Operation::Start, why));
    let rebind = |why| Some((Operation::Rebind, why));
    let stop = |why| Some((Operation::Stop, why));
    let keep = |why| Some((Operation::Keep, why));
    let rows = [
        // Nothing has changed: nothing is touched.
        (Some(ON), Some(ON), SERVES, None),
        (Some(ON), Some(ON), LISTENS, None),
        (Some(ON), Some(ON), hidden, None),
        (Some(OFF), Some(OFF), LISTENS, None),
        (Some(OFF), Some(OFF), STOPPED, None),
        (None, None, STOPPED, None),
        // Stopped by an administrator.
        (Some(ON), Some(ON), STOPPED, keep(Why::Stopped)),
        (Some(ON), Some(spec), STOPPED, keep(Why::Stopped)),
        // New and gone, on and off.
        (None, Some(ON), STOPPED, start(Why::New)),
        (Some(leaving), Some(ON), STOPPED, start(Why::New)),
        (None, Some(OFF), STOPPED, None),
        (Some(OFF), Some(ON), STOPPED, start(Why::Enabled)),
        (Some(OFF), Some(ON), LISTENS, None),
        (Some(ON), Some(OFF), SERVES, stop(Why::Disabled)),
        (Some(ON), Some(OFF), STOPPED, None),
        (Some(ON), Some(OFF), FAILED, stop(Why::Disabled)),
        (Some(ON), None, SERVES, stop(Why::Gone)),
        (Some(ON), None, left, stop(Why::Gone)),
        (Some(ON), None, broken, stop(Why::Gone)),
        (Some(ON), None, STOPPED, None),
        // Something has changed.
        (Some(ON), Some(socket), SERVES, rebind(Why::Socket)),
        (Some(ON), Some(socket), zombie, rebind(Why::Socket)),
        (Some(ON), Some(socket), hidden, rebind(Why::Socket)),
        (Some(ON), Some(socket), LISTENS, rebind(Why::Socket)),
        (Some(ON), Some(socket), STOPPED, keep(Why::Stopped)),
        (
            Some(ON),
            Some(service),
            SERVES,
            Some((Operation::Respawn, Why::Service)),
        ),
        (Some(ON), Some(service), LISTENS, keep(Why::Idle)),
        (
            Some(ON),
            Some(spec),
            SERVES,
            Some((Operation::Reload, Why::Settings)),
        ),
        (Some(ON), Some(spec), LISTENS, keep(Why::Idle)),
        (
            Some(ON),
            Some(program),
            SERVES,
            Some((Operation::Respawn, Why::Program)),
        ),
        (Some(ON), Some(program), LISTENS, None),
        (Some(ON), Some(lists), SERVES, rebind(Why::Lists)),
        (Some(ON), Some(lists), LISTENS, rebind(Why::Lists)),
        // No helper comes by itself.
        (
            Some(ON),
            Some(ON),
            stuck,
            Some((Operation::Respawn, Why::Stuck)),
        ),
        (Some(ON), Some(socket), stuck, rebind(Why::Socket)),
        (Some(ON), Some(OFF), stuck, stop(Why::Disabled)),
        // It should listen, and does not.
        (Some(ON), Some(ON), FAILED, start(Why::Silent)),
        (Some(ON), Some(ON), unmet, start(Why::Silent)),
        (Some(down), Some(ON), STOPPED, start(Why::Silent)),
        (Some(OFF), Some(OFF), FAILED, None),
        // systemd has closed it.
        (Some(ON), Some(ON), zombie, rebind(Why::Closed)),
        (None, Some(ON), zombie, rebind(Why::Closed)),
        (Some(OFF), Some(OFF), zombie, rebind(Why::Closed)),
        (Some(ON), Some(OFF), zombie, stop(Why::Disabled)),
    ];
    for (before, wanted, live, expected) in rows {
        let found = step(before, wanted, live);
        assert_eq!(found, expected, "{before:?} {wanted:?} {live:?}");
    }
}

#[test]
fn where_nothing_was_applied_nothing_is_started_that_systemd_has_not_tried_to() {
    let wanted = Record::of([("a".to_owned(), ON)]);
    for (live, expected) in [
        (STOPPED, Some(Operation::Keep)),
        (LISTENS, None),
        (FAILED, Some(Operation::Start)),
    ] {
        let live = Live::of([("a".to_owned(), live)]);
        let steps = plan(None, &wanted, &live);
        assert_eq!(steps.first().map(|action| action.step), expected);
    }
}

#[test]
fn nothing_is_started_while_all_are_stopped() {
    let wanted = Record::of([("a".to_owned(), ON)]);
    for (halt, why) in [(Halt::Stopped, Why::AllStopped), (Halt::Real, Why::Real)] {
        let mut live = Live::default();
        live.halt = Some(halt);
        let before = Record::default();
        let steps = plan(Some(&before), &wanted, &live);
        assert_eq!((steps[0].step, steps[0].why), (Operation::Keep, why));
        // It is not forgotten.
        let before = settle(Some(&before), &wanted, &live, &outcomes(steps, |_| true));
        live.halt = None;
        let steps = plan(Some(&before), &wanted, &live);
        assert_eq!(
            (steps[0].step, steps[0].why),
            (Operation::Start, Why::Silent)
        );
    }
}

#[test]
fn ports_are_freed_before_they_are_taken() {
    let name = str::to_owned;
    let moved = Applied { socket: 9, ..ON };
    let before = Record::of([(name("old"), ON), (name("moved"), ON)]);
    let wanted = Record::of([(name("moved"), moved), (name("new"), ON)]);
    let live = Live::of([(name("old"), SERVES), (name("moved"), SERVES)]);
    let steps: Vec<_> = plan(Some(&before), &wanted, &live)
        .into_iter()
        .map(|action| (action.unit, action.step))
        .collect();
    let expected = [
        (name("old"), Operation::Stop),
        (name("moved"), Operation::Rebind),
        (name("new"), Operation::Start),
    ];
    assert_eq!(steps, expected);
}

/// What came of actions: `works` says of which unit they succeed.
fn outcomes(actions: Vec<Action>, works: impl Fn(&str) -> bool) -> Vec<Outcome> {
    let outcome = |action: Action| {
        let fault = (!works(&action.unit)).then(|| ActionError::Told("no".to_owned()));
        Outcome { action, fault }
    };
    actions.into_iter().map(outcome).collect()
}

/// What systemd is like when the steps have been taken.
fn take(live: &mut Live, outcomes: &[Outcome]) {
    for Outcome { action, fault } in outcomes {
        let unit = live.get(&action.unit);
        let now = match (action.step, fault) {
            (Operation::Stop, None) => STOPPED,
            // A helper that waits in vain is started with its socket.
            (Operation::Rebind | Operation::Start, None) => Unit {
                socket: Socket::On(Seen::Yes),
                service: match unit.service {
                    ServiceState::Stuck => ServiceState::On,
                    other => other,
                },
            },
            (Operation::Rebind | Operation::Start, Some(_)) => Unit {
                socket: Socket::Failed,
                ..unit
            },
            (Operation::Respawn, None) => Unit {
                service: ServiceState::On,
                ..unit
            },
            _ => unit,
        };
        live.put(&action.unit, now);
    }
}

fn applied() -> impl Strategy<Value = Applied> {
    let stand = prop_oneof![
        Just(Stand::Up),
        Just(Stand::Stopped),
        Just(Stand::Down),
        Just(Stand::Leaving)
    ];
    let hash = || 0_u64..2;
    (hash(), hash(), hash(), hash(), hash(), any::<bool>(), stand).prop_map(
        |(socket, filter, service, program, spec, enabled, stand)| Applied {
            socket,
            filter,
            service,
            program,
            spec,
            enabled,
            stand,
        },
    )
}

fn unit() -> impl Strategy<Value = Unit> {
    let socket = prop_oneof![
        Just(Socket::Off),
        Just(Socket::Unmet),
        Just(Socket::Failed),
        Just(Socket::On(Seen::Yes)),
        Just(Socket::On(Seen::No)),
        Just(Socket::On(Seen::Hidden))
    ];
    let service = prop_oneof![
        Just(ServiceState::Off),
        Just(ServiceState::Failed),
        Just(ServiceState::Stuck),
        Just(ServiceState::On)
    ];
    (socket, service).prop_map(|(socket, service)| Unit { socket, service })
}

const NAMES: &str = "[abc]";

proptest! {
    /// Whatever was, is and is wanted: when the steps have been taken, all that is switched on
    /// listens or is stopped by an administrator, no other is left, and nothing is to be done.
    #[test]
    fn one_run_is_enough(
        before in proptest::option::of(btree_map(NAMES, applied(), 0..4)),
        wanted in btree_map(NAMES, applied(), 0..4),
        units in btree_map(NAMES, unit(), 0..4),
        stopped: bool,
    ) {
        let (before, wanted) = (before.map(Record::of), Record::of(wanted));
        let mut live = Live::of(units);
        live.halt = stopped.then_some(Halt::Stopped);
        let untouched = live.clone();
        let steps = plan(before.as_ref(), &wanted, &live);
        let done = outcomes(steps.clone(), |_| true);
        take(&mut live, &done);
        let after = settle(before.as_ref(), &wanted, &live, &done);
        let again = plan(Some(&after), &wanted, &live);
        prop_assert!(again.iter().all(|one| one.step == Operation::Keep), "{steps:?} {again:?}");
        for unit in wanted.names() {
            let is_kept = again.iter().any(|one| one.unit == unit);
            let is_on = matches!(live.get(unit).socket, Socket::On(Seen::Yes | Seen::Hidden));
            let is_enabled = wanted.get(unit).is_some_and(|wanted| wanted.enabled);
            prop_assert!(is_on || is_kept || !is_enabled, "{unit}: {steps:?} {again:?}");
        }
        // What listens as it should was not touched.
        for action in steps.iter().filter(|action| action.step != Operation::Keep) {
            let was = before.as_ref().and_then(|before| before.get(&action.unit));
            let wanted = wanted.get(&action.unit);
            let is_same = was.is_none_or(|was| {
                let hashes = |one: &Applied| {
                    (one.socket, one.filter, one.service, one.program, one.spec, one.enabled)
                };
                wanted.is_some_and(|wanted| hashes(wanted) == hashes(was))
            });
            let unit = untouched.get(&action.unit);
            let listened = unit.socket == Socket::On(Seen::Yes) && unit.service != ServiceState::Stuck;
            prop_assert!(!(wanted.is_some() && is_same && listened), "{action:?}");
        }
    }

    /// What has failed is tried again at the next run.
    #[test]
    fn nothing_that_failed_is_forgotten(
        before in btree_map(NAMES, applied(), 0..4),
        wanted in btree_map(NAMES, applied(), 0..4),
        units in btree_map(NAMES, unit(), 0..4),
    ) {
        let (before, wanted) = (Record::of(before), Record::of(wanted));
        let mut live = Live::of(units);
        let steps = plan(Some(&before), &wanted, &live);
        let done = outcomes(steps, |_| false);
        take(&mut live, &done);
        let after = settle(Some(&before), &wanted, &live, &done);
        let again = plan(Some(&after), &wanted, &live);
        let of = |actions: &[Action]| {
            let tried = actions.iter().filter(|action| action.step != Operation::Keep);
            tried.map(|action| action.unit.clone()).collect::<BTreeSet<_>>()
        };
        let failed: Vec<_> = done.into_iter().map(|outcome| outcome.action).collect();
        prop_assert_eq!(of(&failed), of(&again));
    }
}
