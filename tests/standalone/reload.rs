//! SIGHUP.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use testbed::{Bare, Close, Peer, Result, equal};

use super::Scenario;
use super::machine::{DEFAULTS, at, cat, client, serve, serving};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("a_reload_changes_what_has_changed", changes),
    ("a_reload_without_a_main_file_changes_nothing", without_main),
    (
        "a_server_that_is_missing_for_a_moment_takes_no_service_down",
        replaced_server,
    ),
    ("a_hundred_reloads_refuse_no_client", under_load),
];

/// As a package manager replaces it.
fn replaced_server() -> Result<()> {
    let files = cat("echo", 7000, "").replace("/bin/cat", "/usr/local/bin/own");
    let bare = Bare::new()?;
    bare.write("/etc/xinetd.conf", files, 0o644)?;
    bare.write("/usr/local/bin/own", "#!/bin/sh\nexec cat\n", 0o755)?;
    let running = serve(&bare, "-dontfork")?;
    let mut session = client(7000)?;
    running.sh("mv /usr/local/bin/own /usr/local/bin/own.new; kill -HUP 1")?;
    running.wait_for("service echo goes on as it was")?;
    running.sh("kill -ABRT 1")?;
    running.wait_for("service echo: the server /usr/local/bin/own can't be executed")?;
    session.echo(b"goes on")?;
    running.sh("mv /usr/local/bin/own.new /usr/local/bin/own; kill -ABRT 1")?;
    running.wait_for("Consistency check passed")?;
    client(7000).map(drop)
}

fn changes() -> Result<()> {
    let before = [
        DEFAULTS.to_owned(),
        cat("same", 7000, ""),
        cat("limited", 7001, ""),
        cat("masked", 7002, ""),
        cat("bound", 7003, ""),
        cat("gone", 7004, ""),
    ];
    let (bare, running) = serving(&before.concat(), "-dontfork")?;
    let mut sessions = Vec::new();
    for port in 7000..=7004 {
        sessions.push(client(port)?);
    }
    let helper = || running.sh("pgrep -f 'xinetd-accept sam[e]'");
    let first = helper()?;
    let after = [
        DEFAULTS.to_owned(),
        cat("same", 7000, ""),
        cat("limited", 7001, "instances = 1"),
        cat("masked", 7002, "umask = 077"),
        cat("bound", 7003, "bind = 127.0.0.1\n instances = 2"),
        cat("new", 7005, ""),
    ];
    bare.write("/etc/xinetd.conf", after.concat(), 0o644)?;
    running.signal(Signal::SIGHUP)?;
    running.wait_for("Reconfigured: new=1 old=4 dropped=1 (services), of which changed=3")?;
    for session in sessions.drain(4..) {
        equal(
            "a session that ends",
            session.read_to_end()?.close,
            Close::Fin,
        )?;
    }
    for session in &mut sessions {
        session.echo(b"goes on")?;
    }
    client(7000)?;
    equal("the helper of what has not changed", helper()?, first)?;
    let second = Peer::hear(at(7001), None)?;
    equal(
        "a client beyond the new limit",
        second.bytes.is_empty(),
        true,
    )?;
    running.wait_until("the new umask", || client(7002).is_ok())?;
    let masks = "for pid in $(pgrep -x cat); do grep Umask /proc/$pid/status; done | sort -u";
    let _session = client(7002)?;
    equal("the new umask", running.sh(masks)?.contains("0077"), true)?;
    let _second = client(7003)?;
    let third = Peer::hear(at(7003), None)?;
    equal("the session of before counts", third.bytes.is_empty(), true)?;
    client(7005)?;
    equal("what is gone", client(7004).is_err(), true)?;
    for session in &mut sessions {
        session.echo(b"goes on")?;
    }
    Ok(())
}

fn without_main() -> Result<()> {
    let (_bare, running) = serving(&cat("echo", 7000, ""), "-dontfork")?;
    let mut session = client(7000)?;
    running.sh("mv /etc/xinetd.conf /etc/aside; mkdir /etc/xinetd.conf")?;
    running.signal(Signal::SIGUSR2)?;
    running.wait_for("reconfiguration failed; all services go on as they are")?;
    session.echo(b"goes on")?;
    client(7000).map(drop)
}

/// Each reload has the helper take another limit, and each fourth one another umask, which takes another helper.
fn under_load() -> Result<()> {
    let files = |number: u32| {
        // Clients come faster than the usual cps lets them, and a reload begins its count anew: where one comes late
        // they would be reset.
        let (instances, umask) = (100 + number, number / 4 % 8);
        let more = format!("instances = {instances}\n umask = 0{umask}\n cps = 100000 1");
        cat("echo", 7000, &more)
    };
    let (bare, running) = serving(&files(0), "-dontfork")?;
    let mut session = client(7000)?;
    let over = AtomicBool::new(false);
    let enter = || running.enter_network();
    let clients = thread::scope(|scope| {
        let clients = scope.spawn(|| {
            enter()?;
            let mut served = 0;
            while !over.load(Ordering::Relaxed) {
                client(7000).map_err(|error| format!("client {served}: {error}"))?;
                served += 1;
            }
            Ok::<u32, String>(served)
        });
        let reloads = || {
            for number in 1..=100 {
                bare.write("/etc/xinetd.conf", files(number), 0o644)?;
                running.signal(Signal::SIGHUP)?;
                thread::sleep(Duration::from_millis(20));
            }
            Ok::<(), String>(())
        };
        let reloaded = reloads();
        over.store(true, Ordering::Relaxed);
        reloaded?;
        clients
            .join()
            .map_err(|_| "the clients panicked".to_owned())?
    })?;
    equal("many clients", clients > 100, true)?;
    session.echo(b"goes on")
}
