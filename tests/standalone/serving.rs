//! What is served, and what a server finds.

use std::net::UdpSocket;
use std::time::Duration;

use nix::sys::signal::Signal;
use testbed::{Close, Peer, Result, equal};

use super::Scenario;
use super::machine::{DEFAULTS, at, cat, client, serve, serving};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("internal_services_and_datagrams", kinds),
    (
        "what_is_not_served_is_named_and_the_rest_is_served",
        unserved,
    ),
    ("a_server_finds_what_it_finds_under_xinetd", server),
    ("limits_and_lists_hold", limits),
    ("all_services_have_a_limit_in_common", common_limit),
    ("a_log_file_of_a_service", log_file),
    ("a_sensor_bans", sensor),
    ("a_port_that_is_taken_is_served_later", taken),
    ("more_services_than_descriptors", few_descriptors),
    ("more_sessions_than_descriptors", full_helper),
];

fn kinds() -> Result<()> {
    let internal = |id: &str, kind: &str, protocol: &str, wait: &str, port: u16| {
        format!(
            "service echo\n{{\n id = {id}\n type = INTERNAL UNLISTED\n socket_type = {kind}\n protocol = {protocol}\n \
             wait = {wait}\n port = {port}\n}}\n"
        )
    };
    // One server takes all datagrams that come.
    let server = "#!/bin/sh\nexec perl -e 'my $from = recv(STDIN, my $m, 99, 0); send(STDOUT, \"got $m\", 0, $from)'\n";
    let waiting = "service perl\n{\n type = UNLISTED\n socket_type = dgram\n protocol = udp\n wait = yes\n user = nobody\n \
                   server = /usr/local/bin/datagram\n port = 7002\n}\n";
    let files = [
        internal("stream", "stream", "tcp", "no", 7000),
        internal("dgram", "dgram", "udp", "yes", 7001),
        waiting.to_owned(),
    ];
    let bare = testbed::Bare::new()?;
    bare.write("/usr/local/bin/datagram", server, 0o755)?;
    bare.write("/etc/xinetd.conf", files.concat(), 0o644)?;
    let running = bare.start("exec xinetd -dontfork")?;
    running.wait_for("Started working: 3 available services")?;
    running.enter_network()?;
    client(7000)?;
    for (port, expected) in [(7001, "hello"), (7002, "got hello"), (7002, "got hello")] {
        let socket = UdpSocket::bind(at(0)).map_err(|error| error.to_string())?;
        let ask = || -> std::io::Result<String> {
            socket.set_read_timeout(Some(Duration::from_secs(20)))?;
            socket.send_to(b"hello", at(port))?;
            let mut answer = [0; 99];
            let (count, _) = socket.recv_from(&mut answer)?;
            Ok(String::from_utf8_lossy(&answer[..count]).into_owned())
        };
        let answer = ask().map_err(|error| format!("port {port}: {error}"))?;
        equal("answer", answer, expected.to_owned())?;
    }
    Ok(())
}

fn unserved() -> Result<()> {
    let missing = cat("missing", 7001, "").replace("/bin/cat", "/usr/sbin/in.missing");
    let broken = cat("broken", 7002, "instances = many");
    let files = [cat("good", 7000, ""), missing, broken].concat();
    let (_bare, running) = serving(&files, "-dontfork")?;
    client(7000)?;
    for named in [
        "service missing is not served: the server /usr/sbin/in.missing can't be executed",
        "service broken is not served",
        "Started working: 1 available service\n",
    ] {
        running.wait_for(named)?;
    }
    Ok(())
}

