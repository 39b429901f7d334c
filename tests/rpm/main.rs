//! The packages for Fedora and EL in the hands of rpm and dnf, on systemd 252 and 257: installed, updated, removed, and
//! put in the place of xinetd's package. The distribution below is Debian.
//!
//! The packages hold the programs of target/release, as `make install` does.

mod packages;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::{Container, Peer, Result, Suite, write};

use packages::{NEW, OLD, bridge, path};

type Scenario = fn(&Container) -> Result<()>;

const SCENARIOS: &[(&str, Scenario)] = &[
    (
        "installed_updated_and_removed",
        installed_updated_and_removed,
    ),
    (
        "presets_decide_about_the_start",
        presets_decide_about_the_start,
    ),
    ("takes_the_place_of_xinetd", takes_the_place_of_xinetd),
];

/// A service of the machine's administrator.
const CAT: u16 = 7401;
const SERVICE: &str = "service cat\n{\ntype = UNLISTED\nsocket_type = stream\nprotocol = tcp\nwait = no\nport = 7401\n\
                       user = nobody\nserver = /bin/cat\n}\n";

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(3));
    let missing = testbed::missing();
    if let Some(reason) = &missing {
        let _ = writeln!(io::stderr(), "skipped: {reason}");
    }
    let mut trials = Vec::new();
    for suite in [Suite::RpmBookworm, Suite::RpmTrixie] {
        for &(name, scenario) in SCENARIOS {
            let play = move || play(suite, scenario).map_err(Failed::from);
            let trial = Trial::test(format!("{}::{name}", suite.name()), play);
            trials.push(trial.with_ignored_flag(missing.is_some()));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// Plays on a machine of its own and in its network, in a thread of its own.
fn play(suite: Suite, scenario: Scenario) -> Result<()> {
    let container = Container::boot_bare(suite, |tree| {
        packages::put_into(tree, suite)?;
        write(tree, "/etc/xinetd.d/cat", SERVICE, 0o644)
    })?;
    let run = || {
        container.enter_network()?;
        scenario(&container)
    };
    thread::scope(|scope| scope.spawn(run).join()).map_err(|_| "the scenario panicked")?
}

fn installed_updated_and_removed(machine: &Container) -> Result<()> {
    machine.sh(&format!("rpm --install {}", bridge(OLD)))?;
    let mut session = connect(CAT)?;
    session.echo(b"installed")?;
    says(machine, "systemctl is-enabled xinetd", "enabled")?;
    says(machine, "rpm --verify xinetd-bridge", "")?;
    // What auditors ask, and what packages that need xinetd ask.
    says(machine, "rpm -q xinetd", "package xinetd is not installed")?;
    says(
        machine,
        "rpm -q --whatprovides xinetd",
        &format!("xinetd-bridge-{OLD}.{}", std::env::consts::ARCH),
    )?;

    machine.sh("systemctl start xinetd-coordinator")?;
    let coordinator = "systemctl show -P MainPID xinetd-coordinator";
    let before = machine.sh(coordinator)?;
    machine.sh(&format!("rpm --upgrade {}", bridge(NEW)))?;
    session.echo(b"updated")?;
    connect(CAT)?.echo(b"updated")?;
    if machine.sh(coordinator)? == before {
        return Err("the coordinator is still that of the old version".to_owned());
    }
    // What was stopped stays so.
    machine.sh(&format!(
        "systemctl stop xinetd && rpm --upgrade --oldpackage {}",
        bridge(OLD)
    ))?;
    says(machine, LISTENING, "")?;

    machine.sh("systemctl start cat.socket && xinetdctl bans add 192.0.2.66 --for 1h")?;
    let mut session = connect(CAT)?;
    session.echo(b"before the removal")?;
    machine.sh("rpm --erase xinetd-bridge")?;
    if session.echo(b"after the removal").is_ok() {
        return Err("a session goes on".to_owned());
    }
    says(machine, LISTENING, "")?;
    says(
        machine,
        "systemctl list-units --all --plain --no-legend 'xinetd*' 'cat*'",
        "",
    )?;
    says(machine, "pgrep -l xinetd", "")?;
    says(
        machine,
        "find /etc /usr /run /var -xdev -name '*xinetd*' | sort",
        "/etc/xinetd.d\n/var/lib/xinetd-coordinator",
    )
}

fn presets_decide_about_the_start(machine: &Container) -> Result<()> {
    let preset = "/etc/systemd/system-preset/00-local.preset";
    machine.sh(&format!(
        "mkdir -p $(dirname {preset}) && echo disable xinetd.service >{preset} && rpm --install {}",
        bridge(OLD)
    ))?;
    says(machine, "systemctl is-enabled xinetd", "disabled")?;
    says(machine, LISTENING, "")
}

fn takes_the_place_of_xinetd(machine: &Container) -> Result<()> {
    let xinetd = path("xinetd-2.3.15-39.el8.noarch");
    let dnf = "dnf --quiet --assumeyes --releasever=0 swap";
    machine.sh(&format!(
        "rpm --install {xinetd} && sed -i s/yes/no/ /etc/xinetd.d/echo &&
         echo EXTRAOPTIONS=-inetd_compat >/etc/sysconfig/xinetd && systemctl daemon-reload &&
         systemctl enable --now xinetd && {dnf} xinetd xinetd-bridge"
    ))?;
    // Files of a removed package that were edited get another name from rpm.
    connect(7)?.echo(b"edited")?;
    connect(CAT)?.echo(b"own")?;
    says(
        machine,
        "cat /etc/sysconfig/xinetd",
        "EXTRAOPTIONS=-inetd_compat",
    )?;
    says(machine, "systemctl is-enabled xinetd", "enabled")?;

    machine.sh(&format!("{dnf} xinetd-bridge xinetd && rpm -q xinetd"))?;
    says(machine, LISTENING, "")?;
    says(machine, "cat /etc/xinetd.d/cat", SERVICE.trim())
}

/// Says which ports of the services are open.
const LISTENING: &str = "ss -Hltn 'sport = :7401 or sport = :7'";

fn connect(port: u16) -> Result<Peer> {
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
    Peer::connect(address, None)?.map_err(|_| format!("port {port} refuses"))
}

/// Fails unless a command says this, whatever its exit status.
fn says(machine: &Container, command: &str, wanted: &str) -> Result<()> {
    let (_, said) = machine.try_sh(command)?;
    match said.trim() == wanted {
        true => Ok(()),
        false => Err(format!("{command}\nsays:\n{said}\nand not:\n{wanted}")),
    }
}
