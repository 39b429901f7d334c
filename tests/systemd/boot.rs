//! Files that are there at boot.

use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::Path;

use testbed::{Close, Peer, Result, equal, write};

use crate::Scenario;
use crate::bed::{Bed, contains, entry};

pub(crate) const SCENARIOS: &[Scenario] = &[
    (
        "enabled_services_listen_after_boot",
        enabled_services_listen,
    ),
    (
        "disabled_services_have_units_that_can_be_started",
        disabled_services_can_be_started,
    ),
    (
        "systemd_takes_every_line_of_the_units",
        systemd_takes_every_line,
    ),
    (
        "a_broken_file_takes_nothing_else_down",
        a_broken_file_is_named,
    ),
];

const ON: u16 = 4001;
const OFF: u16 = 4002;

/// The names of clients, for the scenarios in which they count.
const HOSTS: &str = "127.0.0.1 localhost\n127.0.0.21 friend.example.org friend\n\
                     127.0.0.22 stranger.example.net\n";

/// The tree as it is when the container boots.
pub(crate) fn prepare(tree: &Path) -> Result<()> {
    let serve = "\tuser = nobody\n\tserver = /bin/echo\n\tserver_args = served";
    let files = [
        ("boot-on", entry("boot-on", ON, serve)),
        (
            "boot-off",
            entry("boot-off", OFF, &format!("{serve}\n\tdisable = yes")),
        ),
        ("broken", "service broken\n{\n\tinstances=5\n}\n".to_owned()),
    ];
    for (name, text) in files {
        write(tree, &format!("/etc/xinetd.d/{name}"), text, 0o644)?;
    }
    let main = "defaults\n{\n\tlog_on_success = HOST PID EXIT DURATION\n\tlog_on_failure = HOST\n}\n\
                includedir /etc/xinetd.d\n";
    write(tree, "/etc/xinetd.conf", main, 0o644)?;
    without_real(tree)?;
    write(tree, "/etc/hosts", HOSTS, 0o644)
}

/// Makes room for the unit xinetd.service of the generator, and keeps others from serving what the
/// tests serve.
pub(crate) fn without_real(tree: &Path) -> Result<()> {
    // Debian's rstatd brings an inetd along, which would serve it.
    for name in ["inetd", "openbsd-inetd"] {
        let mask = tree.join(format!("etc/systemd/system/{name}.service"));
        symlink("/dev/null", &mask).map_err(|error| format!("{}: {error}", mask.display()))?;
    }
    // Debian 12 has the real one for other tests; its name is free on a machine that has changed over.
    for real in [
        "etc/init.d/xinetd",
        // It would have /etc/inetd.conf served.
        "etc/default/xinetd",
        "lib/systemd/system/xinetd.service",
        "etc/systemd/system/xinetd.service",
    ] {
        let _ = std::fs::remove_file(tree.join(real));
    }
    Ok(())
}

fn hear(port: u16) -> Result<(String, Close)> {
    let heard = Peer::hear((Ipv4Addr::LOCALHOST, port).into(), None)?;
    Ok((heard.text(), heard.close))
}

fn enabled_services_listen(_: &Bed) -> Result<()> {
    equal("boot-on", hear(ON)?, ("served\n".to_owned(), Close::Fin))
}

fn disabled_services_can_be_started(bed: &Bed) -> Result<()> {
    equal("boot-off before", hear(OFF)?.1, Close::Refused)?;
    bed.container.sh("systemctl start boot-off.socket")?;
    equal("boot-off", hear(OFF)?, ("served\n".to_owned(), Close::Fin))
}

fn systemd_takes_every_line(bed: &Bed) -> Result<()> {
    let said = bed
        .container
        .sh("journalctl -b -o cat _PID=1 | grep generator.late || true")?;
    equal("systemd's complaints", said.as_str(), "")
}

fn a_broken_file_is_named(bed: &Bed) -> Result<()> {
    let (_, said) = bed.container.try_sh("xinetdctl check")?;
    contains(&said, "/etc/xinetd.d/broken:3:")
}
