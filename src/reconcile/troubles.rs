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
    troubles_of(&Systemd::connect()?, units)
}

/// The same, by a connection that there is.
///
/// # Errors
/// As [`troubles`].
pub(crate) fn troubles_of(
    systemd: &Systemd,
    units: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Trouble>, String> {
    let mut troubles = among(systemd, units)?;
    let is_left = |(unit, trouble): (&String, &Trouble)| {
        matches!(trouble, Trouble::Stopped { .. }) && !is_ejected(unit)
    };
    if troubles.iter().any(is_left)
        && let Some(all) = all_stopped(systemd)?
    {
        for (unit, trouble) in &mut troubles {
            if is_left((unit, &*trouble)) {
                *trouble = all.clone();
            }
        }
    }
    // Of two reasons the first has to be dealt with first.
    for (unit, trouble) in unserved(systemd, units)? {
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

/// Where the administrator masks a unit, for good or until the next boot (systemctl(1)).
const MASKS: [&str; 2] = ["/etc/systemd/system", "/run/systemd/system"];

/// Whether a unit is masked in one of these directories.
fn is_masked(directories: [&str; 2], unit: &str) -> bool {
    directories.iter().any(|directory| {
        let target = fs::read_link(Path::new(directory).join(unit));
        target.is_ok_and(|target| target == Path::new("/dev/null"))
    })
}

/// Why no service is started, if that is so.
fn all_stopped(systemd: &Systemd) -> Result<Option<Trouble>, String> {
    let units = systemd.units()?;
    let target = units.get(TARGET);
    if target.is_some_and(|target| target.active == "active") {
        return Ok(None);
    }
    let is_masked = is_masked(MASKS, TARGET);
    Ok(Some(stopped_for(is_masked, Real::look().is_some())))
}

/// Why the target is not active: it was masked, real xinetd serves, or it was stopped.
fn stopped_for(is_masked: bool, has_real: bool) -> Trouble {
    match (is_masked, has_real) {
        (true, _) => Trouble::AllMasked,
        (false, true) => Trouble::LeftToReal,
        (false, false) => Trouble::AllStopped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::systemd::played::Played;

    #[test]
    fn sockets_that_are_stopped_with_all_others_say_so() {
        let played = Played::obedient();
        played.put("a.socket", "inactive", "dead", |_| {});
        played.put("b.socket", "failed", "failed", |_| {});
        let told = |target: &str| {
            played.put(TARGET, target, "", |_| {});
            troubles_of(&played.connect(), &BTreeSet::from(["a", "b"])).unwrap()
        };
        let failed = Trouble::Failed {
            unit: "b".to_owned(),
        };
        let of_one = told("active");
        assert!(matches!(of_one["a"], Trouble::Stopped { .. }));
        assert_eq!(of_one["b"], failed);
        let of_all = told("inactive");
        let all = [true, false].map(|has_real| stopped_for(is_masked(MASKS, TARGET), has_real));
        assert!(all.contains(&of_all["a"]), "{}", of_all["a"]);
        assert_eq!(of_all["b"], failed);
    }

    #[test]
    fn all_services_are_down_for_the_reason_that_has_to_be_dealt_with_first() {
        assert_eq!(stopped_for(true, true), Trouble::AllMasked);
        assert_eq!(stopped_for(false, true), Trouble::LeftToReal);
        assert_eq!(stopped_for(false, false), Trouble::AllStopped);
    }

    #[test]
    fn a_helper_that_never_comes_is_a_trouble_of_a_socket_that_listens() {
        let played = Played::obedient();
        for unit in ["stuck", "closed"] {
            let service = format!("{unit}.service");
            played.put(&service, "activating", "auto-restart-queued", |unit| {
                unit.set("StatusText", "1 running");
            });
        }
        played.put("stuck.socket", "active", "listening", |_| {});
        played.put("closed.socket", "active", "listening", |unit| {
            unit.set("Listen", vec![("Stream", "127.0.0.1:1")]);
        });
        let troubles =
            troubles_of(&played.connect(), &BTreeSet::from(["stuck", "closed"])).unwrap();
        assert_eq!(troubles["stuck"], Trouble::Stuck);
        let first = &troubles["closed"];
        assert_eq!(*first, Trouble::Closed, "the first to be mended");
    }

    #[test]
    fn a_unit_is_masked_by_a_link_to_nothing() {
        let directory = std::env::temp_dir().join(format!("masked-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, directory.join(name));
        link("/dev/null", "masked").unwrap();
        link("/dev/zero", "linked").unwrap();
        fs::write(directory.join("written"), "").unwrap();
        let directories = ["/no/such", directory.to_str().unwrap()];
        let units = ["masked", "linked", "written", "missing"];
        let found = units.map(|unit| is_masked(directories, unit));
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(found, [true, false, false, false]);
    }
}
