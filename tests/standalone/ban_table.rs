//! A table of bans that can't be written, or read.

use std::net::Ipv4Addr;

use testbed::{Bare, Peer, Result, equal};

use super::Scenario;
use super::machine::{at, cat, client, command, has, words};

pub(crate) const SCENARIOS: &[Scenario] = &[
    (
        "a_ban_that_can_not_be_written_comes_into_force_later",
        unwritten_bans,
    ),
    (
        "a_table_of_bans_that_can_not_be_read_is_told_and_kept",
        unreadable_bans,
    ),
];

/// The table can't be written, as its file system is full, and is spoilt later.
fn unwritten_bans() -> Result<()> {
    let bare = Bare::new()?;
    bare.write("/etc/xinetd.conf", cat("echo", 7000, ""), 0o644)?;
    let mount = "mkdir -p /run/xinetd-coordinator; mount -t tmpfs -o size=64k,mode=755 full /run/xinetd-coordinator";
    let running = bare.start(&format!("{mount}; exec xinetd -dontfork"))?;
    running.wait_for("Started working")?;
    running.enter_network()?;
    let served = |last: u8| {
        let address = Ipv4Addr::new(192, 0, 2, last);
        match Peer::connect(at(7000), Some((address, 0).into())) {
            Ok(Ok(mut peer)) => peer.echo(b"x").is_ok(),
            _ => false,
        }
    };
    running.sh("ip address add 192.0.2.1/32 dev lo; ip address add 192.0.2.2/32 dev lo")?;
    let fill = "cat /dev/zero >/run/xinetd-coordinator/full 2>/dev/null || true";
    running.sh(fill)?;
    let refused = command(&running, 1, "xinetdctl bans add 192.0.2.1")?;
    has(
        &refused,
        "the table of bans can't be written, and it counts as soon as it can",
    )?;
    let list = command(&running, 0, "xinetdctl bans list")?;
    has(&list, "can't be written: No space left on device")?;
    equal("listed", words(&list, "192.0.2.1").is_empty(), true)?;
    equal("not in force", served(1), true)?;
    let status = command(&running, 0, "xinetdctl status")?;
    has(
        &status,
        "/run/xinetd-coordinator/bans can't be written: No space left",
    )?;
    running.sh("rm /run/xinetd-coordinator/full")?;
    running.wait_until("it is in force without a request", || !served(1))?;
    command(&running, 0, "xinetdctl bans add 192.0.2.2")?;
    equal("both", (served(1), served(2)), (false, false))?;
    running.sh("echo rubbish >/run/xinetd-coordinator/bans")?;
    equal("spoilt", (served(1), served(2)), (false, false))?;
    running.wait_for("/run/xinetd-coordinator/bans was changed or removed by another program")?;
    client(7000)?;
    running.sh("rm /run/xinetd-coordinator/bans; xinetdctl bans list")?;
    equal("removed", (served(1), served(2)), (false, false))?;
    running.sh("echo rubbish >/run/xinetd-coordinator/bans; xinetdctl bans flush")?;
    equal("flushed", (served(1), served(2)), (true, true))
}

fn unreadable_bans() -> Result<()> {
    let bare = Bare::new()?;
    bare.write("/etc/xinetd.conf", cat("echo", 7000, ""), 0o644)?;
    let spoil = "mkdir -p /run/xinetd-coordinator; echo rubbish >/run/xinetd-coordinator/bans";
    let running = bare.start(&format!("{spoil}; exec xinetd -dontfork"))?;
    running.wait_for("/run/xinetd-coordinator/bans: it is no table of bans; no bans are left")?;
    running.wait_for("it is kept as /run/xinetd-coordinator/bans.bad")?;
    equal(
        "copy",
        running.read("/run/xinetd-coordinator/bans.bad"),
        "rubbish\n".to_owned(),
    )
}
