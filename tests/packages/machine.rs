//! A machine with services of several kinds in its files, its sessions, and clients that keep coming.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use testbed::{Container, Peer, Result, Suite, equal, run, write};

use crate::debs::{self, Debs};

/// A server for each client.
pub(crate) const CAT: u16 = 7401;
/// One server that accepts by itself.
const TAKER: u16 = 7402;
/// An internal service.
const INNER: u16 = 7403;
/// A redirect to the first one.
const RELAY: u16 = 7404;
/// An internal service for datagrams.
const DATAGRAMS: u16 = 7405;

/// Accepts clients, and has a process echo for each.
const ACCEPTS: &str = "#!/bin/sh\nexec perl -e '$SIG{CHLD} = \"IGNORE\"; while (accept(C, STDIN)) { next if fork; \
                       while (sysread(C, my $text, 99)) { syswrite C, $text } exit }'\n";

const SERVICES: &[(&str, &str)] = &[
    (
        "cat",
        "type = UNLISTED\nsocket_type = stream\nprotocol = tcp\nwait = no\nport = 7401\nuser = nobody\nserver = /bin/cat\ncps = 0 0",
    ),
    (
        "taker",
        "type = UNLISTED\nsocket_type = stream\nprotocol = tcp\nwait = yes\nport = 7402\nuser = nobody\n\
         server = /usr/local/bin/accepts",
    ),
    (
        "inner",
        "type = INTERNAL UNLISTED\nsocket_type = stream\nprotocol = tcp\nwait = no\nport = 7403\nuser = nobody\ncps = 0 0",
    ),
    (
        "relay",
        "type = UNLISTED\nsocket_type = stream\nprotocol = tcp\nwait = no\nport = 7404\nuser = nobody\n\
         redirect = 127.0.0.1 7401\ncps = 0 0",
    ),
    (
        "datagrams",
        "type = INTERNAL UNLISTED\nsocket_type = dgram\nprotocol = udp\nwait = yes\nport = 7405\nuser = nobody\ncps = 0 0",
    ),
];

/// The file of the services; what xinetd calls internal goes by the service's name.
fn files() -> String {
    let entry = |&(id, lines): &(&str, &str)| {
        let name = if lines.starts_with("type = INTERNAL") {
            "echo"
        } else {
            id
        };
        format!("service {name}\n{{\nid = {id}\n{lines}\n}}\n")
    };
    SERVICES.iter().map(entry).collect()
}

pub(crate) struct Machine {
    pub(crate) container: Container,
}

impl Machine {
    /// Waits until no helper runs a program that is no longer installed.
    pub(crate) fn runs_what_is_installed(&self) -> Result<()> {
        let units: Vec<_> = SERVICES.iter().map(|(id, _)| *id).collect();
        self.container.wait_until(&format!(
            "for unit in {}; do
                 helper=$(systemctl show --property=MainPID --value $unit.service)
                 case $(readlink /proc/$helper/exe) in *deleted*) exit 1 ;; esac
             done",
            units.join(" ")
        ))
    }

    /// A machine that never had an inetd, with services in /etc/xinetd.d; `prepare` may add to its tree.
    pub(crate) fn boot(suite: Suite, prepare: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let debs = Debs::get()?;
        let container = Container::boot_bare(suite, |tree| {
            let purge = "for package in rstatd xinetd openbsd-inetd; do dpkg --purge $package || exit; done; \
                         rm -rf /usr/sbin/policy-rc.d /etc/xinetd.d /etc/inetd.conf";
            in_tree(tree, purge)?;
            debs.put_into(tree)?;
            // Nothing here has to outlive a crash of this machine.
            write(
                tree,
                "/etc/dpkg/dpkg.cfg.d/tests",
                "force-unsafe-io\n",
                0o644,
            )?;
            write(tree, "/etc/xinetd.d/tests", files(), 0o644)?;
            write(tree, "/usr/local/bin/accepts", ACCEPTS, 0o755)?;
            prepare(tree)
        })?;
        Ok(Self { container })
    }

    /// The same, with a version of the bridge installed by apt.
    pub(crate) fn with_bridge(suite: Suite) -> Result<Self> {
        let machine = Self::boot(suite, |_| Ok(()))?;
        machine.apt(&format!("install {}", debs::bridge(debs::OLD)))?;
        Ok(machine)
    }

    /// Calls apt-get without anyone to ask.
    pub(crate) fn apt(&self, arguments: &str) -> Result<String> {
        self.container.sh(&format!(
            "DEBIAN_FRONTEND=noninteractive apt-get --yes --quiet -o APT::Sandbox::User=root {arguments} 2>&1"
        ))
    }

    /// Fails unless all services listen; for datagrams unless one is answered.
    pub(crate) fn serves(&self) -> Result<()> {
        for port in [CAT, TAKER, INNER, RELAY] {
            connect(port)?.echo(b"served")?;
        }
        match ask() {
            true => Ok(()),
            false => Err("datagrams are not answered".to_owned()),
        }
    }

    /// Fails if one of the services listens.
    pub(crate) fn serves_nothing(&self) -> Result<()> {
        let listening = self
            .container
            .sh("ss -Hltun 'sport >= :7401 and sport <= :7405'")?;
        equal("what listens", listening.as_str(), "")
    }
}