fn server() -> Result<()> {
    let script = "#!/bin/sh\nenv | sort; umask; nice; id -un; ls /proc/self/fd | wc -l; ps -o sid= -p $$ | tr -d ' '; echo $$\n";
    let more = "umask = 077\n nice = 3\n env = OWN=1";
    let tell = cat("tell", 7000, more).replace("/bin/cat", "/usr/local/bin/tell");
    let bare = testbed::Bare::new()?;
    bare.write("/usr/local/bin/tell", script, 0o755)?;
    bare.write("/etc/xinetd.conf", tell, 0o644)?;
    let running = bare.start("export FLAG=secret; exec xinetd -dontfork")?;
    running.wait_for("Started working")?;
    running.enter_network()?;
    let heard = Peer::hear(at(7000), None)?.text();
    let mut lines: Vec<&str> = heard.lines().collect();
    let own: Vec<&str> = lines.drain(lines.len().saturating_sub(6)..).collect();
    equal(
        "umask, nice value and user",
        own[..3].to_vec(),
        vec!["0077", "3", "nobody"],
    )?;
    // 0, 1 and 2, and the folder that ls reads.
    equal("descriptors", own[3], "4")?;
    equal("its own session", own[4], own[5])?;
    let names = lines
        .iter()
        .filter_map(|line| Some(line.split_once('=')?.0));
    let names: Vec<&str> = names
        .filter(|name| !matches!(*name, "_" | "SHLVL" | "OLDPWD"))
        .collect();
    let wanted = [
        "FLAG",
        "OWN",
        "PATH",
        "PWD",
        "REMOTE_ADDR",
        "REMOTE_HOST",
        "REMOTE_PORT",
    ];
    equal("variables", names, wanted.to_vec())
}

fn limits() -> Result<()> {
    let files = [
        DEFAULTS.to_owned(),
        cat("few", 7000, "per_source = 1\n banner_fail = /etc/full"),
        cat("closed", 7001, "only_from = 192.0.2.0/24"),
    ];
    let bare = testbed::Bare::new()?;
    bare.write("/etc/full", "full\n", 0o644)?;
    bare.write("/etc/xinetd.conf", files.concat(), 0o644)?;
    let running = serve(&bare, "-dontfork")?;
    let _first = client(7000)?;
    equal(
        "the second",
        Peer::hear(at(7000), None)?.text(),
        "full\n".to_owned(),
    )?;
    running.wait_for("FAIL: few per_source_limit from=::ffff:127.0.0.1")?;
    let closed = Peer::hear(at(7001), None)?;
    equal("a client that is not listed", closed.bytes.is_empty(), true)?;
    running.wait_for("FAIL: closed address from=::ffff:127.0.0.1")
}

/// As xinetd counts servers, whichever service they belong to, and also those of a helper that was killed.
fn common_limit() -> Result<()> {
    let files = [
        DEFAULTS.to_owned(),
        cat("one", 7000, ""),
        cat("two", 7001, ""),
    ]
    .concat();
    let (_bare, running) = serving(&files, "-dontfork -limit 3")?;
    let first = client(7000)?;
    let others = (client(7001)?, client(7001)?);
    let is_refused = || Ok::<_, String>(Peer::hear(at(7000), None)?.bytes.is_empty());
    equal("the fourth is refused", is_refused()?, true)?;
    running.wait_for("FAIL: one process_limit from=::ffff:127.0.0.1")?;
    running.sh("kill -KILL $(pidof xinetd-accept)")?;
    running.wait_for("the next one starts in 1 s")?;
    equal("theirs go on to count", is_refused()?, true)?;
    drop(first);
    running.wait_until("the place of one that has ended", || client(7001).is_ok())?;
    drop(others);
    Ok(())
}

fn log_file() -> Result<()> {
    let more = "log_type = FILE /var/log/own.log\n log_on_success = PID HOST";
    let (_bare, running) = serving(&cat("own", 7000, more), "-dontfork")?;
    client(7000)?;
    let has = |path: &str| running.read(path).contains(": START: own pid=");
    running.wait_until("the line in the file", || has("/var/log/own.log"))?;
    running.sh("mv /var/log/own.log /var/log/own.log.1")?;
    // A renamed file is noticed within a second of the next line.
    running.wait_until("the line in the new file", || {
        client(7000).is_ok() && has("/var/log/own.log")
    })
}

