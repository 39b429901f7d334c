//! A dpkg that is killed in the middle of its work, as by a power cut.

use std::time::{Duration, Instant};

use testbed::{Result, Suite, equal};

use crate::debs::{self, NEW, OLD};
use crate::machine::{Machine, Sessions};
use crate::{Scenario, inside};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("a_killed_upgrade_is_brought_to_an_end", upgrades),
    ("a_killed_installation_is_brought_to_an_end", installations),
];

/// At how many moments of its work dpkg is killed.
const MOMENTS: u32 = 10;

/// Kills dpkg and all that it has started after $1 seconds of work on the package $2, says whether it was at work
/// still, and finishes the work as the manual of dpkg says.
const KILL: &str = r#"
    setsid dpkg --install "$2" >/root/killed 2>&1 &
    pid=$!
    sleep "$1"
    kill -KILL -- -"$pid" 2>/dev/null && echo killed
    wait "$pid"
    # It says so where a package has to be installed again.
    dpkg --configure --pending >/root/pending 2>&1
    if dpkg-query -W -f '${db:Status-Status}' xinetd-bridge | grep -qvx installed; then
        dpkg --install "$2" >/root/again 2>&1 || { cat /root/again; exit 1; }
    fi
    test -z "$(dpkg --audit)"
"#;

/// How long dpkg works on a package.
fn duration(machine: &Machine, version: &str) -> Result<Duration> {
    let begin = Instant::now();
    machine
        .container
        .sh(&format!("dpkg --install {} 2>&1", debs::bridge(version)))?;
    Ok(begin.elapsed())
}

/// Has dpkg killed at so long after its start; whether it was at work still.
fn kill(machine: &Machine, moment: Duration, version: &str) -> Result<bool> {
    machine.container.write("/root/kill", KILL, 0o755)?;
    let (seconds, deb) = (moment.as_secs_f32(), debs::bridge(version));
    let said = machine
        .container
        .sh(&format!("bash /root/kill {seconds} {deb}"))
        .map_err(|error| format!("killed after {moment:?}: {error}"))?;
    Ok(said == "killed\n")
}

/// The moments, in equal parts of that time.
fn moments(all: Duration) -> impl Iterator<Item = Duration> {
    (1..=MOMENTS).map(move |number| all * number / (MOMENTS + 1))
}

/// Fails unless most of the kills came while dpkg was at work.
fn most(killed: u32) -> Result<()> {
    equal("kills came in time", killed > MOMENTS / 2, true)
}

fn upgrades(suite: Suite) -> Result<()> {
    let machine = Machine::with_bridge(suite)?;
    let all = duration(&machine, NEW)?;
    let mut killed = 0;
    inside(&machine, || {
        let mut sessions = Sessions::open()?;
        for (moment, version) in moments(all).zip([OLD, NEW].into_iter().cycle()) {
            killed += u32::from(kill(&machine, moment, version)?);
            machine
                .serves()
                .and_then(|()| sessions.go_on())
                .map_err(|error| format!("after {moment:?}: {error}"))?;
        }
        Ok(())
    })?;
    most(killed)
}

fn installations(suite: Suite) -> Result<()> {
    let machine = Machine::boot(suite, |_| Ok(()))?;
    let all = duration(&machine, OLD)?;
    let mut killed = 0;
    inside(&machine, || {
        for moment in moments(all) {
            machine.apt("purge xinetd-bridge")?;
            killed += u32::from(kill(&machine, moment, OLD)?);
            machine
                .serves()
                .map_err(|error| format!("after {moment:?}: {error}"))?;
        }
        Ok(())
    })?;
    most(killed)
}
