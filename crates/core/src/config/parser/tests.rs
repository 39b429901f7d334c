use proptest::strategy::Strategy;

use super::super::testing::{codes, etc, load_text, load_tree};

const GOOD: &str =
    "service telnet\n{\n socket_type = stream\n wait = no\n user = root\n server = /bin/cat\n}\n";

fn ids(text: impl AsRef<[u8]>) -> Vec<String> {
    let services = load_text(text).services;
    services
        .iter()
        .map(|service| service.id.to_text())
        .collect()
}

fn codes_of(text: impl AsRef<[u8]>) -> Vec<String> {
    codes(&load_text(text))
}

#[test]
fn keywords_and_names_are_read_without_case_and_with_blanks() {
    let text = "\tSERVICE\ttelnet and more\n\n# comment\n  {  \nSocket_Type =stream\nWAIT\t=\tNO\nuser = root\nserver = /bin/cat\n\t}\t";
    assert_eq!(ids(text), ["telnet"]);
    assert_eq!(codes_of(text), ["W 1 extra-words"]);
    assert_eq!(ids(""), [""; 0]);
}

#[test]
fn a_stray_word_swallows_the_block_that_follows_it() {
    let text = format!("stray\n{GOOD}{}", GOOD.replace("telnet", "ftp"));
    assert_eq!(ids(&text), ["ftp"]);
    assert_eq!(codes_of(&text), ["E 1 keyword"]);
}

#[test]
fn a_byte_order_mark_is_part_of_the_first_word() {
    let text = format!("\u{feff}{GOOD}{}", GOOD.replace("telnet", "ftp"));
    assert_eq!(ids(&text), ["ftp"]);
    let configuration = load_text(&text);
    assert_eq!(codes(&configuration), ["E 1 keyword"]);
    assert!(
        configuration.problems[0]
            .message
            .contains("byte order mark")
    );
}

#[test]
fn the_opening_bracket_stands_alone_on_the_next_line() {
    let text = format!("service ftp {{\n wait = no\n}}\n{GOOD}");
    assert_eq!(ids(&text), ["telnet"]);
    assert_eq!(codes_of(&text), ["E 2 missing-bracket"]);
    assert_eq!(
        load_text(&text).problems[0].help,
        "move the { of line 1 to a line of its own"
    );
    assert_eq!(codes_of("service ftp"), ["E 1 missing-bracket"]);
    assert_eq!(codes_of("service\n{\n}\n"), ["E 1 missing-name"]);
}

#[test]
fn a_broken_line_loses_its_service_alone() {
    for line in [
        "instances=5",
        "instances := 5",
        "instances + 5",
        "bare",
        "} # end",
    ] {
        let broken = GOOD.replace(" wait", &format!("{line}\n wait"));
        let text = format!("{broken}{}", GOOD.replace("telnet", "ftp"));
        assert_eq!(ids(&text), ["ftp"], "{line}");
        let configuration = load_text(&text);
        assert_eq!(configuration.problems.len(), 1, "{line}");
        assert_eq!(configuration.problems[0].place.line, 4, "{line}");
        assert_eq!(configuration.dropped[0].id, "telnet".into());
    }
}

#[test]
fn what_a_broken_defaults_section_may_restrict_is_not_served() {
    for defaults in [
        "defaults\n{\n only_fr",
        "defaults\n{\n only_from 10.0.0.1\n}\n",
        "defaults\n{\n instances = 5\n bare\n only_from = 10.0.0.1\n}\n",
        "defaults {\n only_from = 10.0.0.1\n}\n",
        "default\n{\n only_from = 10.0.0.1\n}\n",
        "\u{feff}defaults\n{\n only_from = 10.0.0.1\n}\n",
        "}\ndefaults\n{\n only_from = 10.0.0.1\n}\n",
        "service x\ndefaults\n{\n only_from = 10.0.0.1\n}\n",
        "service x\n{\n wait = no\ndefaults\n{\n only_from = 10.0.0.1\n}\n",
    ] {
        let more = |text: &str| {
            let tree = etc()
                .file("/etc/xinetd.conf", format!("{GOOD}include /etc/more\n"))
                .file("/etc/more", text);
            load_tree(&tree)
        };
        let configuration = more(defaults);
        assert_eq!(configuration.services, [], "{defaults}");
        let codes = codes(&configuration);
        let of = |code: &str| codes.iter().filter(|one| one.ends_with(code)).count();
        assert_eq!(of("defaults-lost"), 1, "{codes:?}");
        assert_eq!(of("bad-default"), 1, "{codes:?}");
        assert_eq!(more("service x\n{\n bare\n}\n").services.len(), 1);
    }
}

