//! Reload, stop, restart and idle exit.

use std::time::Duration;

use testbed::{Close, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, turned_away};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("reload_takes_new_limits_and_keeps_sessions", reload),
    (
        "stopping_the_socket_closes_the_port_and_ends_sessions",
        stop_socket,
    ),
    ("stopping_the_service_ends_sessions", stop_service),
    ("a_chain_of_forks_ends_with_the_service", fork_chain),
    (
        "what_servers_leave_in_the_background_ends_with_the_service",
        background,
    ),
    ("a_restarted_service_serves_on", restart_service),
    ("a_restarted_socket_serves_on", restart_socket),
    ("a_broken_spec_is_refused_by_reload", broken_reload),
    ("an_idle_helper_leaves_and_systemd_listens_on", idle_exit),
    ("no_client_is_lost_when_helpers_come_and_go", steady_stream),
];

const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat";

fn reload(bed: &Bed) -> Result<()> {
    let served = bed.serve("reload", CAT)?;
    let mut session = served.connect()?;
    session.echo(b"before")?;
    let helper = served.helper()?;
    served.rewrite(&format!("{CAT}\n\tinstances = 1"))?;
    served.systemctl("reload", "service")?;
    turned_away(&served.hear()?)?;
    served.await_line("FAIL: reload service_limit")?;
    session.echo(b"after")?;
    equal("the helper", served.helper()?, helper)
}

fn stop_socket(bed: &Bed) -> Result<()> {
    let served = bed.serve("stopsocket", CAT)?;
    let mut session = served.connect()?;
    session.echo(b"before")?;
    let _alone = bed.no_reloads();
    served.systemctl("stop", "socket")?;
    equal("the session", session.read_to_end()?.bytes.len(), 0)?;
    // The line of a session that `systemctl stop` has ended is not lost.
    served.await_line("EXIT: stopsocket signal=15 pid=")?;
    equal("a new client", served.hear()?.close, Close::Refused)
}

fn restart_service(bed: &Bed) -> Result<()> {
    let served = bed.serve("restarted", CAT)?;
    let mut session = served.connect()?;
    session.echo(b"before")?;
    served.systemctl("restart", "service")?;
    equal("the session", session.read_to_end()?.bytes.len(), 0)?;
    served.connect()?.echo(b"after")
}

fn restart_socket(bed: &Bed) -> Result<()> {
    let served = bed.serve("resocket", CAT)?;
    let mut session = served.connect()?;
    session.echo(b"before")?;
    served.systemctl("restart", "socket")?;
    equal("the session", session.read_to_end()?.bytes.len(), 0)?;
    served.connect()?.echo(b"after")
}

fn stop_service(bed: &Bed) -> Result<()> {
    let served = bed.serve("stopservice", CAT)?;
    let mut session = served.connect()?;
    session.echo(b"before")?;
    let _alone = bed.no_reloads();
    // The socket would start it again for the next client.
    bed.container
        .sh("systemctl stop stopservice.socket stopservice.service")?;
    let heard = session.read_to_end()?;
    equal("the session", heard.bytes.len(), 0)?;
    let left = bed.container.property("stopservice.service", "MainPID")?;
    equal("the helper", left.trim(), "0")?;
    equal("a new client", served.hear()?.close, Close::Refused)
}

/// Fails unless the kernel says that no process of the service is left.
fn no_process(served: &Served<'_>) -> Result<()> {
    let id = &served.id;
    let look =
        format!("! grep 'populated 1' /sys/fs/cgroup/system.slice/{id}.service/cgroup.events");
    served.bed.container.sh(&look).map(drop)
}

fn fork_chain(bed: &Bed) -> Result<()> {
    // Each process makes the next one and ends, for a minute at most.
    let chain = "exec perl -e '$SIG{TERM} = \"IGNORE\"; syswrite STDOUT, \"up\"; close STDOUT; close STDIN; \
                 close STDERR; $end = time + 60; while (time < $end) { exit 0 if fork }'";
    let server = bed.script("fork-chain", chain)?;
    let served = bed.serve("forkchain", &format!("\tuser = games\n\tserver = {server}"))?;
    equal("the server", served.hear()?.text().as_str(), "up")?;
    let _alone = bed.no_reloads();
    served.systemctl("stop", "socket")?;
    no_process(&served)?;
    let result = served.systemctl("show -P Result", "service")?;
    equal("how it ended", result.trim(), "success")
}