/// Runs a script in the tree of a machine that has not booted.
pub(crate) fn in_tree(tree: &Path, script: &str) -> Result<()> {
    // dpkg wants to know that there is a /dev/null.
    let null = tree.join("dev/null");
    let is_made = !null.exists();
    if is_made {
        fs::write(&null, "").map_err(|error| format!("{}: {error}", null.display()))?;
    }
    let done = run(Command::new("chroot").arg(tree).args(["sh", "-c", script]));
    if is_made {
        let _ = fs::remove_file(&null);
    }
    done
}

pub(crate) fn connect(port: u16) -> Result<Peer> {
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
    Peer::connect(address, None)?.map_err(|_| format!("port {port} refuses"))
}

/// Whether a datagram is answered.
fn ask() -> bool {
    let answered = || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_secs(20)))?;
        // A closed port answers at once.
        socket.connect((Ipv4Addr::LOCALHOST, DATAGRAMS))?;
        socket.send(b"served")?;
        socket.recv(&mut [0; 16])
    };
    answered().is_ok()
}

/// Open sessions of each kind.
pub(crate) struct Sessions(Vec<(u16, Peer)>);

impl Sessions {
    pub(crate) fn open() -> Result<Self> {
        let mut all = Vec::new();
        for port in [CAT, TAKER, INNER, RELAY].repeat(12) {
            let mut peer = connect(port)?;
            peer.echo(b"before")?;
            all.push((port, peer));
        }
        Ok(Self(all))
    }

    /// Fails unless all of them go on.
    pub(crate) fn go_on(&mut self) -> Result<()> {
        for (port, peer) in &mut self.0 {
            peer.echo(b"after")
                .map_err(|error| format!("the session at port {port}: {error}"))?;
        }
        Ok(())
    }
}

/// So many clients come at least: one that waits for its next helper takes a second.
const ENOUGH: usize = 20;

/// What clients met that came all the time.
pub(crate) struct Met {
    pub(crate) clients: usize,
    /// Of each that was not served, why.
    pub(crate) lost: Vec<String>,
}

/// Has clients come while `play` runs.
pub(crate) fn under_clients<T>(play: impl FnOnce() -> Result<T>) -> Result<(T, Met)> {
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients = scope.spawn(|| come(&end));
        let played = play();
        end.store(true, Ordering::Relaxed);
        let met = clients.join().map_err(|_| "the clients are gone")?;
        Ok((played?, met))
    })
}

fn come(end: &AtomicBool) -> Met {
    let mut met = Met {
        clients: 0,
        lost: Vec::new(),
    };
    while !end.load(Ordering::Relaxed) || met.clients <= ENOUGH {
        let streams = [CAT, INNER, RELAY].map(|port| {
            let served = connect(port).and_then(|mut peer| peer.echo(b"served"));
            served.map_err(|error| format!("port {port}: {error}"))
        });
        let datagram = match ask() {
            true => Ok(()),
            false => Err("a datagram is not answered".to_owned()),
        };
        for result in streams.into_iter().chain([datagram]) {
            met.clients += 1;
            met.lost.extend(result.err());
        }
        thread::sleep(Duration::from_millis(5));
    }
    met
}
