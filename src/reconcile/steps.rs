//! The doing: by jobs of systemd, as many at once as can be.

use std::collections::{BTreeMap, HashMap};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use xinetd_core::translate::rpc_unit;

use super::action::{Action, ActionError, Operation, Outcome, Why};
use super::cause;
use super::farewell;
use super::live::waits;
use super::trouble::Trouble;
use crate::bus::systemd::{Job, JobVerb, Loaded, Systemd};

/// How long helpers may take to leave.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked whether they have, and the first pause before another try.
const PAUSE: Duration = Duration::from_millis(10);

/// How often a socket is tried to be opened: about a second.
const ATTEMPTS: u32 = 8;

/// What has come of units so far: those that failed, with what went wrong.
type Faults = BTreeMap<String, ActionError>;

/// Takes all steps; tells what came of each, in the order of the actions.
pub(super) fn take(systemd: &mut Systemd, actions: &[Action]) -> Vec<Outcome> {
    let units = |step: Operation| {
        let those = actions.iter().filter(move |action| action.step == step);
        those.map(|action| action.unit.as_str()).collect::<Vec<_>>()
    };
    let units_for = |why: Why| {
        let those = actions.iter().filter(move |action| action.why == why);
        those.map(|action| action.unit.as_str()).collect::<Vec<_>>()
    };
    let mut faults = Faults::new();
    farewell::end_sessions(systemd, &units_for(Why::Gone));
    stop(systemd, &units(Operation::Stop), &mut faults);
    // All sockets are closed before one is opened: services may have changed places.
    let rebound = units(Operation::Rebind);
    let lists = units_for(Why::Lists);
    make_room(systemd, &rebound, &mut faults);
    let loaded = systemd.units().unwrap_or_default();
    // A server has the socket, and the next helper, which has the sessions to find, makes the filter anew.
    let (kept, rebound): (Vec<&str>, Vec<&str>) = rebound
        .into_iter()
        .partition(|unit| lists.contains(unit) && is_waiting(&loaded, unit));
    restart(systemd, &kept, &mut faults);
    close(systemd, &rebound, &mut faults);
    let opened = [units(Operation::Start), rebound.clone()].concat();
    start(systemd, &opened, &rebound, &mut faults);
    replace(systemd, &units(Operation::Respawn), &mut faults);
    reload(systemd, &units(Operation::Reload), &mut faults);
    let outcome = |action: &Action| Outcome {
        action: action.clone(),
        fault: faults.get(&action.unit).cloned(),
    };
    actions.iter().map(outcome).collect()
}

fn note(faults: &mut Faults, unit: &str, result: Result<(), String>) {
    match result {
        Ok(()) => drop(faults.remove(unit)),
        Err(error) => drop(faults.insert(unit.to_owned(), ActionError::Told(error))),
    }
}

/// Has systemd do the same with all of these units; what it says of those that failed.
fn all(
    systemd: &mut Systemd,
    verb: JobVerb,
    suffix: &str,
    units: &[&str],
) -> BTreeMap<String, String> {
    let jobs: Vec<Job> = units
        .iter()
        .map(|unit| (verb, format!("{unit}{suffix}")))
        .collect();
    let results = units.iter().zip(systemd.run(&jobs));
    let failed = results.filter_map(|(unit, result)| Some(((*unit).to_owned(), result.err()?)));
    failed.collect()
}

/// Stops sockets and services, as far as systemd has them, and leaves none of them failed.
fn stop(systemd: &mut Systemd, units: &[&str], faults: &mut Faults) {
    if units.is_empty() {
        return;
    }
    let loaded = match systemd.units() {
        Ok(loaded) => loaded,
        Err(error) => {
            for unit in units {
                note(faults, unit, Err(error.clone()));
            }
            return;
        }
    };
    // The unit that registers an RPC service is no part of a socket that is gone.
    let names = units
        .iter()
        .flat_map(|unit| [socket(unit), service(unit), rpc_unit(unit)]);
    let names: Vec<String> = names.filter(|name| loaded.contains_key(name)).collect();
    let jobs: Vec<Job> = names
        .iter()
        .map(|name| (JobVerb::Stop, name.clone()))
        .collect();
    let results = systemd.run(&jobs);
    let after = systemd.units().unwrap_or_default();
    for (name, result) in names.iter().zip(results) {
        let active = after.get(name).map_or("inactive", |unit| &unit.active);
        if active == "failed" {
            // One that is gone has left memory by now.
            let _ = systemd.forget_failure(name);
        }
        // One that left memory in between can't be stopped, and need not be.
        if let Err(error) = result
            && !matches!(active, "inactive" | "failed")
        {
            let unit = name
                .rsplit_once('.')
                .map_or(name.as_str(), |(unit, _)| unit);
            note(faults, unit, Err(error));
        }
    }
}

