//! The switch itself: what serves is stopped, and the other one is started at once.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use xinetd_core::config::DiskTree;
use xinetd_core::startup::Startup;

use super::ports::{await_real, has_all, listening};
use super::survey::Survey;
use super::systemctl::systemctl;
use crate::bus::systemd::{JobVerb, Systemd};
use crate::ctl::output::{Failure, next_step};
use crate::ctl::reload;
use crate::reconcile::{PortNumber, Trouble, troubles};
use crate::sys::process::Process;

/// The unit of real xinetd.
const REAL: &str = "xinetd.service";

/// What pulls in all sockets.
const TARGET: &str = "xinetd.target";

/// The drop-in with which a stop of real xinetd leaves its sessions alone. Debian's init script does that by
/// itself; units don't.
const DROP_IN: &str = "/run/systemd/system/xinetd.service.d/xinetd-bridge-migrate.conf";

/// How long real xinetd may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether it has.
const PAUSE: Duration = Duration::from_millis(2);

/// How often sockets are opened that fail because a port is not free yet.
const ATTEMPTS: u32 = 20;

/// The pause before the next attempt.
const BETWEEN: Duration = Duration::from_millis(50);

/// How a switch ended.
#[derive(Debug)]
pub(super) enum Switched {
    /// The bridge serves.
    Over {
        /// What does not listen, or has its port not for itself, with the reason; the first kind real xinetd
        /// did not have either.
        silent: Vec<String>,
    },
    /// Real xinetd serves.
    Back {
        /// The ports that it has not, though the bridge had them.
        missing: BTreeSet<PortNumber>,
    },
    /// It is as it was before.
    Undone {
        /// What went wrong.
        why: String,
        /// How it was undone, or what to type.
        undo: String,
    },
}

/// What [`over`] does, in words.
pub(super) fn over_steps(survey: &Survey) -> Vec<String> {
    let disable = survey
        .link()
        .map(|_| format!("systemctl disable {REAL}; systemctl daemon-reload"));
    let stop = survey
        .daemon()
        .map(|_| format!("systemctl stop {REAL}   (its sessions go on)"));
    let start = format!("systemctl start {TARGET}");
    disable.into_iter().chain(stop).chain([start]).collect()
}

/// What [`back`] does, in words; `is_there` is whether real xinetd serves already.
pub(super) fn back_steps(survey: &Survey, is_there: bool) -> Vec<String> {
    let enable = match survey.link() {
        Some(_) => None,
        None => Some(format!("systemctl enable {REAL}; systemctl daemon-reload")),
    };
    let others = [
        format!("systemctl stop {TARGET}   (its sessions end)"),
        format!("systemctl start {REAL}"),
    ];
    let others = others.into_iter().filter(|_| !is_there);
    enable.into_iter().chain(others).collect()
}

/// Whether xinetd.target is active.
///
/// # Errors
/// In words, if systemd does not tell.
pub(super) fn is_target_active() -> Result<bool, String> {
    let units = Systemd::connect()?.units()?;
    Ok(units
        .get(TARGET)
        .is_some_and(|target| target.active == "active"))
}

/// Whether real xinetd serves, and the bridge nothing.
///
/// # Errors
/// As [`is_target_active`].
pub(super) fn is_back(survey: &Survey) -> Result<bool, String> {
    Ok(survey.daemon().is_some() && !is_target_active()? && listening(survey)?.is_empty())
}

/// Goes over to the bridge.
///
/// # Errors
/// In words, if nothing was changed.
pub(super) fn over(survey: &Survey) -> Result<Switched, String> {
    let mut systemd = Systemd::connect()?;
    let kept: Vec<String> = survey.kept().into_iter().map(str::to_owned).collect();
    write_drop_in().map_err(|error| format!("{DROP_IN}: {error}{}", next_step(&error)))?;
    let prepared = boot("disable", false).and_then(|()| settle(&mut systemd));
    if let Err(why) = prepared {
        let undo = undo(&[restore_boot(survey), remove_drop_in()]);
        return Ok(Switched::Undone { why, undo });
    }
    let started = stop_real(&mut systemd, survey).and_then(|ending| {
        let silent = start_target(&mut systemd, survey.units());
        // The drop-in is needed until then.
        ending.map_or(Ok(()), ended)?;
        silent
    });
    let (why, silent) = match started {
        Err(why) => (Some(why), Vec::new()),
        Ok(silent) => {
            let (lost, others): (Vec<_>, Vec<_>) = silent
                .into_iter()
                .partition(|(unit, trouble)| kept.contains(unit) && !is_shared(trouble));
            let lost: Vec<String> = lost.iter().map(in_words).collect();
            let why = (!lost.is_empty())
                .then(|| format!("what real xinetd had can't be opened: {}", lost.join("; ")));
            (why, others.iter().map(in_words).collect())
        }
    };
    let Some(why) = why else {
        remove_drop_in().and_then(|()| systemd.reload())?;
        return Ok(Switched::Over { silent });
    };
    let undo = undo(&[
        stop_bridge(&mut systemd, survey),
        restore_boot(survey),
        remove_drop_in(),
        settle(&mut systemd),
        // Not a start: a script's unit that has been left in the middle of its stop may be active without a process.
        job(&mut systemd, JobVerb::Restart, REAL).and_then(|()| has_all(&survey.shared())),
    ]);
    Ok(Switched::Undone { why, undo })
}

