//! Machines that lack what most have: /proc, IPv6, room on the disk, room for processes.

use nix::libc::{SYS_prctl, SYS_socket};
use testbed::{Bare, Close, Peer, Result, equal};

use super::Scenario;
use super::machine::{DEFAULTS, at, cat, client};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("without_proc", without_proc),
    ("ipv6_is_switched_off", switched_off),
    ("a_kernel_without_ipv6", no_ipv6),
    ("a_disk_that_is_full", full_disk),
    ("no_room_for_another_process", few_processes),
];

/// Reloads lose no session, and limits count those of before.
fn without_proc() -> Result<()> {
    let internal = "service echo\n{\n id = internal\n type = INTERNAL UNLISTED\n socket_type = stream\n wait = no\n \
                    port = 7001\n}\n";
    let own = cat("own", 7002, "log_type = FILE /var/log/own.log");
    let files = |more: &str| [DEFAULTS, &cat("echo", 7000, more), internal, &own].concat();
    let bare = Bare::new()?;
    bare.write("/etc/xinetd.conf", files("instances = 3"), 0o644)?;
    let running = bare.start(
        "umount -l /proc; xinetd -dontfork -pidfile /run/x.pid; echo ended with $?; exec sleep infinity",
    )?;
    running.wait_for("Started working: 3 available services")?;
    running.enter_network()?;
    let mut sessions = [client(7000)?, client(7000)?];
    let reload = |more: &str, count: usize| {
        bare.write("/etc/xinetd.conf", files(more), 0o644)?;
        running.sh("kill -HUP $(cat /run/x.pid)")?;
        running.wait_until("the reload", || {
            running.said().matches("Reconfigured: ").count() == count
        })
    };
    reload("instances = 2", 1)?;
    let third = Peer::hear(at(7000), None)?;
    equal("the third", third.bytes.is_empty(), true)?;
    reload("instances = 2\n umask = 077", 2)?;
    let third = Peer::hear(at(7000), None)?;
    equal("the third, at another helper", third.bytes.is_empty(), true)?;
    for session in &mut sessions {
        session.echo(b"goes on")?;
    }
    client(7002)?;
    running.wait_until("the line in the file", || {
        running
            .read("/var/log/own.log")
            .contains(": START: own pid=")
    })?;
    let internal = client(7001)?;
    running.sh("kill -TERM $(cat /run/x.pid)")?;
    running.wait_for("ended with 0")?;
    equal(
        "an internal service",
        internal.read_to_end()?.close,
        Close::Fin,
    )?;
    equal("the port", client(7000).is_err(), true)
}

/// A service for both families, and one for IPv6 alone.
fn files() -> String {
    let six = cat("six", 7001, "flags = IPv6");
    let addressed = cat("addressed", 7002, "bind = ::1");
    [DEFAULTS, &cat("echo", 7000, ""), &six, &addressed].concat()
}

fn switched_off() -> Result<()> {
    let bare = Bare::new()?;
    bare.write("/etc/xinetd.conf", files(), 0o644)?;
    let running =
        bare.start("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; exec xinetd -dontfork")?;
    running.wait_for("Started working")?;
    running.enter_network()?;
    client(7000)?;
    running.wait_for("from=::ffff:127.0.0.1")
}

/// The kernel knows the family no more.
fn no_ipv6() -> Result<()> {
    // socket(AF_INET6) fails with EAFNOSUPPORT.
    let refuse = format!(
        "my $filter = pack '(SCCL)*', 0x20, 0, 0, 0, 0x15, 0, 3, {SYS_socket}, 0x20, 0, 0, 16, 0x15, 0, 1, 10,
             6, 0, 0, 0x50061, 6, 0, 0, 0x7fff0000;
         my $program = pack 'Sx6P', 6, $filter;
         syscall({SYS_prctl}, 22, 2, $program) == 0 or die $!;
         exec @ARGV;"
    );
    let bare = Bare::new()?;
    bare.write("/refuse.pl", refuse, 0o644)?;
    bare.write("/etc/xinetd.conf", files(), 0o644)?;
    let running = bare.start("exec perl /refuse.pl xinetd -dontfork")?;
    running.wait_for(
        "service six: bind to [::]:7001 failed: Address family not supported by protocol (os error 97); it is tried again",
    )?;
    running
        .wait_for("service addressed: bind to [::1]:7002 failed: Address family not supported")?;
    running.wait_for("Started working: 1 available service\n")?;
    running.enter_network()?;
    client(7000).map(drop)
}

/// Services go on, and when there is room again the log has whole lines and how many were lost.
fn full_disk() -> Result<()> {
    let bare = Bare::new()?;
    bare.write(
        "/etc/xinetd.conf",
        [DEFAULTS, &cat("echo", 7000, "cps = 100000 1")].concat(),
        0o644,
    )?;
    let running = bare.start(
        "mount -t tmpfs -o size=16k logs /var/log; exec xinetd -dontfork -filelog /var/log/xinetd.log",
    )?;
    let log = || running.read("/var/log/xinetd.log");
    running.wait_until("the start", || log().contains("Started working"))?;
    running.enter_network()?;
    // Each has two lines.
    for _ in 0..150 {
        client(7000)?;
    }
    equal("room", log().len() <= 16 << 10, true)?;
    running.sh("mount -o remount,size=1m /var/log")?;
    running.wait_until("the count of lost lines", || {
        client(7000).is_ok() && log().contains(" lines were lost, as the log could not be written")
    })?;
    let log = log();
    let torn = log
        .lines()
        .find(|line| line.matches(" xinetd[").count() != 1);
    equal("a line that is none", torn, None)
}

/// A limit of processes, as of a container. The clients that have no server wait for one.
fn few_processes() -> Result<()> {
    let bare = Bare::new()?;
    let echo = cat("echo", 7000, "instances = UNLIMITED").replace("nobody", "games");
    let other = cat("other", 7001, "").replace("nobody", "games");
    bare.write(
        "/etc/xinetd.conf",
        [DEFAULTS, &echo, &other].concat(),
        0o644,
    )?;
    let running = bare.start(
        "chmod 1777 /tmp; exec prlimit --nproc=7 setpriv --reuid games --regid 60 --clear-groups xinetd -dontfork",
    )?;
    running.wait_for("Started working")?;
    running.enter_network()?;
    // With the supervisor and the helper these are seven.
    let mut sessions = (0..5).map(|_| client(7000)).collect::<Result<Vec<_>>>()?;
    let mut waits = Peer::connect(at(7000), None)?.map_err(|close| format!("{close:?}"))?;
    running.wait_for("echo: fork failed: Resource temporarily unavailable (errno = 11)")?;
    let mut other = Peer::connect(at(7001), None)?.map_err(|close| format!("{close:?}"))?;
    running.wait_for("service other: no helper can be started: ")?;
    for session in &mut sessions {
        session.echo(b"goes on")?;
    }
    sessions.truncate(1);
    waits.echo(b"has waited")?;
    other.echo(b"has waited too")?;
    sessions[0].echo(b"goes on")
}
