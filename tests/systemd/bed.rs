//! What the scenarios share: a booted container, and services made in it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use testbed::{Close, Container, Heard, Line, Peer, Result, Suite, equal};

/// Ports below are those of the services that are there at boot.
const FIRST_PORT: u16 = 5000;

/// A booted container.
pub(crate) struct Bed {
    pub(crate) container: Container,
    next_port: AtomicU16,
    reloads: Mutex<()>,
    bridge_file: Mutex<()>,
}

/// A service that a scenario made.
pub(crate) struct Served<'a> {
    pub(crate) bed: &'a Bed,
    pub(crate) id: String,
    pub(crate) port: u16,
}

impl Bed {
    pub(crate) fn boot(suite: Suite) -> Result<Self> {
        let container = Container::boot(suite, super::boot::prepare)?;
        Ok(Self {
            container,
            next_port: AtomicU16::new(FIRST_PORT),
            reloads: Mutex::default(),
            bridge_file: Mutex::default(),
        })
    }

    /// Keeps other scenarios from making all units anew or starting them all: for one that
    /// touches units itself, or wants one to stay stopped. A scenario that needs
    /// [`alone`](super::sensor::alone), too, takes that first, as all others do.
    pub(crate) fn no_reloads(&self) -> MutexGuard<'_, ()> {
        // A scenario that failed has left nothing half done here.
        self.reloads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps /etc/xinetd-bridge.toml for one scenario, which removes it in the end.
    pub(crate) fn bridge_file(&self) -> MutexGuard<'_, ()> {
        // One that failed may leave its file behind; the next one writes another in its place.
        let file = self.bridge_file.lock();
        file.unwrap_or_else(PoisonError::into_inner)
    }

    /// `systemctl daemon-reload`, and nothing else.
    pub(crate) fn reload_alone(&self) -> Result<()> {
        let _alone = self.no_reloads();
        self.container.sh("systemctl daemon-reload").map(drop)
    }

    /// The same, and waits until all that follows has been done.
    pub(crate) fn daemon_reload(&self) -> Result<()> {
        let _alone = self.no_reloads();
        self.container.sh("systemctl daemon-reload")?;
        self.followed()
    }

    /// Puts a text into a file, or removes the file, and applies that at once: no reload of another scenario
    /// comes upon a file with errors of a service that listens still.
    pub(crate) fn apply(&self, path: &str, text: Option<&str>) -> Result<()> {
        let _alone = self.no_reloads();
        match text {
            Some(text) => self.container.write(path, text, 0o644)?,
            None => self.container.sh(&format!("rm -f {path}")).map(drop)?,
        }
        self.container.sh("systemctl daemon-reload")?;
        self.followed()
    }

    /// Waits until what follows the last reload has been done.
    pub(crate) fn followed(&self) -> Result<()> {
        self.container
            .sh(
                "while test -e /run/systemd/generator.late/xinetd-bridge/changed || \
                 systemctl is-active xinetd-reconcile.service | grep -q activating; \
                 do sleep 0.05; done",
            )
            .map(drop)
    }

    /// Starts all that are not disabled, as a boot does.
    pub(crate) fn start_all(&self) -> Result<()> {
        let _alone = self.no_reloads();
        self.container.sh("systemctl start xinetd.target").map(drop)
    }

    /// A port that no other scenario has.
    pub(crate) fn port(&self) -> u16 {
        self.next_port.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes the file of a service; `lines` come after those that every service needs.
    pub(crate) fn write(&self, id: &str, port: u16, lines: &str) -> Result<()> {
        self.container.write(
            &format!("/etc/xinetd.d/{id}"),
            entry(id, port, lines),
            0o644,
        )
    }

    /// Makes a service as an administrator does: the file, a reload, and a start of the socket.
    pub(crate) fn serve(&self, id: &str, lines: &str) -> Result<Served<'_>> {
        let port = self.port();
        self.write(id, port, lines)?;
        self.daemon_reload()?;
        self.container.sh(&format!("systemctl start {id}.socket"))?;
        Ok(Served {
            bed: self,
            id: id.to_owned(),
            port,
        })
    }

    /// Writes an executable script and gives its path.
    pub(crate) fn script(&self, name: &str, body: &str) -> Result<String> {
        let path = format!("/usr/local/bin/{name}");
        self.container
            .write(&path, format!("#!/bin/sh\n{body}\n"), 0o755)?;
        Ok(path)
    }
}

