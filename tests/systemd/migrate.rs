//! From real xinetd to the bridge and back, on a machine of its own: both systems' real xinetd, by its init script
//! (Debian 12) and by its unit (Debian 13).

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use testbed::{Container, Peer, Result, Suite, equal, write};

use crate::bed::{contains, entry, unfolded};

const FIRST: u16 = 7301;
const SECOND: u16 = 7302;

/// A stream service of xinetd's own, whose sessions have real xinetd's program and name, and a datagram service.
const INTERNAL: &str = "service echo\n{\n\tid = inner\n\ttype = INTERNAL UNLISTED\n\tsocket_type = stream\n\twait = no\n\t\
                        protocol = tcp\n\tuser = nobody\n\tport = 7305\n}\n\
                        service daytime\n{\n\tid = clock\n\ttype = INTERNAL UNLISTED\n\tsocket_type = dgram\n\twait = yes\n\t\
                        protocol = udp\n\tuser = nobody\n\tport = 7304\n}\n";

/// Has another process bind the datagram service's port for a moment, and lists the services.
const SHARED: &str = "perl -e 'use Socket; socket(S, PF_INET, SOCK_DGRAM, 0); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1); \
                      bind(S, sockaddr_in(7304, INADDR_ANY)) or die; $| = 1; print \"bound\\n\"; sleep 30' >/tmp/bound & \
                      for i in $(seq 100); do grep -q bound /tmp/bound && break; sleep 0.05; done; xinetdctl list; kill $!";

const CAT: &str = "\tprotocol = tcp\n\tuser = nobody\n\tserver = /bin/cat\n\tcps = 0 0";

fn prepare(tree: &Path) -> Result<()> {
    // The bed has masked it.
    let mask = tree.join("etc/systemd/system/xinetd.service");
    std::fs::remove_file(&mask).map_err(|error| format!("{}: {error}", mask.display()))?;
    // Debian 13's can't be installed beside the inetd that rstatd brings along.
    let install = "set -e; test -e /usr/sbin/xinetd || dpkg-deb -x /opt/xinetd_*.deb /; rm -f /etc/xinetd.d/*; \
                   test ! -e /usr/lib/systemd/system/xinetd.service || systemctl enable xinetd.service";
    let done = Command::new("chroot")
        .arg(tree)
        .args(["sh", "-c", install])
        .output();
    let done = done.map_err(|error| format!("chroot: {error}"))?;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).into_owned());
    }
    let files = [
        ("/etc/xinetd.conf", "includedir /etc/xinetd.d\n".to_owned()),
        ("/etc/xinetd.d/first", entry("first", FIRST, CAT)),
        ("/etc/xinetd.d/second", entry("second", SECOND, CAT)),
        ("/etc/xinetd.d/internal", INTERNAL.to_owned()),
        (
            "/etc/default/xinetd",
            "XINETD_OPTS=\"-stayalive -limit 100\"\nINETD_COMPAT=No\n".to_owned(),
        ),
    ];
    files
        .into_iter()
        .try_for_each(|(path, text)| write(tree, path, text, 0o644))
}

fn connect(port: u16) -> Result<Peer> {
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
    Peer::connect(address, None)?.map_err(|_| format!("port {port} refuses"))
}

/// Polls both ports until `end`; how many polls there were, and how many failed.
fn poll(end: &AtomicBool) -> (usize, usize) {
    let (mut all, mut failed) = (0, 0);
    while !end.load(Ordering::Relaxed) {
        for port in [FIRST, SECOND] {
            all += 1;
            let served = connect(port).and_then(|mut peer| peer.echo(b"served"));
            failed += usize::from(served.is_err());
        }
        thread::sleep(Duration::from_millis(10));
    }
    (all, failed)
}

/// Runs a command in the container while clients come; what it says.
fn under_clients(container: &Container, command: &str) -> Result<(bool, String)> {
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients = scope.spawn(|| poll(&end));
        let said = container.try_sh(command);
        thread::sleep(Duration::from_millis(100));
        end.store(true, Ordering::Relaxed);
        let (all, failed) = clients.join().map_err(|_| "the clients are gone")?;
        equal("clients are served", failed < all, true)?;
        said
    })
}

/// What is active of both sides, and whether real xinetd starts at boot.
fn state(container: &Container) -> Result<String> {
    let ask = "systemctl is-active first.socket xinetd.service | tr '\\n' ' '; \
               systemctl is-enabled xinetd.service 2>/dev/null";
    Ok(container.try_sh(ask)?.1.trim().to_owned())
}

const REAL: &str = "inactive active enabled";
const OURS: &str = "active inactive disabled";

pub(crate) fn there_and_back(suite: Suite) -> Result<()> {
    let mut container = Container::boot(suite, prepare)?;
    let inside = |play: &(dyn Fn() -> Result<()> + Sync), container: &Container| {
        let run = || container.enter_network().and_then(|()| play());
        thread::scope(|scope| scope.spawn(run).join()).map_err(|_| "the scenario panicked")?
    };
    inside(&|| goes_over(&container), &container)?;
    container.reboot()?;
    equal("after a boot", state(&container)?.as_str(), OURS)?;
    inside(&|| comes_back(&container), &container)?;
    inside(&|| is_heir(&container), &container)
}

