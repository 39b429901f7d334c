//! What sessions and reloads leave behind.

use std::net::Ipv4Addr;

use nix::sys::signal::Signal;
use testbed::{Peer, Result, Running, equal};

use super::Scenario;
use super::machine::{DEFAULTS, at, cat, serving};

pub(crate) const SCENARIOS: &[Scenario] = &[("what_has_ended_leaves_no_memory", ended)];

/// How many sessions of each service come before the memory is looked at, and after that.
const SESSIONS: (u16, u16) = (500, 4000);

/// How many reloads come before and after.
const RELOADS: (usize, usize) = (20, 200);

/// What a process may have more at the end, in KiB: less than 52 bytes for each session.
const MORE: u64 = 200;

/// Each session of a service has an address of its own.
fn ended() -> Result<()> {
    let often = "cps = 1000000 1\n per_source = 2";
    let server = cat("server", 7000, often).replace("/bin/cat", "/bin/true");
    let internal = format!(
        "service daytime\n{{\n type = INTERNAL UNLISTED\n socket_type = stream\n wait = no\n port = 7001\n {often}\n}}\n"
    );
    let (_bare, running) = serving(&[DEFAULTS, &server, &internal].concat(), "-dontfork")?;
    let sessions = |count: u16| -> Result<()> {
        for port in [7000, 7001] {
            for number in 0..count {
                let [high, low] = number.to_be_bytes();
                let from = Ipv4Addr::new(127, 1, high, low);
                Peer::hear(at(port), Some((from, 0).into()))?;
            }
        }
        Ok(())
    };
    let reloads = |from: usize, until: usize| -> Result<()> {
        for number in from..until {
            running.signal(Signal::SIGHUP)?;
            running.wait_until("the reload", || {
                running.said().matches("Reconfigured: ").count() > number
            })?;
        }
        Ok(())
    };
    sessions(SESSIONS.0)?;
    reloads(0, RELOADS.0)?;
    let before = memory(&running)?;
    sessions(SESSIONS.1)?;
    reloads(RELOADS.0, RELOADS.0 + RELOADS.1)?;
    let after = memory(&running)?;
    equal("processes", after.len(), 3)?;
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        let text = format!("{name}: {before} KiB before, {after} KiB after");
        equal(&text, *after < before + MORE, true)?;
    }
    Ok(())
}

/// The memory of the supervisor and its helpers that is no file's, in KiB.
fn memory(running: &Running) -> Result<Vec<(String, u64)>> {
    let said = running.sh(
        "for pid in $(pgrep xinetd); do
             awk '/^Anonymous:/ { print $2 }' /proc/$pid/smaps_rollup; tr '\\0' ' ' </proc/$pid/cmdline; echo
         done",
    )?;
    let lines: Vec<&str> = said.lines().collect();
    let (pairs, _) = lines.as_chunks();
    let parsed = pairs.iter().map(|[memory, name]| {
        let memory = memory.parse().map_err(|error| format!("{name}: {error}"))?;
        Ok((name.trim().to_owned(), memory))
    });
    parsed.collect()
}
