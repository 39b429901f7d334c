use std::path::Path;

use proptest::prelude::*;

use super::*;

/// Rules whose places tell the list by the column and the entry by the line.
fn rules(column: u32, patterns: &[&str]) -> Vec<AccessRule> {
    let rule = |(text, line): (&&str, u32)| AccessRule {
        pattern: (*text).to_owned().try_into().unwrap(),
        place: Place {
            file: Path::new("f").into(),
            line,
            column,
            length: 0,
        },
    };
    patterns.iter().zip(1..).map(rule).collect()
}

const ONLY_FROM: u32 = 1;
const NO_ACCESS: u32 = 2;

fn lists(only_from: Option<&[&str]>, no_access: &[&str]) -> Lists {
    Lists::new(&AccessRules {
        only_from: only_from.map(|patterns| rules(ONLY_FROM, patterns)),
        no_access: rules(NO_ACCESS, no_access),
    })
}

/// The decision in a few words: `allow`, `name?`, or the place of the rule that denies, with a
/// mark for the note.
fn decide(lists: &Lists, peer: &str, name: &NameAnswer) -> String {
    match lists.decide(peer.parse().unwrap(), name).0 {
        Access::Allow => "allow".into(),
        Access::NeedName => "name?".into(),
        Access::Deny(refusal) => {
            assert_eq!(refusal.reason, Reason::Address);
            let rule = refusal.rule.map_or("none".into(), |rule| rule.to_string());
            let note = match refusal.note {
                Note::Nothing => "",
                Note::BothLists => " both",
                Note::NameUnknown => " unknown",
                Note::Banned => " banned",
                Note::Severity(..) => " severity",
            };
            format!("{rule}{note}")
        }
    }
}

fn by_address(only_from: Option<&[&str]>, no_access: &[&str], peer: &str) -> String {
    decide(&lists(only_from, no_access), peer, &NameAnswer::NotAsked)
}

fn confirmed(name: &str) -> NameAnswer {
    NameAnswer::Confirmed(name.parse().unwrap())
}

fn unconfirmed(name: &str) -> NameAnswer {
    NameAnswer::Unconfirmed(name.into())
}

#[test]
fn without_lists_everyone_may_come_in() {
    assert_eq!(by_address(None, &[], "10.1.2.3"), "allow");
    assert_eq!(by_address(None, &[], "fd00::1"), "allow");
}

#[test]
fn an_empty_only_from_lets_no_one_in() {
    assert_eq!(by_address(Some(&[]), &[], "10.1.2.3"), "none");
}

#[test]
fn only_from_lets_in_whom_it_lists() {
    let list = Some(["10.0.0.0/8", "192.0.2.1/32"].as_slice());
    assert_eq!(by_address(list, &[], "10.1.2.3"), "allow");
    assert_eq!(by_address(list, &[], "192.0.2.1"), "allow");
    assert_eq!(by_address(list, &[], "::ffff:192.0.2.1"), "allow");
    // The first entry tells where the list is.
    assert_eq!(by_address(list, &[], "192.0.2.2"), "f:1:1");
}

#[test]
fn no_access_keeps_out_whom_it_lists() {
    let list = ["10.9.0.0/16", "10.1.0.0/16", "10.1.2.0/24"];
    assert_eq!(by_address(None, &list, "10.1.2.3"), "f:2:2");
    assert_eq!(by_address(None, &list, "10.2.2.3"), "allow");
}

#[test]
fn an_address_of_a_translator_or_tunnel_is_no_ipv4_address() {
    for peer in ["64:ff9b::192.0.2.1", "2002:c000:201::1", "::192.0.2.1"] {
        assert_eq!(by_address(None, &["192.0.2.0/24"], peer), "allow");
        assert_eq!(by_address(Some(&["192.0.2.0/24"]), &[], peer), "f:1:1");
    }
}

#[test]
fn no_access_wins_over_a_narrower_only_from_and_both_are_named() {
    let only_from = Some(["10.1.2.3/32"].as_slice());
    assert_eq!(
        by_address(only_from, &["10.0.0.0/8"], "10.1.2.3"),
        "f:1:2 both"
    );
    assert_eq!(by_address(only_from, &["10.0.0.0/8"], "10.1.2.4"), "f:1:2");
}

