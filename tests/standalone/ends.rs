//! The end, and what process 1 owes its container.

use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use testbed::{Bare, Close, Peer, Result, equal};

use super::Scenario;
use super::machine::{cat, client, serve, serving};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("term_ends_all_sessions", term),
    ("term_ends_what_stands_still", still),
    ("quit_leaves_the_servers", quit),
    ("orphans_leave_no_zombies", orphans),
    ("a_supervisor_that_stood_still_kills_no_helper", stood_still),
    (
        "it_hears_of_its_children_whatever_its_parent_ignores",
        ignored,
    ),
    ("the_state_is_written_down", dump),
    ("signals_that_come_while_it_starts", early),
];

/// One of the servers does not listen to SIGTERM, and one has left a process in the background.
fn term() -> Result<()> {
    let bare = Bare::new()?;
    let deaf = "#!/usr/bin/perl\n$SIG{TERM} = 'IGNORE'; $| = 1; while (<STDIN>) { print }\n";
    bare.write("/usr/local/bin/deaf", deaf, 0o755)?;
    let leaves = "#!/bin/sh\n(setsid sleep 1000 </dev/null >/dev/null 2>&1 &)\nexec cat\n";
    bare.write("/usr/local/bin/leaves", leaves, 0o755)?;
    let files = [
        cat("echo", 7000, "instances = UNLIMITED\n cps = 100000 1"),
        cat("deaf", 7001, "").replace("/bin/cat", "/usr/local/bin/deaf"),
        cat("leaves", 7002, "").replace("/bin/cat", "/usr/local/bin/leaves"),
    ];
    bare.write("/etc/xinetd.conf", files.concat(), 0o644)?;
    let running =
        bare.start("sleep 1001 & xinetd -dontfork; echo ended with $?; exec sleep infinity")?;
    running.wait_for("Started working")?;
    running.enter_network()?;
    let mut sessions = Vec::new();
    for _ in 0..500 {
        sessions.push(client(7000)?);
    }
    sessions.push(client(7002)?);
    let mut deaf =
        Peer::connect(super::machine::at(7001), None)?.map_err(|close| format!("{close:?}"))?;
    deaf.echo(b"a line\n")?;
    running.sh("pgrep -f 'slee[p] 1000'")?;
    let begin = Instant::now();
    running.sh("kill -TERM $(pidof xinetd)")?;
    for session in sessions {
        equal("a session", session.read_to_end()?.close, Close::Fin)?;
    }
    equal("those that listen", begin.elapsed().as_secs() < 4, true)?;
    equal("the deaf one", deaf.read_to_end()?.close, Close::Fin)?;
    running.wait_for("ended with 0")?;
    running.sh("! pgrep -f 'slee[p] 1000' && ! pidof xinetd-accept && ! pgrep -x cat")?;
    // What was started before it is not its own.
    running.sh("pgrep -f 'slee[p] 1001'").map(drop)
}

/// As if it did not: nothing has to be killed for its time.
fn still() -> Result<()> {
    let files: String = (7000..7004)
        .map(|port| cat(&format!("echo{port}"), port, ""))
        .collect();
    let (_bare, mut running) = serving(&files, "-dontfork")?;
    let sessions: Vec<_> = (7000..7004).map(client).collect::<Result<_>>()?;
    running.sh("kill -STOP $(pidof xinetd-accept) $(pgrep -x cat | head -2)")?;
    let begin = Instant::now();
    running.sh("kill -TERM 1")?;
    for session in sessions {
        equal("a session", session.read_to_end()?.close, Close::Fin)?;
    }
    equal("the end", running.wait()?.code(), Some(0))?;
    equal("in time", begin.elapsed().as_secs() < 4, true)
}

fn quit() -> Result<()> {
    let bare = Bare::new()?;
    bare.write("/etc/xinetd.conf", cat("echo", 7000, ""), 0o644)?;
    let running = bare
        .start("xinetd -dontfork -pidfile /run/x.pid; echo ended with $?; exec sleep infinity")?;
    running.wait_for("Started working")?;
    running.enter_network()?;
    let mut session = client(7000)?;
    running.sh("kill -QUIT $(cat /run/x.pid)")?;
    running.wait_for("ended with 0")?;
    session.echo(b"goes on")?;
    running.sh("! pidof xinetd-accept && ! test -e /run/x.pid")?;
    equal("the port", client(7000).is_err(), true)
}

