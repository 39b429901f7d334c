//! A dpkg that is killed in the middle of its work, as by a power cut.

use testbed::{Result, Suite};

use crate::debs::{self, NEW, OLD};
use crate::machine::{Machine, Sessions};
use crate::{Scenario, inside};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("a_killed_upgrade_is_brought_to_an_end", upgrades),
    ("a_killed_installation_is_brought_to_an_end", installations),
];

/// After how many milliseconds dpkg is killed.
const MOMENTS: [u32; 10] = [20, 60, 120, 200, 300, 450, 600, 800, 1100, 1500];

/// Kills dpkg and all that it has started after $1 ms of work on the package $2, and finishes the work, as the
/// manual of dpkg says.
const KILL: &str = r#"
    setsid dpkg --install "$2" >/root/killed 2>&1 &
    pid=$!
    sleep "$(printf '0.%03d' "$(($1 % 1000))")"; [ "$1" -lt 1000 ] || sleep 1
    kill -KILL -- -"$pid" 2>/dev/null
    wait "$pid"
    dpkg --configure --pending 2>&1 || exit
    if dpkg-query -W -f '${db:Status-Status}' xinetd-bridge | grep -qvx installed; then
        dpkg --install "$2" 2>&1 || exit
    fi
    test -z "$(dpkg --audit)"
"#;

fn kill(machine: &Machine, moment: u32, version: &str) -> Result<()> {
    machine.container.write("/root/kill", KILL, 0o755)?;
    let deb = debs::bridge(version);
    machine
        .container
        .sh(&format!("sh /root/kill {moment} {deb}"))
        .map(drop)
        .map_err(|error| format!("killed after {moment} ms: {error}"))
}

fn upgrades(suite: Suite) -> Result<()> {
    let machine = Machine::with_bridge(suite)?;
    inside(&machine, || {
        let mut sessions = Sessions::open()?;
        for (moment, version) in MOMENTS.into_iter().zip([NEW, OLD].into_iter().cycle()) {
            kill(&machine, moment, version)?;
            machine
                .serves()
                .and_then(|()| sessions.go_on())
                .map_err(|error| format!("after {moment} ms: {error}"))?;
        }
        Ok(())
    })
}

fn installations(suite: Suite) -> Result<()> {
    let machine = Machine::boot(suite, |_| Ok(()))?;
    inside(&machine, || {
        for moment in MOMENTS {
            kill(&machine, moment, OLD)?;
            machine
                .serves()
                .map_err(|error| format!("after {moment} ms: {error}"))?;
            machine.apt("purge xinetd-bridge")?;
        }
        Ok(())
    })
}
