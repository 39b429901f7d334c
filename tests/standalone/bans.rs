//! Bans by hand, and what keeps them.

use std::net::Ipv4Addr;

use nix::sys::signal::Signal;
use testbed::{Bare, Peer, Result, equal};

use super::Scenario;
use super::machine::{at, cat, command, has, serving, words};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("an_address_is_banned_by_hand", banned),
    ("bans_in_a_file_outlive_the_container", saved),
];

fn banned() -> Result<()> {
    let (_bare, running) = serving(&cat("echo", 7000, ""), "-dontfork")?;
    running.sh("ip address add 192.0.2.1/32 dev lo")?;
    let served = || {
        let from = Some((Ipv4Addr::new(192, 0, 2, 1), 0).into());
        match Peer::connect(at(7000), from) {
            Ok(Ok(mut peer)) => peer.echo(b"x").is_ok(),
            _ => false,
        }
    };
    equal("before", served(), true)?;
    let added = command(&running, 0, "xinetdctl bans add 192.0.2.1 --for 1h")?;
    equal("added", added, "192.0.2.1 is banned\n".to_owned())?;
    running.wait_for("192.0.2.1 was banned by an administrator")?;
    equal("meanwhile", served(), false)?;
    let list = command(&running, 0, "xinetdctl bans list")?;
    equal(
        "origin",
        words(&list, "192.0.2.1").last(),
        Some(&"administrator"),
    )?;
    let wrong = command(&running, 1, "xinetdctl bans add 127.0.0.1")?;
    has(&wrong, "it is loopback or on the allow-list")?;
    command(&running, 0, "xinetdctl bans remove 192.0.2.1")?;
    equal("after", served(), true)?;
    has(
        &command(&running, 1, "xinetdctl bans remove 192.0.2.1")?,
        "192.0.2.1 is not banned",
    )?;
    command(&running, 0, "xinetdctl bans add 2001:db8::1")?;
    let flushed = command(&running, 0, "xinetdctl bans flush")?;
    equal("flushed", flushed, "bans removed: 1\n".to_owned())
}

/// As a volume is kept, and /run is not.
fn saved() -> Result<()> {
    let bare = Bare::new()?;
    bare.write("/etc/xinetd.conf", cat("echo", 7000, ""), 0o644)?;
    let options = "[standalone]\nbans_file = \"/var/lib/kept/bans.toml\"\n";
    bare.write("/etc/xinetd-bridge.toml", options, 0o644)?;
    let start = "exec xinetd -dontfork";
    let running = bare.start(start)?;
    running.wait_for("Started working")?;
    command(&running, 0, "xinetdctl bans add 192.0.2.7")?;
    running.wait_for("/var/lib/kept/bans.toml: No such file or directory")?;
    running.sh("mkdir -p /var/lib/kept")?;
    drop(running);
    let mut running = bare.start(start)?;
    running.wait_for("Started working")?;
    command(&running, 0, "xinetdctl bans add 192.0.2.8 --for 1h")?;
    command(&running, 0, "xinetdctl bans add 192.0.2.9")?;
    running.signal(Signal::SIGTERM)?;
    equal("status", running.wait()?.code(), Some(0))?;
    let mut running = bare.start(start)?;
    running.wait_for("Started working")?;
    let list = command(&running, 0, "xinetdctl bans list")?;
    has(&list, "192.0.2.8")?;
    has(&list, "192.0.2.9")?;
    command(&running, 0, "xinetdctl bans remove 192.0.2.9")?;
    running.wait_until("the file", || {
        !running
            .read("/var/lib/kept/bans.toml")
            .contains("192.0.2.9")
    })?;
    running.signal(Signal::SIGKILL)?;
    running.wait()?;
    let running = bare.start(start)?;
    running.wait_for("Started working")?;
    let list = command(&running, 0, "xinetdctl bans list")?;
    equal("after SIGKILL", list.contains("192.0.2.9"), false)?;
    has(&list, "192.0.2.8")
}
