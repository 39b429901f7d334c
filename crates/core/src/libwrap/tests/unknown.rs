//! What the rules make of a client whose name or user could not be found out.

use proptest::prelude::*;

use crate::policy::NameAnswer;

use super::super::*;
use super::{ask, tables};

#[test]
fn what_could_not_be_found_out_admits_no_client_and_refuses_where_a_rule_denies() {
    let outcome = |allow: &str, deny: &str| {
        let tables = tables(allow, deny);
        let client = ask(
            &tables,
            "10.1.2.3",
            NameAnswer::Undetermined,
            &User::Undetermined,
        );
        let verdict = client.unwrap();
        let place = verdict.rule.map(|place| place.to_string());
        (verdict.outcome, place.unwrap_or_default(), verdict.fault)
    };
    let allowed = (Outcome::Allow, String::new(), None);
    let refused = |place: &str, what: &str| {
        let fault = format!("{place}: {what} could not be found out");
        (Outcome::Deny, place.to_owned(), Some(fault))
    };
    let by_name = |place| refused(place, "the client's name");
    let deny = "/etc/hosts.deny:1:1";
    let allow = "/etc/hosts.allow:1:1";
    for pattern in [
        ".evil.org",
        "UNKNOWN",
        "PARANOID",
        "KNOWN",
        "LOCAL",
        "*.org",
        "bad",
        "ALL EXCEPT .good.org",
    ] {
        assert_eq!(
            outcome("", &format!("ALL: {pattern}\n")),
            by_name(deny),
            "{pattern}"
        );
        assert_eq!(
            outcome(&format!("ALL: {pattern}: deny\n"), ""),
            by_name(allow),
            "{pattern}"
        );
        assert_eq!(
            outcome(&format!("ALL: {pattern}\n"), ""),
            allowed,
            "{pattern}"
        );
        let (verdict, place, _) =
            outcome(&format!("ALL: {pattern}: spawn x: allow\n"), "ALL: ALL\n");
        assert_eq!(
            (verdict, place.as_str()),
            (Outcome::Deny, deny),
            "{pattern}"
        );
    }
    // What a rule does with the server may be what keeps the client in bounds.
    for option in ["twist x", "setenv A b", "umask 077", "nice 5"] {
        assert_eq!(
            outcome(&format!("ALL: .org: {option}\n"), ""),
            by_name(allow),
            "{option}"
        );
    }
    assert_eq!(
        outcome("", "ALL: joe@10.\n"),
        refused(deny, "the client's user")
    );
    assert_eq!(
        outcome("", "ALL@.org: ALL\n").0,
        Outcome::Allow,
        "the server's name is known"
    );
    // Nothing depends on it.
    for deny in [
        "",
        "x: .evil.org\n",
        "ALL: 192.0.2. .evil.org EXCEPT 10.\n",
        "ALL: joe@192.0.2.\n",
    ] {
        assert_eq!(outcome("", deny), allowed, "{deny}");
    }
    assert_eq!(outcome("ALL: 10.\n", "ALL: .evil.org\n").0, Outcome::Allow);
    assert_eq!(outcome("ALL: .org 10.\n", "ALL: ALL\n").0, Outcome::Allow);
}

proptest! {
    /// Whatever the name and the user may be: a client without them gets in only where it
    /// gets in with each of them, and gets around nothing that a rule does with its server.
    #[test]
    fn a_client_that_is_admitted_without_its_name_is_admitted_with_any_name(
        rules in prop::collection::vec(
            (
                prop::sample::select(vec!["ALL", "ftpd", "x"]),
                prop::collection::vec(
                    prop::sample::select(vec![
                        "ALL", ".org", "LOCAL", "KNOWN", "UNKNOWN", "PARANOID", "EXCEPT", "10.", "192.0.2.", "joe@ALL",
                        "joe@.org", "[::1]",
                    ]),
                    1..5,
                ),
                prop::sample::select(vec!["", ": allow", ": deny", ": twist x", ": setenv A b"]),
            ),
            0..6,
        ),
        split in 0_usize..6,
    ) {
        let text = |rules: &[(&str, Vec<&str>, &str)]| -> String {
            let line = |(daemon, clients, option): &(&str, Vec<&str>, &str)| {
                format!("{daemon}: {}{option}\n", clients.join(" "))
            };
            rules.iter().map(line).collect()
        };
        let (allow, deny) = rules.split_at(split.min(rules.len()));
        let tables = tables(&text(allow), &text(deny));
        let found = ask(&tables, "10.1.2.3", NameAnswer::Undetermined, &User::Undetermined).unwrap();
        let names = [
            NameAnswer::NoName,
            NameAnswer::Unconfirmed("a.org".into()),
            NameAnswer::Confirmed("a.org".parse().unwrap()),
            NameAnswer::Confirmed("a".parse().unwrap()),
        ];
        for name in names {
            for user in [User::Unknown, User::Known("joe".into())] {
                let known = ask(&tables, "10.1.2.3", name.clone(), &user).unwrap();
                if found.outcome == Outcome::Allow {
                    prop_assert_eq!(known.outcome, Outcome::Allow);
                    prop_assert!(!found.effects.is_empty() || known.effects.is_empty());
                }
            }
        }
    }
}