fn goes_over(container: &Container) -> Result<()> {
    equal("at boot", state(container)?.as_str(), REAL)?;
    let named = "it has 7301/tcp, 7302/tcp, 7304/udp, 7305/tcp of these files";
    for look in ["xinetdctl list", "xinetdctl status", "xinetdctl check"] {
        contains(&container.try_sh(look)?.1, named)?;
    }
    // At boot it may have looked while real xinetd was still opening its ports.
    let journal = container.sh("journalctl -o cat -u xinetd-reconcile")?;
    contains(&journal, "real xinetd runs (process ")?;
    let check = container.try_sh("xinetdctl check")?.1;
    contains(
        &check,
        "/etc/default/xinetd:1:25: warning: `-limit` has no effect",
    )?;
    for said in [check, container.try_sh("xinetdctl list")?.1] {
        contains(&said, "starts at boot and serves these files")?;
    }
    let back = container.sh("xinetdctl migrate --back")?;
    contains(&back, "there is nothing to go back from")?;
    // What is new is left to real xinetd as well.
    container.write("/etc/xinetd.d/third", entry("third", 7303, CAT), 0o644)?;
    contains(
        &container.sh("xinetdctl reload")?,
        "third: left alone, as real xinetd serves",
    )?;
    container.sh("rm /etc/xinetd.d/third; systemctl daemon-reload")?;

    let plan = container.sh("xinetdctl migrate --dry-run")?;
    contains(
        &plan,
        "7301/tcp   first.socket will serve it, as real xinetd does now",
    )?;
    contains(&plan, "S15, H3: ")?;
    equal("after a dry run", state(container)?.as_str(), REAL)?;

    // The reason why a port would be lost is named.
    container.sh("systemctl mask second.socket; systemctl daemon-reload")?;
    contains(
        &unfolded(&container.try_sh("xinetdctl migrate")?.1),
        "7302/tcp: second is masked by",
    )?;
    container.sh("systemctl unmask second.socket; systemctl daemon-reload")?;

    // A port that can't be opened has everything put back.
    let drop_in = "/etc/systemd/system/second.socket.d/test.conf";
    container.write(drop_in, "[Socket]\nBindToDevice=nosuch0\n", 0o644)?;
    let (done, said) = container.try_sh("xinetdctl migrate")?;
    equal("a failed switch", done, false)?;
    contains(&said, "everything is as it was")?;
    equal("after it", state(container)?.as_str(), REAL)?;
    connect(SECOND)?.echo(b"real xinetd")?;
    container.sh(&format!("rm {drop_in}; systemctl daemon-reload"))?;

    // As a restart of Debian 12's real xinetd may leave it: its init script does not find the process then.
    container.sh("rm -f /run/xinetd.pid")?;
    let mut session = connect(FIRST)?;
    session.echo(b"before")?;
    let mut internal = connect(7305)?;
    internal.echo(b"before")?;
    let (done, said) = under_clients(container, "xinetdctl migrate")?;
    equal(&said, done, true)?;
    contains(&said, "systemctl stop xinetd.service")?;
    equal("the bridge serves", state(container)?.as_str(), OURS)?;
    connect(FIRST)?.echo(b"the bridge")?;
    connect(SECOND)?.echo(b"the bridge")?;
    session.echo(b"a session of real xinetd goes on")?;
    internal.echo(b"one of an internal service, too")?;
    // Its process is called xinetd, and is not taken for it.
    contains(
        &container.sh("xinetdctl migrate")?,
        "The bridge serves, now and after each boot",
    )?;
    contains(
        &container.sh(SHARED)?.replace("\n", " "),
        "7304/udp is bound by perl",
    )
}

fn comes_back(container: &Container) -> Result<()> {
    connect(SECOND)?.echo(b"after a boot")?;
    let again = container.sh("xinetdctl migrate")?;
    contains(&again, "there is nothing to go over from")?;
    let said = container.sh("xinetdctl migrate --back")?;
    contains(&said, "real xinetd serves")?;
    equal("real xinetd serves", state(container)?.as_str(), REAL)?;
    connect(SECOND)?.echo(b"real xinetd")
}

/// The package is removed after all: the name is the bridge's, without a daemon-reload.
fn is_heir(container: &Container) -> Result<()> {
    container.sh("xinetdctl migrate")?;
    container.sh("rm -f /usr/sbin/xinetd /usr/lib/systemd/system/xinetd.service")?;
    container.wait_until(
        "systemctl is-active xinetd && systemctl show xinetd -p Description | grep xinetd-bridge",
    )?;
    container.write("/etc/xinetd.d/third", entry("third", 7303, CAT), 0o644)?;
    container.sh("systemctl reload xinetd")?;
    connect(7303)?.echo(b"reloaded")?;
    container.sh("systemctl stop xinetd")?;
    equal("after a stop", connect(7303).is_err(), true)
}
