//! The doing.
//!
//! systemctl does it, which needs no bus for root.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::plan::{Action, Step};
use super::record::Done;

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
        Step::Stop => systemctl(&["stop", &socket(unit), &service(unit)]),
        Step::Rebind => rebind(unit),
        Step::Start => systemctl(&["start", &socket(unit)]),
        Step::Respawn => leave(unit),
        // What no running helper can take, another one can.
        Step::Reload => systemctl(&["reload", &service(unit)]).or_else(|_| leave(unit)),
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
    systemctl(&["kill", "--kill-whom=main", "--signal=TERM", &service(unit)])
}

/// Closes the socket, and leaves the sessions alone.
///
/// systemd does not start a socket whose service runs, and stops the service with its socket. So the
/// helper leaves first: while systemd waits to start the next one, the socket may come and go.
fn close(unit: &str) -> Result<(), String> {
    if state(unit)?.is_running() {
        leave(unit)?;
        let deadline = Instant::now() + PATIENCE;
        while state(unit)?.is_running() {
            if Instant::now() >= deadline {
                return Err("the helper does not leave".to_owned());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
    systemctl(&["stop", "--job-mode=ignore-dependencies", &socket(unit)])
}

/// Opens a socket that has been closed; once more from the beginning where a helper was faster.
fn rebind(unit: &str) -> Result<(), String> {
    let mut result = Ok(());
    for _ in 0..ATTEMPTS {
        result = systemctl(&["start", &socket(unit)]);
        if result.is_ok() {
            return result;
        }
        close(unit)?;
    }
    log::warn!("{unit}: the socket can't be changed beside its sessions: they end");
    systemctl(&["restart", &socket(unit)]).or(result)
}

/// What a service is doing.
struct State(String);

impl State {
    fn is_running(&self) -> bool {
        !matches!(self.0.as_str(), "dead" | "failed" | "auto-restart")
    }
}

fn state(unit: &str) -> Result<State, String> {
    let said = Command::new("systemctl")
        .args([
            "show",
            "--property=SubState",
            "--value",
            "--",
            &service(unit),
        ])
        .output();
    let said = said.map_err(|error| format!("systemctl show: {error}"))?;
    Ok(State(
        String::from_utf8_lossy(&said.stdout).trim().to_owned(),
    ))
}

fn systemctl(arguments: &[&str]) -> Result<(), String> {
    let said = Command::new("systemctl").args(arguments).output();
    let said = said.map_err(|error| format!("systemctl: {error}"))?;
    if said.status.success() {
        return Ok(());
    }
    let error = String::from_utf8_lossy(&said.stderr);
    let first = error.lines().next().unwrap_or("systemctl failed");
    Err(first.to_owned())
}

fn socket(unit: &str) -> String {
    format!("{unit}.socket")
}

fn service(unit: &str) -> String {
    format!("{unit}.service")
}
