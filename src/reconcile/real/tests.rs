//! Processes that are real xinetd, and what is said of them.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use xinetd_core::config::{Databases, MemoryTree, load};
use xinetd_core::startup::Startup;

use super::*;

#[test]
fn a_process_of_that_name_in_the_same_namespaces_is_real_xinetd() {
    let program = std::env::temp_dir().join(format!("real-{}", std::process::id()));
    fs::create_dir_all(&program).unwrap();
    let program = program.join("xinetd");
    fs::copy("/bin/sleep", &program).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut command = Command::new(&program);
    command.arg("100").stdin(OwnedFd::from(listener));
    let mut child = command.spawn().unwrap();
    drop(command);
    let pid = i32::try_from(child.id()).unwrap();
    // The kernel has its arguments a moment after it has let us go on.
    let is_there = || !command_line(pid).is_empty();
    let begin = Instant::now();
    while !is_there() && begin.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(1));
    }
    let own = namespaces("self");
    let is_real = is_xinetd(pid, &own);
    let other = [Some("pid:[0]".into()), own[1].clone()];
    let is_elsewhere = !is_xinetd(pid, &other);
    let (parent, line) = (parent(pid), command_line(pid));
    let found = Real::look();
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_dir_all(program.parent().unwrap()).unwrap();
    assert!(is_real && is_elsewhere);
    let this = i32::try_from(std::process::id()).unwrap();
    assert!(!is_xinetd(this, &own));
    assert_eq!(parent, Some(this));
    assert!(line.ends_with(b"xinetd\x00100\x00"));
    let found = found.unwrap();
    // Unless one runs on this machine.
    if found
        .problem(&[])
        .message
        .contains(&format!("(process {pid})"))
    {
        assert_eq!(
            (found.daemon(), found.options()),
            (pid, &["100".to_owned()][..])
        );
        let port = PortNumber { port, is_tcp: true };
        assert_eq!(found.ports(), Some(&BTreeSet::from([port])));
    }
}

#[test]
fn the_ports_that_both_have_are_named() {
    let service = |name: &str, port: u16, protocol: &str, kind: &str, wait: &str, disable: &str| {
        format!(
            "service {name}\n{{\ntype = UNLISTED\nport = {port}\nprotocol = {protocol}\n\
             socket_type = {kind}\nwait = {wait}\nuser = 0\nserver = /bin/true\n\
             disable = {disable}\n}}\n"
        )
    };
    let text = [
        service("a", 7, "tcp", "stream", "no", "no"),
        service("b", 9, "udp", "dgram", "yes", "no"),
        service("c", 13, "tcp", "stream", "no", "yes"),
        service("d", 0, "tcp", "stream", "no", "no"),
    ];
    let tree = MemoryTree::default().file("/etc/xinetd.conf", text.concat());
    let startup = Startup::read(&tree);
    let services = load(&tree, startup.roots(), &Databases::read(&tree)).services;
    let port = |port, is_tcp| PortNumber { port, is_tcp };
    let has = |ports: Option<Vec<PortNumber>>| {
        let real = Real {
            daemon: 4711,
            options: Vec::new(),
            ports: ports.map(|ports| ports.into_iter().collect()),
        };
        real.problem(&services).message
    };
    let all = [port(0, true), port(7, true), port(9, false), port(13, true)];
    let told = has(Some(all.to_vec()));
    assert!(
        told.contains("4711") && told.ends_with("it has 7/tcp, 9/udp of these files"),
        "{told}"
    );
    let others = has(Some(vec![port(7, false), port(9, true)]));
    assert!(
        others.ends_with("it has none of the ports of these files"),
        "{others}"
    );
    assert!(has(None).ends_with("can't be seen"));
}

#[test]
fn ports_are_named_up_to_a_number() {
    let ports = (1..=13).map(|port| PortNumber {
        port,
        is_tcp: port > 1,
    });
    let ports: Vec<_> = ports.collect();
    let ports: Vec<_> = ports.iter().collect();
    assert_eq!(listed(&ports[..2]), "1/udp, 2/tcp");
    let most = listed(&ports[..12]);
    assert!(most.ends_with(", 12/tcp"), "{most}");
    let more = listed(&ports);
    assert_eq!(more, format!("{most} and 1 more"));
}

#[test]
fn a_session_that_outlives_real_xinetd_is_not_real_xinetd() {
    let open = |port: Option<u16>, is_connected| {
        let ports = port.map(|port| PortNumber { port, is_tcp: true });
        Some(ProcessSockets {
            ports: ports.into_iter().collect(),
            is_connected,
        })
    };
    let process = |pid, parent, open| XinetdProcess {
        pid,
        parent: Some(parent),
        is_titled: false,
        open,
    };
    let pids = |all: &[XinetdProcess]| daemons(all).iter().map(|one| one.pid).collect::<Vec<_>>();
    let session = process(20, 10, open(None, true));
    let daemon = process(10, 1, open(Some(7), false));
    assert_eq!(pids(&[daemon.clone(), session.clone()]), [10]);
    assert_eq!(
        pids(&[process(20, 1, open(None, true))]),
        [0; 0],
        "left behind"
    );
    let idle = process(10, 1, open(None, false));
    assert_eq!(pids(&[idle]), [10], "without services");
    let redirecting = process(10, 1, open(None, true));
    assert_eq!(
        pids(&[redirecting, session.clone()]),
        [10],
        "it has a child"
    );
    let hidden = process(10, 1, None);
    assert_eq!(pids(&[hidden.clone(), process(20, 10, None)]), [10]);
    let titled = XinetdProcess {
        is_titled: true,
        ..hidden
    };
    assert_eq!(pids(&[titled]), [0; 0], "left behind, and hidden");
    assert_eq!(pids(&[process(5, 1, open(None, false)), daemon]), [10, 5]);
}