/// Goes back to real xinetd; where that serves already (`is_there`), the boot alone is changed.
///
/// # Errors
/// In words, if nothing was changed.
pub(super) fn back(survey: &Survey, is_there: bool) -> Result<Switched, String> {
    let mut systemd = Systemd::connect()?;
    let had = listening(survey)?;
    boot("enable", true).and_then(|()| settle(&mut systemd))?;
    if is_there {
        return Ok(Switched::Back {
            missing: BTreeSet::new(),
        });
    }
    let started = stop_bridge(&mut systemd, survey)
        .and_then(|()| job(&mut systemd, JobVerb::Restart, REAL))
        .and_then(|()| await_real(&had));
    match started {
        Ok(missing) => Ok(Switched::Back { missing }),
        Err(why) => {
            let undo = undo(&[
                boot("disable", false),
                settle(&mut systemd),
                job(&mut systemd, JobVerb::Stop, REAL),
                start_target(&mut systemd, survey.units()).map(drop),
            ]);
            Ok(Switched::Undone { why, undo })
        }
    }
}

/// Whether it listens all the same: a datagram server of real xinetd that goes on keeps the socket.
fn is_shared(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Shared { .. })
}

fn in_words((unit, trouble): &(String, Trouble)) -> String {
    format!("{unit}: {trouble}")
}

/// What came of going back: each step is taken whatever becomes of the others.
fn undo(steps: &[Result<(), String>]) -> String {
    let failed: Vec<&str> = steps
        .iter()
        .filter_map(|step| step.as_ref().err().map(String::as_str))
        .collect();
    match failed.as_slice() {
        [] => "everything is as it was before".to_owned(),
        failed => format!(
            "to go back failed as well ({}): `systemctl stop {TARGET}; systemctl enable --now {REAL}` has real \
             xinetd serve, `systemctl disable --now {REAL}; systemctl start {TARGET}` the bridge",
            failed.join("; ")
        ),
    }
}

fn write_drop_in() -> std::io::Result<()> {
    let path = Path::new(DROP_IN);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(path, "[Service]\nKillMode=process\n")
}

fn remove_drop_in() -> Result<(), String> {
    let removed = fs::remove_file(DROP_IN);
    // An administrator's own drop-ins may be beside it.
    let _ = Path::new(DROP_IN).parent().map(fs::remove_dir);
    removed.map_err(|error| format!("{DROP_IN}: {error}"))
}

/// Has real xinetd start at boot or not, by unit or by init script, and looks whether it took effect.
fn boot(verb: &str, starts: bool) -> Result<(), String> {
    let link = || -> Option<PathBuf> {
        let startup = Startup::read(&DiskTree::new(None));
        startup.real().map(Path::to_owned)
    };
    if link().is_some() == starts {
        return Ok(());
    }
    systemctl([verb, REAL]).map_err(|error| format!("systemctl {verb} {REAL}: {error}"))?;
    match link() {
        Some(link) if !starts => Err(format!(
            "real xinetd still starts at boot, by {}; `systemctl mask {REAL}` prevents that",
            link.display()
        )),
        None if starts => Err(format!(
            "`systemctl enable {REAL}` has no effect; is it masked? `systemctl unmask {REAL}` ends that"
        )),
        _ => Ok(()),
    }
}

/// Puts the boot back as it was before.
fn restore_boot(survey: &Survey) -> Result<(), String> {
    match survey.link() {
        Some(_) => boot("enable", true),
        None => Ok(()),
    }
}

/// Has systemd read all units anew, and waits until what follows is done.
fn settle(systemd: &mut Systemd) -> Result<(), String> {
    systemd.reload()?;
    match reload::follow(systemd) {
        Ok(()) => Ok(()),
        // What could not be opened is looked at later.
        Err(Failure::Said(..)) => Ok(()),
        Err(Failure::Print(error)) => Err(error.to_string()),
    }
}

