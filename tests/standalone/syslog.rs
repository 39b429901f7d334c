//! rsyslog beside it, as in images that start both by a shell script.

use std::time::{Duration, Instant};

use testbed::{Bare, Result, Running, Suite, equal};

use super::Scenario;
use super::machine::{DEFAULTS, cat, client};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("rsyslog_and_xinetd_by_one_script", one_script),
    ("a_syslog_that_is_started_later_gets_the_log", started_later),
    ("a_syslog_that_is_started_anew_gets_the_log", started_anew),
    (
        "in_the_background_lines_without_syslog_are_counted",
        in_background,
    ),
    ("a_syslog_that_hangs_costs_lines_and_no_time", hangs),
];

/// The file of the facility local0.
const LOG: &str = "/var/log/xinetd.log";

const RSYSLOG: &str = "rm -f /run/rsyslogd.pid; rsyslogd";

const STOP_RSYSLOG: &str =
    "pid=$(cat /run/rsyslogd.pid); kill $pid; while test -d /proc/$pid; do sleep 0.01; done";

/// A machine with rsyslog as Debian configures it, and the service echo at port 7000.
fn machine() -> Result<Bare> {
    let bare = Bare::of(Suite::Syslog)?;
    bare.write(
        "/etc/rsyslog.d/xinetd.conf",
        format!("local0.* {LOG}\n"),
        0o644,
    )?;
    let own = cat("own", 7001, "log_type = SYSLOG mail notice");
    let files = [DEFAULTS, &cat("echo", 7000, "cps = 100000 1"), &own];
    bare.write("/etc/xinetd.conf", files.concat(), 0o644)?;
    Ok(bare)
}

/// Waits until a line of the file has this.
fn await_line(running: &Running, path: &str, part: &str) -> Result<()> {
    let holds = || running.read(path).contains(part);
    running
        .wait_until(&format!("{part} in {path}"), holds)
        .map_err(|error| format!("{error}\nthe file:\n{}", running.read(path)))
}

fn starts_in(running: &Running, path: &str) -> usize {
    running.read(path).matches("START: echo pid=").count()
}

/// One shell script has started rsyslog and xinetd, which serves.
fn beside_rsyslog() -> Result<(Bare, Running)> {
    let bare = machine()?;
    let running = bare.start(&format!(
        "{RSYSLOG} && exec xinetd -dontfork -syslog local0"
    ))?;
    running.enter_network()?;
    running.wait_until("the port is open", || client(7000).is_ok())?;
    Ok((bare, running))
}

/// The lines of a service have the facility of the option, or its own.
fn one_script() -> Result<()> {
    let (_bare, running) = beside_rsyslog()?;
    client(7001)?;
    await_line(&running, LOG, "Started working: 2 available services")?;
    await_line(&running, LOG, "]: START: echo pid=")?;
    await_line(&running, "/var/log/mail.log", "]: START: own pid=")?;
    let log = running.read(LOG);
    equal(&log, log.contains("START: own"), false)?;
    equal("console", running.said(), String::new())
}

/// Until then they go to standard error.
fn started_later() -> Result<()> {
    let bare = machine()?;
    let running = bare.start("exec xinetd -dontfork -syslog local0")?;
    running.wait_for("Started working")?;
    running.enter_network()?;
    client(7000)?;
    running.wait_for("START: echo pid=")?;
    running.sh(RSYSLOG)?;
    running.wait_until("a line there", || {
        client(7000).is_ok() && starts_in(&running, LOG) > 0
    })?;
    running.wait_for("the log goes to syslog from now on")?;
    let said = running.said();
    client(7000)?;
    running.wait_until("the next line", || starts_in(&running, LOG) > 1)?;
    equal("standard error", running.said(), said)
}

fn started_anew() -> Result<()> {
    let (_bare, running) = beside_rsyslog()?;
    let _session = client(7000)?;
    await_line(&running, LOG, "START: echo pid=")?;
    running.sh(STOP_RSYSLOG)?;
    let before = starts_in(&running, LOG);
    client(7000)?;
    running.wait_for("the log goes on here until syslog is back")?;
    running.wait_for("START: echo pid=")?;
    running.sh(RSYSLOG)?;
    running.wait_until("a line there", || {
        client(7000).is_ok() && starts_in(&running, LOG) > before
    })?;
    let log = running.read(LOG);
    equal(&log, log.contains("lines were lost"), false)?;
    // One that is killed leaves its socket behind.
    running.sh("kill -KILL $(cat /run/rsyslogd.pid)")?;
    let before = running.said();
    running.wait_until("a line on standard error", || {
        let _ = client(7000);
        running.said()[before.len()..].contains("START: echo pid=")
    })
}

/// Where an image starts xinetd before rsyslog.
fn in_background() -> Result<()> {
    let bare = machine()?;
    let running = bare.start("xinetd -syslog local0; exec sleep infinity")?;
    running.wait_for(
        "no syslog daemon listens at /dev/log: in the background the messages after this are lost",
    )?;
    running.enter_network()?;
    running.wait_until("the port is open", || client(7000).is_ok())?;
    let said = running.said();
    running.sh(RSYSLOG)?;
    running.wait_until("a line there", || {
        client(7000).is_ok() && starts_in(&running, LOG) > 0
    })?;
    await_line(
        &running,
        LOG,
        "lines were lost, as the log could not be written",
    )?;
    equal("standard error", running.said(), said)
}

fn hangs() -> Result<()> {
    let bare = machine()?;
    let running = bare.start(&format!("{RSYSLOG} && exec xinetd -dontfork"))?;
    running.enter_network()?;
    running.wait_until("the port is open", || client(7000).is_ok())?;
    running.sh("kill -STOP $(cat /run/rsyslogd.pid)")?;
    let begin = Instant::now();
    // Each has two lines, and the socket has room for few.
    let room = running.sh("cat /proc/sys/net/unix/max_dgram_qlen")?;
    let room: u32 = room.trim().parse().unwrap_or(512);
    for _ in 0..room + 20 {
        client(7000)?;
    }
    let took = begin.elapsed();
    equal(&format!("{took:?}"), took < Duration::from_secs(20), true)?;
    running.sh("kill -CONT $(cat /run/rsyslogd.pid)")?;
    running.wait_until("the count of lost lines", || {
        client(7000).is_ok() && running.read("/var/log/syslog").contains("lines were lost")
    })?;
    equal("console", running.said(), String::new())
}
