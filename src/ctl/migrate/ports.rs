//! The ports that change hands: at which the bridge listens, and which real xinetd has opened.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use super::survey::Survey;
use crate::reconcile::{PortNumber, Real, listed, troubles};

/// How long real xinetd may take to run.
const PATIENCE: Duration = Duration::from_secs(10);

/// For how long real xinetd opens no port when it is done.
const QUIET: Duration = Duration::from_secs(3);

/// The ports at which the bridge listens now.
pub(super) fn listening(survey: &Survey) -> Result<BTreeSet<PortNumber>, String> {
    let units: BTreeSet<&str> = survey.units().iter().map(String::as_str).collect();
    let silent = troubles(&units)?;
    let ours = survey.ours().iter();
    let listening = ours.filter(|(_, unit)| !silent.contains_key(*unit));
    Ok(listening.map(|(endpoint, _)| *endpoint).collect())
}

/// Waits until real xinetd has all of these ports.
pub(super) fn has_all(wanted: &BTreeSet<PortNumber>) -> Result<(), String> {
    let missing = await_real(wanted)?;
    let missing: Vec<&PortNumber> = missing.iter().collect();
    match missing.as_slice() {
        [] => Ok(()),
        missing => Err(format!("real xinetd does not have {}", listed(missing))),
    }
}

/// Waits until real xinetd has these ports; those that it does not have in the end.
pub(super) fn await_real(wanted: &BTreeSet<PortNumber>) -> Result<BTreeSet<PortNumber>, String> {
    let end = Instant::now() + PATIENCE;
    let mut before = (wanted.clone(), Instant::now());
    loop {
        let real = Real::look();
        let has = real.as_ref().and_then(Real::ports);
        let missing: BTreeSet<PortNumber> = match has {
            Some(has) => wanted.difference(has).copied().collect(),
            None => wanted.clone(),
        };
        if real.is_some() && missing.is_empty() {
            return Ok(missing);
        }
        if before.0 != missing {
            before = (missing.clone(), Instant::now());
        }
        match real {
            // It opens one port after the other, with a second in between for each RPC service.
            Some(_) if before.1.elapsed() >= QUIET => return Ok(missing),
            None if Instant::now() >= end => {
                return Err("real xinetd does not run, though it was started".to_owned());
            }
            _ => {}
        }
        thread::sleep(Duration::from_millis(50));
    }
}
