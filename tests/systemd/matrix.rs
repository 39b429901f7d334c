//! Each kind of change by a daemon-reload alone, beside clients of a service that does not change: none
//! of them is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use testbed::{Peer, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, entry};
use crate::reload::place;

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("reloads_refuse_no_client_of_others", often),
    (
        "every_change_beside_no_helper_takes_a_daemon_reload_alone",
        every_change_beside_no_helper,
    ),
    (
        "every_change_beside_an_idle_helper_takes_a_daemon_reload_alone",
        every_change_beside_an_idle_helper,
    ),
    (
        "every_change_beside_a_session_takes_a_daemon_reload_alone",
        every_change_beside_a_session,
    ),
];

const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat";

/// Between clients: there are fewer ports than a fast machine has clients in a minute.
const PAUSE: Duration = Duration::from_millis(5);

/// Makes changes, while one client after the other comes to a service that they do not concern.
fn beside_clients(bed: &Bed, id: &str, changes: impl FnOnce() -> Result<()>) -> Result<()> {
    let quiet = place(bed, id, &format!("{CAT}\n\tcps = 0 0"))?;
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients = scope.spawn(|| -> Result<usize> {
            bed.container.enter_network()?;
            let mut session = quiet.connect()?;
            let mut count = 0;
            while !end.load(Ordering::Relaxed) {
                quiet.connect()?.echo(b"one of many")?;
                session.echo(b"the same all the time")?;
                count += 1;
                thread::sleep(PAUSE);
            }
            Ok(count)
        });
        let changes = changes();
        end.store(true, Ordering::Relaxed);
        let served = clients.join().map_err(|_| "the clients are gone")??;
        changes?;
        equal("there were clients", served > 8, true)
    })
}

fn often(bed: &Bed) -> Result<()> {
    let busy = place(bed, "changes-often", CAT)?;
    beside_clients(bed, "unchanged", || {
        (0..8).try_for_each(|round| {
            let lines = format!(
                "{CAT}\n\tinstances = {}\n\tbind = 127.0.0.{}",
                round + 1,
                round % 2 + 1
            );
            busy.rewrite(&lines)
        })
    })
}

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// What a client hears that sends nothing; nothing where it is refused.
fn hear(address: IpAddr, port: u16) -> Result<String> {
    let Ok(peer) = Peer::connect((address, port).into(), None)? else {
        return Ok(String::new());
    };
    // A server that has turned it away is gone already.
    let _ = peer.finish();
    Ok(peer.read_to_end()?.text())
}

/// The row of the table of changes: a name, the file (none: it goes), and which clients are served then, by
/// what.
struct Row {
    name: &'static str,
    file: Option<String>,
    port: u16,
    v4: &'static str,
    v6: &'static str,
    /// The port on which it was before, if it is another one now.
    left: Option<u16>,
}

impl Row {
    /// Whether the service is there, so that its sessions live on.
    fn is_served(&self) -> bool {
        !matches!(self.name, GONE | DISABLED | BROKEN)
    }

    /// Fails unless clients are served as they should be.
    fn holds(&self, state: Helper) -> Result<()> {
        let what = |what: &str| format!("{}, {state:?}: {what}", self.name);
        if let Some(left) = self.left {
            equal(&what("the old port"), hear(V4, left)?.as_str(), "")?;
        }
        equal(&what("IPv4"), hear(V4, self.port)?.as_str(), self.v4)?;
        equal(&what("IPv6"), hear(V6, self.port)?.as_str(), self.v6)
    }

    /// A client that stays.
    fn session(&self) -> Result<Option<Peer>> {
        let address = match (self.v4, self.v6) {
            ("", "") => return Ok(None),
            ("", _) => V6,
            _ => V4,
        };
        let peer = Peer::connect((address, self.port).into(), None)?;
        let mut peer = peer.map_err(|_| format!("{}: no session", self.name))?;
        let line = if address == V4 { self.v4 } else { self.v6 };
        equal(self.name, peer.read(line.len())?, line.as_bytes().to_vec())?;
        Ok(Some(peer))
    }
}

const GONE: &str = "a service that is gone";
const DISABLED: &str = "a disabled service";
const BROKEN: &str = "a broken file";

/// What the helper does when the change comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Helper {
    /// It does not run.
    Absent,
    /// It runs, and has no session.
    Idle,
    /// It has a session.
    Active,
}