/// Closes sockets, and leaves their sessions alone.
///
/// systemd does not start a socket whose service runs, and stops the service with its socket. So the
/// helper leaves first: while systemd waits to start the next one, the socket may come and go.
fn close(systemd: &mut Systemd, units: &[&str], faults: &mut Faults) {
    if units.is_empty() {
        return;
    }
    make_room(systemd, units, faults);
    // What can't be closed is said when it can't be opened.
    all(systemd, JobVerb::StopAlone, ".socket", units);
}

/// Has helpers leave, and waits until they have.
fn make_room(systemd: &Systemd, units: &[&str], faults: &mut Faults) {
    let mut told: Vec<&str> = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let loaded = systemd.units().unwrap_or_default();
        let running = units.iter().filter(|unit| is_running(&loaded, unit));
        let running: Vec<&str> = running.copied().collect();
        if running.is_empty() {
            break;
        }
        if Instant::now() >= deadline {
            for unit in &running {
                note(faults, unit, Err("the helper does not leave".to_owned()));
            }
            break;
        }
        for unit in running {
            if !told.contains(&unit) {
                // It may have left just now.
                let _ = leave(systemd, unit);
                told.push(unit);
            }
        }
        thread::sleep(PAUSE);
    }
}

/// Starts sockets, and tries again where that may help: a helper may be back before its socket is open,
/// and a process that systemd is about to start has its old sockets for a moment. Of those that were `closed`
/// before, systemd may call some active all the same.
fn start(systemd: &mut Systemd, units: &[&str], closed: &[&str], faults: &mut Faults) {
    if units.is_empty() {
        return;
    }
    for unit in units {
        faults.remove(*unit);
    }
    all(systemd, JobVerb::Start, ".socket", units);
    let mut troubles = silent(systemd, units, closed);
    for attempt in 1..ATTEMPTS {
        let again: Vec<&str> = units
            .iter()
            .copied()
            .filter(|unit| troubles.get(*unit).is_some_and(may_pass))
            .collect();
        if again.is_empty() {
            break;
        }
        thread::sleep(pause(attempt));
        // systemd refuses to start a socket while its helper runs, and one that it calls active.
        let loaded = systemd.units().unwrap_or_default();
        let is_closed = |unit: &str| troubles.get(unit) == Some(&Trouble::Closed);
        let is_in_the_way = |unit: &&str| is_running(&loaded, unit) || is_closed(unit);
        let tried = again.clone();
        let (busy, free): (Vec<&str>, Vec<&str>) = again.into_iter().partition(is_in_the_way);
        if attempt + 1 == ATTEMPTS && !busy.is_empty() {
            for unit in &busy {
                log::warn!("{unit}: the socket can't be opened beside its sessions: they end");
            }
            all(systemd, JobVerb::Restart, ".socket", &busy);
            all(systemd, JobVerb::Start, ".socket", &free);
        } else {
            close(systemd, &busy, &mut Faults::new());
            all(systemd, JobVerb::Start, ".socket", &tried);
        }
        // The next helper brings its socket along: then that is the new one already.
        let left = silent(systemd, &tried, closed);
        troubles.retain(|unit, _| !tried.contains(&unit.as_str()));
        troubles.extend(left);
    }
    // Where a socket was closed when the pause before the next helper was over, none comes by itself.
    let loaded = systemd.units().unwrap_or_default();
    let is_open = |unit: &&str| !troubles.contains_key(*unit);
    let waiting = units.iter().copied().filter(is_open);
    let waiting: Vec<&str> = waiting.filter(|unit| is_waiting(&loaded, unit)).collect();
    restart(systemd, &waiting, faults);
    let silent = troubles.into_iter();
    faults.extend(silent.map(|(unit, trouble)| (unit, ActionError::Silent(trouble))));
}

