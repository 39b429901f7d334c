//! What follows a daemon-reload: the sockets and helpers that run are brought in line with the units
//! that the generator has made anew.
//!
//! systemd does none of it: a socket whose address has changed is closed and goes on being called
//! active, a new one is not started, one that is gone leaves its servers behind (docs/reload.md). A
//! path unit starts this program when the generator has run.
#![forbid(unsafe_code)]

mod action;
mod cause;
mod claim;
mod farewell;
mod kernel;
mod live;
mod plan;
mod problems;
mod real;
mod record;
mod registrations;
mod steps;
mod trouble;
mod troubles;
mod unregister;
mod unserved;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use xinetd_core::installed::{APPLIED, SEEN, STAMP};
use xinetd_core::translate::SpecDirectory;

use crate::bus::systemd::Systemd;
use crate::installed::is_ejected;
use crate::journal::Journal;

use action::{Action, ActionError, Operation, Outcome};
use live::{Halt, Live};
use plan::plan;
use problems::Problems;
use record::{Record, settle};

pub(crate) use cause::is_executable;
pub(crate) use real::listed;
pub(crate) use real::{PortNumber, Real};
pub(crate) use record::{Done, LAST, read_done};
pub(crate) use trouble::Trouble;
pub(crate) use troubles::troubles;
pub(crate) use unserved::unserved;

/// How long this program stays when it is done: journald looks for the unit of a sender when it reads the
/// line, and finds none for a process that has gone by then.
const LINGER: Duration = Duration::from_millis(50);

/// How often sockets are opened that fail while this program runs.
const ROUNDS: u32 = 4;

