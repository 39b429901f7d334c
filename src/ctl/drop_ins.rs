//! Drop-ins that are newer than what they are to change: systemd applies them at the next start.

use std::fmt;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::bus::systemd::{Loaded, Property, Systemd};
use crate::installed;

/// A unit that runs without a drop-in that was written since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Newer {
    /// The unit, with its suffix.
    pub(super) unit: String,
    /// The newest drop-in.
    pub(super) path: String,
}

impl fmt::Display for Newer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unit, path } = self;
        let ends = match unit.ends_with(".service") {
            true => "ends its sessions",
            false => "closes the socket for a moment and ends the sessions",
        };
        write!(
            f,
            "{unit}: {path} takes effect at the next start; `systemctl restart {unit}` does it now, \
             and {ends}"
        )
    }
}

/// Those of our units that run without such a drop-in.
///
/// # Errors
/// In words, if systemd can't be asked.
pub(super) fn newer(systemd: &Systemd) -> Result<Vec<Newer>, String> {
    let loaded = systemd.units()?;
    let units = installed::units().unwrap_or_default();
    let names = units.iter().flat_map(|unit| {
        let started = [(".socket", "ActiveEnterTimestamp", "Unit")];
        let helper = [(".service", "ExecMainStartTimestamp", "Service")];
        started
            .into_iter()
            .chain(helper)
            .map(move |(suffix, since, interface)| (format!("{unit}{suffix}"), since, interface))
    });
    let running: Vec<(String, &Loaded, &str, &str)> = names
        .filter_map(|(name, since, interface)| {
            let unit = loaded.get(&name).filter(|unit| unit.active == "active")?;
            Some((name, unit, since, interface))
        })
        .collect();
    let paths = running.iter().map(|(_, of, ..)| Property {
        of,
        interface: "Unit",
        name: "DropInPaths",
    });
    let paths = systemd.properties::<Vec<String>>(&paths.collect::<Vec<_>>());
    let since = running.iter().map(|(_, of, since, interface)| Property {
        of,
        interface,
        name: since,
    });
    let since = systemd.properties::<u64>(&since.collect::<Vec<_>>());
    let all = running.iter().zip(paths.into_iter().zip(since));
    let newer = all.filter_map(|((unit, ..), (paths, since))| {
        let since = UNIX_EPOCH + Duration::from_micros(since?);
        let path = newest(paths?, since)?;
        Some(Newer {
            unit: unit.clone(),
            path,
        })
    });
    Ok(newer.collect())
}

/// The newest of these files that was written since.
fn newest(paths: Vec<String>, since: SystemTime) -> Option<String> {
    let dated = paths.into_iter().filter_map(|path| {
        let written = fs::metadata(&path).and_then(|file| file.modified()).ok()?;
        (written > since).then_some((written, path))
    });
    dated.max().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_the_file_and_what_a_restart_costs() {
        let newer = |unit: &str| Newer {
            unit: unit.into(),
            path: "/etc/systemd/system/a.d/x.conf".into(),
        };
        assert_eq!(
            newer("a.service").to_string(),
            "a.service: /etc/systemd/system/a.d/x.conf takes effect at the next start; \
             `systemctl restart a.service` does it now, and ends its sessions"
        );
        assert!(
            newer("a.socket")
                .to_string()
                .contains("closes the socket for a moment")
        );
    }

    #[test]
    fn only_what_was_written_since_counts() {
        let file = std::env::temp_dir().join(format!("drop-in-{}.conf", std::process::id()));
        fs::write(&file, "").unwrap();
        let path = file.to_str().unwrap().to_owned();
        let all = || vec![path.clone(), "/nonexistent".to_owned()];
        let written = fs::metadata(&file).unwrap().modified().unwrap();
        assert_eq!(newest(all(), written), None);
        assert_eq!(
            newest(all(), written - Duration::from_secs(1)),
            Some(path.clone())
        );
        fs::remove_file(&file).unwrap();
    }
}