/// The pause after so many attempts: each is longer than the one before.
fn pause(attempts: u32) -> Duration {
    PAUSE * attempts * attempts
}

/// Whether it may be over in a moment.
fn may_pass(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Taken { passes, .. } => *passes,
        Trouble::Unmet { .. }
        | Trouble::Unapplied
        | Trouble::AllStopped
        | Trouble::Stuck
        | Trouble::LeftToReal
        | Trouble::Shared { .. }
        | Trouble::TurnedAway { .. }
        | Trouble::Unstartable { .. }
        | Trouble::Unexecutable { .. }
        | Trouble::Unregistered
        | Trouble::Faulty { .. }
        | Trouble::Supervised { .. }
        | Trouble::AllMasked => false,
        Trouble::Stopped { .. } | Trouble::Closed | Trouble::Failed { .. } => true,
    }
}

/// Those that do not listen, with the reason; of `closed` alone it is not enough that they are active.
fn silent(systemd: &Systemd, units: &[&str], closed: &[&str]) -> BTreeMap<String, Trouble> {
    let loaded = systemd.units().unwrap_or_default();
    let is_active = |unit: &str| {
        let socket = loaded.get(&socket(unit));
        socket.is_some_and(|socket| socket.active == "active")
    };
    let is_doubtful = |unit: &&str| closed.contains(unit) || !is_active(unit);
    let doubtful: Vec<&str> = units.iter().copied().filter(is_doubtful).collect();
    let unknown = |error: String| {
        log::warn!("whether sockets listen is not known: {error}");
        let failed = |unit: &&str| {
            let unit = (*unit).to_owned();
            (unit.clone(), Trouble::Failed { unit })
        };
        doubtful.iter().map(failed).collect()
    };
    cause::among(systemd, &doubtful.iter().copied().collect()).unwrap_or_else(unknown)
}

/// Has helpers take their new specs; what no running helper can take, another one can.
fn reload(systemd: &mut Systemd, units: &[&str], faults: &mut Faults) {
    let failed = all(systemd, JobVerb::Reload, ".service", units);
    let failed: Vec<&str> = failed.keys().map(String::as_str).collect();
    replace(systemd, &failed, faults);
}

/// Has other helpers in the place of these; where systemd waits to start one, it comes at once.
fn replace(systemd: &Systemd, units: &[&str], faults: &mut Faults) {
    if units.is_empty() {
        return;
    }
    let loaded = systemd.units().unwrap_or_default();
    let is_waiting = |unit: &&str| is_waiting(&loaded, unit);
    let (waiting, others): (Vec<&str>, Vec<&str>) = units.iter().copied().partition(is_waiting);
    restart(systemd, &waiting, faults);
    for unit in others {
        note(faults, unit, leave(systemd, unit));
    }
}

/// Has systemd start helpers that it waits to start, by the job that it begins itself after the pause:
/// sessions live on. That a helper is ready is not waited for: clients wait in the backlog.
fn restart(systemd: &Systemd, units: &[&str], faults: &mut Faults) {
    for unit in units {
        let begun = systemd.begin_job(JobVerb::Restart, &service(unit));
        note(faults, unit, begun);
    }
}

/// Has the helper leave: one with sessions comes back after a second, and finds them again.
fn leave(systemd: &Systemd, unit: &str) -> Result<(), String> {
    systemd.signal_main(&service(unit), Signal::SIGTERM as i32)
}

/// Whether a helper runs, or is about to.
fn is_running(loaded: &HashMap<String, Loaded>, unit: &str) -> bool {
    let service = loaded.get(&service(unit));
    service.is_some_and(|service| {
        !waits(service) && !matches!(service.sub.as_str(), "dead" | "failed")
    })
}

/// Whether there are sessions that a next helper is to find.
fn is_waiting(loaded: &HashMap<String, Loaded>, unit: &str) -> bool {
    loaded.get(&service(unit)).is_some_and(waits)
}

fn socket(unit: &str) -> String {
    format!("{unit}.socket")
}

fn service(unit: &str) -> String {
    format!("{unit}.service")
}

#[cfg(test)]
mod tests;
