//! Another version in the place of the one that serves.

use testbed::{Result, Suite, equal};

use crate::debs::{self, NEW, OLD, OTHER_FORMAT};
use crate::machine::{CAT, Machine, Sessions, connect, under_clients};
use crate::{Scenario, inside};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("no_client_and_no_session_notices_another_version", versions),
    ("no_client_and_no_session_notices_another_format", formats),
    ("what_is_switched_off_stays_off", switched_off),
];

fn versions(suite: Suite) -> Result<()> {
    let machine = Machine::with_bridge(suite)?;
    exchange(
        &machine,
        &[
            ("upgrade", NEW),
            ("reinstallation", NEW),
            ("downgrade", OLD),
        ],
    )
}

fn formats(suite: Suite) -> Result<()> {
    let machine = Machine::boot(suite, debs::put_other_format_into)?;
    machine.apt(&format!("install {}", debs::bridge(OTHER_FORMAT)))?;
    // Between these two steps the new program can't read the units that are there.
    machine
        .container
        .sh(&format!("dpkg --unpack {} 2>&1", debs::bridge(NEW)))?;
    inside(&machine, || {
        let mut early = connect(CAT)?;
        machine
            .container
            .wait_until("journalctl -u cat.service | grep -q 'the spec has format'")?;
        machine
            .container
            .sh("dpkg --configure xinetd-bridge 2>&1")?;
        early.echo(b"early")
    })?;
    exchange(&machine, &[("downgrade", OTHER_FORMAT), ("upgrade", NEW)])
}

/// Installs versions, one after the other, while sessions of each kind are open and clients come.
fn exchange(machine: &Machine, steps: &[(&str, &str)]) -> Result<()> {
    inside(machine, || {
        let mut sessions = Sessions::open()?;
        for &(step, version) in steps {
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
            sessions
                .go_on()
                .map_err(|error| format!("{step}: {error}"))?;
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
