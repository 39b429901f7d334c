//! A dpkg that is killed in the middle of its work, as by a power cut.

use std::time::{Duration, Instant};

use testbed::{Result, Suite};

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

/// Has dpkg killed at [`MOMENTS`] in equal parts of the time that it takes, each time on what `prepare` has made and with
/// the version that it names, and looks at what is left. Where dpkg was done before, that is the time that it takes.
fn at_moments(
    machine: &Machine,
    mut all: Duration,
    mut prepare: impl FnMut() -> Result<&'static str>,
    mut look: impl FnMut() -> Result<()>,
) -> Result<()> {
    let mut number = 1;
    for _ in 0..3 * MOMENTS {
        let version = prepare()?;
        let moment = all * number / (MOMENTS + 1);
        let was_at_work = kill(machine, moment, version)?;
        look().map_err(|error| format!("after {moment:?}: {error}"))?;
        match was_at_work {
            false => all = moment,
            true if number == MOMENTS => return Ok(()),
            true => number += 1,
        }
    }
    Err(format!(
        "dpkg takes {all:?} and less: no kill comes in time"
    ))
}

fn upgrades(suite: Suite) -> Result<()> {
    let machine = Machine::with_bridge(suite)?;
    let all = duration(&machine, NEW)?;
    inside(&machine, || {
        let mut sessions = Sessions::open()?;
        let mut versions = [OLD, NEW].into_iter().cycle();
        let next = || versions.next().ok_or_else(String::new);
        at_moments(&machine, all, next, || {
            machine.serves().and_then(|()| sessions.go_on())
        })
    })
}

fn installations(suite: Suite) -> Result<()> {
    let machine = Machine::boot(suite, |_| Ok(()))?;
    let all = duration(&machine, OLD)?;
    inside(&machine, || {
        let purge = || machine.apt("purge xinetd-bridge").map(|_| OLD);
        at_moments(&machine, all, purge, || machine.serves())
    })
}
