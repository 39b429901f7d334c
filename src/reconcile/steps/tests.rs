//! Steps, and what a systemd that the test plays is told for them.

use super::*;
use crate::bus::systemd::played::{Played, PlayedUnits, obey};

/// The `Listen` of a socket that has no address, and so all of them.
fn nowhere() -> Vec<(String, String)> {
    Vec::new()
}

/// A service whose socket is open, and whose helper has sessions.
fn put(played: &Played, unit: &str, sub: &str) {
    played.put(&socket(unit), "active", "listening", |unit| {
        unit.set("Listen", nowhere());
    });
    let active = match sub {
        "running" => "active",
        "dead" => "inactive",
        _ => "activating",
    };
    played.put(&service(unit), active, sub, |_| {});
}

fn action(unit: &str, step: Operation, why: Why) -> Action {
    Action {
        unit: unit.to_owned(),
        step,
        why,
    }
}

/// What came of one step.
fn fault(played: &Played, unit: &str, step: Operation, why: Why) -> Option<ActionError> {
    let outcomes = take(&mut played.connect(), &[action(unit, step, why)]);
    assert_eq!(outcomes[0].action.unit, unit);
    outcomes[0].fault.clone()
}

#[test]
fn sessions_live_on_while_their_socket_is_opened_anew() {
    let played = Played::obedient();
    put(&played, "a", "running");
    assert_eq!(fault(&played, "a", Operation::Rebind, Why::Socket), None);
    let calls = [
        "KillUnit a.service main 15",
        "StopUnit a.socket ignore-dependencies",
        "StartUnit a.socket replace",
        "RestartUnit a.service replace",
    ];
    assert_eq!(played.calls(), calls);
}

#[test]
fn another_filter_needs_another_helper_and_no_other_socket_where_a_server_has_it() {
    let played = Played::obedient();
    put(&played, "a", "running");
    assert_eq!(fault(&played, "a", Operation::Rebind, Why::Lists), None);
    let calls = [
        "KillUnit a.service main 15",
        "RestartUnit a.service replace",
    ];
    assert_eq!(played.calls(), calls);

    put(&played, "b", "dead");
    assert_eq!(fault(&played, "b", Operation::Rebind, Why::Lists), None);
    let calls = [
        "StopUnit b.socket ignore-dependencies",
        "StartUnit b.socket replace",
    ];
    assert_eq!(played.calls(), calls);
}

#[test]
fn ports_are_free_before_they_are_taken() {
    let played = Played::obedient();
    for unit in ["moves", "gone", "other", "new", "set"] {
        put(&played, unit, "running");
    }
    put(&played, "later", "auto-restart");
    played.put("xinetd-rpc@gone.service", "active", "exited", |_| {});
    let actions = [
        action("gone", Operation::Stop, Why::Gone),
        action("moves", Operation::Rebind, Why::Closed),
        action("new", Operation::Start, Why::New),
        action("later", Operation::Respawn, Why::Service),
        action("other", Operation::Respawn, Why::Service),
        action("set", Operation::Reload, Why::Settings),
    ];
    let outcomes = take(&mut played.connect(), &actions);
    assert!(outcomes.iter().all(|outcome| outcome.fault.is_none()));
    let mut calls = played.calls();
    // Those of one step go at once, in any order.
    calls[..3].sort();
    calls[5..7].sort();
    let expected = [
        "StopUnit gone.service replace",
        "StopUnit gone.socket replace",
        "StopUnit xinetd-rpc@gone.service replace",
        "KillUnit moves.service main 15",
        "StopUnit moves.socket ignore-dependencies",
        "StartUnit moves.socket replace",
        "StartUnit new.socket replace",
        "RestartUnit moves.service replace",
        "RestartUnit later.service replace",
        "KillUnit other.service main 15",
        "ReloadUnit set.service replace",
    ];
    assert_eq!(calls, expected);
}

#[test]
fn what_systemd_does_not_have_is_not_stopped_and_what_has_failed_is_forgotten() {
    let played = Played::new(|call, units| {
        if call.starts_with("StopUnit") {
            units.put("a.service", "failed", "failed");
            return "failed";
        }
        "done"
    });
    assert_eq!(fault(&played, "z", Operation::Stop, Why::Disabled), None);
    assert_eq!(played.calls(), [""; 0]);
    played.put("a.service", "active", "running", |_| {});
    assert_eq!(fault(&played, "a", Operation::Stop, Why::Disabled), None);
    let calls = ["StopUnit a.service replace", "ResetFailedUnit a.service"];
    assert_eq!(played.calls(), calls);
}

