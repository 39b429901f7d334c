//! What a removal and a purge leave.

use testbed::{Result, Suite, equal};

use crate::debs;
use crate::machine::{Machine, Sessions};
use crate::{Scenario, inside};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("a_removal_stops_all_and_keeps_the_files", removal),
    ("a_purge_leaves_nothing_but_the_administrators_files", purge),
];

/// Units, processes and files of the bridge that are there.
const LEFT: &str = "systemctl list-units --all --plain --no-legend 'xinetd*' cat.* taker.* inner.* relay.* datagrams.*; \
                    systemctl list-unit-files --no-legend 'xinetd*'; \
                    ls -d /run/xinetd* /run/systemd/generator*/*xinetd* /etc/systemd/system/*/xinetd* \
                    /usr/share/*/xinetd* 2>/dev/null; pgrep -a xinetd; true";

fn left(machine: &Machine) -> Result<String> {
    machine.container.sh(LEFT)
}

fn removal(suite: Suite) -> Result<()> {
    let machine = Machine::with_bridge(suite)?;
    inside(&machine, || Sessions::open().map(drop))?;
    // One in the middle of its work, and one that was started by itself.
    machine
        .container
        .sh("systemctl start xinetd-coordinator.service; systemctl stop xinetd; systemctl start cat.socket")?;
    machine.container.sh("echo '# mine' >>/etc/xinetd.conf")?;
    machine.apt("remove xinetd-bridge")?;
    machine.serves_nothing()?;
    equal("what is left", left(&machine)?.as_str(), "")?;
    machine
        .container
        .sh("grep '# mine' /etc/xinetd.conf && test -e /etc/xinetd.d/tests")?;
    // It is as it was when it comes back.
    machine.apt(&format!("install {}", debs::bridge(debs::OLD)))?;
    machine
        .container
        .sh("grep '# mine' /etc/xinetd.conf && systemctl is-enabled xinetd")?;
    inside(&machine, || machine.serves())
}

fn purge(suite: Suite) -> Result<()> {
    let machine = Machine::with_bridge(suite)?;
    inside(&machine, || Sessions::open().map(drop))?;
    machine
        .container
        .sh("xinetdctl bans add 192.0.2.66 --for 1h")?;
    machine.apt("purge xinetd-bridge")?;
    machine.serves_nothing()?;
    equal("what is left", left(&machine)?.as_str(), "")?;
    let files = machine
        .container
        .sh("find /etc /var/lib /usr -path '*xinetd*' ! -path '/var/lib/dpkg/*' ! -path '/var/lib/apt/*'")?;
    let mut files: Vec<_> = files.lines().collect();
    files.sort_unstable();
    equal("files", files, vec!["/etc/xinetd.d", "/etc/xinetd.d/tests"])
}
