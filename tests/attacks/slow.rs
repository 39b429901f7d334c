//! What takes the attacker more than a command.

use std::time::{Duration, Instant};

use testbed::Result;

use crate::Attack;
use crate::machine::Machine;

pub(crate) const ALL: &[Attack] = &[
    Attack {
        sentence: "S9",
        name: "the_priority_of_its_helper",
        run: priority,
    },
    Attack {
        sentence: "S1",
        name: "all_of_the_user_stopped_in_a_loop",
        run: stopped,
    },
];

/// It can be changed, as setpriority(2) looks at the effective uid, and is put back.
fn priority(machine: &Machine) -> Result<()> {
    let script = "renice 19 $own && chrt --idle --pid 0 $own && taskset --pid --cpu-list 0 $own";
    let said = machine.attack(script)?;
    if !said.starts_with("the attack worked") {
        return Err(format!("the helper's priority can't be changed at all: {said}"));
    }
    let helper = machine.helper("attacker")?;
    machine.await_text(&format!("ps -o ni=,cls= -p {helper} | xargs"), "0 TS")?;
    let all = machine.container.sh("grep Cpus_allowed: /proc/1/status")?;
    machine.await_text(&format!("grep Cpus_allowed: /proc/{helper}/status"), all.trim())?;
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
    machine.container.sh("pkill -KILL -u attacker; true")?;
    machine.both_serve()
}
