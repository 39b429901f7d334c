//! Whole services through the translation. The trees in tests/golden show the files as they are.

use std::net::IpAddr;
use std::path::Path;

use super::*;
use crate::bytes::ByteString;
use crate::config::{Databases, MemoryTree, Sources};
use crate::options::Options;
use crate::problem::{Place, Severity};
use crate::service::*;
use crate::spec::{MuxClient, MuxTarget, ProxyProtocol, Redirect, Spec, Target, Task};

fn place(line: u32) -> Place {
    Place {
        file: Path::new("/etc/xinetd.d/foo").into(),
        line,
        column: 1,
        length: 0,
    }
}

/// A service that has all that is needed and nothing else.
fn service(id: &str) -> Service {
    Service {
        id: id.into(),
        name: id.into(),
        place: place(1),
        enabled: true,
        socket_type: SocketType::Stream,
        protocol: Protocol::Tcp,
        wait: false,
        reach: Reach::Listen(Listen {
            port: Port(79),
            family: Family::Any,
            bind: None,
        }),
        serving: Serving::Program(Program {
            path: "/usr/sbin/food".into(),
            argv: vec!["food".into()],
        }),
        credentials: Some(Credentials {
            user: Principal::Name("nobody".into()),
            group: None,
            supplementary: false,
        }),
        limits: Limits::default(),
        access: AccessRules::default(),
        access_times: Vec::new(),
        logging: Logging::default(),
        environment: Environment::default(),
        banners: Banners::default(),
        nice: None,
        umask: None,
        resource_limits: ResourceLimits::default(),
        libwrap_name: None,
        flags: Flags::default(),
        attributes: Vec::new(),
    }
}

fn translation(tree: &MemoryTree, services: Vec<Service>) -> Translation {
    let configuration = Configuration {
        services,
        dropped: Vec::new(),
        problems: Vec::new(),
        sources: Sources::default(),
    };
    let specs = SpecDirectory::inside(Path::new("/run/systemd/generator.late")).unwrap();
    let databases = Databases::read(tree);
    let surroundings = Surroundings::read(tree, &databases, specs, Options::read(tree));
    translate(&configuration, &surroundings)
}

/// The text of a file of the only service.
fn text(service: Service, suffix: &str) -> String {
    let translation = translation(&MemoryTree::default(), vec![service]);
    let files = &translation.services[0].files;
    let is_it = |file: &&File| {
        file.path
            .to_str()
            .is_some_and(|path| path.ends_with(suffix))
    };
    String::from_utf8(files.iter().find(is_it).unwrap().content.clone()).unwrap()
}

fn has_line(text: &str, line: &str) -> bool {
    text.lines().any(|other| other == line)
}

fn listening(family: Family, bind: Option<Bind>) -> Service {
    let mut foo = service("foo");
    foo.reach = Reach::Listen(Listen {
        port: Port(79),
        family,
        bind,
    });
    foo
}

#[test]
fn addresses_are_written_as_systemd_wants_them() {
    let bind = |address: &str| {
        let address: IpAddr = address.parse().unwrap();
        Some(Bind::Address(address, None))
    };
    let zone = Some(Bind::Address(
        "fe80::1".parse().unwrap(),
        Some("eth0".into()),
    ));
    for (family, bind, listen, only) in [
        (Family::Any, None, "79", Some("both")),
        (Family::V4, None, "0.0.0.0:79", None),
        (Family::V6, None, "[::]:79", Some("both")),
        (Family::V6Only, None, "[::]:79", Some("ipv6-only")),
        (Family::V4, bind("127.0.0.1"), "127.0.0.1:79", None),
        (Family::V6, bind("::1"), "[::1]:79", Some("both")),
        (Family::V6, zone, "[fe80::1]:79%%eth0", Some("both")),
    ] {
        let is_bound = bind.is_some();
        let socket = text(listening(family, bind), "foo.socket");
        assert!(
            has_line(&socket, &format!("ListenStream={listen}")),
            "{socket}"
        );
        let written = socket
            .lines()
            .find_map(|line| line.strip_prefix("BindIPv6Only="));
        assert_eq!(written, only, "{socket}");
        assert_eq!(has_line(&socket, "FreeBind=yes"), is_bound, "{socket}");
    }
}

