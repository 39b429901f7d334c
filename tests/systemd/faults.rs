//! Parts that die, hang or misbehave.

use testbed::{Close, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, contains, turned_away, unfolded};

pub(crate) const SCENARIOS: &[Scenario] = &[
    (
        "a_killed_helper_leaves_its_sessions_and_limits",
        killed_helper,
    ),
    ("a_stopped_helper_is_replaced", stopped_helper),
    ("a_server_of_root_may_kill_its_helper", hostile_server),
    ("a_server_that_cannot_be_executed_is_named", not_executable),
    ("a_helper_that_cannot_be_started_is_named", not_startable),
    ("a_server_that_dies_at_once_harms_nobody", dies_at_once),
    (
        "clients_are_served_while_the_helper_restarts",
        steady_stream,
    ),
];

const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat";

fn killed_helper(bed: &Bed) -> Result<()> {
    let served = bed.serve("killed", &format!("{CAT}\n\tinstances = 2"))?;
    let mut first = served.connect()?;
    first.echo(b"before")?;
    let mut second = served.connect()?;
    second.echo(b"before")?;
    let helper = served.helper()?;
    bed.container.sh(&format!("kill -9 {helper}"))?;
    first.echo(b"after")?;
    second.echo(b"after")?;
    turned_away(&served.hear()?)?;
    served.await_line("FAIL: killed service_limit")?;
    first.finish()?;
    equal("end", first.read_to_end()?.close, Close::Fin)?;
    served.await_line("EXIT: killed")?;
    served.connect()?.echo(b"room again")
}

fn stopped_helper(bed: &Bed) -> Result<()> {
    let served = bed.serve("frozen", CAT)?;
    let mut session = served.connect()?;
    session.echo(b"before")?;
    served.drop_in("service", "[Service]\nWatchdogSec=2\n")?;
    bed.container
        .sh("systemctl kill -s KILL --kill-who=main frozen.service")?;
    let mut after = served.connect()?;
    after.echo(b"a helper with a short watchdog")?;
    let helper = served.helper()?;
    bed.container.sh(&format!("kill -STOP {helper}"))?;
    served.connect()?.echo(b"served by the next one")?;
    session.echo(b"after")?;
    equal("another helper", served.helper()? == helper, false)
}

fn hostile_server(bed: &Bed) -> Result<()> {
    // Where the helper has gone by then, its parent is systemd, for which SIGINT is a reboot.
    let script = bed.script(
        "hostile",
        "test $PPID -eq 1 || kill -$1 $PPID 2>/dev/null; exec cat",
    )?;
    for signal in ["KILL", "TERM", "HUP", "INT", "USR1", "QUIT"] {
        let id = format!("hostile-{}", signal.to_lowercase());
        let lines = format!("\tuser = root\n\tserver = {script}\n\tserver_args = {signal}");
        let served = bed.serve(&id, &lines)?;
        let mut session = served.connect()?;
        session
            .echo(b"alive")
            .map_err(|error| format!("{id}: {error}"))?;
        let mut next = served.connect()?;
        next.echo(b"next")
            .map_err(|error| format!("{id}: the next client: {error}"))?;
        session
            .echo(b"still alive")
            .map_err(|error| format!("{id}: later: {error}"))?;
    }
    Ok(())
}