fn job(systemd: &mut Systemd, verb: JobVerb, unit: &str) -> Result<(), String> {
    let done = systemd.insist(&[(verb, unit.to_owned())]).pop();
    let done = done.unwrap_or_else(|| Err("no answer".to_owned()));
    done.map_err(|error| format!("{unit}: {error}; `journalctl -u {unit}` says more"))
}

/// A stop of real xinetd's unit that goes on.
type Ending = JoinHandle<Result<(), String>>;

/// Waits until the unit is stopped.
fn ended(ending: Ending) -> Result<(), String> {
    let stopped = ending.join();
    stopped.unwrap_or_else(|_| Err(format!("{REAL} may not be stopped")))
}

/// Stops real xinetd, and returns as soon as its daemon has ended: to wait for the init script would keep the
/// ports closed.
fn stop_real(systemd: &mut Systemd, survey: &Survey) -> Result<Option<Ending>, String> {
    let Some(daemon) = survey.daemon() else {
        return Ok(None);
    };
    let process = Process::open(daemon).map_err(|error| format!("process {daemon}: {error}"))?;
    let units = systemd.units()?;
    let is_unit = units.get(REAL).is_some_and(|unit| unit.active == "active");
    // It goes on while the sockets are opened.
    let stop = || {
        let mut systemd = Systemd::connect()?;
        job(&mut systemd, JobVerb::Stop, REAL)
    };
    let ending: Option<Ending> = is_unit.then(|| thread::spawn(stop));
    let mut is_told = false;
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        // Debian's init script does not find one whose pid file is gone, and a restart by it may remove the file:
        // the old process does so when it ends.
        if !is_told && ending.as_ref().is_none_or(JoinHandle::is_finished) {
            // One that has ended meanwhile can't be told, and is seen below.
            let _ = process.kill(Signal::SIGQUIT);
            is_told = true;
        }
        match process.has_ended() {
            Ok(true) => return Ok(ending),
            Ok(false) => thread::sleep(PAUSE),
            Err(error) => return Err(format!("process {daemon}: {error}")),
        }
    }
    Err(format!("real xinetd (process {daemon}) does not end"))
}

/// Starts the sockets, again where a port is not free yet; those that do not listen, and why.
fn start_target(
    systemd: &mut Systemd,
    units: &BTreeSet<String>,
) -> Result<Vec<(String, Trouble)>, String> {
    job(systemd, JobVerb::Start, TARGET)?;
    let units: BTreeSet<&str> = units.iter().map(String::as_str).collect();
    let mut attempts = 0;
    loop {
        let silent = troubles(&units)?;
        let again: Vec<_> = silent
            .iter()
            .filter(|(_, trouble)| !matches!(trouble, Trouble::Unmet { .. }) && !is_shared(trouble))
            .map(|(unit, _)| (JobVerb::Start, format!("{unit}.socket")))
            .collect();
        if again.is_empty() || attempts == ATTEMPTS {
            return Ok(silent.into_iter().collect());
        }
        attempts += 1;
        thread::sleep(BETWEEN);
        systemd.run(&again);
    }
}

/// Stops the target and all sockets, for good.
fn stop_bridge(systemd: &mut Systemd, survey: &Survey) -> Result<(), String> {
    // What went wrong here goes wrong again.
    let _ = stop_sockets(systemd, survey);
    // A run of xinetd-reconcile that has looked before may have started sockets meanwhile.
    at_rest(systemd)?;
    stop_sockets(systemd, survey)
}

/// Has xinetd-reconcile come to its end, whatever that is.
fn at_rest(systemd: &Systemd) -> Result<(), String> {
    match reload::at_rest(systemd) {
        Ok(_) => Ok(()),
        Err(Failure::Said(_, why)) => Err(why),
        Err(Failure::Print(error)) => Err(error.to_string()),
    }
}

/// Stops the target and all sockets, and waits until they are closed: the end of the target's job alone does not
/// say so.
fn stop_sockets(systemd: &mut Systemd, survey: &Survey) -> Result<(), String> {
    let loaded = systemd.units()?;
    let sockets = survey.units().iter().map(|unit| format!("{unit}.socket"));
    let all = [TARGET.to_owned()].into_iter().chain(sockets);
    let jobs: Vec<_> = all
        .filter(|unit| loaded.contains_key(unit))
        .map(|unit| (JobVerb::Stop, unit))
        .collect();
    let stopped = systemd.insist(&jobs).into_iter().collect();
    for (_, unit) in &jobs {
        // One that has not failed need not be told.
        let _ = systemd.forget_failure(unit);
    }
    stopped
}
