//! Parts that are killed, and parts that stand still.

use testbed::{Bare, Close, Peer, Result, Running, equal};

use super::Scenario;
use super::machine::{DEFAULTS, at, cat, client, serving};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("a_helper_that_is_killed", killed_helper),
    ("a_supervisor_that_is_killed", killed_supervisor),
    ("a_server_that_is_killed", killed_server),
    ("a_helper_that_stands_still", still_helper),
    ("a_server_that_stands_still", still_server),
];

/// Its sessions go on, and its successor counts them.
fn killed_helper() -> Result<()> {
    let files = [DEFAULTS.to_owned(), cat("echo", 7000, "instances = 2")].concat();
    let (_bare, running) = serving(&files, "-dontfork")?;
    let mut session = client(7000)?;
    running.sh("kill -KILL $(pidof xinetd-accept)")?;
    running.wait_for("was killed by signal 9; the next one starts in 1 s")?;
    session.echo(b"goes on")?;
    let _second = client(7000)?;
    session.echo(b"goes on")?;
    let third = Peer::hear(at(7000), None)?;
    equal("the third", third.bytes.is_empty(), true)?;
    running.wait_for("FAIL: echo service_limit")?;
    drop(session);
    running.wait_until("room for one more", || client(7000).is_ok())
}

/// Its helpers go on serving, and the next one takes over.
fn killed_supervisor() -> Result<()> {
    let bare = Bare::new()?;
    bare.write("/etc/xinetd.conf", cat("echo", 7000, ""), 0o644)?;
    let running = bare.start("xinetd -pidfile /run/x.pid -filelog /x.log; exec sleep infinity")?;
    running.wait_until("the pid file", || {
        running.read("/run/x.pid").ends_with('\n')
    })?;
    running.enter_network()?;
    let mut session = client(7000)?;
    running.sh("kill -KILL $(cat /run/x.pid)")?;
    session.echo(b"goes on")?;
    client(7000)?;
    running.sh("xinetd -pidfile /run/x.pid -filelog /x.log")?;
    running.wait_until("the next one serves", || client(7000).is_ok())?;
    session.echo(b"goes on")?;
    let log = running.read("/x.log");
    equal(
        "it is said",
        log.contains("the last supervisor was killed: its 1 helpers have ended"),
        true,
    )
}

/// Its place is free again, and the log has the signal.
fn killed_server() -> Result<()> {
    let files = [DEFAULTS.to_owned(), cat("echo", 7000, "instances = 2")].concat();
    let (_bare, running) = serving(&files, "-dontfork")?;
    let mut other = client(7000)?;
    let session = client(7000)?;
    let full = Peer::hear(at(7000), None)?;
    equal("beyond the limit", full.bytes.is_empty(), true)?;
    let server = newest_server(&running)?;
    running.sh(&format!("kill -KILL {server}"))?;
    equal("its session", session.read_to_end()?.close, Close::Fin)?;
    running.wait_for(&format!("EXIT: echo signal=9 pid={server} duration="))?;
    client(7000)?;
    other.echo(b"goes on")
}

/// The watchdog ends it, its clients have waited, and its successor counts its sessions.
fn still_helper() -> Result<()> {
    let files = [
        DEFAULTS.to_owned(),
        cat("echo", 7000, "instances = 2"),
        cat("other", 7001, ""),
    ];
    let (_bare, running) = serving(&files.concat(), "-dontfork")?;
    let mut session = client(7000)?;
    stop_helper(&running)?;
    let mut waits = Peer::connect(at(7000), None)?.map_err(|close| format!("{close:?}"))?;
    session.echo(b"needs no helper")?;
    client(7001)?;
    let status = running.sh("xinetdctl status")?;
    let is_told = status
        .lines()
        .any(|line| line.starts_with("echo     silent "));
    equal(&status, is_told, true)?;
    running.wait_for("service echo: helper ")?;
    running.wait_for("is killed: its loop stands still (watchdog)")?;
    waits.echo(b"is served at last")?;
    running.wait_for("the helper was restarted and found 1 running servers")?;
    let third = Peer::hear(at(7000), None)?;
    equal("the third", third.bytes.is_empty(), true)?;
    session.echo(b"goes on")
}

/// It counts, and others are served.
fn still_server() -> Result<()> {
    let files = [DEFAULTS.to_owned(), cat("echo", 7000, "instances = 2")].concat();
    let (_bare, running) = serving(&files, "-dontfork")?;
    let mut still = client(7000)?;
    let server = newest_server(&running)?;
    running.sh(&format!("kill -STOP {server}"))?;
    let _second = client(7000)?;
    let third = Peer::hear(at(7000), None)?;
    equal("the third", third.bytes.is_empty(), true)?;
    running.sh(&format!("kill -CONT {server}"))?;
    still.echo(b"goes on")
}

fn newest_server(running: &Running) -> Result<String> {
    Ok(running.sh("pgrep -n -x cat")?.trim().to_owned())
}

fn stop_helper(running: &Running) -> Result<()> {
    running
        .sh("kill -STOP $(pgrep -f 'xinetd-accept ech[o]')")
        .map(drop)
}