fn not_executable(bed: &Bed) -> Result<()> {
    bed.container
        .write("/usr/local/bin/not-a-program", "no magic in here", 0o755)?;
    let served = bed.serve(
        "noexec",
        "\tuser = nobody\n\tserver = /usr/local/bin/not-a-program",
    )?;
    turned_away(&served.hear()?)?;
    served.await_line("execv( /usr/local/bin/not-a-program ) failed: ")?;
    equal("the helper lives", served.helper()? == "0", false)?;
    let down = "/usr/local/bin/not-a-program can't be executed: Exec format error";
    await_down(bed, "noexec", down)?;
    contains(
        &bed.container.sh("xinetdctl metrics")?,
        "service=\"noexec\",unit=\"noexec\",reason=\"exec\"} 1",
    )?;
    bed.container
        .write("/usr/local/bin/not-a-program", "#!/bin/sh\n", 0o755)?;
    served.hear()?;
    bed.container
        .wait_until("xinetdctl list | grep -q '^noexec .* on '")?;
    bed.container
        .write("/usr/local/bin/not-a-program", "#!/nonexistent\n", 0o755)?;
    let (_, checked) = bed.container.try_sh("xinetdctl check -s noexec")?;
    contains(
        &unfolded(&checked),
        "its interpreter /nonexistent is not there",
    )?;
    forget(bed, "noexec")
}

/// Waits until all commands call a service down for this reason.
fn await_down(bed: &Bed, id: &str, reason: &str) -> Result<()> {
    let _alone = bed.no_reloads();
    // A reason may take several lines of a terminal's width.
    let flat = "tr -s '\n ' ' '";
    bed.container
        .wait_until(&format!("xinetdctl list | {flat} | grep -qF \"{reason}\""))?;
    contains(
        &bed.container.sh("xinetdctl metrics")?,
        &format!("xinetd_up{{service=\"{id}\",unit=\"{id}\"}} 0"),
    )?;
    for command in ["status", "check", "reload"] {
        let said = bed.container.sh(&format!("xinetdctl {command} | {flat}"))?;
        let down = format!("{id} is down: ");
        contains(&said, &down)?;
        contains(&said, reason)?;
    }
    let explain = format!("xinetdctl explain {id} 127.0.0.1");
    let (admitted, _) = bed.container.try_sh(&explain)?;
    equal("explain", admitted, false)?;
    let (reloaded, _) = bed.container.try_sh("xinetdctl reload")?;
    equal("reload", reloaded, false)
}

fn forget(bed: &Bed, id: &str) -> Result<()> {
    let files = format!("/etc/xinetd.d/{id} /etc/systemd/system/{id}.service.d");
    bed.container.sh(&format!("rm -rf {files}"))?;
    bed.daemon_reload()
}

fn not_startable(bed: &Bed) -> Result<()> {
    let served = bed.serve("loops", CAT)?;
    served.drop_in("service", "[Service]\nInaccessiblePaths=/nonexistent\n")?;
    let mut waiting = served.connect()?;
    await_down(
        bed,
        "loops",
        "its helper can't be started (exit status 226), and clients wait",
    )?;
    bed.container
        .sh("rm -r /etc/systemd/system/loops.service.d")?;
    bed.daemon_reload()?;
    waiting.echo(b"served in the end")?;
    let helper = served.helper()?;
    bed.container.sh(&format!("kill -9 {helper}"))?;
    let listed = bed.container.sh("xinetdctl list")?;
    let line = listed.lines().find(|line| line.starts_with("loops "));
    contains(line.unwrap_or_default(), " on ")?;
    forget(bed, "loops")
}

fn dies_at_once(bed: &Bed) -> Result<()> {
    let script = bed.script("suicide", "kill -9 $$")?;
    let served = bed.serve(
        "dies",
        &format!("\tuser = nobody\n\tserver = {script}\n\tcps = 1000 1"),
    )?;
    for _ in 0..50 {
        turned_away(&served.hear()?)?;
    }
    served.await_line("EXIT: dies signal=9 pid=").map(drop)
}

fn steady_stream(bed: &Bed) -> Result<()> {
    let served = bed.serve("steady", &format!("{CAT}\n\tcps = 10000 1"))?;
    for round in 0..200 {
        if round % 50 == 10 {
            let helper = served.helper()?;
            bed.container.try_sh(&format!("kill -9 {helper}"))?;
        }
        served
            .connect()?
            .echo(b"one of many")
            .map_err(|error| format!("{round}: {error}"))?;
    }
    Ok(())
}
