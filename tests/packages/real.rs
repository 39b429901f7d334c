//! In the place of Debian's xinetd, and back.

use std::path::Path;

use testbed::{Result, Suite, equal, write};

use crate::debs::{self, OLD};
use crate::machine::{CAT, Machine, Sessions, connect, in_tree};
use crate::{Scenario, inside};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("it_takes_the_place_of_xinetd", in_its_place),
    ("the_transitional_package_keeps_sessions", transition),
    ("xinetd_that_was_removed_can_be_purged", removed_before),
    ("xinetd_that_was_disabled_stays_so", disabled),
    ("xinetd_comes_back", comes_back),
];

/// What the administrator has made of Debian's file.
const MAIN: &str = "# mine\ndefaults\n{\n}\nincludedir /etc/xinetd.d\n";

/// Puts Debian's xinetd, and a package that wants an inetd, into a tree.
fn real(tree: &Path) -> Result<()> {
    in_tree(
        tree,
        "dpkg --install /opt/xinetd_*.deb /root/debs/like-rstatd.deb",
    )?;
    write(tree, "/etc/xinetd.conf", MAIN, 0o644)
}

/// A machine that Debian's xinetd serves.
fn with_real(suite: Suite) -> Result<Machine> {
    let machine = Machine::boot(suite, real)?;
    // Its init script does not wait until it listens.
    let listens = "ss -Hltn 'sport = :7404' | grep -q .";
    machine.container.wait_until(listens).map(|()| machine)
}

/// What apt has left of the packages: `ii` is installed, `rc` is removed with its configuration kept.
fn states(machine: &Machine) -> Result<String> {
    let said = machine
        .container
        .sh("dpkg-query -W -f '${Package}:${db:Status-Abbrev}\\n' xinetd xinetd-bridge like-rstatd 2>/dev/null | tr -d ' ' || true")?;
    Ok(said.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Fails unless the administrator's files are as they were and the bridge serves, now and after a boot.
fn is_heir(machine: &mut Machine) -> Result<()> {
    machine.container.sh("grep -x '# mine' /etc/xinetd.conf")?;
    inside(machine, || machine.serves())?;
    let said = machine
        .container
        .sh("systemctl is-enabled xinetd; systemctl is-active xinetd; pgrep -x xinetd; true")?;
    equal("the unit", said.as_str(), "enabled\nactive\n")?;
    machine.container.reboot()?;
    inside(machine, || machine.serves())
}

fn in_its_place(suite: Suite) -> Result<()> {
    let mut machine = with_real(suite)?;
    machine.apt(&format!("install {}", debs::bridge(OLD)))?;
    equal(
        "the packages",
        states(&machine)?.as_str(),
        "like-rstatd:ii xinetd:rc xinetd-bridge:ii",
    )?;
    is_heir(&mut machine)?;
    // The purge takes Debian's own files along, and no service.
    machine.apt("purge xinetd")?;
    machine.container.sh("systemctl reload xinetd")?;
    inside(&machine, || machine.serves())?;
    machine.container.reboot()?;
    inside(&machine, || machine.serves())
}

fn transition(suite: Suite) -> Result<()> {
    let mut machine = with_real(suite)?;
    inside(&machine, || {
        let mut session = connect(CAT)?;
        session.echo(b"before")?;
        let said = machine.apt(&format!(
            "install {} {}",
            debs::bridge(OLD),
            debs::transitional(OLD)
        ))?;
        equal("complaint", said.contains("dpkg-query: "), false)?;
        machine.container.sh("! ls /etc/init.d/xinetd*")?;
        session.echo(b"after")
    })?;
    equal(
        "the packages",
        states(&machine)?.as_str(),
        "like-rstatd:ii xinetd:ii xinetd-bridge:ii",
    )?;
    is_heir(&mut machine)?;
    // It has no service of its own, and nothing is left of the init script.
    machine.apt("purge xinetd")?;
    machine
        .container
        .sh("systemctl reload xinetd; ! ls /etc/rc?.d/*xinetd /etc/init.d/xinetd*")?;
    inside(&machine, || machine.serves())
}

fn removed_before(suite: Suite) -> Result<()> {
    let mut machine = with_real(suite)?;
    machine
        .container
        .sh("dpkg --remove like-rstatd xinetd 2>&1")?;
    machine.apt(&format!("install {}", debs::bridge(OLD)))?;
    is_heir(&mut machine)?;
    machine.apt("purge xinetd")?;
    machine.container.reboot()?;
    inside(&machine, || machine.serves())
}

fn disabled(suite: Suite) -> Result<()> {
    let machine = with_real(suite)?;
    machine.container.sh("systemctl disable --now xinetd")?;
    let said = machine.apt(&format!("install {}", debs::bridge(OLD)))?;
    let remark = "xinetd was disabled, and stays so";
    equal(remark, said.contains(remark), true)?;
    machine.serves_nothing()?;
    machine.container.sh("systemctl enable --now xinetd")?;
    inside(&machine, || machine.serves())
}

fn comes_back(suite: Suite) -> Result<()> {
    let machine = Machine::with_bridge(suite)?;
    inside(&machine, || Sessions::open().map(drop))?;
    machine.apt("install /opt/xinetd_*.deb")?;
    equal(
        "the packages",
        states(&machine)?.as_str(),
        "xinetd:ii xinetd-bridge:rc",
    )?;
    inside(&machine, || machine.serves())?;
    machine.container.sh("pgrep -x xinetd")?;
    // Nothing that the bridge has left starts it where it is disabled.
    machine.container.sh(
        "systemctl disable xinetd && ! systemctl show --value --property=Wants multi-user.target | grep -w xinetd.service && \
         systemctl enable xinetd",
    )?;
    // Its purge takes nothing away that is xinetd's by now.
    machine.apt("purge xinetd-bridge")?;
    machine.container.sh("dpkg --verify xinetd; test -e /etc/xinetd.conf; test -e /etc/default/xinetd; systemctl is-enabled xinetd")?;
    inside(&machine, || machine.serves())
}