#[test]
fn what_can_not_be_stopped_is_told() {
    let played = Played::new(|_, _| "timeout");
    played.put("a.socket", "active", "listening", |_| {});
    played.put("b.socket", "inactive", "dead", |_| {});
    let told = Some(ActionError::Told(
        "systemd's job ended as timeout".to_owned(),
    ));
    assert_eq!(fault(&played, "a", Operation::Stop, Why::Disabled), told);
    assert_eq!(fault(&played, "b", Operation::Stop, Why::Disabled), None);
}

#[test]
fn a_helper_that_takes_no_new_spec_is_replaced() {
    let played = Played::new(|call, units| match call.starts_with("ReloadUnit a") {
        true => "failed",
        false => obey(call, units),
    });
    put(&played, "a", "running");
    put(&played, "b", "running");
    let reload = |unit| action(unit, Operation::Reload, Why::Settings);
    let outcomes = take(&mut played.connect(), &[reload("a"), reload("b")]);
    assert!(outcomes.iter().all(|outcome| outcome.fault.is_none()));
    assert_eq!(played.calls()[2..], ["KillUnit a.service main 15"]);
}

#[test]
fn a_helper_that_can_not_be_started_is_told() {
    let played = Played::new(|_, _| "");
    put(&played, "a", "auto-restart-queued");
    let told = fault(&played, "a", Operation::Respawn, Why::Stuck);
    assert!(matches!(told, Some(ActionError::Told(_))), "{told:?}");
}

/// How often a socket was started.
fn starts(played: &Played) -> usize {
    let calls = played.calls();
    calls
        .iter()
        .filter(|call| call.starts_with("StartUnit"))
        .count()
}

#[test]
fn a_socket_that_does_not_open_is_tried_again_as_long_as_that_may_help() {
    let mut left = 2;
    let played = Played::new(move |call, units: &mut PlayedUnits| {
        if call.starts_with("StartUnit late") && left > 0 {
            left -= 1;
            units.put("late.socket", "failed", "failed");
            return "failed";
        }
        match call.starts_with("StartUnit never") {
            true => "failed",
            false => obey(call, units),
        }
    });
    played.put("late.socket", "inactive", "dead", |_| {});
    assert_eq!(fault(&played, "late", Operation::Start, Why::New), None);
    assert_eq!(starts(&played), 3);

    played.put("never.socket", "failed", "failed", |_| {});
    let failed = ActionError::Silent(Trouble::Failed {
        unit: "never".to_owned(),
    });
    assert_eq!(
        fault(&played, "never", Operation::Start, Why::New),
        Some(failed)
    );
    assert_eq!(starts(&played), 8);

    let condition = (
        "ConditionPathExists".to_owned(),
        false,
        false,
        "/x".to_owned(),
        -1,
    );
    played.put("never.socket", "inactive", "dead", |unit| {
        unit.set("Conditions", vec![condition]);
    });
    let told = fault(&played, "never", Operation::Start, Why::New);
    assert!(matches!(
        told,
        Some(ActionError::Silent(Trouble::Unmet { .. }))
    ));
    assert_eq!(starts(&played), 1, "it waits for something else");
}

#[test]
fn sessions_end_where_a_socket_can_not_be_opened_beside_them() {
    // Each helper that leaves is back before its socket is open.
    let played = Played::new(|call, units| match call {
        "StartUnit a.socket replace" => {
            units.put("a.socket", "failed", "failed");
            units.put("a.service", "active", "running");
            "failed"
        }
        _ => obey(call, units),
    });
    put(&played, "a", "running");
    assert_eq!(fault(&played, "a", Operation::Rebind, Why::Socket), None);
    let calls = played.calls();
    assert_eq!(calls.last().unwrap(), "RestartUnit a.socket replace");
    let restarts = calls.iter().filter(|call| call.starts_with("RestartUnit"));
    assert_eq!(restarts.count(), 1);
    let left = calls.iter().filter(|call| call.starts_with("KillUnit"));
    assert_eq!(left.count(), 7);
}

#[test]
fn a_socket_is_tried_again_for_a_second_or_two_and_at_first_at_once() {
    let pauses: Vec<Duration> = (1..ATTEMPTS).map(pause).collect();
    assert!(pauses.is_sorted() && pauses[0] < Duration::from_millis(50));
    let whole: Duration = pauses.iter().sum();
    assert!((1..2).contains(&whole.as_secs()), "{whole:?}");
}
