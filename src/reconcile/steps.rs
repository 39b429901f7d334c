//! The doing.
//!
//! systemctl does it, which needs no bus for root.

use std::thread;
use std::time::{Duration, Instant};

use super::plan::{Action, Step};
use super::record::Done;
use crate::systemctl::systemctl;

/// How long a helper may take to leave.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a race with a helper that comes back is run.
const ATTEMPTS: usize = 5;

/// Takes all steps; tells what came of each.
pub(super) fn take(actions: &[Action]) -> Vec<Done> {
    // All sockets are closed before one is opened: services may have changed places.
    for action in actions.iter().filter(|action| action.step == Step::Rebind) {
        // What can't be closed is said when it can't be opened.
        let _ = close(&action.unit);
    }
    actions.iter().map(one).collect()
}

fn one(action: &Action) -> Done {
    let Action { unit, step, why } = action;
    let taken = match step {
        Step::Stop => command(&["stop", &socket(unit), &service(unit)]),
        Step::Rebind => rebind(unit),
        Step::Start => command(&["start", &socket(unit)]),
        Step::Respawn => leave(unit),
        // What no running helper can take, another one can.
        Step::Reload => command(&["reload", &service(unit)]).or_else(|_| leave(unit)),
    };
    match &taken {
        Ok(()) => log::info!("{unit}: {step}, as {why}"),
        Err(error) => log::error!("{unit}: {step}, as {why}, failed: {error}"),
    }
    Done {
        unit: unit.clone(),
        step: step.to_string(),
        why: why.to_string(),
        error: taken.err(),
    }
}

/// Has the helper leave: one with sessions comes back after a second, and finds them again.
fn leave(unit: &str) -> Result<(), String> {
    command(&["kill", "--kill-whom=main", "--signal=TERM", &service(unit)])
}

/// Closes the socket, and leaves the sessions alone.
///
/// systemd does not start a socket whose service runs, and stops the service with its socket. So the
/// helper leaves first: while systemd waits to start the next one, the socket may come and go.
fn close(unit: &str) -> Result<(), String> {
    if is_running(unit)? {
        leave(unit)?;
        let deadline = Instant::now() + PATIENCE;
        while is_running(unit)? {
            if Instant::now() >= deadline {
                return Err("the helper does not leave".to_owned());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
    command(&["stop", "--job-mode=ignore-dependencies", &socket(unit)])
}

/// Opens a socket that has been closed; once more from the beginning where a helper was faster.
fn rebind(unit: &str) -> Result<(), String> {
    let mut result = Ok(());
    for _ in 0..ATTEMPTS {
        result = command(&["start", &socket(unit)]);
        // The next helper brings its socket along: then that is the new one already.
        if result.is_ok() || command(&["is-active", &socket(unit)]).is_ok() {
            return Ok(());
        }
        close(unit)?;
    }
    log::warn!("{unit}: the socket can't be changed beside its sessions: they end");
    command(&["restart", &socket(unit)]).or(result)
}

/// Whether a helper runs, or is about to.
fn is_running(unit: &str) -> Result<bool, String> {
    let state = systemctl([
        "show",
        "--property=SubState",
        "--value",
        "--",
        &service(unit),
    ])?;
    Ok(!matches!(state.trim(), "dead" | "failed" | "auto-restart"))
}

/// Has systemd do something with units.
fn command(arguments: &[&str]) -> Result<(), String> {
    let said = systemctl(arguments).map(drop);
    // The others tell where to read more.
    said.map_err(|error| {
        error
            .lines()
            .next()
            .unwrap_or("systemctl failed")
            .to_owned()
    })
}

fn socket(unit: &str) -> String {
    format!("{unit}.socket")
}

fn service(unit: &str) -> String {
    format!("{unit}.service")
}
