//! RPC services and the real rpcbind.

use nix::sys::signal::Signal;
use testbed::{Bare, Result, Running, equal};

use super::Scenario;
use super::machine::{DEFAULTS, client};

pub(crate) const SCENARIOS: &[Scenario] =
    &[("rpc_services_are_registered_while_they_listen", registered)];

fn rpc(id: &str, number: u32, versions: &str, port: u16) -> String {
    format!(
        "service {id}\n{{\n type = RPC UNLISTED\n rpc_number = {number}\n rpc_version = {versions}\n \
         socket_type = stream\n protocol = tcp\n wait = no\n user = nobody\n server = /bin/cat\n port = {port}\n}}\n"
    )
}

/// Waits until rpcbind tells these versions of a program, each for IPv4 and IPv6.
fn await_versions(running: &Running, program: u32, versions: &str) -> Result<()> {
    let told = format!(
        "rpcinfo | awk '$1 == {program} && $3 ~ /tcp/ {{ print $2 }}' | sort | uniq -c | xargs"
    );
    let expected: Vec<String> = versions
        .split(' ')
        .filter(|one| !one.is_empty())
        .map(|one| format!("2 {one}"))
        .collect();
    let expected = expected.join(" ");
    running.wait_until(&format!("{program} {expected}"), || {
        running.sh(&told).is_ok_and(|told| told.trim() == expected)
    })
}

fn registered() -> Result<()> {
    let bare = Bare::new()?;
    let files = |services: &[String]| [DEFAULTS, &services.concat()].concat();
    let before = [
        rpc("stays", 300_001, "1", 7001),
        rpc("changes", 300_002, "1-2", 7002),
        rpc("goes", 300_003, "3", 7003),
    ];
    bare.write("/etc/xinetd.conf", files(&before), 0o644)?;
    let running = bare.start("xinetd -dontfork; exec sleep infinity")?;
    running.wait_for("stays is not registered: rpcbind: ")?;
    running.enter_network()?;
    client(7001)?;
    running.sh("rpcbind")?;
    running.wait_for("rpcbind was started: it is told of the RPC services")?;
    await_versions(&running, 300_001, "1")?;
    await_versions(&running, 300_002, "1 2")?;
    await_versions(&running, 300_003, "3")?;

    let after = [
        rpc("stays", 300_001, "1", 7001),
        rpc("changes", 300_002, "2-3", 7002),
    ];
    bare.write("/etc/xinetd.conf", files(&after), 0o644)?;
    running.sh("pkill -HUP -x xinetd")?;
    await_versions(&running, 300_002, "2 3")?;
    await_versions(&running, 300_003, "")?;
    running.wait_until("the port", || client(7002).is_ok())?;

    // It has forgotten all.
    running.sh("pkill -KILL -x rpcbind; rm -rf /run/rpcbind; rpcbind")?;
    await_versions(&running, 300_001, "1")?;
    await_versions(&running, 300_002, "2 3")?;

    running.sh("pkill -TERM -x xinetd; while pgrep -x xinetd; do sleep 0.01; done")?;
    await_versions(&running, 300_001, "")?;
    await_versions(&running, 300_002, "")?;
    equal(
        "no process is left",
        running.sh("pgrep xinetd; true")?,
        String::new(),
    )?;
    running.signal(Signal::SIGKILL)
}