#[test]
fn only_dual_stack_sockets_are_unmapped() {
    for (family, expected) in [
        (Family::Any, true),
        (Family::V6, true),
        (Family::V6Only, false),
        (Family::V4, false),
    ] {
        let spec: Spec = toml::from_str(&text(listening(family, None), "foo.toml")).unwrap();
        assert_eq!(spec.unmap, expected, "{family:?}");
    }
}

#[test]
fn the_right_to_drop_groups_goes_to_those_that_need_it() {
    let root = || Principal::Name("root".into());
    let nobody = || Principal::Name("nobody".into());
    for (user, supplementary, expected) in [
        (nobody(), false, true),
        (nobody(), true, false),
        (root(), false, false),
        (Principal::Id(0), false, false),
        (Principal::Id(7), false, false),
    ] {
        let mut foo = service("foo");
        foo.credentials = Some(Credentials {
            user,
            group: None,
            supplementary,
        });
        let unit = text(foo.clone(), "foo.service");
        assert_eq!(
            has_line(&unit, "AmbientCapabilities=CAP_SETGID"),
            expected,
            "{unit}"
        );
        let spec: Spec = toml::from_str(&text(foo, "foo.toml")).unwrap();
        assert_eq!(spec.supplementary_groups, supplementary);
    }
}

#[test]
fn an_internal_service_is_served_by_a_user_that_owns_nothing_unless_it_has_one() {
    let mut echo = service("foo");
    echo.serving = Serving::Internal(Internal::Echo);
    // As its stream services are, whoever accepts: the helper does.
    echo.wait = true;
    let unit = text(echo.clone(), "foo.service");
    assert!(has_line(&unit, "User=nobody"), "{unit}");
    assert!(!unit.contains("DynamicUser"), "{unit}");
    echo.credentials = None;
    let unit = text(echo.clone(), "foo.service");
    assert!(has_line(&unit, "User=xinetd-internal"), "{unit}");
    assert!(has_line(&unit, "DynamicUser=yes"), "{unit}");
    assert!(!unit.contains("AmbientCapabilities"), "{unit}");
    let spec: Spec = toml::from_str(&text(echo, "foo.toml")).unwrap();
    assert_eq!(spec.task, Task::Internal(Builtin::Echo));
    assert!(spec.supplementary_groups, "there are none to drop");
}

fn mux(id: &str, name: &str, mux: Mux) -> Service {
    let mut foo = service(id);
    foo.name = name.into();
    foo.reach = Reach::Mux(mux);
    foo
}

fn tcpmux(id: &str) -> Service {
    let mut tcpmux = service(id);
    tcpmux.serving = Serving::Internal(Internal::Tcpmux);
    tcpmux.credentials = Some(Credentials {
        user: Principal::Id(0),
        group: None,
        supplementary: false,
    });
    tcpmux
}

#[test]
fn tcpmux_and_its_services_know_each_other() {
    let mut plain = mux("plain", "Name", Mux::Server);
    // Means nothing, as in xinetd: there is no socket to wait for.
    plain.wait = true;
    plain.flags.nodelay = true;
    let services = vec![
        plain,
        tcpmux("one"),
        mux("plus", "name", Mux::Plus),
        tcpmux("two"),
    ];
    let translation = translation(&MemoryTree::default(), services);
    assert_eq!(translation.problems, []);
    let file = |index: usize, suffix: &str| {
        let files = &translation.services[index].files;
        let is_it = |file: &&File| file.path.to_string_lossy().ends_with(suffix);
        String::from_utf8(files.iter().find(is_it).unwrap().content.clone()).unwrap()
    };
    let spec = |index: usize| toml::from_str::<Spec>(&file(index, ".toml")).unwrap();
    let target = |name: &str, unit: &str| MuxTarget {
        name: name.into(),
        socket: Path::new("/run/xinetd-bridge-mux").join(unit),
    };
    let all = Task::Tcpmux(vec![target("Name", "plain"), target("name", "plus")]);
    assert_eq!((spec(1).task, spec(3).task), (all.clone(), all));
    let client = |plus, nodelay| MuxClient {
        plus,
        nodelay,
        keepalive: false,
        from: vec!["one".to_owned(), "two".to_owned()],
    };
    assert_eq!(spec(0).mux, Some(client(false, true)));
    assert!(matches!(spec(0).task, Task::Execute(_)));
    assert_eq!(spec(2).mux, Some(client(true, false)));
    assert_eq!(spec(1).mux, None);
    let socket = file(0, ".socket");
    assert!(has_line(
        &socket,
        "ListenStream=/run/xinetd-bridge-mux/plain"
    ));
    assert!(has_line(&socket, "RemoveOnStop=yes"), "{socket}");
    assert!(!socket.contains("NoDelay"), "{socket}");
    // Nobody's rights are needed.
    let unit = file(1, ".service");
    assert!(has_line(&unit, "DynamicUser=yes"), "{unit}");
    assert!(!unit.contains("AmbientCapabilities"), "{unit}");
    assert!(has_line(&file(0, ".service"), "User=nobody"));
}