/// All changes, one after the other.
fn rows(id: &str, server: &str, first: u16, second: u16) -> Vec<Row> {
    let lines = |more: &str| format!("\tserver = {server}\n{more}");
    let file = |port: u16, more: &str| Some(entry(id, port, &lines(more)));
    let at_first = "\tuser = nobody\n\tserver_args = in";
    let both = |name, port, more: &str| Row {
        name,
        file: file(port, more),
        port,
        v4: "in\n",
        v6: "in\n",
        left: None,
    };
    let none = |name, file| Row {
        file,
        v4: "",
        v6: "",
        ..both(name, second, at_first)
    };
    vec![
        both("a new service", first, at_first),
        Row {
            v4: "other\n",
            v6: "other\n",
            ..both(
                "another option",
                first,
                "\tuser = nobody\n\tserver_args = other",
            )
        },
        both("another user", first, "\tuser = daemon\n\tserver_args = in"),
        Row {
            v4: "",
            v6: "",
            ..both(
                "a new limit",
                first,
                &format!("{at_first}\n\tno_access = 0.0.0.0/0 ::/0"),
            )
        },
        Row {
            left: Some(first),
            ..both("another port", second, at_first)
        },
        Row {
            v6: "",
            ..both(
                "one address less",
                second,
                &format!("{at_first}\n\tflags = IPv4"),
            )
        },
        both("one address more", second, at_first),
        Row {
            v4: "",
            ..both(
                "another address",
                second,
                &format!("{at_first}\n\tbind = ::1"),
            )
        },
        none(GONE, None),
        both("a service that is back", second, at_first),
        none(
            DISABLED,
            file(second, &format!("{at_first}\n\tdisable = yes")),
        ),
        both("an enabled service", second, at_first),
        none(
            BROKEN,
            file(second, &format!("{at_first}\n\tinstances = many")),
        ),
        both("a mended file", second, at_first),
    ]
}

fn every_change_beside_no_helper(bed: &Bed) -> Result<()> {
    every_change(bed, "row-absent", Helper::Absent)
}

fn every_change_beside_an_idle_helper(bed: &Bed) -> Result<()> {
    every_change(bed, "row-idle", Helper::Idle)
}

fn every_change_beside_a_session(bed: &Bed) -> Result<()> {
    every_change(bed, "row-active", Helper::Active)
}

/// Makes each change, and then has the service go and come back.
fn every_change(bed: &Bed, id: &str, state: Helper) -> Result<()> {
    let server = bed.script("says", "echo $1; exec cat")?;
    let rows = rows(id, &server, bed.port(), bed.port());
    let path = format!("/etc/xinetd.d/{id}");
    let stage = |row: &Row| -> Result<Option<Peer>> {
        match state {
            Helper::Absent => {
                // None has the unit where the service is not served.
                bed.container
                    .try_sh(&format!("systemctl stop {id}.service"))?;
                Ok(None)
            }
            Helper::Idle => Ok(None),
            Helper::Active => row.session(),
        }
    };
    let change = |session: Option<Peer>, file: Option<&String>, row: Option<&Row>| -> Result<()> {
        bed.apply(&path, file.map(String::as_str))?;
        match (session, row) {
            (Some(mut session), Some(row)) if row.is_served() => session
                .echo(b"still here")
                .map_err(|error| format!("{}: the session: {error}", row.name)),
            (Some(session), _) => session.read_to_end().map(drop),
            (None, _) => Ok(()),
        }
    };
    let play = || {
        let mut before: Option<&Row> = None;
        for row in &rows {
            let session = before.map(&stage).transpose()?.flatten();
            change(session, row.file.as_ref(), Some(row))?;
            row.holds(state)?;
            change(stage(row)?, None, None)?;
            for address in [V4, V6] {
                equal(GONE, hear(address, row.port)?.as_str(), "")?;
            }
            change(None, row.file.as_ref(), None)?;
            row.holds(state)?;
            before = Some(row);
        }
        Ok(())
    };
    match state {
        Helper::Active => beside_clients(bed, &format!("beside-{id}"), play)?,
        Helper::Absent | Helper::Idle => play()?,
    }
    // It is what systemd says, too.
    let row = Served {
        bed,
        id: id.to_owned(),
        port: 0,
    };
    equal(
        "the socket",
        row.systemctl("is-active", "socket")?.as_str(),
        "active\n",
    )?;
    let failed = bed.container.sh(&format!(
        "systemctl list-units --all --failed --plain --no-legend '{id}.*'"
    ))?;
    equal("failed units", failed.as_str(), "")
}
