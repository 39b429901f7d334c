//! Each kind of change by a daemon-reload alone, beside clients of a service that does not change: none
//! of them is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testbed::{Peer, Result};

use crate::Scenario;
use crate::bed::{Bed, Served, entry, equal};
use crate::reload::place;

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("reloads_refuse_no_client_of_others", often),
    ("every_change_takes_a_daemon_reload_alone", every_change),
];

const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat";

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

/// What a client hears; nothing where nobody listens.
fn hear(address: IpAddr, port: u16) -> Result<String> {
    Ok(Peer::hear((address, port).into(), None)?.text())
}

/// The row of the table of changes: a name, the file (none: it goes), and who is served then, by
/// what.
struct Row {
    name: &'static str,
    file: Option<String>,
    v4: &'static str,
    v6: &'static str,
    /// The port on which it was before, if it is another one now.
    left: Option<u16>,
}

fn every_change(bed: &Bed) -> Result<()> {
    let id = "row";
    let (first, second) = (bed.port(), bed.port());
    let lines = |more: &str| format!("\tserver = /bin/echo\n{more}");
    let file = |port: u16, more: &str| Some(entry(id, port, &lines(more)));
    let at_first = "\tuser = nobody\n\tserver_args = in";
    let both = |name, file| Row {
        name,
        file,
        v4: "in\n",
        v6: "in\n",
        left: None,
    };
    let none = |name, file| Row {
        v4: "",
        v6: "",
        ..both(name, file)
    };
    let rows = [
        both("a new service", file(first, at_first)),
        Row {
            v4: "other\n",
            v6: "other\n",
            ..both(
                "another option",
                file(first, "\tuser = nobody\n\tserver_args = other"),
            )
        },
        both(
            "another user",
            file(first, "\tuser = daemon\n\tserver_args = in"),
        ),
        none(
            "a new limit",
            file(first, &format!("{at_first}\n\tno_access = 0.0.0.0/0 ::/0")),
        ),
        Row {
            left: Some(first),
            ..both("another port", file(second, at_first))
        },
        Row {
            v6: "",
            ..both(
                "one address less",
                file(second, &format!("{at_first}\n\tflags = IPv4")),
            )
        },
        both("one address more", file(second, at_first)),
        Row {
            v4: "",
            ..both(
                "another address",
                file(second, &format!("{at_first}\n\tbind = ::1")),
            )
        },
        none("a service that is gone", None),
        both("a service that is back", file(second, at_first)),
        none(
            "a disabled service",
            file(second, &format!("{at_first}\n\tdisable = yes")),
        ),
        both("an enabled service", file(second, at_first)),
        none(
            "a broken file",
            file(second, &format!("{at_first}\n\tinstances = many")),
        ),
        both("a mended file", file(second, at_first)),
    ];
    beside_clients(bed, "beside-rows", || {
        let mut port = first;
        for row in &rows {
            let path = format!("/etc/xinetd.d/{id}");
            match &row.file {
                Some(text) => bed.container.write(&path, text, 0o644)?,
                None => bed.container.sh(&format!("rm {path}")).map(drop)?,
            }
            bed.daemon_reload()?;
            if let Some(left) = row.left {
                equal(row.name, hear(V4, left)?.as_str(), "")?;
                port = second;
            }
            equal(row.name, hear(V4, port)?.as_str(), row.v4)?;
            equal(row.name, hear(V6, port)?.as_str(), row.v6)?;
        }
        Ok(())
    })?;
    // It is what systemd says, too.
    let row = Served {
        bed,
        id: id.to_owned(),
        port: second,
    };
    equal(
        "the socket",
        row.systemctl("is-active", "socket")?.as_str(),
        "active\n",
    )
}
