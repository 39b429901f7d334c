//! A boot of the whole machine.

use std::path::Path;
use std::thread;

use testbed::{Container, Peer, Result, Suite, equal, write};

use crate::bed::{contains, entry};

const SERVED: u16 = 4001;
const DECOY: u16 = 4002;

/// Bans outlive a boot unless their time has come meanwhile, and hold when the first client comes.
pub(crate) fn bans_outlive_it(suite: Suite) -> Result<()> {
    let mut container = Container::boot(suite, prepare)?;
    inside(&container, || {
        equal("before", hear(1)?.as_str(), "in\n")?;
        let address = ([10, 9, 0, 254], DECOY).into();
        Peer::hear(address, Some(([10, 9, 0, 2], 0).into())).map(drop)
    })?;
    container.sh("xinetdctl bans add 10.9.0.3 --for 1h && xinetdctl bans add 10.9.0.4 --for 5s")?;
    // What an administrator says is on the disk after a second, and the clock goes on.
    container.wait_until("grep -F 10.9.0.4 /var/lib/xinetd-coordinator/bans.toml")?;
    container.sh("sleep 3")?;
    container.reboot()?;
    let cycles = container.sh("journalctl -b -o cat _PID=1 | grep -c 'ordering cycle' || true")?;
    equal("cycles among the units", cycles.trim(), "0")?;
    inside(&container, || {
        for banned in [2, 3] {
            equal("a banned client", hear(banned)?.as_str(), "")?;
        }
        equal("another one", hear(1)?.as_str(), "in\n")
    })?;
    // What was noted at the shutdown: the time until then has passed, and no more.
    container.sh("test -s /var/lib/xinetd-coordinator/shutdown.toml")?;
    let left = container.sh(
        "xinetdctl bans list --json | tr -d ' \\n' | grep -o '10.9.0.3[^}]*' | grep -o '\"until\":[0-9]*' |
         { IFS=: read -r _ until; echo $((until - $(date +%s))); }",
    )?;
    let left: i64 = left
        .trim()
        .parse()
        .map_err(|error| format!("{left}: {error}"))?;
    equal(
        "what is left of an hour",
        (3300..=3597).contains(&left),
        true,
    )
    .map_err(|error| format!("{error}: {left}"))?;
    // The first clients were refused by a table that was there before anybody had asked for it.
    let activated =
        container.sh("journalctl -b -o cat -u dbus.service | grep -c org.xinetd || true")?;
    equal("calls on the bus", activated.trim(), "0")?;
    container.wait_until("! xinetdctl bans list | grep -F 10.9.0.4")?;
    inside(&container, || {
        equal("whose time has come", hear(4)?.as_str(), "in\n")
    })?;
    let list = container.sh("xinetdctl bans list")?;
    contains(&list, "10.9.0.2 ")?;
    contains(&list, "10.9.0.3 ")?;
    equal("the list", list.lines().count(), 3)
}

/// Does it in the container's network, which is another one after each boot.
fn inside<T: Send>(container: &Container, act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    for host in [1, 2, 3, 4, 254] {
        container.sh(&format!("ip address replace 10.9.0.{host}/32 dev lo"))?;
    }
    thread::scope(|scope| {
        let act = scope.spawn(|| container.enter_network().and_then(|()| act()));
        act.join().map_err(|_| "it panicked")?
    })
}

/// What a client at 10.9.0.`host` hears.
fn hear(host: u8) -> Result<String> {
    let address = ([10, 9, 0, 254], SERVED).into();
    let heard = Peer::hear(address, Some(([10, 9, 0, host], 0).into()))?;
    Ok(heard.text())
}

fn prepare(tree: &Path) -> Result<()> {
    crate::boot::prepare(tree)?;
    let echo = "\tuser = nobody\n\tserver = /bin/echo\n\tserver_args = in";
    let decoy = "\tuser = nobody\n\tserver = /bin/true\n\tflags = SENSOR\n\tdeny_time = FOREVER";
    write(
        tree,
        "/etc/xinetd.d/boot-on",
        entry("served", SERVED, echo),
        0o644,
    )?;
    write(
        tree,
        "/etc/xinetd.d/boot-off",
        entry("decoy", DECOY, decoy),
        0o644,
    )
}
