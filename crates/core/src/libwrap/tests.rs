mod unknown;

use std::path::Path;

use proptest::prelude::*;

use crate::policy::NameAnswer;

use super::*;

fn rules(text: &str) -> Rules {
    Rules::parse(Path::new("/etc/hosts.allow"), text.as_bytes())
}

fn tables(allow: &str, deny: &str) -> Tables {
    let read = |path: &Path| match path.to_str() {
        Some("/self") => ListFile::Text("/self /other 10.9.9.9".into()),
        Some("/other") => ListFile::Text("/self\t192.0.2.".into()),
        Some("/secret") => ListFile::Unreadable("Permission denied".into()),
        _ => ListFile::Text(Vec::new()),
    };
    let deny = Rules::parse(Path::new("/etc/hosts.deny"), deny.as_bytes());
    Tables::new(File::Rules(rules(allow)), File::Rules(deny), read)
}

/// The answer for a client of `ftpd` at this address, whose name and user are as they are. The server
/// has no name; where the client's was not asked for, its own was not either.
fn ask(tables: &Tables, client: &str, name: NameAnswer, user: &User) -> Result<Verdict, Need> {
    let mut client = Endpoint::new((client.parse::<IpAddr>().unwrap(), 4711).into(), client);
    let mut server = Endpoint::new("192.0.2.1:21".parse().unwrap(), "192.0.2.1");
    if name != NameAnswer::NotAsked {
        server.name = NameAnswer::NoName;
    }
    client.name = name;
    tables.decide(&Facts {
        daemon: b"ftpd",
        process: 42,
        client: &client,
        server: &server,
        user,
    })
}

fn asked(tables: &Tables, client: &str) -> Result<Verdict, Need> {
    ask(tables, client, NameAnswer::NotAsked, &User::NotAsked)
}

fn outcome(tables: &Tables, client: &str) -> Outcome {
    ask(tables, client, NameAnswer::NoName, &User::Unknown)
        .unwrap()
        .outcome
}

#[test]
fn the_first_rule_decides_and_says_where_it_stands() {
    let tables = tables("# x\nftpd: \\\n 10.\n", "ALL: 10.\n  ALL: ALL\n");
    let verdict = asked(&tables, "10.1.2.3").unwrap();
    assert_eq!(verdict.outcome, Outcome::Allow);
    assert_eq!(verdict.rule.unwrap().to_string(), "/etc/hosts.allow:2:1");
    let verdict = asked(&tables, "192.0.2.7").unwrap();
    assert_eq!(verdict.outcome, Outcome::Deny);
    assert_eq!(verdict.rule.unwrap().to_string(), "/etc/hosts.deny:2:3");
    assert_eq!(outcome(&tables, "::ffff:10.1.2.3"), Outcome::Allow);
}

#[test]
fn an_address_of_a_translator_or_tunnel_is_no_ipv4_address() {
    let tables = tables("", "ALL: 192.0.2. 192.0.2.0/24\n");
    for client in ["64:ff9b::192.0.2.1", "2002:c000:201::1", "::192.0.2.1"] {
        assert_eq!(outcome(&tables, client), Outcome::Allow);
    }
    assert_eq!(outcome(&tables, "::ffff:192.0.2.1"), Outcome::Deny);
}

#[test]
fn what_is_not_known_is_asked_for_only_where_it_decides() {
    let tables = tables(
        "ALL@.example.org: ALL\nALL: 10. .example.org joe@192.0.2.\n",
        "ALL: ALL: spawn echo %n\n",
    );
    assert_eq!(asked(&tables, "10.1.2.3"), Err(Need::ServerName));
    let tables = self::tables(
        "ALL: 10. .example.org joe@192.0.2.\n",
        "ALL: ALL: spawn echo %n\n",
    );
    assert_eq!(asked(&tables, "10.1.2.3").unwrap().outcome, Outcome::Allow);
    assert_eq!(asked(&tables, "192.0.2.7"), Err(Need::ClientName));
    let user = ask(&tables, "192.0.2.7", NameAnswer::NoName, &User::NotAsked);
    assert_eq!(user, Err(Need::User));
    let joe = ask(
        &tables,
        "192.0.2.7",
        NameAnswer::NoName,
        &User::Known("joe".into()),
    );
    assert_eq!(joe.unwrap().outcome, Outcome::Allow);
    let spawn = self::tables("", "ALL: ALL: spawn echo %n\n");
    assert_eq!(asked(&spawn, "192.0.2.7"), Err(Need::ClientName));
}

