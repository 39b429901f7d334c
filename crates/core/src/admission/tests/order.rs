//! The order of the checks (docs/xinetd-behaviour.md, section 4.2 of docs/xinetd-behaviour.md), and that each
//! client has one end.

use std::net::IpAddr;

use proptest::prelude::*;

use crate::policy::{NameAnswer, Note, Reason, State};
use crate::service::{
    AccessRule, ConnectionRate, DenyTime, Limit, MinuteOfDay, Pattern, Program, TimeWindow,
};
use crate::spec::{Sensor, Spec, Task};

use super::super::{Admission, Banner, Candidate, NoUser, Question, Source, Step};
use super::{Fake, confirmed, tables};

const PEER: &str = "198.51.100.7";

fn peer() -> IpAddr {
    PEER.parse().unwrap()
}

fn rule(pattern: &str) -> AccessRule {
    AccessRule {
        pattern: Pattern::try_from(pattern.to_owned()).unwrap(),
        place: Spec::example().place,
    }
}

/// What can keep a client out, in the order in which it is asked.
const HURDLES: [&str; 10] = [
    "cps",
    "max_load",
    "access_times",
    "instances",
    "per_source",
    "-limit",
    "ban",
    "no_access",
    "hosts.deny",
    "IDONLY",
];

/// A service in a world where these hurdles keep every client out.
fn with(hurdles: &[&str]) -> (Admission, Fake) {
    let has = |hurdle: &str| hurdles.contains(&hurdle);
    let mut spec = Spec::example();
    spec.limits.rate = has("cps").then(|| ConnectionRate {
        max: 1.try_into().unwrap(),
        wait: 5,
    });
    spec.limits.load = has("max_load").then_some(0.5);
    if has("access_times") {
        spec.access_times.push(TimeWindow {
            from: MinuteOfDay::new(8, 0).unwrap(),
            to: MinuteOfDay::new(9, 0).unwrap(),
            place: Spec::example().place,
        });
    }
    if has("instances") {
        spec.limits.instances = Limit::AtMost(0);
    }
    if has("per_source") {
        spec.limits.per_source = Limit::AtMost(0);
    }
    if has("no_access") {
        spec.access.no_access.push(rule("198.51.100.7/32"));
    }
    spec.logging.success.userid = true;
    spec.idonly = has("IDONLY");
    let world = Fake {
        has_room: !has("-limit"),
        is_banned: has("ban"),
        tables: tables("", if has("hosts.deny") { "ALL: ALL\n" } else { "" }),
        ..Fake::default()
    };
    (Admission::new(&spec), world)
}

/// What keeps a client out whose machine has no ident server; none if it is admitted.
fn kept_out(admission: &Admission, world: &mut Fake, state: &mut State) -> Option<&'static str> {
    let mut candidate = Candidate::new(Source::Peer(peer()));
    for _ in 0..20 {
        candidate = match admission.next(candidate, state, world) {
            Step::Say(candidate, _) | Step::Do(candidate, _) => candidate,
            Step::Ask(mut candidate, Question::User) => {
                candidate.identified(Err(NoUser::NoServer));
                candidate
            }
            Step::Ask(mut candidate, Question::Name(_)) => {
                candidate.named(NameAnswer::NoName);
                candidate
            }
            Step::Admit(admitted) => {
                state.leave(admitted.into_slot());
                return None;
            }
            Step::Pause(_) => return Some("cps"),
            Step::Unidentified(_) => return Some("IDONLY"),
            Step::Refuse(refusal) => {
                return Some(match refusal.reason {
                    Reason::Rate => "cps",
                    Reason::Load => "max_load",
                    Reason::Time => "access_times",
                    Reason::ServiceLimit => "instances",
                    Reason::PerSourceLimit => "per_source",
                    Reason::ProcessLimit => "-limit",
                    Reason::Address if refusal.note == Note::Banned => "ban",
                    Reason::Address => "no_access",
                    Reason::Libwrap => "hosts.deny",
                    Reason::Fork => "fork",
                });
            }
            Step::Sense => return Some("sensor"),
        };
    }
    panic!("it has no end");
}

#[test]
fn the_first_hurdle_in_the_order_keeps_a_client_out() {
    for first in 0..=HURDLES.len() {
        let (admission, mut world) = with(&HURDLES[first..]);
        let mut state = State::default();
        // The first client of a second never trips `cps`.
        let _ = kept_out(&admission, &mut world, &mut state);
        let found = kept_out(&admission, &mut world, &mut state);
        assert_eq!(found, HURDLES.get(first).copied());
        assert_eq!(state.running(), 0);
    }
}