#[test]
fn a_service_that_no_tcpmux_leads_to_is_told() {
    let none = MemoryTree::default();
    let alone = translation(&none, vec![mux("a", "a", Mux::Plus)]);
    let codes: Vec<_> = alone.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["no-tcpmux"]);
    // One that is not served is known to nobody.
    let mut labeled = mux("a", "a", Mux::Plus);
    labeled.flags.labeled = true;
    let long = mux(&"x".repeat(90), "b", Mux::Plus);
    let all = translation(&none, vec![labeled, long, tcpmux("tcpmux")]);
    let standing = |index: usize| &all.services[index].report.standing;
    assert!(matches!(standing(0), Standing::NotServed(_)));
    assert!(
        matches!(standing(1), Standing::NotServed(why) if why[0].reason == Reason::NameTooLong)
    );
    let spec = &all.services[2].files[0].content;
    let spec: Spec = toml::from_str(std::str::from_utf8(spec).unwrap()).unwrap();
    assert_eq!(spec.task, Task::Tcpmux(Vec::new()));
}

#[test]
fn a_redirect_is_passed_on_to_its_host() {
    let mut foo = service("foo");
    foo.serving = Serving::Redirect {
        host: "www.example.com".into(),
        port: Port(8080),
    };
    foo.flags.keepalive = true;
    let spec: Spec = toml::from_str(&text(foo, "foo.toml")).unwrap();
    let target = Target {
        host: "www.example.com".to_owned(),
        port: 8080,
    };
    let redirect = Redirect {
        targets: vec![target],
        keepalive: true,
        proxy_protocol: None,
    };
    assert_eq!(spec.task, Task::Redirect(redirect));
}

#[test]
fn the_bridges_own_file_adds_targets_and_the_proxy_protocol() {
    let tree = MemoryTree::default().file(
        "/etc/xinetd-bridge.toml",
        "[service.foo.redirect]\ntargets = [\"a:1\", \"b:2\"]\n\
         [service.bar.redirect]\nproxy_protocol = \"v1\"\n\
         [service.baz.redirect]\n[service.none]\n",
    );
    let redirecting = |id: &str| {
        let mut foo = service(id);
        foo.serving = Serving::Redirect {
            host: "c".into(),
            port: Port(3),
        };
        foo
    };
    let services = vec![redirecting("foo"), redirecting("bar"), service("baz")];
    let translation = translation(&tree, services);
    let redirect = |index: usize| {
        let spec = &translation.services[index].files[0].content;
        let spec: Spec = toml::from_str(str::from_utf8(spec).unwrap()).unwrap();
        match spec.task {
            Task::Redirect(Redirect {
                targets,
                proxy_protocol,
                ..
            }) => {
                let targets = targets.into_iter().map(|target| (target.host, target.port));
                (targets.collect::<Vec<_>>(), proxy_protocol)
            }
            other => panic!("{other:?}"),
        }
    };
    let targets = |list: &[(&str, u16)]| -> Vec<(String, u16)> {
        list.iter()
            .map(|(host, port)| ((*host).to_owned(), *port))
            .collect()
    };
    assert_eq!(redirect(0), (targets(&[("a", 1), ("b", 2)]), None));
    assert_eq!(redirect(1), (targets(&[("c", 3)]), Some(ProxyProtocol::V1)));
    let problems = translation.problems.iter();
    let problems: Vec<_> = problems
        .map(|problem| {
            (
                problem.severity,
                problem.place.line,
                problem.message.as_str(),
            )
        })
        .collect();
    let expected = [
        (Severity::Warning, 5, "baz does not redirect"),
        (Severity::Warning, 6, "no service has the id none"),
    ];
    assert_eq!(problems, expected);
}

