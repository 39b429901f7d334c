//! What rules of hosts.allow and hosts.deny do to clients.

use std::net::IpAddr;

use crate::libwrap::User;
use crate::policy::{NameAnswer, Reason, State};
use crate::spec::Spec;

use super::super::candidate::Inquiry;
use super::super::{Admission, Candidate, Changes, Effects, NoUser, Question, Source, Step};
use super::{Connection, Fake, confirmed, tables};

fn peer() -> IpAddr {
    "198.51.100.7".parse().unwrap()
}

/// A service that goes by the rules.
fn admission() -> Admission {
    Admission::new(&Spec::example())
}

/// A world with these rules in hosts.deny.
fn world(rules: &str) -> Fake {
    Fake {
        tables: tables("", rules),
        ..Fake::default()
    }
}

/// What rules do to a client without a name, and what becomes of it.
fn effects(rules: &str, source: Source) -> (Option<Effects>, Step) {
    let (admission, mut world, mut state) = (admission(), world(rules), State::default());
    let mut candidate = Candidate::new(source);
    let mut effects = None;
    for _ in 0..20 {
        candidate = match admission.next(candidate, &mut state, &mut world) {
            Step::Do(candidate, done) => {
                assert!(effects.replace(*done).is_none(), "once");
                candidate
            }
            Step::Ask(mut candidate, Question::Name(_)) => {
                candidate.named(NameAnswer::NoName);
                candidate
            }
            step => return (effects, step),
        };
    }
    panic!("it has no end");
}

/// What rules do to a client that is admitted, and what they change about its server.
fn admitted(rules: &str) -> (Option<Effects>, Option<Changes>) {
    match effects(rules, Source::Peer(peer())) {
        (effects, Step::Admit(admitted)) => (effects, admitted.changes().cloned()),
        (_, step) => panic!("{step:?}"),
    }
}

#[test]
fn a_rule_changes_the_server_of_its_client() {
    let (effects, changes) = admitted("ALL: ALL: setenv A b: umask 022: nice 5: nice 2: allow\n");
    assert!(effects.is_none(), "{effects:?}");
    let changes = changes.unwrap();
    assert_eq!(changes.set, [b"A=b".as_slice().into()]);
    assert_eq!((changes.umask, changes.nice), (Some(0o22), 7));
    assert_eq!(changes.command, None);
    assert_eq!(admitted("").1, None);
}

#[test]
fn each_effect_of_a_rule_comes_before_its_client_is_served() {
    let of = |options: &str| {
        admitted(&format!("ALL: ALL: {options}: allow\n"))
            .0
            .unwrap()
    };
    assert!(of("keepalive").keepalive);
    let banners = of("banners /etc/banners").banners;
    assert_eq!(banners, [(*b"hello 198.51.100.7").into()]);
    let commands = of("setenv A b: spawn /bin/true: setenv C d").commands;
    let command = commands[0].command.as_deref().unwrap();
    assert_eq!(command.to_bytes(), b"/bin/true");
    assert_eq!(commands[0].set, [b"A=b".as_slice().into()]);
    assert_eq!(commands.len(), 1);

    let (effects, changes) = admitted("ALL: ALL: setenv A b: twist /bin/echo no\n");
    let (command, severity) = effects.unwrap().twist.unwrap();
    assert_eq!((command.as_bytes(), severity), (&b"/bin/echo no"[..], None));
    let changes = changes.unwrap();
    assert_eq!(changes.command.unwrap().to_bytes(), b"/bin/echo no");
    assert_eq!(changes.set, [b"A=b".as_slice().into()]);
}

#[test]
fn a_datagram_is_refused_by_rules_and_nothing_else_is_done() {
    let datagram = Source::Datagram(peer());
    let (done, step) = effects("ALL: ALL: spawn /bin/true: banners /etc\n", datagram);
    assert!(
        done.is_none() && matches!(step, Step::Refuse(_)),
        "{step:?}"
    );
    let (_, step) = effects("ALL: ALL: twist /bin/true\n", datagram);
    assert!(matches!(step, Step::Refuse(_)), "{step:?}");
    // There is no connection whose user could be asked for.
    let (_, step) = effects("ALL: root@ALL\n", datagram);
    assert!(matches!(step, Step::Admit(_)), "{step:?}");
}

#[test]
fn a_name_that_can_not_be_found_out_is_told_as_the_reason() {
    for source in [Source::Peer(peer()), Source::Datagram(peer())] {
        let (admission, mut state) = (admission(), State::default());
        let mut world = world("ALL: .evil.example\n");
        let candidate = Candidate::new(source);
        let Step::Ask(mut candidate, _) = admission.next(candidate, &mut state, &mut world) else {
            panic!("the name decides");
        };
        candidate.give_up();
        let Step::Do(candidate, effects) = admission.next(candidate, &mut state, &mut world) else {
            panic!("nothing is told");
        };
        assert!(effects.fault.is_some());
        let Step::Refuse(refusal) = admission.next(candidate, &mut state, &mut world) else {
            panic!("it may be the one that is kept out");
        };
        assert_eq!(refusal.reason, Reason::Libwrap);
    }
}

#[test]
fn the_address_of_a_datagram_may_not_be_known_and_has_no_name_then() {
    // Of a connection it is known, unless the kernel does not tell.
    for (source, is_admitted) in [
        (Source::Datagram(peer()), true),
        (Source::Peer(peer()), false),
    ] {
        let (admission, mut state) = (admission(), State::default());
        let mut world = Fake {
            connection: Connection { has_local: false },
            ..world("ALL@.inner.example: ALL\n")
        };
        let mut step = admission.next(Candidate::new(source), &mut state, &mut world);
        if let Step::Do(candidate, _) = step {
            step = admission.next(candidate, &mut state, &mut world);
        }
        assert_eq!(matches!(step, Step::Admit(_)), is_admitted, "{step:?}");
    }
}

#[test]
fn a_user_is_asked_for_where_a_rule_names_one() {
    for (user, is_refused) in [
        (Ok("UNIX:root".to_owned()), true),
        (Ok("UNIX:joe".to_owned()), false),
        (Err(NoUser::NoServer), false),
    ] {
        let (admission, mut state) = (admission(), State::default());
        let mut world = world("ALL: root@ALL\n");
        let candidate = Candidate::new(Source::Peer(peer()));
        let step = admission.next(candidate, &mut state, &mut world);
        let Step::Ask(mut candidate, Question::User) = step else {
            panic!("{step:?}");
        };
        candidate.identified(user.clone());
        let step = admission.next(candidate, &mut state, &mut world);
        assert_eq!(matches!(step, Step::Refuse(_)), is_refused, "{user:?}");
    }
}

#[test]
fn what_was_found_out_before_stays_when_no_more_is() {
    let mut candidate = Candidate::new(Source::Peer(peer()));
    candidate.named(confirmed("a.example"));
    candidate.give_up();
    let known = candidate.findings.get();
    assert_eq!(known.client, confirmed("a.example"));
    assert_eq!(known.server, NameAnswer::Undetermined);
    assert_eq!(known.user, User::Undetermined);

    let mut candidate = Candidate::new(Source::Peer(peer()));
    candidate.findings.get_mut().asked = Inquiry::UserOfRule;
    candidate.identified(Ok("UNIX:joe".to_owned()));
    candidate.give_up();
    assert_eq!(candidate.findings.get().user, User::Known("joe".to_owned()));
}