/// How long the generator may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The whole program; systemd's unit calls it.
///
/// Exits with 0 if all that was to be done was done, else with 1, and says why in the journal.
pub fn main() -> ExitCode {
    let Some(journal) = Journal::start() else {
        return ExitCode::FAILURE;
    };
    let ran = run(journal);
    if let Err(error) = &ran {
        log::error!("{error}");
        linger(journal);
    }
    match ran {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

/// Whether all was done. What a reload has brought meanwhile is done as well, and so are sockets that have
/// failed meanwhile: a start of this program that comes while it runs is lost.
fn run(journal: &Journal) -> Result<bool, String> {
    let stamp = SpecDirectory::usual().path().join(STAMP);
    let mut systemd = Systemd::connect()?;
    let mut rounds = 0;
    loop {
        let run = follow(&mut systemd)?;
        // Units are made anew once at most: that brings about another round.
        claim::take_over(&systemd, rounds == 0);
        // Before the last look, as no start of this program is to be lost behind it.
        linger(journal);
        rounds += 1;
        let is_outdated = stamp.exists() || rounds < ROUNDS && run.is_outdated(&systemd)?;
        if !is_outdated {
            return Ok(run.is_complete);
        }
    }
}

/// Lets journald read what was said.
fn linger(journal: &Journal) {
    journal.flush();
    thread::sleep(LINGER);
}

/// What came of a run.
struct Run {
    is_complete: bool,
    /// The units that should listen, but for those that could not be opened.
    listening: Vec<String>,
}

impl Run {
    /// Whether one of the sockets has failed since.
    fn is_outdated(&self, systemd: &Systemd) -> Result<bool, String> {
        let loaded = systemd.units()?;
        let state = |unit: &String| loaded.get(&format!("{unit}.socket"));
        let mut states = self.listening.iter().filter_map(state);
        Ok(states.any(|socket| socket.active == "failed"))
    }
}

/// Does what is to be done after one reload.
fn follow(systemd: &mut Systemd) -> Result<Run, String> {
    let wanted = wanted()?;
    let path = Path::new(APPLIED);
    let mut before = Record::read(path);
    if let Some(before) = &mut before {
        // What they do is no longer the files' business.
        before.forget(|unit| wanted.get(unit).is_none() && is_ejected(unit));
    }
    let known: BTreeSet<&str> = match &before {
        Some(before) => before.names().collect(),
        None => wanted.names().collect(),
    };
    let units: BTreeSet<&str> = known.iter().copied().chain(wanted.names()).collect();
    let problems = Problems::read();
    let mut live = Live::look(systemd, &units, &known)?;
    if !live.is_started && problems.has_real() {
        live.halt = Some(Halt::Real);
    }
    let actions = plan(before.as_ref(), &wanted, &live);
    if let Some(before) = &before {
        registrations::forget_outdated(before, &wanted);
    }
    let outcomes = steps::take(systemd, &actions);
    outcomes.iter().for_each(say);
    let mut applied = settle(before.as_ref(), &wanted, &live, &outcomes);
    applied.problems = problems.print();
    applied.write(path)?;
    // Once, and not at each reload.
    if before.is_none_or(|before| before.problems != applied.problems) {
        problems.say();
    }
    if !outcomes.is_empty() {
        record::write_done(&outcomes)?;
    }
    Ok(Run {
        is_complete: outcomes.iter().all(is_as_it_can_be),
        listening: applied.listening().map(str::to_owned).collect(),
    })
}

/// Whether it was done, or waits for a server that is not there: many machines have such files, and are
/// not to be called degraded for it.
fn is_as_it_can_be(outcome: &Outcome) -> bool {
    matches!(
        outcome.fault,
        None | Some(ActionError::Silent(Trouble::Unmet { .. }))
    )
}

fn say(Outcome { action, fault }: &Outcome) {
    let Action { unit, step, why } = action;
    match fault {
        // Most units at each reload.
        None if *step == Operation::Keep => {}
        None => log::info!("{unit}: {step}, as {why}"),
        Some(fault) => log::error!("{unit}: {step}, as {why}, failed: {fault}"),
    }
}

/// What the generator has written, once it is not at work.
fn wanted() -> Result<Record, String> {
    let specs = SpecDirectory::usual();
    let (stamp, seen) = (specs.path().join(STAMP), specs.path().join(SEEN));
    let deadline = Instant::now() + PATIENCE;
    loop {
        // First of all: a reload from now on starts us once more.
        match fs::rename(&stamp, &seen) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(format!("{}: {error}", stamp.display()));
            }
            _ => {}
        }
        // Each reload removes the directory first, and what is read meanwhile is a part.
        let generation = || fs::metadata(&seen).ok().map(|file| file.ino());
        let before = generation();
        let wanted = Record::wanted();
        if before.is_some() && generation() == before {
            return wanted.map_err(|error| format!("the units can't be read: {error}"));
        }
        if Instant::now() >= deadline {
            return Err(format!(
                "{} does not come: `systemctl daemon-reload` has the generator write it",
                stamp.display()
            ));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::systemd::played::Played;

    #[test]
    fn another_round_follows_where_a_socket_that_should_listen_has_failed() {
        let played = Played::obedient();
        played.put("a.socket", "active", "listening", |_| {});
        played.put("b.socket", "failed", "failed", |_| {});
        let is_outdated = |listening: &[&str]| {
            let run = Run {
                is_complete: true,
                listening: listening.iter().map(ToString::to_string).collect(),
            };
            run.is_outdated(&played.connect()).unwrap()
        };
        assert!(is_outdated(&["a", "b"]));
        assert!(!is_outdated(&["a", "gone"]));
    }

    #[test]
    fn a_server_that_is_missing_is_no_failure() {
        let outcome = |fault| Outcome {
            action: Action {
                unit: "a".to_owned(),
                step: Operation::Start,
                why: action::Why::New,
            },
            fault,
        };
        let unmet = ActionError::Silent(Trouble::Unmet {
            condition: "ConditionFileIsExecutable".to_owned(),
            about: "/no/such".to_owned(),
            start: None,
        });
        assert!(is_as_it_can_be(&outcome(None)));
        assert!(is_as_it_can_be(&outcome(Some(unmet))));
        let closed = ActionError::Silent(Trouble::Closed);
        assert!(!is_as_it_can_be(&outcome(Some(closed))));
        let told = ActionError::Told("no".to_owned());
        assert!(!is_as_it_can_be(&outcome(Some(told))));
    }
}
