//! What xinetd-reconcile does after a reload: commands start it, wait for it and read what came of it.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::unistd::Uid;
use xinetd_core::installed::{SEEN, STAMP};
use xinetd_core::translate::SpecDirectory;

use super::super::output::{Failure, next_step};
use crate::bus::systemd::{JobVerb, Systemd};
use crate::reconcile::{self, LAST};

/// What follows a reload.
const RECONCILE: &str = "xinetd-reconcile.service";

/// Forgets what was done before.
pub(in crate::ctl) fn forget_last() -> Result<(), Failure> {
    match fs::remove_file(LAST) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let why = format!("{LAST}: {error}{}", next_step(&error));
            Err(Failure::undone(why))
        }
        _ => Ok(()),
    }
}

/// What was done since.
pub(in crate::ctl) fn last() -> Result<Vec<reconcile::Done>, Failure> {
    let done = reconcile::read_done(Path::new(LAST));
    let done = done.map_err(|error| Failure::undone(format!("{LAST}: {error}")))?;
    Ok(once(done))
}

/// Has systemd make all units anew.
pub(in crate::ctl) fn make_anew(systemd: &Systemd) -> Result<(), Failure> {
    let reloaded = systemd.reload();
    reloaded.map_err(|error| Failure::undone(format!("systemctl daemon-reload: {error}")))
}

/// Leaves out what two runs have said: the last one counts.
fn once(done: Vec<reconcile::Done>) -> Vec<reconcile::Done> {
    let mut kept: Vec<reconcile::Done> = Vec::with_capacity(done.len());
    for done in done {
        let is_same = |other: &reconcile::Done| {
            (&other.unit, &other.step, &other.why) == (&done.unit, &done.step, &done.why)
        };
        kept.retain(|other| !is_same(other));
        kept.push(done);
    }
    kept
}

/// Waits until xinetd-reconcile has done what the reload asks for. The path unit starts it as well, and
/// a run that has begun before the reload goes on for what that has brought.
pub(in crate::ctl) fn follow(systemd: &mut Systemd) -> Result<(), Failure> {
    let specs = SpecDirectory::usual();
    let (stamp, seen) = (specs.path().join(STAMP), specs.path().join(SEEN));
    loop {
        let state = at_rest(systemd)?;
        // It is done once the stamp has its other name; without files there is neither.
        if !stamp.exists() {
            if state == "failed" {
                return Err(has_failed());
            }
            if seen.exists() || !specs.path().exists() {
                return Ok(());
            }
        }
        let started = systemd.run(&[(JobVerb::Start, RECONCILE.to_owned())]).pop();
        if let Some(Err(error)) = started
            && stamp.exists()
        {
            let next = match error.ends_with("is masked.") {
                true => format!("`systemctl unmask {RECONCILE}`, and reload again"),
                false => format!("`systemctl status {RECONCILE}` says more"),
            };
            return Err(Failure::undone(format!("{RECONCILE}: {error}; {next}")));
        }
    }
}

/// Waits until xinetd-reconcile is done with a change that a command has made, so that what the administrator
/// does next is not taken for a part of it. What it could not do is in its journal, and may be about other
/// services.
pub(in crate::ctl) fn settle() {
    if Uid::effective().is_root()
        && let Ok(mut systemd) = Systemd::connect()
    {
        let _ = follow(&mut systemd);
    }
}

/// Has xinetd-reconcile look once more, after what was done until now. What came of an earlier run says nothing of
/// this one, and that a single service does not listen is no failure of it.
pub(in crate::ctl) fn reconcile_again(systemd: &mut Systemd) -> Result<(), Failure> {
    // One that runs has looked already, maybe too early.
    at_rest(systemd)?;
    // Without files there is nothing to look at.
    if !SpecDirectory::usual().path().exists() {
        return Ok(());
    }
    let started = systemd.run(&[(JobVerb::Start, RECONCILE.to_owned())]).pop();
    match started {
        Some(Err(_)) if last()?.is_empty() => Err(has_failed()),
        _ => Ok(()),
    }
}

/// The state of xinetd-reconcile when it does not run.
pub(in crate::ctl) fn at_rest(systemd: &Systemd) -> Result<String, Failure> {
    loop {
        let units = systemd.units().map_err(Failure::undone)?;
        match units.get(RECONCILE).map(|unit| unit.active.as_str()) {
            Some("activating" | "deactivating") => thread::sleep(Duration::from_millis(10)),
            state => return Ok(state.unwrap_or("inactive").to_owned()),
        }
    }
}

fn has_failed() -> Failure {
    let why = format!("{RECONCILE} has failed; `journalctl -u {RECONCILE}` says why");
    Failure::undone(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_runs_have_tried_is_told_once() {
        let done = |error: &str| reconcile::Done {
            unit: "a".into(),
            step: "start".into(),
            why: "it is new".into(),
            error: Some(error.into()),
        };
        assert_eq!(once(vec![done("before"), done("now")]), [done("now")]);
    }
}
