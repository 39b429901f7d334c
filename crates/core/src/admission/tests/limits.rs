//! The limits of a service, as a client meets them.

use std::collections::HashMap;
use std::num::NonZeroU32;

use proptest::prelude::*;

use crate::policy::{Facts, MonotonicSeconds, RateSnapshot, Reason, Refusal, Slot, State};
use crate::problem::Place;
use crate::service::{ConnectionRate, Limit, MinuteOfDay, TimeWindow};
use crate::spec::Spec;

use super::super::{Admission, Candidate, Source, Step};
use super::Fake;

const NOON: u16 = 12 * 60;

fn policy(change: impl FnOnce(&mut Spec)) -> Admission {
    let mut spec = Spec::example();
    spec.limits.rate = None;
    change(&mut spec);
    Admission::new(&spec)
}

/// What becomes of a client, as far as limits go.
#[derive(Debug)]
enum LimitVerdict {
    Admit(Slot),
    Refuse(Refusal),
    Pause(Refusal),
}

fn limits(admission: &Admission, state: &mut State, facts: &Facts) -> LimitVerdict {
    let mut world = Fake {
        now: facts.now,
        minute: facts.minute,
        load: facts.load,
        ..Fake::default()
    };
    let candidate = Candidate::new(Source::Peer(facts.peer));
    match admission.next(candidate, state, &mut world) {
        Step::Admit(admitted) => LimitVerdict::Admit(admitted.into_slot()),
        Step::Refuse(refusal) => LimitVerdict::Refuse(refusal),
        Step::Pause(refusal) => LimitVerdict::Pause(refusal),
        other => panic!("{other:?}"),
    }
}

fn facts(peer: &str) -> Facts {
    Facts {
        peer: peer.parse().unwrap(),
        now: MonotonicSeconds(1000),
        minute: NOON.try_into().unwrap(),
        load: Some(1.0),
    }
}

fn rate(max: u32, wait: u32) -> Option<ConnectionRate> {
    let max = NonZeroU32::new(max).unwrap();
    Some(ConnectionRate { max, wait })
}

fn morning() -> TimeWindow {
    TimeWindow {
        from: MinuteOfDay::new(8, 0).unwrap(),
        to: MinuteOfDay::new(9, 0).unwrap(),
        place: Place {
            line: 7,
            ..Spec::example().place
        },
    }
}

/// The reason of a refusal.
fn refused(verdict: LimitVerdict) -> Option<Reason> {
    match verdict {
        LimitVerdict::Admit(_) => None,
        LimitVerdict::Refuse(refusal) | LimitVerdict::Pause(refusal) => Some(refusal.reason),
    }
}

