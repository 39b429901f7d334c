//! What takes the attacker more than a command.

use std::time::{Duration, Instant};

use testbed::Result;

use crate::Attack;
use crate::machine::Machine;

pub(crate) const ALL: &[Attack] = &[
    Attack {
        sentence: "T9",
        name: "the_priority_of_its_helper",
        run: priority,
    },
    Attack {
        sentence: "T8",
        name: "a_hit_by_a_server_of_before",
        run: old_session,
    },
    Attack {
        sentence: "T1",
        name: "all_of_the_user_stopped_in_a_loop",
        run: stopped,
    },
];

/// A server of a service that becomes a sensor stays in its control group.
fn old_session(machine: &Machine) -> Result<()> {
    const HIT: &str = "perl -MSocket -e 'socket(S, AF_UNIX, SOCK_SEQPACKET, 0) or die; \
        connect(S, sockaddr_un(\"/run/xinetd-coordinator/helpers\")) or die; \
        send(S, \"hit 192.0.2.50\", 0); recv(S, $answer, 256, 0); print \"$answer \\n\"'\n";
    let mut session = machine.turn_into_a_sensor()?;
    session.send(HIT.as_bytes())?;
    session.finish()?;
    let said = session.read_to_end()?.text();
    let bans = machine.container.sh("xinetdctl bans list")?;
    if bans.contains("192.0.2.50") {
        return Err(format!("the hit counts: {said}"));
    }
    Ok(())
}

/// It can be changed, as setpriority(2) looks at the effective uid, and is put back.
fn priority(machine: &Machine) -> Result<()> {
    let script = "renice 19 $own && chrt --idle --pid 0 $own && taskset --pid --cpu-list 0 $own";
    let said = machine.attack(script)?;
    if !said.starts_with("the attack worked") {
        return Err(format!(
            "the helper's priority can't be changed at all: {said}"
        ));
    }
    let helper = machine.helper("attacker")?;
    let all = machine.container.sh("grep Cpus_allowed: /proc/1/status")?;
    machine.await_text(
        &format!("grep Cpus_allowed: /proc/{helper}/status"),
        all.trim(),
    )?;
    // A container may lack the capability that lets the helper reserve the right to it
    // (CAP_SYS_RESOURCE).
    let capabilities = machine
        .container
        .sh("grep CapBnd: /proc/1/status | cut -f 2")?;
    let capabilities = u64::from_str_radix(capabilities.trim(), 16).unwrap_or_default();
    match capabilities >> 24 & 1 {
        1 => machine.await_text(&format!("ps -o ni=,cls= -p {helper} | xargs"), "0 TS")?,
        _ => machine.await_text(
            "journalctl -o cat -u attacker.service | grep -c 'it can.t be put back'",
            "1",
        )?,
    }
    machine.both_serve()
}

/// Between its change of user and its execve a new server can be stopped by those of before.
fn stopped(machine: &Machine) -> Result<()> {
    let stopper = "perl -e '$end = time + 6; kill STOP => -1 while time < $end' </dev/null &";
    let _first = machine.start(stopper)?;
    let end = Instant::now() + Duration::from_secs(5);
    let mut servers = Vec::new();
    while Instant::now() < end {
        // Whatever becomes of the server, its helper serves on: a client that it refuses is told.
        servers.push(machine.start("")?);
        machine.refused_at_once()?;
    }
    drop(servers);
    machine.end_servers()?;
    machine.both_serve()
}
