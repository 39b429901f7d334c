//! Parts that die, hang or misbehave.

use testbed::{Close, Result};

use crate::Scenario;
use crate::bed::{Bed, equal, turned_away};

pub(crate) const SCENARIOS: &[Scenario] = &[
    (
        "a_killed_helper_leaves_its_sessions_and_limits",
        killed_helper,
    ),
    ("a_stopped_helper_is_replaced", stopped_helper),
    ("a_server_of_root_may_kill_its_helper", hostile_server),
    ("a_server_that_cannot_be_executed_is_named", not_executable),
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
    equal("the helper lives", served.helper()? == "0", false)
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
