//! All that keeps services from being served, as `xinetdctl` says it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::cause::among;
use super::live::{TARGET, is_stuck};
use super::real::Real;
use super::trouble::Trouble;
use super::unserved::unserved;
use crate::bus::systemd::Systemd;
use crate::installed::is_ejected;

/// Which of these units, without suffix, are not served, and why.
///
/// # Errors
/// In words, if systemd or the kernel does not tell.
pub(crate) fn troubles(units: &BTreeSet<&str>) -> Result<BTreeMap<String, Trouble>, String> {
    let systemd = Systemd::connect()?;
    let mut troubles = among(&systemd, units)?;
    let is_left = |(unit, trouble): (&String, &Trouble)| {
        matches!(trouble, Trouble::Stopped { .. }) && !is_ejected(unit)
    };
    if troubles.iter().any(is_left)
        && let Some(all) = all_stopped(&systemd)?
    {
        for (unit, trouble) in &mut troubles {
            if is_left((unit, &*trouble)) {
                *trouble = all.clone();
            }
        }
    }
    // Of two reasons the first has to be dealt with first.
    for (unit, trouble) in unserved(&systemd, units)? {
        troubles.entry(unit).or_insert(trouble);
    }
    let loaded = systemd.units()?;
    for unit in units {
        if loaded.get(&format!("{unit}.service")).is_some_and(is_stuck) {
            troubles.entry((*unit).to_owned()).or_insert(Trouble::Stuck);
        }
    }
    Ok(troubles)
}

/// Whether a unit is masked by the administrator, for good or until the next boot (systemctl(1)).
fn is_masked(unit: &str) -> bool {
    let directories = ["/etc/systemd/system", "/run/systemd/system"];
    directories.iter().any(|directory| {
        let target = fs::read_link(Path::new(directory).join(unit));
        target.is_ok_and(|target| target == Path::new("/dev/null"))
    })
}

/// Why no service is started, if that is so: real xinetd serves, or the target was stopped or masked.
fn all_stopped(systemd: &Systemd) -> Result<Option<Trouble>, String> {
    let units = systemd.units()?;
    let is_started = units
        .get(TARGET)
        .is_some_and(|target| target.active == "active");
    Ok(match Real::look() {
        _ if is_started => None,
        _ if is_masked(TARGET) => Some(Trouble::AllMasked),
        Some(_) => Some(Trouble::LeftToReal),
        None => Some(Trouble::AllStopped),
    })
}