#[test]
fn options_are_expanded_and_kept_in_order() {
    let tables = tables(
        "ftpd: ALL: setenv A  b %h : nice : umask 27 : keepalive: banners /b :spawn x\\:%c %d %p %R;%s\n",
        "",
    );
    let user = User::Known("a`b".into());
    let name = NameAnswer::Confirmed("we-re.example".parse().unwrap());
    let verdict = ask(&tables, "10.1.2.3", name, &user).unwrap();
    let set = Effect::SetEnv {
        name: b"A".to_vec(),
        value: b"b we-re.example".to_vec(),
    };
    let command = b"x:a_b@we-re.example ftpd 42 21;ftpd@192.0.2.1".to_vec();
    let wanted = [
        set,
        Effect::Nice(10),
        Effect::Umask(0o27),
        Effect::KeepAlive,
        Effect::Banners(b"/b/ftpd".to_vec()),
        Effect::Spawn(command),
    ];
    assert_eq!(verdict.effects, wanted);
}

#[test]
fn a_wrong_option_refuses_after_those_before_it() {
    let tables = tables("ALL: ALL: severity mail.crit: bogus: spawn x\n", "");
    let verdict = asked(&tables, "10.1.2.3").unwrap();
    assert_eq!(verdict.outcome, Outcome::Deny);
    assert_eq!(
        verdict.effects,
        [Effect::Severity(Facility::Mail, Level::Crit)]
    );
    assert!(
        verdict
            .fault
            .unwrap()
            .contains("/etc/hosts.allow:1:31: there is no option `bogus`")
    );
    let user = self::tables("ALL: ALL: user nobody\n", "");
    assert_eq!(outcome(&user, "10.1.2.3"), Outcome::Deny);
}

#[test]
fn what_can_not_be_read_refuses() {
    let unreadable = || File::Unreadable("Permission denied".into());
    let nothing = || File::Rules(Rules::default());
    let list = |_: &Path| ListFile::Text(Vec::new());
    let denied = Tables::new(nothing(), unreadable(), list);
    let verdict = asked(&denied, "10.1.2.3").unwrap();
    assert_eq!(verdict.outcome, Outcome::Deny);
    assert!(verdict.fault.unwrap().contains("Permission denied"));
    let allowed = Tables::new(unreadable(), nothing(), list);
    assert_eq!(outcome(&allowed, "10.1.2.3"), Outcome::Allow);
    assert_eq!(
        outcome(&tables("", "ALL: /secret\n"), "10.1.2.3"),
        Outcome::Deny
    );
    assert_eq!(outcome(&tables("", "x: ALL\n#"), "10.1.2.3"), Outcome::Deny);
}

#[test]
fn lists_that_name_each_other_have_an_end() {
    let tables = tables("ALL: /self\n", "ALL: ALL\n");
    assert_eq!(outcome(&tables, "10.9.9.9"), Outcome::Allow);
    assert_eq!(outcome(&tables, "192.0.2.7"), Outcome::Allow);
    assert_eq!(outcome(&tables, "192.0.3.7"), Outcome::Deny);
}

#[test]
fn a_list_beyond_the_bound_refuses() {
    let names: Vec<_> = (0..257).map(|number| format!("/list{number}")).collect();
    let tables = |count: usize| {
        let deny = rules(&format!("ALL: {}\n", names[..count].join(" ")));
        let read = |_: &Path| ListFile::Text(b"192.0.2.1".to_vec());
        Tables::new(File::Rules(Rules::default()), File::Rules(deny), read)
    };
    assert_eq!(outcome(&tables(256), "10.1.2.3"), Outcome::Allow);
    assert_eq!(outcome(&tables(257), "10.1.2.3"), Outcome::Deny);
}

#[test]
fn each_list_is_looked_at_once() {
    let both = "/one /two ".repeat(40);
    let text = |path: &Path| {
        ListFile::Text(match path.to_str() {
            Some("/two") => format!("{both} 10.9.9.9").into_bytes(),
            _ => both.clone().into_bytes(),
        })
    };
    let none = File::Rules(Rules::default());
    let tables = Tables::new(none, File::Rules(rules("ALL: /one\n")), text);
    assert_eq!(outcome(&tables, "10.9.9.9"), Outcome::Deny);
    assert_eq!(outcome(&tables, "10.9.9.8"), Outcome::Allow);
}