/// The text of a service entry.
pub(crate) fn entry(id: &str, port: u16, lines: &str) -> String {
    format!(
        "service {id}\n{{\n\ttype = UNLISTED\n\tsocket_type = stream\n\twait = no\n\tport = {port}\n{lines}\n}}\n"
    )
}

impl Served<'_> {
    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Connects from 127.0.0.`host`.
    pub(crate) fn connect_from(&self, host: u8) -> Result<Peer> {
        let source = (Ipv4Addr::new(127, 0, 0, host), 0).into();
        Peer::connect(self.address(), Some(source))?
            .map_err(|_| format!("port {} refuses", self.port))
    }

    pub(crate) fn connect(&self) -> Result<Peer> {
        self.connect_from(1)
    }

    /// What a client at 127.0.0.`host` hears that sends nothing.
    pub(crate) fn hear_from(&self, host: u8) -> Result<Heard> {
        Peer::hear(
            self.address(),
            Some((Ipv4Addr::new(127, 0, 0, host), 0).into()),
        )
    }

    pub(crate) fn hear(&self) -> Result<Heard> {
        self.hear_from(1)
    }

    /// Waits for a line of the service's journal.
    pub(crate) fn await_line(&self, beginning: &str) -> Result<Line> {
        self.bed
            .container
            .await_line(&format!("{}.service", self.id), beginning)
    }

    /// The helper's process id.
    pub(crate) fn helper(&self) -> Result<String> {
        let unit = format!("{}.service", self.id);
        self.bed.container.property(&unit, "MainPID")
    }

    /// Runs `systemctl VERB UNIT`.
    pub(crate) fn systemctl(&self, verb: &str, kind: &str) -> Result<String> {
        self.bed
            .container
            .sh(&format!("systemctl {verb} {}.{kind}", self.id))
    }

    /// Writes the service's file anew and makes its units anew.
    pub(crate) fn rewrite(&self, lines: &str) -> Result<()> {
        self.bed.write(&self.id, self.port, lines)?;
        self.bed.daemon_reload()
    }

    /// Has its helper see files of its own in /etc.
    pub(crate) fn with_files(&self, files: &[(&str, &str)]) -> Result<()> {
        let mut drop_in = String::from("[Service]\n");
        for (name, text) in files {
            let own = format!("/etc/wrapped/{}.{name}", self.id);
            self.bed.container.write(&own, text, 0o644)?;
            self.bed.container.sh(&format!("touch /etc/{name}"))?;
            drop_in += &format!("BindPaths={own}:/etc/{name}\n");
        }
        self.drop_in("service", &drop_in)
    }

    /// Writes a drop-in for one of its units and makes it known.
    pub(crate) fn drop_in(&self, kind: &str, text: &str) -> Result<()> {
        let path = format!("/etc/systemd/system/{}.{kind}.d/test.conf", self.id);
        self.bed.container.write(&path, text, 0o644)?;
        self.bed.daemon_reload()
    }
}

/// Fails unless the client heard nothing and was turned away in good order.
pub(crate) fn turned_away(heard: &Heard) -> Result<()> {
    equal(
        "a refused client",
        (heard.text().as_str(), heard.close),
        ("", Close::Fin),
    )
}

/// Fails unless the text holds the part.
pub(crate) fn contains(text: &str, part: &str) -> Result<()> {
    if text.contains(part) {
        Ok(())
    } else {
        Err(format!("no {part:?} in:\n{text}"))
    }
}

/// A text as it is without line ends.
pub(crate) fn unfolded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
