//! What lies in memory while nothing happens, and what a session adds.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use testbed::{Container, Result};

use crate::clients::{be_served, join, local};
use crate::relay;
use crate::report::Table;
use crate::servers::{CHARGEN, QUIET, STATIC, TO_SINK};

pub(crate) fn measure(container: &Container) -> Result<Vec<Table>> {
    // It may have been idle for so long that it has left.
    be_served(STATIC)?;
    let mut idle = Table::new(["memory", "RSS, KiB", "PSS, KiB"]);
    for (name, unit) in [("idle helper", "static"), ("idle xinetd", "old")] {
        let rollup = rollup(container, unit)?;
        idle.row([
            name.to_owned(),
            rollup.rss.to_string(),
            rollup.pss.to_string(),
        ]);
    }
    let mut sessions = Table::new([
        "session at xinetd-bridge",
        "at once",
        "the helper's bytes for each",
    ]);
    for (name, unit, count, begin) in [
        (
            "a program",
            "quiet",
            1000,
            started as fn() -> Result<TcpStream>,
        ),
        ("redirect, idle", "sink", 5000, relayed),
        ("chargen, client does not read", "chargen", 5000, flooded),
    ] {
        drop(begin()?);
        let before = settled(container, unit, 0)?;
        let streams = (0..count).map(|_| begin()).collect::<Result<Vec<_>>>()?;
        let after = settled(container, unit, count)?;
        drop(streams);
        let each = after.rss.saturating_sub(before.rss) * 1024 / u64::from(count);
        sessions.row([name.to_owned(), count.to_string(), each.to_string()]);
    }
    Ok(vec![idle, sessions])
}

fn started() -> Result<TcpStream> {
    join(Ipv4Addr::LOCALHOST, QUIET)
}

fn relayed() -> Result<TcpStream> {
    relay::backends()?;
    let mut stream = connect(TO_SINK)?;
    stream.write_all(b"x").map_err(|error| error.to_string())?;
    Ok(stream)
}

fn flooded() -> Result<TcpStream> {
    let mut stream = connect(CHARGEN)?;
    stream
        .read_exact(&mut [0; 64])
        .map_err(|error| error.to_string())?;
    Ok(stream)
}

fn connect(port: u16) -> Result<TcpStream> {
    TcpStream::connect(local(port)).map_err(|error| format!("{port}: {error}"))
}

/// Kibibytes of a unit's main process.
struct Rollup {
    rss: u64,
    pss: u64,
}

/// The same when so many sessions are there.
fn settled(container: &Container, unit: &str, count: u32) -> Result<Rollup> {
    container.wait_until(&format!(
        "systemctl show -P StatusText {unit}.service | grep -w '^{count} running'"
    ))?;
    rollup(container, unit)
}

fn rollup(container: &Container, unit: &str) -> Result<Rollup> {
    let text = container.sh(&format!(
        "cat /proc/$(systemctl show -P MainPID {unit}.service)/smaps_rollup"
    ))?;
    let value = |name: &str| -> Result<u64> {
        let line = text.lines().find(|line| line.starts_with(name));
        let word = line.and_then(|line| line.split_whitespace().nth(1));
        let number = word.and_then(|word| word.parse().ok());
        number.ok_or_else(|| format!("no {name} in:\n{text}"))
    };
    Ok(Rollup {
        rss: value("Rss:")?,
        pss: value("Pss:")?,
    })
}
