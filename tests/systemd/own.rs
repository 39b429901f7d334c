//! What needs a machine of its own: restarts of everything, and a machine that hides systemd's
//! descriptors.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testbed::{Container, Peer, Result, Suite, equal, write};

use crate::bed::{contains, entry};

/// The ports of plain services.
const PORTS: std::ops::Range<u16> = 7100..7140;

const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat\n\tcps = 0 0";

/// The number of an RPC program, whose ports and registrations make systemd start processes.
const PROGRAMS: [u32; 4] = [300_011, 300_012, 300_013, 300_014];

/// The port that another program has at boot.
const TAKEN: u16 = 7200;

fn prepare(tree: &Path) -> Result<()> {
    let plain = PORTS.map(|port| entry(&format!("own-{port}"), port, CAT));
    let rpc = PROGRAMS.map(|program| {
        format!(
            "service own-{program}\n{{\n\ttype = RPC UNLISTED\n\trpc_number = {program}\n\
             \trpc_version = 1\n\tsocket_type = stream\n\twait = no\n{CAT}\n}}\n"
        )
    });
    let all: String = plain.chain(rpc).collect();
    write(tree, "/etc/xinetd.d/own", all, 0o644)?;
    super::boot::without_real(tree)
}

/// Runs something in the network of a container.
pub(crate) fn inside(
    container: &Container,
    play: impl FnOnce() -> Result<()> + Send,
) -> Result<()> {
    let run = || container.enter_network().and_then(|()| play());
    let joined = thread::scope(|scope| scope.spawn(run).join());
    joined.map_err(|_| "the scenario panicked")?
}

fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn serves(port: u16) -> Result<()> {
    Peer::connect(address(port), None)?
        .map_err(|_| format!("port {port} refuses"))?
        .echo(b"served")
}

/// A socket that is closed and opened anew may meet its own old listener, which a process has that
/// systemd has made and that is not another program yet.
pub(crate) fn restarts(suite: Suite) -> Result<()> {
    let container = Container::boot(suite, prepare)?;
    let count = PORTS.len() + PROGRAMS.len();
    for _ in 0..10 {
        // A restart of xinetd.service would leave the sockets open.
        container.sh("systemctl restart xinetd.target")?;
        container.wait_until(&format!(
            "test $(systemctl list-units --plain --no-legend --state=active 'own-*.socket' | wc -l) \
             = {count}"
        ))?;
    }
    container
        .wait_until("test -z \"$(systemctl list-units --failed --plain --no-legend 'own-*')\"")?;
    inside(&container, || PORTS.into_iter().try_for_each(serves))
}

/// A port that is taken at boot is named, and served once it is free.
pub(crate) fn taken_at_boot(suite: Suite) -> Result<()> {
    let mut container = Container::boot(suite, prepare)?;
    let program = format!(
        "use Socket; socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in({TAKEN}, INADDR_ANY)) \
         or die; listen(S, 5); sleep 1000"
    );
    let other = format!(
        "[Unit]\nDefaultDependencies=no\nBefore=sockets.target late.socket\n[Service]\nType=exec\n\
         ExecStart=/usr/bin/perl -e '{program}'\nExecStartPost=/bin/sleep 1\n\
         [Install]\nWantedBy=sysinit.target\n"
    );
    container.write("/etc/systemd/system/other.service", other, 0o644)?;
    container.write("/etc/xinetd.d/late", entry("late", TAKEN, CAT), 0o644)?;
    container.sh("systemctl enable other.service")?;
    let failed = container.reboot().err().unwrap_or_default();
    contains(&failed, "failed at boot: ")?;
    let said = container.sh("journalctl -b -o cat -u xinetd-reconcile.service")?;
    contains(&said, &format!("{TAKEN}/tcp is taken by perl (process "))?;
    let (done, said) = container.try_sh("xinetdctl reload")?;
    equal("a reload", done, false)?;
    contains(&said, "late: start failed: ")?;
    container.sh("systemctl stop other.service && xinetdctl reload")?;
    inside(&container, || serves(TAKEN))
}

/// Without CAP_SYS_PTRACE, as in most containers, nothing that listens is taken for closed.
pub(crate) fn hidden(suite: Suite) -> Result<()> {
    let container = Container::boot_without(suite, Some("CAP_SYS_PTRACE"), |tree| {
        prepare(tree)?;
        write(tree, "/etc/xinetd.d/busy", entry("busy", TAKEN, CAT), 0o644)
    })?;
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients = scope.spawn(|| -> Result<usize> {
            container.enter_network()?;
            let mut count = 0;
            while !end.load(Ordering::Relaxed) {
                serves(TAKEN)?;
                count += 1;
            }
            Ok(count)
        });
        let reloads =
            (0..4).try_for_each(|_| container.sh("systemctl daemon-reload && sleep 1").map(drop));
        end.store(true, Ordering::Relaxed);
        let served = clients.join().map_err(|_| "the clients are gone")??;
        equal("there were clients", served > 8, true)?;
        reloads
    })?;
    // What has changed is done all the same.
    container.write("/etc/xinetd.d/busy", entry("busy", TAKEN + 1, CAT), 0o644)?;
    let said = container.sh("xinetdctl reload")?;
    equal(
        "the reload",
        said.as_str(),
        "busy: rebound, as its socket has changed\n",
    )?;
    inside(&container, || serves(TAKEN + 1))
}

/// A daemon-reload that finds no room for the units of a service closes its socket, which systemd still calls active.
pub(crate) fn full_run(suite: Suite) -> Result<()> {
    let container = Container::boot(suite, prepare)?;
    inside(&container, || PORTS.into_iter().try_for_each(serves))?;
    // Their files stand before those of the others.
    let more: String = (0..20)
        .map(|number| entry(&format!("more-{number}"), TAKEN + number, CAT))
        .collect();
    container.write("/etc/xinetd.d/before", more, 0o644)?;
    // The directory of the units is not full, but can't have more files than there are.
    container.sh("mount -o remount,nr_inodes=$(df --output=iused /run | tail -n 1 | tr -d ' ') /run; systemctl daemon-reload")?;
    // Which ones: several threads write them.
    let lost = container.sh(
        "systemctl show 'own-*.socket' --property=Id,LoadState,ActiveState |
         awk -v RS= '/LoadState=not-found/ && /ActiveState=active/ {
             match($0, /Id=[^.]*/); print substr($0, RSTART + 3, RLENGTH - 3) }'",
    )?;
    equal("none has lost its units", lost.is_empty(), false)?;
    let listed = container.sh("xinetdctl list")?;
    for unit in lost.lines() {
        let mut lines = listed.lines();
        let line = lines.find(|line| line.split(' ').next() == Some(unit));
        contains(line.unwrap_or_default(), "systemd has closed its socket")?;
    }
    let said = container.sh("xinetdctl reload 2>&1 && echo done || true")?;
    equal("the reload fails", said.contains("done"), false)?;
    container.sh("mount -o remount,nr_inodes=100000 /run; xinetdctl reload")?;
    inside(&container, || PORTS.chain([TAKEN]).try_for_each(serves))
}