#[test]
fn a_missing_blank_is_told_with_the_line_to_write() {
    let configuration = load_text(GOOD.replace(" wait = no", " cps+=10 30\n"));
    assert_eq!(codes(&configuration), ["E 4 missing-blank"]);
    let problem = &configuration.problems[0];
    assert_eq!(problem.help, "write cps += 10 30");
    assert_eq!((problem.place.column, problem.place.length), (2, 7));
}

#[test]
fn an_open_block_swallows_the_next_service_and_says_so() {
    let open = GOOD.replace('}', "").replace("telnet", "ftp");
    let text = format!("{open}{GOOD}{}", GOOD.replace("telnet", "http"));
    assert_eq!(ids(&text), ["http"]);
    assert_eq!(codes_of(&text), ["E 8 missing-bracket"]);
    assert_eq!(codes_of(&open), ["E 7 missing-bracket"]);
    let off = open.replace(" wait", " disable = yes\n wait");
    assert_eq!(codes_of(format!("{off}{GOOD}")), ["E 9 missing-bracket"]);
}

/// The text as the first file, with a service of its own behind `includedir`.
fn with_directory(text: &str) -> (Vec<String>, Vec<String>) {
    let tree = etc()
        .file("/etc/xinetd.conf", text)
        .file("/etc/xinetd.d/ftp", GOOD.replace("telnet", "ftp"));
    let configuration = load_tree(&tree);
    let services = configuration.services.iter();
    let described = services.map(|service| {
        let instances = &service.limits.instances;
        format!("{} {instances:?}", service.id.to_text())
    });
    (described.collect(), codes(&configuration))
}

#[test]
fn a_directory_is_read_wherever_its_line_stands() {
    const LINE: &str = "includedir /etc/xinetd.d\n";
    let defaults = "defaults\n{\ninstances = 5\n";
    let held = vec!["ftp AtMost(5)".to_owned()];
    let free = vec!["ftp Unlimited".to_owned()];
    let none = Vec::new();
    let closed = format!("{defaults}{LINE}}}\n");
    let late = format!("defaults\n{{\n{LINE}instances = 5\n}}\n");
    let open = GOOD.replace('}', "");
    for (text, services, problem) in [
        (format!("{defaults}{LINE}"), &held, "E 4 missing-bracket"),
        (closed, &held, "E 4 missing-bracket"),
        (late, &held, "E 3 missing-bracket"),
        (format!("{open}{LINE}"), &free, "E 8 missing-bracket"),
        (format!("{open}{LINE}}}\n"), &free, "E 8 missing-bracket"),
        (format!("}}\n{LINE}"), &free, "E 2 missing-bracket"),
        (format!("defaults\n{LINE}"), &none, "E 2 missing-bracket"),
        (format!("{open}bare\n{LINE}"), &free, "E 9 missing-bracket"),
    ] {
        let (found, codes) = with_directory(&text);
        assert_eq!(&found, services, "{text}");
        assert!(codes.contains(&problem.to_owned()), "{text}: {codes:?}");
    }
    let attribute = GOOD.replace(" wait", " include = x\n wait");
    assert_eq!(codes_of(attribute), ["W 4 unknown-attribute"]);
}

#[test]
fn a_broken_line_in_defaults_spills_the_rest_of_it_and_closes_services() {
    let text = format!("defaults\n{{\ninstances=5\nper_source = 3\n}}\n{GOOD}");
    let expected = [
        "E 1 defaults-lost",
        "E 3 missing-blank",
        "E 4 keyword",
        "E 6 bad-default",
    ];
    assert_eq!(codes_of(&text), expected);
    assert_eq!(ids(&text), [""; 0]);
    let at_the_end = format!("defaults\n{{\ninstances=5\n}}\n{GOOD}");
    assert_eq!(ids(at_the_end), [""; 0], "the bracket swallows the service");
}

#[test]
fn a_file_has_one_defaults_section() {
    let text = format!("defaults\n{{\ninstances = 5\n}}\ndefaults\n{{\ninstances = 6\n}}\n{GOOD}");
    assert_eq!(codes_of(&text), ["E 5 second-defaults"]);
    let instances = load_text(&text).services[0].limits.instances;
    assert_eq!(instances, crate::service::Limit::AtMost(5));
}

