//! tcpmux, and services that pass their clients on.

use super::*;

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
        let is_it = |file: &&GeneratedFile| file.path.to_string_lossy().ends_with(suffix);
        String::from_utf8(files.iter().find(is_it).unwrap().content.clone()).unwrap()
    };
    let spec = |index: usize| toml::from_str::<Spec>(&file(index, ".toml")).unwrap();
    let target = |name: &str, unit: &str| MuxTarget {
        name: name.into(),
        socket: Path::new("/run/xinetd-bridge-mux").join(unit),
        secret: None,
    };
    let all = Task::Tcpmux(vec![target("Name", "plain"), target("name", "plus")]);
    assert_eq!((spec(1).task, spec(3).task), (all.clone(), all));
    let client = |plus, nodelay| MuxClient {
        plus,
        nodelay,
        keepalive: false,
        from: MuxSender::Units(vec!["one".to_owned(), "two".to_owned()]),
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
    assert!(has_line(&unit, "X-Account=user 65534"), "{unit}");
    assert!(has_line(&file(0, ".service"), "X-Account=user nobody"));
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

/// So many services tcpmux that lead to so many others.
fn switchboard(leading: usize, led: usize) -> Translation {
    let leading = (0..leading).map(|number| tcpmux(&format!("tcpmux{number}")));
    let led = (0..led).map(|number| mux(&format!("s{number}"), "name", Mux::Server));
    translation(&MemoryTree::default(), leading.chain(led).collect())
}

#[test]
fn what_is_written_grows_with_the_services_and_not_with_their_square() {
    let size = |leading, led| -> usize {
        let services = switchboard(leading, led).services;
        let files = services.iter().flat_map(|service| &service.files);
        files.map(|file| file.content.len()).sum()
    };
    let (once, twice) = (size(40, 100), size(80, 200));
    assert!(twice < once * 21 / 10, "{once}, {twice}");
}

#[test]
fn a_tcpmux_too_many_is_told_and_the_others_are_served() {
    let translation = switchboard(17, 1);
    let standing = |index: usize| &translation.services[index].report.standing;
    assert!(matches!(standing(15), Standing::Served { .. }));
    let Standing::NotServed(why) = standing(16) else {
        panic!("{:?}", standing(16));
    };
    assert_eq!(why[0].reason, Reason::TooManyTcpmux);
    assert!(matches!(standing(17), Standing::Served { .. }));
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