proptest! {
    /// Against the same rules with a word before each list that nobody matches: it is no address, so
    /// they are scanned.
    #[test]
    fn single_addresses_are_found_as_by_a_scan(
        lines in prop::collection::vec(
            (prop::sample::select(vec!["ALL", "ftpd", "x"]), prop::sample::select(HOSTS.to_vec()), any::<bool>()),
            0..12,
        ),
        client in prop::sample::select(vec!["10.0.0.1", "10.0.0.2", "::1", "fe80::1"]),
    ) {
        let text = |first: &str| -> String {
            let end = |allow: bool| if allow { "allow" } else { "deny" };
            let line = |(daemon, hosts, allow): &(&str, &str, bool)| {
                format!("{daemon}: {first} {hosts}: {}\n", end(*allow))
            };
            lines.iter().map(line).collect()
        };
        let found = |text: &str| {
            let verdict = ask(&tables(text, ""), client, NameAnswer::NoName, &User::Unknown).unwrap();
            (verdict.outcome, verdict.rule.map(|place| place.line))
        };
        prop_assert_eq!(found(&text("")), found(&text("@none")));
    }
}

const HOSTS: [&str; 9] = [
    "10.0.0.1",
    "10.0.0.2",
    "[::1]",
    "[0:0::1] 10.0.0.1",
    "10.0.0.1 EXCEPT 10.0.0.1",
    "10.0.0.0/8",
    "010.0.0.1",
    "[fe80::1%lo] EXCEPT ALL",
    "10.0.0.2 10.0.0.2",
];

#[test]
fn an_expansion_has_a_bound() {
    let long = "%c".repeat(40_000);
    let tables = tables(&format!("ALL: ALL: spawn {long}\n"), "");
    let verdict = asked(&tables, "10.1.2.3").unwrap();
    assert_eq!(
        (verdict.outcome, verdict.effects),
        (Outcome::Deny, Vec::new())
    );
}

#[test]
fn each_problem_stands_at_its_place() {
    let found = |text: &str| -> Vec<_> {
        let problems = rules(text).problems;
        let short = |problem: &crate::problem::Problem| {
            let place = &problem.place;
            (problem.code, place.line, place.column, place.length)
        };
        problems.iter().map(short).collect()
    };
    assert_eq!(
        found("sshd ftpd: LOCAL, 10.0.0.0/8 joe@[::1]/128 : deny\n"),
        []
    );
    assert_eq!(found("\nsshd ALL\n"), [("libwrap-line", 2, 1, 8)]);
    assert_eq!(found("a: \\\n  10.1.0.0/8\n"), [("libwrap-net", 2, 3, 10)]);
    assert_eq!(
        found("a: x@10.0.0.0/33 @g\n"),
        [("libwrap-net", 1, 6, 11), ("libwrap-netgroup", 1, 18, 2)]
    );
    assert_eq!(found("a: 10.0.0.0/8x\n"), [("libwrap-net", 1, 4, 11)]);
    assert_eq!(found("a:\n"), [("libwrap-empty", 1, 3, 0)]);
    assert_eq!(found("a: b: spawn\n"), [("libwrap-option", 1, 7, 5)]);
    assert_eq!(
        found("a: b: spawn x\\:y : linger 3\n"),
        [("libwrap-linger", 1, 20, 8)]
    );
    assert_eq!(found("a: b"), [("libwrap-cut", 1, 5, 0)]);
    assert_eq!(found("a: 2001:db8::1\n"), [("libwrap-option", 1, 9, 3)]);
}

proptest! {
    /// Whatever stands in the files, there is an answer, and places lie inside the text.
    #[test]
    fn rubbish_has_an_answer(
        words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..40),
        rubbish: Vec<u8>,
        at in 0_usize..40,
    ) {
        let mut words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        words.insert(at.min(words.len()), &rubbish);
        let text = words.concat();
        let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
        let rules = Rules::parse(Path::new("/f"), &text);
        for problem in &rules.problems {
            let place = &problem.place;
            let line = lines[usize::try_from(place.line).unwrap() - 1];
            let end = place.column - 1 + place.length;
            prop_assert!(usize::try_from(end).unwrap() <= line.len() + 1, "{:?}", problem);
        }
        let tables = Tables::new(File::Rules(rules.clone()), File::Rules(rules), |_| {
            ListFile::Text(text.clone())
        });
        let _ = outcome(&tables, "10.1.2.3");
    }
}

const WORDS: [&str; 24] = [
    "\n", "\n", "ALL", ":", ":", " ", " ", "\\\n", "ftpd", "EXCEPT", "[", "]", "::", "@", "/",
    "10.", "*", "?", "spawn", "%n", "\\:", "deny", "1", ".",
];