#[test]
fn nice_is_what_xinetd_makes_of_it() {
    for (user, nice, expected) in [
        ("nobody", 5, Some("Nice=5")),
        ("nobody", 50, Some("Nice=19")),
        ("nobody", -5, None),
        ("root", -5, Some("Nice=-5")),
        ("root", -50, Some("Nice=-20")),
    ] {
        let mut foo = service("foo");
        foo.nice = Some(nice);
        foo.credentials = Some(Credentials {
            user: Principal::Name(user.into()),
            group: None,
            supplementary: false,
        });
        let unit = text(foo, "foo.service");
        assert_eq!(
            unit.lines().find(|line| line.starts_with("Nice=")),
            expected
        );
    }
}

#[test]
fn a_server_that_no_unit_can_name_stays_in_the_spec() {
    let mut foo = service("foo");
    foo.serving = Serving::Program(Program {
        path: b"/opt/caf\xe9"[..].into(),
        argv: vec![b"\xff%$\"\\;"[..].into()],
    });
    let socket = text(foo.clone(), "foo.socket");
    assert!(!socket.contains("ConditionFileIsExecutable"), "{socket}");
    let spec: Spec = toml::from_str(&text(foo, "foo.toml")).unwrap();
    let program = spec.task.program().unwrap();
    assert_eq!(program.path.as_bytes(), b"/opt/caf\xe9");
    assert_eq!(program.argv[0].as_bytes(), b"\xff%$\"\\;");
}

#[test]
fn only_enabled_services_are_linked() {
    let mut off = service("off");
    off.enabled = false;
    let none = translation(&MemoryTree::default(), vec![off.clone()]);
    assert_eq!(none.services[0].files.len(), 3);
    assert_eq!((none.services[0].links.len(), none.links.len()), (0, 0));

    let both = translation(&MemoryTree::default(), vec![off, service("on")]);
    let link = &both.services[1].links[0];
    assert_eq!(link.path, Path::new("xinetd.target.wants/on.socket"));
    assert_eq!(link.target, Path::new("../on.socket"));
    assert_eq!(
        both.links[0].path,
        Path::new("sockets.target.wants/xinetd.target")
    );
}

#[test]
fn the_spec_is_private_and_written_first() {
    let translation = translation(&MemoryTree::default(), vec![service("foo")]);
    let files = &translation.services[0].files;
    let modes = files
        .iter()
        .map(|file| (file.path.to_str().unwrap(), file.private));
    let expected = [
        ("xinetd-bridge/foo.toml", true),
        ("foo.service", false),
        ("foo.socket", false),
    ];
    assert_eq!(modes.collect::<Vec<_>>(), expected);
}

