//! The program in the background, as scripts start it: exit status, pid file, and a second start.

use testbed::{Bare, Result, equal};

use super::Scenario;
use super::machine::{DEFAULTS, cat, client};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("all_is_there_when_the_start_is_over", ready),
    ("a_pid_file_of_a_container_that_was_started_anew", kept),
    ("a_start_that_fails_has_an_exit_status", failed),
    ("a_second_start_leaves_the_first_alone", second),
    ("a_log_that_was_put_aside_is_opened_anew", put_aside),
];

/// A machine on which nothing runs yet, with one service.
fn idle() -> Result<(Bare, testbed::Running)> {
    let bare = Bare::new()?;
    let files = [DEFAULTS.to_owned(), cat("echo", 7000, "")].concat();
    bare.write("/etc/xinetd.conf", files, 0o644)?;
    let running = bare.start("echo up; exec sleep infinity")?;
    running.wait_for("up")?;
    running.enter_network()?;
    Ok((bare, running))
}

fn ready() -> Result<()> {
    let (_bare, running) = idle()?;
    running.sh("set -e; for try in 1 2 3 4 5 6 7 8 9 10; do
        xinetd -filelog /run/log -pidfile /run/x.pid
        kill -0 $(cat /run/x.pid)
        xinetdctl status echo
        kill -TERM $(cat /run/x.pid)
        while test -e /run/x.pid; do sleep 0.01; done
    done")?;
    Ok(())
}

/// It has the number that the first of the two processes has this time.
fn kept() -> Result<()> {
    let (_bare, running) = idle()?;
    running
        .sh("sh -c 'echo $$ > /run/x.pid; exec xinetd -filelog /run/log -pidfile /run/x.pid'")?;
    running.sh("kill -0 $(cat /run/x.pid)").map(drop)
}

fn failed() -> Result<()> {
    let (_bare, running) = idle()?;
    let fails = |command: &str, why: &str| -> Result<()> {
        let said = running.sh(&format!("! {command} 2>&1 && ! pidof xinetd"))?;
        match said.contains(why) {
            true => Ok(()),
            false => Err(format!("{command}: {said}")),
        }
    };
    fails(
        "xinetd -pidfile /nonexistent/pid",
        "/nonexistent/pid: No such file",
    )?;
    fails(
        "xinetd -pidfile /run",
        "the pid file /run: it is there, and no file",
    )?;
    fails("xinetd -f /nonexistent", "/nonexistent can't be read")?;
    running.sh("xinetd -filelog /run/log -pidfile /dev/null && kill -TERM $(pidof xinetd)")?;
    running.wait_until("the end", || running.sh("! pidof xinetd").is_ok())?;
    running.sh("test -c /dev/null")?;
    running.sh("mv /dev/null /dev/away")?;
    let without = fails("xinetd", "start with -dontfork");
    running.sh("mv /dev/away /dev/null")?;
    without
}

fn second() -> Result<()> {
    let (_bare, running) = idle()?;
    running.sh("xinetd -filelog /run/log -pidfile /run/x.pid")?;
    let pid = running.read("/run/x.pid");
    let said = running.sh("! xinetd -stayalive -pidfile /run/other.pid 2>&1")?;
    let expected = format!("xinetd runs already, as process {}", pid.trim());
    equal(&said, said.contains(&expected), true)?;
    // One with another main file is another xinetd; the pid file is not for both.
    running.sh("sed s/7000/7001/ /etc/xinetd.conf > /etc/other.conf")?;
    let said = running.sh("! xinetd -f /etc/other.conf -pidfile /run/x.pid 2>&1")?;
    let is_named = said.contains("names a xinetd that runs");
    equal(&said, is_named, true)?;
    running.sh("xinetd -f /etc/other.conf -filelog /run/other.log -pidfile /run/y.pid")?;
    equal("its file", running.read("/run/x.pid"), pid)?;
    client(7000)?;
    client(7001)?;
    Ok(())
}

/// As logrotate does.
fn put_aside() -> Result<()> {
    let (_bare, running) = idle()?;
    running.sh("xinetd -filelog /run/log")?;
    running.sh("mv /run/log /run/log.1 && xinetdctl reopen-logs && test -e /run/log")?;
    client(7000)?;
    running.wait_until("the line in the new file", || {
        running.read("/run/log").contains("START: echo")
    })
}
