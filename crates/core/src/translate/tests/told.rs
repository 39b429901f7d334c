//! What is told of services: what keeps them from being served, and where.

use super::*;

/// The reasons why a service is not served.
fn reasons(tree: &MemoryTree, service: Service) -> Vec<Reason> {
    let translation = translation(tree, vec![service]);
    assert!(translation.services[0].files.is_empty());
    match &translation.services[0].report.standing {
        Standing::NotServed(obstacles) => {
            assert_eq!(translation.problems.len(), obstacles.len());
            obstacles
                .iter()
                .map(|obstacle| obstacle.reason.clone())
                .collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_served_is_told() {
    let none = MemoryTree::default();
    let reasons_of = |change: fn(&mut Service)| {
        let mut foo = service("foo");
        change(&mut foo);
        reasons(&none, foo)
    };
    assert_eq!(
        reasons_of(|foo| {
            foo.socket_type = SocketType::Dgram;
            foo.protocol = Protocol::Udp;
        }),
        [Reason::DatagramNowait]
    );
    assert_eq!(
        reasons_of(|foo| {
            foo.wait = true;
            let rule = AccessRule {
                pattern: Pattern::from(IpAddr::from([192, 0, 2, 1])),
                place: place(2),
            };
            foo.access.only_from = Some(vec![rule; 2000]);
        }),
        [Reason::LongList]
    );
    assert_eq!(
        reasons_of(|foo| foo.protocol = Protocol::Other("sctp".into(), 132)),
        [Reason::Protocol("sctp".to_owned())]
    );
    assert_eq!(
        reasons_of(|foo| foo.flags.labeled = true),
        [Reason::Labeled]
    );
    assert_eq!(
        reasons_of(|foo| foo.flags.intercept = true),
        [Reason::Intercept]
    );
    assert_eq!(
        reasons_of(|foo| {
            foo.reach = Reach::Listen(Listen {
                port: Port(0),
                family: Family::Any,
                bind: Some(Bind::Name("localhost".into())),
            });
        }),
        [Reason::BindName, Reason::EphemeralPort]
    );
    assert_eq!(
        reasons_of(|foo| {
            foo.reach = Reach::Listen(Listen {
                port: Port(1),
                family: Family::V6,
                bind: Some(Bind::Address(
                    "fe80::1".parse().unwrap(),
                    Some("a b".into()),
                )),
            });
        }),
        [Reason::BindZone]
    );
    assert_eq!(
        reasons_of(|foo| {
            foo.credentials = Some(Credentials {
                user: Principal::Id(1),
                group: Some(Principal::Id(u32::MAX)),
                supplementary: false,
            });
        }),
        [Reason::NoId]
    );
    assert_eq!(
        reasons(&none, service(&"a".repeat(248))),
        [Reason::NameTooLong]
    );
}

#[test]
fn the_name_for_libwrap_is_the_attribute_or_the_programs() {
    let name = |change: fn(&mut Service)| {
        let mut foo = service("foo");
        change(&mut foo);
        foo.libwrap_daemon().map(|name| name.to_text())
    };
    assert_eq!(name(|_| {}).as_deref(), Some("food"));
    let named = |service: &mut Service| {
        service.serving = Serving::Program(Program {
            path: "/usr/sbin/tcpd".into(),
            argv: vec!["/usr/sbin/in.food".into(), "-x".into()],
        });
    };
    assert_eq!(name(named).as_deref(), Some("in.food"));
    assert_eq!(
        name(|service| service.libwrap_name = Some("a/b".into())).as_deref(),
        Some("a/b")
    );
    let redirect = |service: &mut Service| {
        service.id = "foo-id".into();
        service.serving = Serving::Redirect {
            host: "::1".into(),
            port: Port(80),
        };
    };
    assert_eq!(name(redirect).as_deref(), Some("foo"));
    assert_eq!(name(|service| service.flags.nolibwrap = true), None);
}

#[test]
fn an_obstacle_stands_at_its_attribute() {
    let mut foo = service("foo");
    foo.flags.labeled = true;
    foo.attributes = vec![
        WrittenAttribute {
            attribute: Attribute::Flags,
            place: place(7),
            from_defaults: false,
            text: "= LABELED".into(),
        },
        WrittenAttribute {
            attribute: Attribute::Port,
            place: place(8),
            from_defaults: false,
            text: "= 79".into(),
        },
    ];
    let translation = translation(&MemoryTree::default(), vec![foo]);
    assert_eq!(translation.problems[0].place.line, 7);
    assert_eq!(translation.problems[0].severity, Severity::Error);
    let attributes = &translation.services[0].report.attributes;
    assert!(matches!(attributes[0].fates[..], [Fate::NotServed { .. }]));
    let directives = "ListenStream=";
    assert_eq!(attributes[1].fates, [Fate::Unit { directives }]);
}

#[test]
fn problems_of_a_service_that_is_off_are_notes() {
    let mut foo = service("foo");
    foo.flags.labeled = true;
    foo.enabled = false;
    let translation = translation(&MemoryTree::default(), vec![foo]);
    assert_eq!(translation.problems[0].severity, Severity::Note);
}

#[test]
fn a_copy_of_a_generated_service_without_a_socket_is_warned_of() {
    let copy = "[Service]\nExecStart=/usr/libexec/xinetd-bridge/xinetd-accept\n";
    let tree = MemoryTree::default().file("/etc/systemd/system/foo.service", copy);
    let told = |tree: &MemoryTree| {
        let problem = translation(tree, vec![service("foo")]).problems.remove(0);
        (problem.severity, problem.code)
    };
    assert_eq!(told(&tree), (Severity::Warning, "native-copy"));
    let with_socket = tree.file("/etc/systemd/system/foo.socket", "[Socket]\n");
    assert_eq!(told(&with_socket), (Severity::Note, "native-unit"));
}

#[test]
fn a_native_unit_is_never_linked() {
    let tree = MemoryTree::default()
        .file("/etc/systemd/system/foo.service", "[Service]\n")
        .file("/usr/lib/systemd/system/bar.socket", "[Socket]\n")
        .file("/etc/init.d/baz", "#!/bin/sh\n");
    let services = ["foo", "bar", "baz"].map(service).to_vec();
    let translation = translation(&tree, services);
    assert!(translation.services[0].files.is_empty() && translation.services[0].links.is_empty());
    assert!(matches!(
        &translation.services[0].report.standing,
        Standing::Native { .. }
    ));
    for (index, unit) in [(1, "xinetd-bar"), (2, "xinetd-baz")] {
        let report = &translation.services[index].report;
        assert!(matches!(&report.standing, Standing::Served { unit: name, .. } if name == unit));
        assert_eq!(
            translation.services[index].files[2].path,
            Path::new(&format!("{unit}.socket"))
        );
    }
    let codes: Vec<_> = translation
        .problems
        .iter()
        .map(|problem| problem.code)
        .collect();
    assert_eq!(codes, ["native-unit", "vendor-unit", "vendor-unit"]);
}

/// Long lists are translated by two threads.
#[test]
fn of_many_services_each_is_told_in_order() {
    let many = (100..200).map(|number| {
        let mut foo = service(&number.to_string());
        foo.place = place(number);
        foo.flags.labeled = number % 40 == 0;
        foo
    });
    let translation = translation(&MemoryTree::default(), many.collect());
    let ids = translation
        .services
        .iter()
        .map(|made| made.report.id.to_text());
    assert!(ids.eq((100..200).map(|number| number.to_string())));
    let told = translation.problems.iter();
    let told: Vec<_> = told
        .map(|problem| (problem.code, problem.place.line))
        .collect();
    assert_eq!(told, [("not-served", 120), ("not-served", 160)]);
}

/// What becomes of an attribute, in the words of the report.
fn fates_of(attribute: Attribute, change: fn(&mut Service)) -> Vec<String> {
    let mut foo = service("foo");
    change(&mut foo);
    let fates = fate::fates(attribute, &foo, &[]);
    let words = fates.into_iter().map(|fate| match fate {
        Fate::Unit { directives } => directives.to_owned(),
        Fate::Generator { what } | Fate::Helper { what } => what.to_owned(),
        Fate::NoEffect { why } => format!("no effect: {why}"),
        Fate::NotServed { why } => why,
    });
    words.collect()
}

#[test]
fn each_flag_has_a_fate_of_its_own() {
    let fates = |change| fates_of(Attribute::Flags, change);
    assert_eq!(
        fates(|foo| {
            foo.flags.nameinargs = true;
            foo.flags.family = true;
            foo.flags.reuse = true;
        }),
        [
            "no effect: systemd sets SO_REUSEADDR on each socket without REUSE too",
            "passes the first word of server_args as the server's argv[0]",
            "ListenStream=",
        ]
    );
}

#[test]
fn a_limit_that_is_none_refuses_nothing() {
    let none = ["no effect: with this value there is no limit"];
    assert_eq!(fates_of(Attribute::Instances, |_| {}), none);
    assert_eq!(fates_of(Attribute::Cps, |foo| foo.limits.rate = None), none);
    let some = fates_of(Attribute::Instances, |foo| {
        foo.limits.instances = Limit::AtMost(0);
    });
    assert_eq!(some, ["refuses connections by it"]);
}