#[test]
fn what_comes_behind_a_refusal_is_not_looked_at() {
    let (admission, mut world) = with(&["per_source", "ban"]);
    let mut state = State::default();
    let _ = kept_out(&admission, &mut world, &mut state);
    assert_eq!(
        world.found,
        ["cps", "max_load", "access_times", "instances", "per_source"]
    );
}

#[test]
fn banners_frame_the_checks() {
    let mut spec = Spec::example();
    spec.banners.always = Some("/etc/issue".into());
    spec.banners.success = Some("/etc/motd".into());
    let admission = Admission::new(&spec);
    let (mut state, mut world) = (State::default(), Fake::default());
    let candidate = Candidate::new(Source::Peer(peer()));
    let Step::Say(candidate, Banner::Always) = admission.next(candidate, &mut state, &mut world)
    else {
        panic!("no banner at first");
    };
    assert!(world.found.is_empty(), "before all checks");
    let Step::Say(candidate, Banner::Success) = admission.next(candidate, &mut state, &mut world)
    else {
        panic!("no banner in the end");
    };
    assert_eq!(world.found.last(), Some(&"rules"), "behind all checks");
    assert_eq!(state.running(), 1, "it counts while it reads its banner");
    let step = admission.next(candidate, &mut state, &mut world);
    assert!(matches!(step, Step::Admit(_)), "{step:?}");
}

#[test]
fn a_sensor_senses_those_alone_who_pass_its_limits() {
    let mut spec = Spec::example();
    spec.task = Task::Sensor(Sensor {
        deny_time: DenyTime::Forever,
        ipv6_prefix: crate::bans::Ipv6Prefix::DEFAULT,
        allow: crate::bans::AllowList::default(),
    });
    spec.access.no_access.push(rule("198.51.100.7/32"));
    let (mut state, mut world) = (State::default(), Fake::default());
    let sensed = kept_out(&Admission::new(&spec), &mut world, &mut state);
    assert_eq!((sensed, state.running()), (Some("sensor"), 0));
    spec.limits.instances = Limit::AtMost(0);
    let refused = kept_out(&Admission::new(&spec), &mut world, &mut state);
    assert_eq!(refused, Some("instances"));
}

#[test]
fn a_client_is_banned_while_its_name_is_looked_up() {
    let mut spec = Spec::example();
    spec.access.no_access.push(rule("domain .evil.example"));
    let admission = Admission::new(&spec);
    let (mut state, mut world) = (State::default(), Fake::default());
    let candidate = Candidate::new(Source::Peer(peer()));
    let Step::Ask(mut candidate, Question::Name(asked)) =
        admission.next(candidate, &mut state, &mut world)
    else {
        panic!("the name decides");
    };
    assert_eq!(asked, peer());
    world.is_banned = true;
    candidate.named(confirmed("good.example"));
    let Step::Refuse(refusal) = admission.next(candidate, &mut state, &mut world) else {
        panic!("it is banned by now");
    };
    assert_eq!((refusal.note, state.running()), (Note::Banned, 0));
}

#[test]
fn a_reload_between_question_and_answer_decides_by_the_new_lists() {
    let lists = |pattern| {
        let mut spec = Spec::example();
        spec.access.no_access.push(rule(pattern));
        Admission::new(&spec)
    };
    let (before, after) = (
        lists("domain .evil.example"),
        lists("domain .other.example"),
    );
    for (admission, is_admitted) in [(&before, false), (&after, true)] {
        let (mut state, mut world) = (State::default(), Fake::default());
        let candidate = Candidate::new(Source::Peer(peer()));
        let Step::Ask(mut candidate, _) = before.next(candidate, &mut state, &mut world) else {
            panic!("the name decides");
        };
        candidate.named(confirmed("a.evil.example"));
        let step = admission.next(candidate, &mut state, &mut world);
        assert_eq!(matches!(step, Step::Admit(_)), is_admitted, "{step:?}");
    }
}

#[test]
fn a_user_that_a_rule_has_asked_for_is_not_asked_for_again() {
    let mut spec = Spec::example();
    spec.logging.success.userid = true;
    spec.idonly = true;
    let admission = Admission::new(&spec);
    let mut state = State::default();
    let mut world = Fake {
        tables: tables("ALL: root@ALL: deny\n", ""),
        ..Fake::default()
    };
    let candidate = Candidate::new(Source::Peer(peer()));
    let Step::Ask(mut candidate, Question::User) =
        admission.next(candidate, &mut state, &mut world)
    else {
        panic!("the user decides");
    };
    candidate.identified(Err(NoUser::Timeout));
    let step = admission.next(candidate, &mut state, &mut world);
    assert!(
        matches!(step, Step::Unidentified(NoUser::Timeout)),
        "{step:?}"
    );
    assert_eq!(state.running(), 0);
}

