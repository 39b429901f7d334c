//! Which process is a unit's helper: its main process, as systemd says.
//!
//! A server has the control group of its helper, and may have its user. What is for the helper alone,
//! a log file or the table of bans, is for the main process. systemd is asked once for each helper, by its
//! private socket: the bus may be away, and comes later at boot than the first client. All helpers whose
//! questions wait are asked about at once.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::sys::process::Process;

use super::caller::{self, Caller};
use super::systemd::{Property, Systemd};

/// The main processes that are known, by unit.
#[derive(Debug, Default)]
pub(super) struct Mains(Mutex<HashMap<String, Main>>);

/// A main process, as far as it was the caller or was found in the group of its unit.
#[derive(Debug)]
enum Main {
    Caller(Arc<Caller>),
    Found(Process),
}

impl Main {
    fn process(&self) -> &Process {
        match self {
            Self::Caller(caller) => &caller.process,
            Self::Found(process) => process,
        }
    }
}

impl Mains {
    /// Whether the caller is its unit's main process, where that is known without asking systemd: the
    /// main process of before still runs.
    pub(super) fn known(&self, caller: &Caller) -> Option<bool> {
        let known = self.lock();
        let main = known.get(&caller.unit)?.process();
        // Of two processes that run only one has the number.
        caller::is_running(main).ok()?;
        Some(main.pid() == caller.process.pid() && caller::is_running(&caller.process).is_ok())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Main>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks systemd once for the main processes of all of them that are not known.
    ///
    /// # Errors
    /// In words, if systemd does not tell.
    pub(super) fn learn<'a>(
        &self,
        callers: impl Iterator<Item = &'a Arc<Caller>>,
    ) -> Result<(), String> {
        let unknown: Vec<_> = callers.filter(|one| self.known(one).is_none()).collect();
        let units: BTreeSet<&str> = unknown.iter().map(|caller| caller.unit.as_str()).collect();
        if units.is_empty() {
            return Ok(());
        }
        let pids = main_pids(&units)
            .map_err(|error| format!("systemd does not tell the main process: {error}"))?;
        let mut known = self.lock();
        known.retain(|_, main| caller::is_running(main.process()).is_ok());
        for (unit, pid) in pids {
            let is_it = |caller: &&&Arc<Caller>| {
                let process = &caller.process;
                // It had the number all the time if it runs now.
                caller.unit == unit && process.pid() == pid && caller::is_running(process).is_ok()
            };
            let caller = unknown.iter().find(is_it);
            let caller = caller.map(|caller| Main::Caller(Arc::clone(caller)));
            if let Some(main) = caller.or_else(|| found(pid, unit)) {
                known.insert(unit.to_owned(), main);
            }
        }
        Ok(())
    }
}

/// The main processes of those of these services, without suffix, that have one.
///
/// # Errors
/// In words, if systemd can't be asked.
fn main_pids<'a>(units: &BTreeSet<&'a str>) -> Result<Vec<(&'a str, i32)>, String> {
    let systemd = Systemd::connect()?;
    let loaded = systemd.units()?;
    let services: Vec<_> = units
        .iter()
        .filter_map(|unit| Some((*unit, loaded.get(&format!("{unit}.service"))?)))
        .collect();
    let main_pid = |&(_, of): &(_, _)| Property {
        of,
        interface: "Service",
        name: "MainPID",
    };
    let wanted: Vec<_> = services.iter().map(main_pid).collect();
    let pids = systemd.properties::<u32>(&wanted);
    let pid = |(&(unit, _), pid): (&(&'a str, _), Option<u32>)| {
        let pid = i32::try_from(pid?).ok()?;
        (pid != 0).then_some((unit, pid))
    };
    Ok(services.iter().zip(pids).filter_map(pid).collect())
}

/// Why a caller gets nothing.
pub(super) fn not_main(caller: &Caller) -> String {
    let (pid, unit) = (caller.process.pid(), &caller.unit);
    format!("process {pid} is not the main process of {unit}.service")
}

/// The process with this number, if it is one of the unit's.
fn found(pid: i32, unit: &str) -> Option<Main> {
    let process = Process::open(pid).ok()?;
    let is_of = caller::is_of(&process, unit).unwrap_or(false);
    is_of.then_some(Main::Found(process))
}