#[test]
fn carriage_returns_are_part_of_the_last_word() {
    let configuration = load_text(GOOD.replace('\n', "\r\n"));
    assert!(configuration.services.is_empty());
    let lines = codes(&configuration);
    assert_eq!(lines[0], "E 1 crlf");
    for expected in ["W 1 crlf", "E 3 crlf", "E 4 crlf", "E 5 crlf", "E 6 crlf"] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}: {lines:?}"
        );
    }
}

#[test]
fn binary_rubbish_and_long_lines_lose_what_they_stand_in() {
    let nul = GOOD.replace("= no", "= no\0");
    assert_eq!(codes_of(format!("{nul}{GOOD}")), ["E 4 syntax"]);
    let long = format!("# {}\n", "x".repeat(20_000));
    assert_eq!(codes_of(format!("{long}{GOOD}")), ["E 1 line-length"]);
    assert_eq!(ids(format!("{long}{GOOD}")), ["telnet"]);
    let inside = GOOD.replace(" wait", &format!("{long} wait"));
    assert_eq!(codes_of(&inside), ["E 4 line-length"]);
    assert_eq!(
        ids(format!("{inside}{}", GOOD.replace("telnet", "ftp"))),
        ["ftp"]
    );
}

#[test]
fn a_disabled_service_is_read_to_its_end() {
    let text = GOOD.replace(" wait", " disable = yes\n wait");
    let configuration = load_text(&text);
    assert_eq!(codes(&configuration), [""; 0]);
    assert!(!configuration.services[0].enabled);
    let faulty = text.replace("root", "root\n instances = many\n nonsense = 1");
    let configuration = load_text(faulty);
    assert_eq!(
        codes(&configuration),
        ["N 7 bad-value", "N 8 unknown-attribute"]
    );
    assert_eq!(configuration.dropped.len(), 1);
}

#[test]
fn many_lines_are_read_in_one_pass() {
    let mut text = String::from("defaults\n{\n");
    for number in 0..50_000 {
        text.push_str(&format!(
            "only_from += 10.{}.{}.1\n",
            number / 250,
            number % 250
        ));
        text.push_str(&format!(
            "only_from -= 10.{}.{}.1\n",
            number / 250,
            number % 250
        ));
    }
    text.push_str("}\n");
    for _ in 0..20_000 {
        text.push_str("service telnet\n{\nbroken\n}\n");
    }
    text.push_str(GOOD);
    let configuration = load_text(&text);
    assert_eq!(configuration.services.len(), 1);
    assert_eq!(configuration.services[0].access.only_from, Some(Vec::new()));
    assert_eq!(configuration.dropped.len(), 20_000);
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_it_and_every_place_lies_in_the_text(
        text in proptest::collection::vec(
            proptest::prelude::prop_oneof![
                proptest::prelude::any::<Vec<u8>>(),
                proptest::sample::select(vec![
                    "service telnet\n{\n", "service ftp\n{\n", "defaults\n{\n", "}\n", "{\n", "\r\n",
                    "wait = no\n", "socket_type = stream\n", "user = root\n", "server = /bin/cat\n",
                    "type = UNLISTED\n", "port = 70\n", "instances = 5 # five\n", "cps = 0 1\n",
                    "only_from += 10.1 x, .b ::1\n", "only_from -= 10.1\n", "access_times = 22:00-6:00\n",
                    "log_type = FILE x 1k 2\n", "env = A=B C\n", "flags = IPv4 SENSOR\n", "bind = ::1\n",
                    "disable = yes\n", "disable = no\n", "redirect = a 1\n", "include /etc/xinetd.conf\n",
                    "enabled = telnet\n", "disabled -= x\n", "=\n", "no_access = 10.0.0.0/8 ,\n",
                ]).prop_map(|text| text.as_bytes().to_vec()),
            ],
            0..40,
        )
    ) {
        use proptest::prop_assert;
        let text = text.concat();
        let configuration = load_text(&text);
        let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
        for problem in &configuration.problems {
            let place = &problem.place;
            let line = lines.get(place.line as usize - 1);
            prop_assert!(line.is_some(), "{problem:?}");
            let end = place.column as usize - 1 + place.length as usize;
            prop_assert!(end <= line.unwrap().len(), "{problem:?}");
            prop_assert!(!problem.message.is_empty() && !problem.help.is_empty());
            prop_assert!(!problem.message.contains(char::is_control), "{problem:?}");
        }
        for dropped in &configuration.dropped {
            prop_assert!(!configuration.problems.is_empty(), "{dropped:?}");
        }
    }
}