fn sensor() -> Result<()> {
    let trap = "service trap\n{\n type = UNLISTED\n socket_type = stream\n protocol = tcp\n wait = no\n user = nobody\n \
                server = /bin/cat\n port = 7001\n flags = SENSOR\n deny_time = 60\n}\n";
    let files = [DEFAULTS, &cat("good", 7000, ""), trap].concat();
    let (bare, running) = serving(&files, "-dontfork")?;
    running.sh("ip address add 192.0.2.1/32 dev lo && ip address add 192.0.2.2/32 dev lo")?;
    let from = |last: u8| Some((std::net::Ipv4Addr::new(192, 0, 2, last), 0).into());
    let connect = |port: u16, last: u8| Peer::connect(at(port), from(last));
    let mut before = connect(7000, 1)?.map_err(|close| format!("{close:?}"))?;
    before.echo(b"before")?;
    drop(connect(7001, 1)?);
    running.wait_until("the ban", || match connect(7000, 1) {
        Ok(Ok(mut peer)) => peer.echo(b"x").is_err(),
        Ok(Err(close)) => close == Close::Reset,
        Err(_) => false,
    })?;
    before.echo(b"sessions go on")?;
    let mut other = connect(7000, 2)?.map_err(|close| format!("{close:?}"))?;
    other.echo(b"another address")?;
    drop(bare);
    Ok(())
}

fn taken() -> Result<()> {
    let bare = testbed::Bare::new()?;
    let files = [cat("echo", 7000, ""), cat("other", 7001, "")].concat();
    bare.write("/etc/xinetd.conf", files, 0o644)?;
    let hold = "use IO::Socket::INET; my $s = IO::Socket::INET->new(Listen => 1, LocalPort => 7000) or die; sleep 999";
    bare.write("/hold.pl", hold, 0o644)?;
    let running = bare.start(
        "perl /hold.pl & while ! grep -q :1B58 /proc/net/tcp; do sleep 0.01; done; exec xinetd -dontfork",
    )?;
    running.wait_for("service echo: bind to port 7000 failed: Address already in use")?;
    running.wait_for("Started working: 1 available service\n")?;
    running.enter_network()?;
    client(7001)?;
    running.sh("kill $(pidof perl)")?;
    running.wait_for("service echo listens on port 7000 now")?;
    client(7000)?;
    // It has become the parent of a process that it did not start.
    running.signal(Signal::SIGCHLD)?;
    running.wait_until("no zombie", || {
        running.sh("! ps -eo stat= | grep -q Z").is_ok()
    })
}

/// Those that have a socket are served, as helpers need descriptors too.
fn few_descriptors() -> Result<()> {
    let bare = testbed::Bare::new()?;
    let services = (7000..7050).map(|port| cat(&format!("cat{port}"), port, ""));
    bare.write("/etc/xinetd.conf", services.collect::<String>(), 0o644)?;
    let running = bare.start("ulimit -n 64; exec xinetd -dontfork")?;
    running.wait_for(
        "service cat7049: bind to port 7049 failed: half of the 64 descriptors are for sockets",
    )?;
    running.wait_for("Started working: ")?;
    running.enter_network()?;
    for port in 7000..7010 {
        client(port)?;
    }
    Ok(())
}

/// The helper's are for sessions. Those that it has go on, and new ones are served when there is room again.
fn full_helper() -> Result<()> {
    let bare = testbed::Bare::new()?;
    let files = [
        DEFAULTS,
        &cat("full", 7000, "instances = UNLIMITED"),
        &cat("other", 7001, ""),
    ];
    bare.write("/etc/xinetd.conf", files.concat(), 0o644)?;
    let running = bare.start("ulimit -n 64; exec xinetd -dontfork")?;
    running.wait_for("Started working: ")?;
    running.enter_network()?;
    let mut sessions = Vec::new();
    while let Ok(session) = client(7000) {
        sessions.push(session);
        equal("sessions", sessions.len() < 64, true)?;
    }
    running.wait_for("Deactivating service full due to no available descriptors.")?;
    client(7001)?;
    for session in &mut sessions {
        session.echo(b"goes on")?;
    }
    sessions.truncate(1);
    running.wait_until("room again", || client(7000).is_ok())?;
    sessions[0].echo(b"goes on")
}