/// Servers leave a hundred processes to process 1 that end at once.
fn orphans() -> Result<()> {
    let bare = Bare::new()?;
    let script = "#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8 9 10; do (sh -c true &); done\nexec cat\n";
    bare.write("/usr/local/bin/leaves", script, 0o755)?;
    let leaves = cat("leaves", 7000, "").replace("/bin/cat", "/usr/local/bin/leaves");
    bare.write("/etc/xinetd.conf", leaves, 0o644)?;
    let running = serve(&bare, "-dontfork")?;
    for _ in 0..10 {
        client(7000)?;
    }
    running.wait_until("no zombie is left", || {
        running.sh("! ps -eo stat= | grep -q Z").is_ok()
    })
}

/// The kernel reaps the children of a process that ignores SIGCHLD, and exec keeps what is ignored.
fn ignored() -> Result<()> {
    let bare = Bare::new()?;
    bare.write("/etc/xinetd.conf", cat("echo", 7000, ""), 0o644)?;
    let running = bare.start("exec env --ignore-signal=CHLD,HUP xinetd -dontfork")?;
    running.wait_for("Started working")?;
    running.enter_network()?;
    let mut session = client(7000)?;
    running.sh("pkill -KILL -f 'xinetd-accept ech[o]'")?;
    running.wait_for("was killed by signal 9; the next one starts")?;
    running.wait_until("the next helper", || client(7000).is_ok())?;
    session.echo(b"goes on")?;
    running.signal(Signal::SIGHUP)?;
    running.wait_for("Reconfigured: ")
}

fn dump() -> Result<()> {
    let (_bare, running) = serving(
        &[cat("echo", 7000, ""), cat("idle", 7001, "")].concat(),
        "-dontfork",
    )?;
    let _session = client(7000)?;
    running.wait_until("the session in the dump", || {
        let dumped = running.signal(Signal::SIGUSR1).is_ok();
        dumped
            && running
                .read("/run/xinetd.dump")
                .contains("serves: 1 running")
    })?;
    let text = running.read("/run/xinetd.dump");
    equal(
        "the other one",
        text.contains("service idle: tcp, port 7001, listens\n"),
        true,
    )
}

/// It has so many files to read that they come before it serves.
fn early() -> Result<()> {
    let bare = Bare::new()?;
    let services = (7000..8500).map(|port| cat(&format!("cat{port}"), port, ""));
    bare.write("/etc/xinetd.conf", services.collect::<String>(), 0o644)?;
    let begun = |script: &str| -> Result<_> {
        let running = bare.start(script)?;
        running.wait_for(" started.\n")?;
        Ok(running)
    };
    let running = begun("xinetd -dontfork; exec sleep infinity")?;
    running.sh("pkill -HUP -x xinetd")?;
    running.wait_for("Reconfigured: ")?;
    drop(running);
    let mut running = begun("exec xinetd -dontfork")?;
    running.signal(Signal::SIGTERM)?;
    equal("status", running.wait()?.code(), Some(0))
}

/// For longer than a helper may be silent; and there are more helpers than their socket has room for messages.
fn stood_still() -> Result<()> {
    let ports = 7000..7024;
    let services: String = ports
        .clone()
        .map(|port| cat(&format!("echo-{port}"), port, ""))
        .collect();
    let (_bare, running) = serving(&services, "-dontfork")?;
    let mut sessions: Vec<Peer> = ports.clone().map(client).collect::<Result<_>>()?;
    running.signal(Signal::SIGSTOP)?;
    sleep(Duration::from_secs(45));
    running.signal(Signal::SIGCONT)?;
    for (session, port) in sessions.iter_mut().zip(ports) {
        session.echo(b"goes on")?;
        client(port)?;
    }
    // Whatever is to be killed is by now.
    running.signal(Signal::SIGHUP)?;
    running.wait_for("Reconfigured: ")?;
    equal(
        "a helper is killed",
        running.said().contains("is killed"),
        false,
    )
}
