//! Another version in the place of the one that serves.

use testbed::{Result, Suite, equal};

use crate::debs::{self, NEW, OLD};
use crate::machine::{Machine, Sessions, under_clients};
use crate::{Scenario, inside};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("no_client_and_no_session_notices_another_version", versions),
    ("what_is_switched_off_stays_off", switched_off),
];

fn versions(suite: Suite) -> Result<()> {
    let machine = Machine::with_bridge(suite)?;
    inside(&machine, || {
        let mut sessions = Sessions::open()?;
        for (step, version) in [
            ("upgrade", NEW),
            ("reinstallation", NEW),
            ("downgrade", OLD),
        ] {
            let call = format!(
                "install --reinstall --allow-downgrades {}",
                debs::bridge(version)
            );
            let (_, met) = under_clients(|| {
                machine.apt(&call)?;
                machine.runs_what_is_installed()
            })?;
            equal(step, met.lost, Vec::new())?;
            equal("clients came", met.clients > 20, true)?;
            sessions.go_on()?;
        }
        machine.serves()
    })
}

fn switched_off(suite: Suite) -> Result<()> {
    let mut machine = Machine::with_bridge(suite)?;
    machine.container.sh("systemctl disable --now xinetd")?;
    machine.apt(&format!("install {}", debs::bridge(NEW)))?;
    machine.serves_nothing()?;
    machine.container.reboot()?;
    machine.serves_nothing()?;
    // Also by a removal and another installation, as with each package.
    machine.apt("remove xinetd-bridge")?;
    machine.apt(&format!("install {}", debs::bridge(NEW)))?;
    machine.serves_nothing()?;
    machine.container.sh("systemctl enable --now xinetd")?;
    inside(&machine, || machine.serves())
}
