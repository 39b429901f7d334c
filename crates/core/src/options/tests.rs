//! The file, right and wrong.

use super::*;
use crate::config::MemoryTree;

fn options(text: &str) -> Options {
    Options::parse(Path::new(FILE), text.as_bytes().to_vec())
}

fn errors(text: &str) -> Vec<String> {
    let options = options(text);
    assert_eq!(options.services.len(), 0, "{text}");
    let problems = options.problems.iter();
    problems
        .map(|problem| {
            let place = &problem.place;
            format!(
                "{}:{}+{} {}",
                place.line, place.column, place.length, problem.message
            )
        })
        .collect()
}

#[test]
fn targets_and_the_proxy_protocol_are_read() {
    let text = "[service.web.redirect]\n\
                targets = [\"192.0.2.1:80\", \"[2001:db8::1]:8080\", \"www.example.com:1\"]\n\
                proxy_protocol = \"v2\"\n\
                [service.\"a b\".redirect]\nproxy_protocol = \"v1\"\n";
    let options = options(text);
    assert_eq!(options.problems, []);
    let redirect = options.service("web").unwrap().redirect.clone().unwrap();
    let targets = redirect.targets.iter();
    let targets: Vec<_> = targets.map(|t| (t.host.as_str(), t.port)).collect();
    let expected = [
        ("192.0.2.1", 80),
        ("2001:db8::1", 8080),
        ("www.example.com", 1),
    ];
    assert_eq!(targets, expected);
    assert_eq!(redirect.proxy_protocol, Some(ProxyProtocol::V2));
    let other = options.service("a b").unwrap();
    assert_eq!((other.place.line, other.place.column), (4, 10));
    assert_eq!(other.redirect.as_ref().unwrap().targets, []);
}

#[test]
fn what_is_wrong_is_told_at_its_place_and_nothing_counts() {
    assert_eq!(
        errors("[service.web.redirect]\ntargets = [\"a:1\", \"::1:80\", \"b:0\"]\n"),
        [
            r#"2:19+8 "::1:80" is no target"#,
            r#"2:29+5 "b:0" is no target"#
        ]
    );
    assert_eq!(
        errors("[service.web.redirect]\ntargets = []\n"),
        ["2:11+2 there is no target"]
    );
    let unknown = errors("[service.web.redirect]\ntarget = [\"a:1\"]\n");
    assert!(
        unknown[0].starts_with("2:1+6 unknown field `target`"),
        "{unknown:?}"
    );
    let version = errors("[service.web.redirect]\nproxy_protocol = \"v3\"\n");
    assert!(
        version[0].starts_with("2:18+4 unknown variant `v3`"),
        "{version:?}"
    );
    assert!(errors("[service\n")[0].starts_with("1:9"));
    assert!(errors("services = 1\n")[0].contains("unknown field `services`"));
}

#[test]
fn an_inetd_conf_is_read_where_the_file_says_so_alone() {
    assert_eq!(options("").inetd(), None);
    let text = "[inetd]\nfile = \"/etc/inetd.conf\"\n";
    assert_eq!(options(text).inetd(), Some(Path::new("/etc/inetd.conf")));
    let relative = "[inetd]\nfile = \"inetd.conf\"\n";
    assert_eq!(errors(relative), ["2:8+12 inetd.conf is not absolute"]);
    assert_eq!(options(relative).inetd(), None);
    assert!(errors("[inetd]\n")[0].contains("missing field `file`"));
}

#[test]
fn what_is_for_the_program_without_systemd_is_read() {
    let text = "[standalone]\nlog_format = \"json\"\nbans_file = \"/var/lib/bans.toml\"\n[bans]\n";
    let told = options(text);
    assert_eq!(told.problems, []);
    let expected = StandaloneOptions {
        log_format: LogFormat::Json,
        bans_file: Some("/var/lib/bans.toml".into()),
    };
    assert_eq!(*told.standalone(), expected);
    assert_eq!(*options("").standalone(), StandaloneOptions::default());
    assert!(told.bans().is_ok(), "the coordinator knows the section");
    let relative = "[standalone]\nbans_file = \"bans.toml\"\n";
    assert_eq!(errors(relative), ["2:13+11 bans.toml is not absolute"]);
    assert!(
        errors("[standalone]\nlog_format = \"xml\"\n")[0].starts_with("2:14+5 unknown variant")
    );
}

#[test]
fn what_can_not_be_understood_of_bans_is_refused() {
    let bans = |text: &str| Options::parse(Path::new(FILE), text.into()).bans();
    let good = "[bans]\nallow = ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32']\nipv6_prefix = 56";
    assert_eq!(bans(good).unwrap().ipv6_prefix().bits(), 56);
    assert_eq!(bans("").unwrap(), bans::BanOptions::default());
    for wrong in [
        "[bans]\nallow = ['10.0.0']",
        "[bans]\nallow = ['10.0.0.0/33']",
        "[bans]\nipv6_prefix = 129",
        "[bans]\nipv6_prefix = 0",
        "[bans]\nalow = []",
        "[ban]",
    ] {
        assert!(bans(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_error_in_another_section_leaves_the_bans_as_they_are() {
    let text = "[bans]\nallow = ['10.0.0.0/8']\n[service.web.redirect]\ntarget = 1\n[inetd]\n";
    let options = options(text);
    assert_eq!(options.problems.len(), 1);
    let good = Options::parse(Path::new(FILE), b"[bans]\nallow = ['10.0.0.0/8']".to_vec());
    assert_eq!(options.bans(), good.bans());
}

#[test]
fn an_error_leaves_services_as_the_file_had_them_before() {
    const GOOD: &str =
        "[inetd]\nfile = \"/etc/inetd.conf\"\n[service.web.redirect]\ntargets = ['a:1']\n";
    let read = |text: &str, before: Option<&str>| {
        let mut tree = MemoryTree::default().file(FILE, text);
        if let Some(before) = before {
            tree = tree.file(LAST_GOOD, before);
        }
        Options::read(&tree)
    };
    for wrong in ["[inetd", "[inetd]\nfile = 1\n", "[servise]\n"] {
        let options = read(wrong, Some(GOOD));
        assert_eq!(options.problems.len(), 1);
        assert_eq!(options.inetd(), Some(Path::new("/etc/inetd.conf")));
        assert!(options.service("web").is_some());
        assert!(options.problems[0].help.ends_with(GO_ON));
        for before in [None, Some(wrong)] {
            let options = read(wrong, before);
            assert!(options.inetd().is_none() && options.service("web").is_none());
            assert!(options.problems[0].help.ends_with(MEANWHILE));
        }
    }
    assert_eq!(
        read("", Some(GOOD)).inetd(),
        None,
        "what is right counts at once"
    );
}

#[test]
fn the_copy_follows_what_has_no_error() {
    let copy = std::env::temp_dir().join(format!("options-{}.toml", std::process::id()));
    let keep = |text: &str| {
        options(text).keep(&copy).unwrap();
        fs::read_to_string(&copy).ok()
    };
    assert_eq!(keep("[bans]\n").as_deref(), Some("[bans]\n"));
    assert_eq!(keep("[bans\n").as_deref(), Some("[bans]\n"));
    Options::default().keep(&copy).unwrap();
    assert!(!copy.exists());
}

#[test]
fn a_target_is_a_host_and_a_port() {
    for bad in [
        "", "a", "a:", ":1", "a:65536", "[a]:1", "[::1]1", "a b:1", "[::1:1", "a:+1:2",
    ] {
        assert_eq!(target(bad), None, "{bad}");
    }
}