#[test]
fn a_client_in_the_backlog_has_no_address_and_its_server_one_place() {
    let mut spec = Spec::example();
    spec.task = Task::Wait(Program {
        path: "/bin/true".into(),
        argv: vec!["true".into()],
    });
    spec.access.no_access.push(rule("0.0.0.0/0"));
    let admission = Admission::new(&spec);
    // A rule that looks at the user does not ask: there is no connection to ask about.
    let mut world = Fake {
        is_banned: true,
        tables: tables("ALL: root@ALL: deny\n", ""),
        ..Fake::default()
    };
    let mut state = State::default();
    let step = admission.next(Candidate::new(Source::Backlog), &mut state, &mut world);
    assert!(matches!(step, Step::Admit(_)), "{step:?}");
    assert_eq!(state.running(), 1);
}

#[test]
fn a_datagram_counts_only_while_it_is_answered() {
    let mut spec = Spec::example();
    spec.access.no_access.push(rule("domain .evil.example"));
    spec.banners.always = Some("/etc/issue".into());
    spec.logging.success.userid = true;
    let admission = Admission::new(&spec);
    let (mut state, mut world) = (State::default(), Fake::default());
    let candidate = Candidate::new(Source::Datagram(peer()));
    let Step::Ask(mut candidate, Question::Name(_)) =
        admission.next(candidate, &mut state, &mut world)
    else {
        panic!("the name decides, and no banner is sent");
    };
    assert_eq!(state.running(), 0, "it waits for a name");
    candidate.named(NameAnswer::NoName);
    let Step::Admit(admitted) = admission.next(candidate, &mut state, &mut world) else {
        panic!("nothing keeps it out, and nobody can be asked for its user");
    };
    assert_eq!(state.running(), 1);
    state.leave(admitted.into_slot());
    assert_eq!(state.running(), 0);
}

/// What happens to a client while it waits.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Known,
    Unknown,
    Displaced,
    Gone,
}

proptest! {
    /// Whatever the service is and whatever answers come: a client ends once, in a bounded number of
    /// steps, and counts no longer than it is served.
    #[test]
    fn each_client_has_one_end_and_gives_its_place_back(
        hurdles in prop::sample::subsequence(HURDLES.to_vec(), 0..HURDLES.len()),
        names: bool,
        user: bool,
        source in 0..3_u8,
        answers in prop::collection::vec(
            prop::sample::select(vec![Answer::Known, Answer::Unknown, Answer::Displaced, Answer::Gone]),
            8,
        ),
    ) {
        let (admission, mut world) = with(&hurdles);
        let deny = match (names, user) {
            (true, true) => "ALL: root@.evil.example: spawn /bin/true: banners /etc\n",
            (true, false) => "ALL: .evil.example\n",
            (false, true) => "ALL: root@ALL\n",
            (false, false) => "",
        };
        if !hurdles.contains(&"hosts.deny") {
            world.tables = tables("", deny);
        }
        let source = match source {
            0 => Source::Peer(peer()),
            1 => Source::Datagram(peer()),
            _ => Source::Backlog,
        };
        let mut state = State::default();
        let mut candidate = Candidate::new(source);
        let mut answers = answers.into_iter();
        let mut steps = 0;
        loop {
            steps += 1;
            prop_assert!(steps < 20);
            candidate = match admission.next(candidate, &mut state, &mut world) {
                Step::Say(candidate, _) | Step::Do(candidate, _) => candidate,
                Step::Ask(mut candidate, question) => {
                    match (answers.next(), question) {
                        (Some(Answer::Gone), _) => {
                            candidate.abandon(&mut state);
                            break;
                        }
                        (Some(Answer::Displaced), Question::User) => {
                            candidate.give_up();
                            candidate.identified(Err(NoUser::System));
                        }
                        (Some(Answer::Displaced), Question::Name(_)) => candidate.give_up(),
                        (Some(Answer::Known), Question::Name(_)) => {
                            candidate.named(confirmed("a.evil.example"));
                        }
                        (_, Question::Name(_)) => candidate.named(NameAnswer::Undetermined),
                        (Some(Answer::Known), Question::User) => {
                            candidate.identified(Ok("UNIX:root".to_owned()));
                        }
                        (_, Question::User) => candidate.identified(Err(NoUser::Timeout)),
                    }
                    candidate
                }
                Step::Admit(admitted) => {
                    prop_assert_eq!(state.running(), 1);
                    state.leave(admitted.into_slot());
                    break;
                }
                Step::Refuse(_) | Step::Pause(_) | Step::Sense | Step::Unidentified(_) => break,
            };
        }
        prop_assert_eq!(state.running(), 0);
        prop_assert_eq!(state.running_for(peer()), 0);
    }
}