fn background(bed: &Bed) -> Result<()> {
    let leave =
        "setsid sh -c \"trap '' HUP TERM; exec sleep $1\" </dev/null >/dev/null 2>&1 & echo left";
    let server = bed.script("leaves-a-daemon", leave)?;
    let lines = |seconds| {
        format!("\tuser = games\n\tserver = {server}\n\tserver_args = {seconds}\n\tcps = 0 0")
    };
    let served = bed.serve("background", &lines(1000))?;
    idle_for(&served, 1)?;
    equal("the server", served.hear()?.text().as_str(), "left\n")?;
    let helper = served.helper()?;
    // The helper would have left long ago.
    bed.container.sh("sleep 3")?;
    equal("the helper", served.helper()?, helper)?;
    {
        let _alone = bed.no_reloads();
        served.systemctl("stop", "service")?;
        no_process(&served)?;
    }
    served.rewrite(&lines(2))?;
    equal("another", served.hear()?.text().as_str(), "left\n")?;
    bed.container
        .wait_until("test \"$(systemctl show -P ActiveState background.service)\" = inactive")?;
    no_process(&served)
}

fn broken_reload(bed: &Bed) -> Result<()> {
    let served = bed.serve("brokenspec", CAT)?;
    let mut session = served.connect()?;
    session.echo(b"before")?;
    let _alone = bed.no_reloads();
    let spec = "/run/systemd/generator.late/xinetd-bridge/brokenspec.toml";
    bed.container.sh(&format!("echo nonsense = >>{spec}"))?;
    let (success, _) = bed
        .container
        .try_sh("systemctl reload brokenspec.service")?;
    equal("systemctl reload", success, false)?;
    session.echo(b"after")?;
    served.connect()?.echo(b"served as before")
}

/// A drop-in with which the helper stays for so many seconds without anything to do.
fn idle_for(served: &Served, seconds: u32) -> Result<()> {
    let command = format!(
        "/usr/libexec/xinetd-bridge/xinetd-accept --idle {seconds} {}",
        served.id
    );
    served.drop_in(
        "service",
        &format!("[Service]\nExecStart=\nExecStart={command}\n"),
    )
}

fn idle_exit(bed: &Bed) -> Result<()> {
    let served = bed.serve("idle", &format!("{CAT}\n\tcps = 0 0"))?;
    idle_for(&served, 1)?;
    let mut session = served.connect()?;
    session.echo(b"a session keeps it")?;
    session.finish()?;
    equal("end", session.read_to_end()?.close, Close::Fin)?;
    bed.container
        .wait_until("test \"$(systemctl show -P ActiveState idle.service)\" = inactive")?;
    let result = served.systemctl("show -P Result", "service")?;
    equal("how it left", result.trim(), "success")?;
    served.connect()?.echo(b"and here it is again")?;
    equal("a helper", served.helper()? == "0", false)
}

fn steady_stream(bed: &Bed) -> Result<()> {
    let served = bed.serve("comes-and-goes", &format!("{CAT}\n\tcps = 0 0"))?;
    // Each helper leaves as soon as its session has ended: so some client comes in every moment
    // of a helper's end.
    idle_for(&served, 0)?;
    let started = || -> Result<usize> {
        let lines = bed.container.journal("comes-and-goes.service")?;
        let started = lines
            .iter()
            .filter(|line| line.message().starts_with("Started "));
        Ok(started.count())
    };
    // The next client finds the helper still there or just gone, as the machine's other work
    // has it: the pauses reach every moment in between, and the rounds go on until enough left.
    let mut round = 0;
    while round < 300 || started()? <= 20 {
        equal("helpers come and go", round < 3000, true)?;
        for pause in 0..50_u32 {
            let mut peer = served.connect()?;
            peer.echo(b"one of many")
                .map_err(|error| format!("{round}, {pause}: {error}"))?;
            peer.finish()?;
            let heard = peer.read_to_end()?;
            equal("end", heard.close, Close::Fin)?;
            std::thread::sleep(Duration::from_micros(200) * (pause % 10));
        }
        round += 50;
    }
    Ok(())
}
