//! Whole services through the translation. The trees in tests/golden show the files as they are.

mod mux_and_redirect;
mod plan;
mod rpc;
mod sandbox;
mod told;

use std::net::IpAddr;
use std::path::Path;

use super::*;
use crate::config::{Attribute, Configuration, MemoryTree, Sources};
use crate::problem::{Place, Severity};
use crate::service::*;
use crate::spec::{MuxClient, MuxSender, MuxTarget, ProxyProtocol, Redirect, Spec, Target, Task};
use crate::startup::Startup;

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
    let surroundings = Surroundings::read(tree, specs, Startup::read(tree));
    translate(&configuration, &surroundings)
}

/// The text of a file of the only service.
fn text(service: Service, suffix: &str) -> String {
    let translation = translation(&MemoryTree::default(), vec![service]);
    let files = &translation.services[0].files;
    let is_it = |file: &&GeneratedFile| {
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
fn the_account_is_for_the_helper_to_take_and_for_the_reader_of_the_unit_to_see() {
    for (user, group, supplementary, expected) in [
        (
            Principal::Name("nobody".into()),
            None,
            false,
            "X-Account=user nobody",
        ),
        (Principal::Id(7), None, true, "X-Account=user 7, groups"),
        (
            Principal::Name("a b%".into()),
            Some(Principal::Id(0)),
            false,
            "X-Account=user a b%%, group 0",
        ),
    ] {
        let mut foo = service("foo");
        let credentials = Credentials {
            user,
            group,
            supplementary,
        };
        foo.credentials = Some(credentials.clone());
        let unit = text(foo.clone(), "foo.service");
        assert!(has_line(&unit, expected), "{unit}");
        assert!(!unit.contains("\nUser="), "{unit}");
        let spec: Spec = toml::from_str(&text(foo, "foo.toml")).unwrap();
        assert_eq!(spec.credentials, credentials);
    }
}

#[test]
fn an_internal_service_is_served_by_a_user_that_owns_nothing_unless_it_has_one() {
    let mut echo = service("foo");
    echo.serving = Serving::Internal(Internal::Builtin(Builtin::Echo));
    // As its stream services are, whichever program accepts: the helper does.
    echo.wait = true;
    let unit = text(echo.clone(), "foo.service");
    assert!(has_line(&unit, "X-Account=user nobody"), "{unit}");
    echo.credentials = None;
    let unit = text(echo.clone(), "foo.service");
    assert!(has_line(&unit, "X-Account=user 65534"), "{unit}");
    let spec: Spec = toml::from_str(&text(echo, "foo.toml")).unwrap();
    assert_eq!(spec.task, Task::Internal(Builtin::Echo));
    assert_eq!(spec.credentials.user, Principal::Id(65534));
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

/// The coordinator has the last good allow-list, so that a typing error opens no service.
#[test]
fn a_sensor_is_served_whatever_is_wrong_with_the_allow_list() {
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
    let wrong = spec("[bans]\nallow = ['192.0.2']\n").unwrap();
    assert!(wrong.contains("allow = []"), "{wrong}");
}

#[test]
fn the_coordinator_may_write_where_log_files_are_and_nowhere_else() {
    let logs = |id: &str, path: &str| {
        let mut foo = service(id);
        foo.logging.target = LogTarget::File {
            path: path.into(),
            limits: None,
        };
        foo
    };
    let path = Path::new("xinetd-coordinator.service.d/50-xinetd-log-files.conf");
    let drop_in = |services| {
        let translation = translation(&MemoryTree::default(), services);
        let mut files = translation.files.iter();
        let file = files.find(|file| file.path == path).unwrap();
        let text = String::from_utf8(file.content.clone()).unwrap();
        text.split_once("[Service]\n").unwrap().1.to_owned()
    };
    assert_eq!(
        drop_in(vec![
            logs("a", "/var/log/b/1%"),
            logs("b", "/var/log/a"),
            logs("c", "/var/log/c"),
            logs("d", "e f/g\"\\x/h"),
        ]),
        "ReadWritePaths=-/e\\ f/g\\\"\\\\x\nReadWritePaths=-/var/log\nReadWritePaths=-/var/log/b\n"
    );
    assert_eq!(
        drop_in(vec![logs("a", "/home/joe/log"), logs("b", "/tmp/log")]),
        "ProtectHome=no\nPrivateTmp=no\nReadWritePaths=-/home/joe\nReadWritePaths=-/tmp\n"
    );
    let none = translation(&MemoryTree::default(), vec![service("foo")]);
    assert!(none.files.iter().all(|file| file.path != path));
}
