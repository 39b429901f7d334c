//! What applies the files: systemd with xinetd-reconcile, or the supervisor where there is no systemd.

use std::path::Path;

use nix::unistd::Uid;
use serde::Serialize;
use xinetd_core::config::Unread;

use super::super::drop_ins::{self, Newer};
use super::super::output::Failure;
use super::endangered::{Served, listening};
use super::reconciled::{follow, forget_last, last, make_anew};
use crate::bus::systemd::Systemd;
use crate::installed;
use crate::reconcile::{self, Done};
use crate::standalone::client as supervisor;

/// A service that is switched on and not served.
#[derive(Debug, Serialize)]
pub(super) struct Unserved {
    /// Its unit without suffix.
    pub(super) unit: String,
    /// Why, in words.
    pub(super) reason: String,
}

/// What came of applying the files.
#[derive(Debug)]
pub(super) struct Applied {
    /// What was done.
    pub(super) done: Vec<Done>,
    /// Whether what serves ends, as no service is left.
    pub(super) ends: bool,
}

/// What applies the files.
pub(super) trait Applier {
    /// The services that listen now.
    fn listening(&self) -> Result<Vec<Served>, Failure>;

    /// What could not be read of the files as they are applied.
    fn unread(&self) -> Unread;

    /// Applies the files, if need be although restrictions may get lost by what can't be read; what was done.
    fn apply(&mut self, is_forced: bool) -> Result<Applied, Failure>;

    /// The services that are switched on and not served, but for those that the administrator has stopped; none
    /// where it is not told.
    fn unserved(&self) -> Vec<Unserved>;

    /// Drop-ins that are newer than what runs: hints, without which all else has been done.
    fn drop_ins(&self) -> Vec<Newer>;
}

/// What applies the files of this machine.
///
/// # Errors
/// If it can't be reached, or this user may not use it.
pub(super) fn of_this_machine() -> Result<Box<dyn Applier>, Failure> {
    if !installed::is_systemd() {
        return Ok(Box::new(BySupervisor));
    }
    if !Uid::effective().is_root() {
        let why = "root alone may reload; run the command as root";
        return Err(Failure::undone(why));
    }
    let systemd = Systemd::connect().map_err(Failure::undone)?;
    Ok(Box::new(BySystemd(systemd)))
}

/// A daemon-reload, and what follows it.
struct BySystemd(Systemd);

impl Applier for BySystemd {
    fn listening(&self) -> Result<Vec<Served>, Failure> {
        listening(&self.0)
    }

    fn unread(&self) -> Unread {
        installed::unread()
    }

    fn apply(&mut self, _: bool) -> Result<Applied, Failure> {
        forget_last()?;
        make_anew(&self.0)?;
        let complete = follow(&mut self.0);
        let done = last()?;
        if done.iter().all(|done| done.error.is_none()) {
            complete?;
        }
        Ok(Applied { done, ends: false })
    }

    fn unserved(&self) -> Vec<Unserved> {
        let mut units = installed::units().unwrap_or_default();
        units.retain(|unit| installed::is_enabled(unit));
        let units = units.iter().map(String::as_str).collect();
        let troubles = reconcile::troubles_of(&self.0, &units).unwrap_or_default();
        let unserved = troubles.into_iter();
        let unserved = unserved.filter(|(_, trouble)| !trouble.is_intended());
        let unserved = unserved.map(|(unit, trouble)| Unserved {
            unit,
            reason: trouble.to_string(),
        });
        unserved.collect()
    }

    fn drop_ins(&self) -> Vec<Newer> {
        drop_ins::newer(&self.0).unwrap_or_default()
    }
}

/// What the supervisor does at SIGHUP.
struct BySupervisor;

impl Applier for BySupervisor {
    fn listening(&self) -> Result<Vec<Served>, Failure> {
        let supervised = supervisor::supervised().map_err(Failure::undone)?;
        let listening = supervised.services.into_iter();
        let listening = listening.filter(|service| service.listens);
        let served = listening.map(|service| Served {
            id: service.id.as_str().into(),
            file: Path::new(&service.file).into(),
            unit: service.unit,
        });
        Ok(served.collect())
    }

    fn unread(&self) -> Unread {
        let supervised = supervisor::supervised();
        supervised.map(|told| told.unread).unwrap_or_default()
    }

    fn apply(&mut self, is_forced: bool) -> Result<Applied, Failure> {
        let (done, ends) = supervisor::reload(is_forced).map_err(Failure::undone)?;
        Ok(Applied { done, ends })
    }

    fn unserved(&self) -> Vec<Unserved> {
        let services = supervisor::supervised().map(|told| told.services);
        let services = services.unwrap_or_default().into_iter();
        let unserved = services.filter_map(|service| {
            Some(Unserved {
                unit: service.unit,
                reason: service.trouble?,
            })
        });
        unserved.collect()
    }

    fn drop_ins(&self) -> Vec<Newer> {
        Vec::new()
    }
}
