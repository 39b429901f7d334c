//! Reload, stop, restart and idle exit.

use testbed::{Close, Result};

use crate::Scenario;
use crate::bed::{Bed, equal, turned_away};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("reload_takes_new_limits_and_keeps_sessions", reload),
    (
        "stopping_the_socket_closes_the_port_and_ends_sessions",
        stop_socket,
    ),
    ("stopping_the_service_ends_sessions", stop_service),
    ("an_edited_port_needs_a_restart_of_the_socket", edited_port),
    ("a_removed_file_is_gone_after_reload", removed),
    ("a_broken_spec_is_refused_by_reload", broken_reload),
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
    served.systemctl("stop", "socket")?;
    equal("the session", session.read_to_end()?.bytes.len(), 0)?;
    equal("a new client", served.hear()?.close, Close::Refused)
}

fn stop_service(bed: &Bed) -> Result<()> {
    let served = bed.serve("stopservice", CAT)?;
    let mut session = served.connect()?;
    session.echo(b"before")?;
    // The socket would start it again for the next client.
    bed.container
        .sh("systemctl stop stopservice.socket stopservice.service")?;
    let heard = session.read_to_end()?;
    equal("the session", heard.bytes.len(), 0)?;
    let left = bed
        .container
        .sh("systemctl show -P MainPID stopservice.service")?;
    equal("the helper", left.trim(), "0")?;
    equal("a new client", served.hear()?.close, Close::Refused)
}

fn edited_port(bed: &Bed) -> Result<()> {
    let mut served = bed.serve("moved", CAT)?;
    served.port = bed.port();
    served.rewrite(CAT)?;
    served.systemctl("restart", "socket")?;
    served.connect()?.echo(b"there")
}

fn removed(bed: &Bed) -> Result<()> {
    let served = bed.serve("removed", CAT)?;
    served.connect()?.echo(b"there")?;
    bed.container
        .sh("rm /etc/xinetd.d/removed; systemctl daemon-reload; systemctl stop removed.socket removed.service")?;
    equal("a client", served.hear()?.close, Close::Refused)?;
    let state = bed
        .container
        .sh("systemctl show -P LoadState removed.socket")?;
    equal("the unit", state.trim(), "not-found")
}

fn broken_reload(bed: &Bed) -> Result<()> {
    let served = bed.serve("brokenspec", CAT)?;
    let mut session = served.connect()?;
    session.echo(b"before")?;
    bed.container
        .write("/tmp/broken.toml", "format = nonsense", 0o600)?;
    let helper = served.helper()?;
    // What ExecReload= runs; the unit's own spec would be made anew by any other scenario.
    let (success, said) = bed.container.try_sh(&format!(
        "MAINPID={helper} /usr/libexec/xinetd-bridge/xinetd-accept --reload brokenspec /tmp/broken.toml"
    ))?;
    equal(&format!("reload: {said}"), success, false)?;
    session.echo(b"after")?;
    served.connect()?.echo(b"served as before")
}
