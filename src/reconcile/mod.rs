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
mod generated;
mod history;
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
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use log::Level;
use xinetd_core::config::{DiskTree, FileTree};
use xinetd_core::installed::APPLIED;
use xinetd_core::options::LAST_GOOD;
use xinetd_core::translate::Daemon;

use crate::bus::systemd::Systemd;
use crate::installed::is_ejected;
use crate::journal::Journal;

use action::{Action, ActionError, Outcome};
use generated::ReloadStamp;
use live::Live;
use plan::plan;
use problems::Problems;
use record::{Record, settle};

pub(crate) use action::{Operation, Why};
pub(crate) use cause::is_executable;
pub(crate) use history::{Done, LAST, read_done};
pub(crate) use real::listed;
pub(crate) use real::{PortNumber, Real};
pub(crate) use trouble::Trouble;
pub(crate) use troubles::{troubles, troubles_of};

/// How long this program stays when it is done: journald looks for the unit of a sender when it reads the
/// line, and finds none for a process that has gone by then.
const LINGER: Duration = Duration::from_millis(50);

/// How often sockets are opened that fail while this program runs.
const ROUNDS: u32 = 4;

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

/// Whether all was done.
fn run(journal: &Journal) -> Result<bool, String> {
    let stamp = ReloadStamp::usual();
    let files = DiskTree::new(None);
    let mut systemd = Systemd::connect()?;
    until_over(|is_first| {
        let run = follow(&mut systemd, &files, &stamp)?;
        // Units are made anew once at most: that brings about another round.
        claim::take_over(Daemon::read(&files), &systemd, is_first);
        // Before the last look, as no start of this program is to be lost behind it.
        linger(journal);
        Ok(Round {
            is_reloaded: stamp.is_new(),
            has_failed: run.has_failed(&systemd)?,
            is_complete: run.is_complete,
        })
    })
}

/// What is known when the work after a reload has been done.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// Whether another reload has come meanwhile.
    is_reloaded: bool,
    /// Whether a socket has failed meanwhile.
    has_failed: bool,
    /// Whether all was done.
    is_complete: bool,
}

/// Does rounds, of which it is told whether it is the first one, until nothing is left to do; whether all was
/// done. What a reload has brought meanwhile is done as well, and so are, a few times, sockets that have failed
/// meanwhile: a start of this program that comes while it runs is lost.
fn until_over(mut round: impl FnMut(bool) -> Result<Round, String>) -> Result<bool, String> {
    let mut last = round(true)?;
    let mut left = ROUNDS - 1;
    while last.is_reloaded || last.has_failed && left > 0 {
        last = round(false)?;
        left = left.saturating_sub(1);
    }
    Ok(last.is_complete)
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
    fn has_failed(&self, systemd: &Systemd) -> Result<bool, String> {
        let loaded = systemd.units()?;
        let state = |unit: &String| loaded.get(&format!("{unit}.socket"));
        let mut states = self.listening.iter().filter_map(state);
        Ok(states.any(|socket| socket.active == "failed"))
    }
}

/// Does what is to be done after one reload.
fn follow(systemd: &mut Systemd, files: &dyn FileTree, stamp: &ReloadStamp) -> Result<Run, String> {
    let wanted = stamp.wanted()?;
    let path = Path::new(APPLIED);
    let mut before = Record::read(path);
    if let Some(before) = &mut before {
        before.forget_ejected(&wanted, is_ejected);
    }
    let known: BTreeSet<&str> = match &before {
        Some(before) => before.names().collect(),
        None => wanted.names().collect(),
    };
    let units: BTreeSet<&str> = known.iter().copied().chain(wanted.names()).collect();
    let problems = Problems::read(files, Path::new(LAST_GOOD));
    let mut live = Live::look(systemd, &units, &known)?;
    if problems.has_real() {
        live.leave_to_real();
    }
    let actions = plan(before.as_ref(), &wanted, &live);
    if let Some(before) = &before {
        registrations::forget_outdated(before, &wanted);
    }
    let outcomes = steps::take(systemd, &actions);
    for (level, line) in outcomes.iter().filter_map(line) {
        log::log!(level, "{line}");
    }
    let mut applied = settle(before.as_ref(), &wanted, &live, &outcomes);
    applied.problems = problems.print();
    applied.write(path)?;
    if applied.has_other_problems(before.as_ref()) {
        for (level, line) in problems.lines() {
            log::log!(level, "{line}");
        }
    }
    history::write_done(Path::new(LAST), &outcomes)?;
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

/// What is said of an outcome.
fn line(Outcome { action, fault }: &Outcome) -> Option<(Level, String)> {
    let Action { unit, step, why } = action;
    let done = format!("{unit}: {step}, as {why}");
    match fault {
        // Most units at each reload.
        None if *step == Operation::Keep => None,
        None => Some((Level::Info, done)),
        Some(fault) => Some((Level::Error, format!("{done}, failed: {fault}"))),
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
        let has_failed = |listening: &[&str]| {
            let run = Run {
                is_complete: true,
                listening: listening.iter().map(ToString::to_string).collect(),
            };
            run.has_failed(&played.connect()).unwrap()
        };
        assert!(has_failed(&["a", "b"]));
        assert!(!has_failed(&["a", "gone"]));
    }

    /// Which of these rounds are done, and what comes of them.
    fn rounds(rounds: &[Round]) -> (usize, Result<bool, String>) {
        let mut done = 0;
        let all = until_over(|is_first| {
            assert_eq!(is_first, done == 0);
            done += 1;
            rounds.get(done - 1).copied().ok_or("one more".to_owned())
        });
        (done, all)
    }

    #[test]
    fn a_reload_that_comes_meanwhile_is_done_and_a_socket_that_goes_on_failing_is_given_up() {
        let quiet = Round {
            is_reloaded: false,
            has_failed: false,
            is_complete: true,
        };
        let reloaded = Round {
            is_reloaded: true,
            ..quiet
        };
        let failed = Round {
            has_failed: true,
            is_complete: false,
            ..quiet
        };
        assert_eq!(rounds(&[quiet]), (1, Ok(true)));
        assert_eq!(rounds(&[failed, quiet]), (2, Ok(true)));
        assert_eq!(rounds(&[failed; 4]), (4, Ok(false)));
        let mut many = [reloaded; 9];
        many[8] = quiet;
        assert_eq!(rounds(&many), (9, Ok(true)));
    }

    fn outcome(step: Operation, fault: Option<ActionError>) -> Outcome {
        Outcome {
            action: Action {
                unit: "a".to_owned(),
                step,
                why: Why::New,
            },
            fault,
        }
    }

    #[test]
    fn what_was_done_is_said_and_what_was_left_as_it_is_only_where_that_failed() {
        let fault = || Some(ActionError::Told("no".to_owned()));
        let said = |step, fault| line(&outcome(step, fault));
        let started = (Level::Info, "a: start, as it is new".to_owned());
        assert_eq!(said(Operation::Start, None), Some(started));
        let (level, failed) = said(Operation::Start, fault()).unwrap();
        assert_eq!(level, Level::Error);
        assert!(failed.starts_with("a: start, as it is new, failed: "));
        assert_eq!(said(Operation::Keep, None), None);
        assert!(said(Operation::Keep, fault()).is_some());
    }

    #[test]
    fn a_server_that_is_missing_is_no_failure() {
        let outcome = |fault| outcome(Operation::Start, fault);
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