#[test]
fn names_are_looked_up_only_where_they_decide() {
    let only_from = Some(["10.0.0.0/8", "host a.example.com"].as_slice());
    assert_eq!(by_address(only_from, &[], "10.1.2.3"), "allow");
    assert_eq!(by_address(only_from, &[], "192.0.2.1"), "name?");
    assert_eq!(
        by_address(only_from, &["192.0.2.1/32"], "192.0.2.1"),
        "f:1:2"
    );
    assert_eq!(
        by_address(None, &["domain .example.com"], "192.0.2.1"),
        "name?"
    );
    assert_eq!(
        by_address(Some(&["10.0.0.0/8"]), &["host x"], "192.0.2.1"),
        "f:1:1"
    );
}

#[test]
fn a_host_is_its_whole_name_without_case() {
    let lists = lists(Some(&["host Alpha.Example.com"]), &[]);
    for name in [
        "alpha.example.com",
        "ALPHA.EXAMPLE.COM",
        "alpha.example.com.",
    ] {
        assert_eq!(
            decide(&lists, "10.0.0.1", &confirmed(name)),
            "allow",
            "{name}"
        );
    }
    for name in ["alpha", "beta.alpha.example.com", "example.com"] {
        assert_eq!(
            decide(&lists, "10.0.0.1", &confirmed(name)),
            "f:1:1",
            "{name}"
        );
    }
}

#[test]
fn a_domain_is_the_end_of_a_name() {
    let lists = lists(Some(&["domain .Example.com"]), &[]);
    // The last one contains the domain twice, which xinetd misses.
    for name in [
        "a.example.com",
        "a.b.EXAMPLE.com",
        "a.example.com.example.com",
    ] {
        assert_eq!(
            decide(&lists, "10.0.0.1", &confirmed(name)),
            "allow",
            "{name}"
        );
    }
    for name in ["example.com", "badexample.com", "a.example.com.evil.org"] {
        assert_eq!(
            decide(&lists, "10.0.0.1", &confirmed(name)),
            "f:1:1",
            "{name}"
        );
    }
}

#[test]
fn a_claimed_name_opens_nothing() {
    let lists = lists(Some(&["domain .example.com"]), &[]);
    assert_eq!(
        decide(&lists, "10.0.0.1", &unconfirmed("a.example.com")),
        "f:1:1"
    );
    assert_eq!(decide(&lists, "10.0.0.1", &NameAnswer::NoName), "f:1:1");
    let undetermined = &NameAnswer::Undetermined;
    assert_eq!(decide(&lists, "10.0.0.1", undetermined), "f:1:1 unknown");
}

#[test]
fn a_claimed_name_does_not_open_what_is_locked() {
    let lists = lists(None, &["10.0.0.0/8", "host bad.org", "domain .evil.org"]);
    let decide = |name| decide(&lists, "192.0.2.1", &name);
    assert_eq!(decide(confirmed("bad.org")), "f:2:2");
    assert_eq!(decide(unconfirmed("bad.org")), "f:2:2");
    assert_eq!(decide(unconfirmed("x.evil.org")), "f:3:2");
    assert_eq!(decide(confirmed("good.org")), "allow");
    assert_eq!(decide(NameAnswer::NoName), "allow");
    // No one can say that it is not one of them.
    assert_eq!(decide(NameAnswer::Undetermined), "f:2:2 unknown");
}

#[test]
fn no_access_wins_by_name_too() {
    let only_from = Some(["domain .example.com", "10.0.0.0/8"].as_slice());
    let lists = lists(only_from, &["host bad.example.com"]);
    let bad = confirmed("bad.example.com");
    assert_eq!(decide(&lists, "192.0.2.1", &bad), "f:1:2 both");
    assert_eq!(decide(&lists, "10.0.0.1", &bad), "f:1:2 both");
    let claimed = unconfirmed("bad.example.com");
    assert_eq!(decide(&lists, "192.0.2.1", &claimed), "f:1:2");
    assert_eq!(decide(&lists, "10.0.0.1", &confirmed("x.org")), "allow");
    assert_eq!(
        decide(&lists, "192.0.2.1", &confirmed("a.example.com")),
        "allow"
    );
}