fn admitted(verdict: LimitVerdict) -> Slot {
    match verdict {
        LimitVerdict::Admit(slot) => slot,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_limit_in_xinetds_order_gives_the_reason() {
    let reason = |rate_off: bool, load_off: bool, times_off: bool, instances_off: bool| {
        let policy = policy(|spec| {
            spec.limits.rate = rate(1, 5).filter(|_| !rate_off);
            spec.limits.load = Some(0.000_000_1).filter(|_| !load_off);
            spec.access_times = if times_off { vec![] } else { vec![morning()] };
            spec.limits.per_source = Limit::AtMost(0);
            if !instances_off {
                spec.limits.instances = Limit::AtMost(0);
            }
        });
        let mut state = State::default();
        // The first connection of a window never trips the rate.
        let _ = limits(&policy, &mut state, &facts("10.0.0.1"));
        refused(limits(&policy, &mut state, &facts("10.0.0.1")))
    };
    assert_eq!(reason(false, false, false, false), Some(Reason::Rate));
    assert_eq!(reason(true, false, false, false), Some(Reason::Load));
    assert_eq!(reason(true, true, false, false), Some(Reason::Time));
    assert_eq!(reason(true, true, true, false), Some(Reason::ServiceLimit));
    assert_eq!(reason(true, true, true, true), Some(Reason::PerSourceLimit));
}

#[test]
fn refused_connections_count_for_the_rate() {
    let policy = policy(|spec| {
        spec.limits.rate = rate(3, 7);
        spec.limits.instances = Limit::AtMost(0);
    });
    let mut state = State::default();
    for _ in 0..3 {
        let verdict = limits(&policy, &mut state, &facts("10.0.0.1"));
        assert_eq!(refused(verdict), Some(Reason::ServiceLimit));
    }
    let LimitVerdict::Pause(refusal) = limits(&policy, &mut state, &facts("10.0.0.1")) else {
        panic!("the fourth connection does not trip");
    };
    assert_eq!(refusal.reason, Reason::Rate);
    assert_eq!(state.paused_until(), Some(MonotonicSeconds(1007)));
}

#[test]
fn load_at_the_limit_refuses_and_an_unknown_one_does_not() {
    let policy = |limit| policy(|spec| spec.limits.load = Some(limit));
    let reason = |limit, load| {
        let facts = Facts {
            load,
            ..facts("10.0.0.1")
        };
        refused(limits(&policy(limit), &mut State::default(), &facts))
    };
    assert_eq!(reason(2.5, Some(2.49)), None);
    assert_eq!(reason(2.5, Some(2.5)), Some(Reason::Load));
    assert_eq!(reason(2.5, None), None);
    assert_eq!(reason(-1.0, Some(0.0)), Some(Reason::Load));
    assert_eq!(reason(f64::NAN, Some(99.0)), None);
}

#[test]
fn clock_and_load_are_looked_at_where_a_limit_needs_them() {
    let looked = |admission: &Admission, minute: u16| {
        let mut world = Fake {
            minute: minute.try_into().unwrap(),
            ..Fake::default()
        };
        let candidate = Candidate::new(Source::Peer("10.0.0.1".parse().unwrap()));
        let step = admission.next(candidate, &mut State::default(), &mut world);
        (matches!(step, Step::Admit(_)), world.looked)
    };
    assert_eq!(looked(&policy(|_| {}), NOON), (true, vec![]));
    let timed = policy(|spec| spec.access_times = vec![morning()]);
    assert_eq!(looked(&timed, 8 * 60 + 30), (true, vec!["minute"]));
    let loaded = policy(|spec| spec.limits.load = Some(2.0));
    assert_eq!(looked(&loaded, NOON), (true, vec!["load"]));
}

#[test]
fn a_refusal_by_time_tells_where_the_times_are_written() {
    let policy = policy(|spec| spec.access_times = vec![morning()]);
    let LimitVerdict::Refuse(refusal) = limits(&policy, &mut State::default(), &facts("10.0.0.1"))
    else {
        panic!("let in at noon");
    };
    assert_eq!(refusal.reason, Reason::Time);
    assert_eq!(
        refusal.rule.unwrap().to_string(),
        "/etc/xinetd.d/telnet:7:1"
    );
}

#[test]
fn a_server_that_has_ended_makes_room() {
    let policy = policy(|spec| spec.limits.instances = Limit::AtMost(2));
    let mut state = State::default();
    let first = admitted(limits(&policy, &mut state, &facts("10.0.0.1")));
    let second = admitted(limits(&policy, &mut state, &facts("10.0.0.2")));
    let third = limits(&policy, &mut state, &facts("10.0.0.3"));
    assert_eq!(refused(third), Some(Reason::ServiceLimit));
    state.leave(first);
    let third = admitted(limits(&policy, &mut state, &facts("10.0.0.3")));
    assert_eq!(state.running(), 2);
    state.leave(second);
    state.leave(third);
    assert_eq!(state.running(), 0);
}

#[test]
fn a_source_is_an_address_whatever_the_socket() {
    let policy = policy(|spec| spec.limits.per_source = Limit::AtMost(1));
    let mut state = State::default();
    let _slot = admitted(limits(&policy, &mut state, &facts("::ffff:10.0.0.1")));
    for (peer, reason) in [
        ("10.0.0.1", Some(Reason::PerSourceLimit)),
        ("::ffff:10.0.0.1", Some(Reason::PerSourceLimit)),
        ("::10.0.0.1", None),
        ("10.0.0.2", None),
    ] {
        assert_eq!(
            refused(limits(&policy, &mut state, &facts(peer))),
            reason,
            "{peer}"
        );
    }
}

#[test]
fn a_successor_counts_the_servers_that_it_finds() {
    let policy = policy(|spec| spec.limits.per_source = Limit::AtMost(1));
    let mut state = State::default();
    let slot = state.adopt("10.0.0.1".parse().unwrap());
    let verdict = limits(&policy, &mut state, &facts("10.0.0.1"));
    assert_eq!(refused(verdict), Some(Reason::PerSourceLimit));
    state.leave(slot);
    assert_eq!(
        refused(limits(&policy, &mut state, &facts("10.0.0.1"))),
        None
    );
}

/// A service that has just tripped `cps = 3 2`, with two more clients turned away.
fn tripped() -> (Admission, State) {
    let policy = policy(|spec| spec.limits.rate = rate(3, 2));
    let mut state = State::default();
    for _ in 0..4 {
        let _ = limits(&policy, &mut state, &facts("10.0.0.1"));
    }
    assert!(state.paused_until().is_some());
    state.turn_away(1);
    state.turn_away(1);
    (policy, state)
}

/// How many clients pass two seconds later.
fn pass(policy: &Admission, state: &mut State) -> usize {
    let later = Facts {
        now: MonotonicSeconds(1002),
        ..facts("10.0.0.1")
    };
    (0..100)
        .take_while(|_| refused(limits(policy, state, &later)).is_none())
        .count()
}

#[test]
fn after_a_pause_the_window_goes_on() {
    let (policy, mut state) = tripped();
    assert_eq!(state.resume(), 2);
    assert_eq!(state.paused_until(), None);
    assert_eq!(state.resume(), 0);
    assert_eq!(pass(&policy, &mut state), 3);
}

#[test]
fn a_successor_goes_on_with_pause_and_window() {
    let (policy, state) = tripped();
    let mut successor = State::default();
    successor.restore_rate(state.rate_snapshot());
    assert_eq!(successor.rate_snapshot(), state.rate_snapshot());
    assert_eq!(successor.paused_until(), Some(MonotonicSeconds(1002)));
    successor.turn_away(1);
    assert_eq!(successor.resume(), 3);
    assert_eq!(pass(&policy, &mut successor), 3);
}

#[test]
fn a_reload_begins_the_rate_anew_and_keeps_the_servers() {
    let (_, mut state) = tripped();
    assert_eq!(state.running(), 3);
    assert_eq!(state.reload(), Some(2));
    assert_eq!(state.reload(), None);
    assert_eq!(state.paused_until(), None);
    assert_eq!(state.rate_snapshot(), RateSnapshot::default());
    assert_eq!(state.running(), 3);
    let stricter = policy(|spec| spec.limits.instances = Limit::AtMost(3));
    let verdict = limits(&stricter, &mut state, &facts("10.0.0.9"));
    assert_eq!(refused(verdict), Some(Reason::ServiceLimit));
}

#[test]
fn a_pause_without_a_rate_lasts_as_long_as_the_usual_one() {
    let policy = policy(|_| {});
    let mut state = State::default();
    policy.policy().pause(&mut state, MonotonicSeconds(5));
    assert_eq!(state.paused_until(), Some(MonotonicSeconds(15)));
}

proptest! {
    /// Against a list of all servers that run.
    #[test]
    fn the_limits_hold_whatever_comes_and_goes(
        instances in 0u32..6,
        per_source in 0u32..4,
        steps in prop::collection::vec((any::<bool>(), 0u8..4, any::<prop::sample::Index>()), 0..200),
    ) {
        let policy = policy(|spec| {
            spec.limits.instances = Limit::AtMost(instances);
            spec.limits.per_source = Limit::AtMost(per_source);
        });
        let mut state = State::default();
        let mut servers: Vec<(u8, Slot)> = Vec::new();
        for (comes, source, which) in steps {
            if !comes && !servers.is_empty() {
                let (_, slot) = servers.swap_remove(which.index(servers.len()));
                state.leave(slot);
            } else if comes {
                let of_source = servers.iter().filter(|(other, _)| *other == source).count();
                let expected = if servers.len() >= instances as usize {
                    Some(Reason::ServiceLimit)
                } else if of_source >= per_source as usize {
                    Some(Reason::PerSourceLimit)
                } else {
                    None
                };
                match limits(&policy, &mut state, &facts(&format!("fd00::{source}"))) {
                    LimitVerdict::Admit(slot) => {
                        prop_assert_eq!(None, expected);
                        servers.push((source, slot));
                    }
                    other => prop_assert_eq!(refused(other), expected),
                }
            }
            let mut sources: HashMap<u8, u32> = HashMap::new();
            for (source, _) in &servers {
                *sources.entry(*source).or_default() += 1;
            }
            prop_assert_eq!(state.running() as usize, servers.len());
            prop_assert_eq!(state.sources(), sources.len());
            for source in 0..4u8 {
                let peer = format!("fd00::{source}").parse().unwrap();
                let expected = sources.get(&source).copied().unwrap_or(0);
                prop_assert_eq!(state.running_for(peer), expected);
            }
        }
    }
}