/// A sensor bans nobody by guess: its allow-list is known, or it is not served.
#[test]
fn a_sensor_needs_to_know_whom_it_must_not_ban() {
    let mut sensor = service("foo");
    sensor.serving = Serving::Sensor(DenyTime::Minutes(5));
    let spec = |options: &str| {
        let tree = MemoryTree::default().file("/etc/xinetd-bridge.toml", options);
        let mut translation = translation(&tree, vec![sensor.clone()]);
        let files = std::mem::take(&mut translation.services[0].files);
        let spec = files.into_iter().next().map(|file| file.content);
        spec.map(|content| String::from_utf8(content).unwrap())
    };
    let good = spec("[bans]\nallow = ['192.0.2.7']\n").unwrap();
    assert!(good.contains("allow = [\"192.0.2.7/32\"]"), "{good}");
    assert_eq!(spec("[bans]\nallow = ['192.0.2']\n"), None);
}

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
            foo.access.only_from = Some(AccessList::default());
        }),
        [Reason::UnknownClient]
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
                group: Some(Principal::Name("a:b".into())),
                supplementary: false,
            });
        }),
        [Reason::Principal("a:b".to_owned())]
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
        Written {
            attribute: Attribute::Flags,
            place: place(7),
            from_defaults: false,
            text: "= LABELED".into(),
        },
        Written {
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
fn a_line_in_defaults_is_told_once() {
    let file = |id: &str| {
        let mut foo = service(id);
        foo.logging.target = LogTarget::File {
            path: "/var/log/x".into(),
            limits: None,
        };
        foo.attributes = vec![Written {
            attribute: Attribute::LogType,
            place: place(3),
            from_defaults: true,
            text: ByteString::from("= FILE /var/log/x"),
        }];
        foo
    };
    let translation = translation(&MemoryTree::default(), vec![file("a"), file("b")]);
    let codes: Vec<_> = translation
        .problems
        .iter()
        .map(|problem| problem.code)
        .collect();
    assert_eq!(codes, ["not-enforced-yet"]);
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

#[test]
fn numbers_that_systemd_will_not_find_are_told() {
    let tree = MemoryTree::default()
        .file("/etc/passwd", "some:x:7:7::/:\nlone:x:9:9::/:\n")
        .file("/etc/group", "some:x:7:\n");
    let told = |user, group| {
        let mut foo = service("foo");
        foo.credentials = Some(Credentials {
            user,
            group,
            supplementary: false,
        });
        let translation = translation(&tree, vec![foo]);
        assert_eq!(translation.services[0].files.len(), 3, "it stays");
        let messages = translation.problems.into_iter();
        messages.map(|problem| problem.message).collect::<Vec<_>>()
    };
    assert!(told(Principal::Id(7), None).is_empty());
    assert!(told(Principal::Name("who".into()), None).is_empty());
    let who = || Principal::Name("who".into());
    assert!(told(who(), Some(Principal::Id(7))).is_empty());
    assert!(told(who(), Some(Principal::Id(8)))[0].contains("no group has the number 8"));
    assert!(told(Principal::Id(8), Some(who()))[0].contains("no user has the number 8"));
    assert!(
        told(Principal::Id(8), None).is_empty(),
        "the helper takes it"
    );
}

/// An RPC service without a port.
fn rpc(id: &str, number: u32, port: u16) -> Service {
    let mut service = service(id);
    service.socket_type = SocketType::Dgram;
    service.protocol = Protocol::Udp;
    service.wait = true;
    let versions = RpcRange { first: 2, last: 4 };
    let listen = Listen {
        port: Port(port),
        family: Family::Any,
        bind: None,
    };
    service.reach = Reach::Rpc(RpcProgram { number, versions }, listen);
    service
}

#[test]
fn rpc_services_have_ports_that_stay_and_nobody_else_has() {
    let port = |services: Vec<Service>| {
        let translation = translation(&MemoryTree::default(), services);
        let socket = translation.services[0].files.last().unwrap();
        let text = String::from_utf8(socket.content.clone()).unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("ListenDatagram="));
        line.unwrap()["ListenDatagram=".len()..]
            .parse::<u16>()
            .unwrap()
    };
    let own = port(vec![rpc("rstatd", 100_001, 0)]);
    assert!(own >= 61_000);
    assert_eq!(
        port(vec![rpc("rstatd", 100_001, 0), rpc("b", 100_001, 0)]),
        own
    );
    assert_ne!(port(vec![rpc("rstatd", 100_001, 0), rpc("b", 7, own)]), own);
    assert_eq!(port(vec![rpc("rstatd", 100_001, 1023)]), 1023);
}

#[test]
fn rpc_services_are_registered_while_their_socket_listens() {
    let translation = translation(&MemoryTree::default(), vec![rpc("rstatd", 100_001, 256)]);
    let service = &translation.services[0];
    let text = |name: &str| {
        let mut files = service.files.iter();
        let file = files.find(|file| file.path.as_os_str() == name).unwrap();
        String::from_utf8(file.content.clone()).unwrap()
    };
    let arguments = "rstatd 100001 2 4 udp=0.0.0.0.1.0 udp6=::.1.0\n";
    let unit = text("xinetd-rpc@rstatd.service");
    assert!(
        unit.contains(&format!(" --rpc-register {arguments}")),
        "{unit}"
    );
    assert!(unit.contains("\nRequisite=rstatd.socket\n"), "{unit}");
    let socket = text("rstatd.socket");
    assert!(
        socket.contains("\nWants=xinetd-rpc@rstatd.service\n"),
        "{socket}"
    );
    assert!(
        socket.contains(&format!(" --rpc-unregister {arguments}")),
        "{socket}"
    );
    let links = service.links.iter().map(|link| link.path.to_str().unwrap());
    assert!(
        links
            .collect::<Vec<_>>()
            .contains(&"rpcbind.service.wants/xinetd-rpc@rstatd.service")
    );
}