#[test]
fn of_several_names_that_match_the_first_in_the_list_is_told() {
    let lists = lists(None, &["domain .org", "domain .bad.org", "host a.bad.org"]);
    assert_eq!(decide(&lists, "10.0.0.1", &confirmed("a.bad.org")), "f:1:2");
}

/// Patterns and names from a small world, so that they often meet.
fn pattern() -> impl Strategy<Value = String> {
    let net = (0u8..4, 24u8..=32).prop_map(|(octet, bits)| format!("10.0.0.{octet}/{bits}"));
    let host = "[ab](\\.[ab]){0,2}".prop_map(|name| format!("host {name}"));
    let domain = "(\\.[ab]){1,2}".prop_map(|suffix| format!("domain {suffix}"));
    prop_oneof![2 => net, 1 => host, 1 => domain]
}

fn answers() -> impl Strategy<Value = NameAnswer> {
    let name = "[abAB](\\.[abAB]){0,2}";
    prop_oneof![
        name.prop_map(|name| confirmed(&name)),
        name.prop_map(NameAnswer::Unconfirmed),
        Just(NameAnswer::NoName),
        Just(NameAnswer::Undetermined),
    ]
}

/// Whether a scan of `list` meets the peer by address or by one of its names.
fn meets(list: &[AccessRule], peer: IpAddr, name: Option<&str>) -> bool {
    list.iter().any(|rule| match (&rule.pattern, name) {
        (Pattern::Net(net), _) => net.contains(&peer),
        (Pattern::Host(host), Some(name)) => host.eq_ignore_ascii_case(name),
        (Pattern::Domain(end), Some(name)) => name
            .to_ascii_lowercase()
            .ends_with(&end.to_ascii_lowercase()),
        (Pattern::Host(_) | Pattern::Domain(_), None) => false,
    })
}

proptest! {
    /// Against scans of both lists, with all names known beforehand.
    #[test]
    fn the_lists_decide_as_scans_do(
        only_from in prop::option::of(prop::collection::vec(pattern(), 0..5)),
        no_access in prop::collection::vec(pattern(), 0..5),
        octet in 0u8..4,
        answer in answers(),
    ) {
        let peer = IpAddr::from([10, 0, 0, octet]);
        let words = |list: &[String]| -> Vec<AccessRule> {
            let list: Vec<_> = list.iter().map(String::as_str).collect();
            rules(ONLY_FROM, &list)
        };
        let access = AccessRules {
            only_from: only_from.as_deref().map(words),
            no_access: words(&no_access),
        };
        let (claimed, proved) = match &answer {
            NameAnswer::Confirmed(name) => (Some(name.as_str()), Some(name.as_str())),
            NameAnswer::Unconfirmed(name) => (Some(name.as_str()), None),
            _ => (None, None),
        };
        let named = access.no_access.iter().any(|rule| !matches!(rule.pattern, Pattern::Net(_)));
        let locked = meets(&access.no_access, peer, claimed)
            || (named && answer == NameAnswer::Undetermined);
        let listed = access.only_from.as_ref().is_none_or(|list| meets(list, peer, proved));

        let lists = Lists::new(&access);
        let (decision, by) = lists.decide(peer, &answer);
        prop_assert_ne!(&decision, &Access::NeedName);
        prop_assert_eq!(decision == Access::Allow, listed && !locked, "{:?}", decision);
        // Who is let in by a list is let in by its first entry that means the peer's address, or
        // else its name.
        let mut entry = None;
        if decision == Access::Allow
            && let Some(list) = &access.only_from
        {
            let means = |rule: &&AccessRule, name| meets(std::slice::from_ref(*rule), peer, name);
            let by_address = list.iter().find(|rule| means(rule, None));
            entry = by_address.or_else(|| list.iter().find(|rule| means(rule, proved)));
        }
        prop_assert_eq!(by, entry.map(|rule| &rule.place));
        // What is decided without a name stays so with any.
        let (early, _) = lists.decide(peer, &NameAnswer::NotAsked);
        if early != Access::NeedName {
            prop_assert_eq!(early == Access::Allow, decision == Access::Allow);
        }
    }
}
