//! The end of sessions whose units are gone.
//!
//! systemd has forgotten `ExecStop=` and `KillMode=` with the unit: it would kill the helper beside its
//! servers, which then could not log how they ended, and call the service failed.

use std::path::Path;

use xinetd_core::translate::runtime_directory;

use crate::accept::membership::folder;
use crate::accept::stop::{Servers, end};
use crate::bus::systemd::{Loaded, Property, Systemd};

/// Ends the sessions of units without suffix; their helpers log them, and live on.
pub(super) fn end_sessions(systemd: &Systemd, units: &[&str]) {
    let servers: Vec<_> = running(systemd, units)
        .into_iter()
        .filter_map(Running::servers)
        .collect();
    match end(&servers) {
        0 => {}
        _ => log::warn!("some servers of services that are gone do not end; systemd kills them"),
    }
}

/// A service whose helper can log the end of its sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Running {
    /// Without suffix.
    unit: String,
    helper: i32,
    /// The control group, as systemd names it.
    group: String,
}

impl Running {
    /// None where there is no helper that could log anything, or the control group is not of a service.
    fn of(unit: &str, helper: u32, group: String) -> Option<Self> {
        let helper = i32::try_from(helper).ok().filter(|helper| *helper != 0)?;
        group.ends_with(".service").then(|| Self {
            unit: unit.to_owned(),
            helper,
            group,
        })
    }

    /// None where the control group is gone.
    fn servers(self) -> Option<Servers> {
        Some(Servers {
            runtime: runtime_directory(&self.unit),
            helper: self.helper,
            group: folder(Path::new(self.group.trim_start_matches('/')))?,
            unit: self.unit,
        })
    }
}

/// Those of the units that run; none where systemd does not tell.
fn running(systemd: &Systemd, units: &[&str]) -> Vec<Running> {
    if units.is_empty() {
        return Vec::new();
    }
    let loaded = systemd.units().unwrap_or_default();
    let running = units.iter().filter_map(|unit| {
        let service = loaded.get(&format!("{unit}.service"))?;
        let has_ended = matches!(service.active.as_str(), "inactive" | "failed");
        (!has_ended).then_some((*unit, service))
    });
    let running: Vec<(&str, &Loaded)> = running.collect();
    let property = |name| {
        let property = |&(_, of)| Property {
            of,
            interface: "Service",
            name,
        };
        running.iter().map(property).collect::<Vec<_>>()
    };
    let helpers = systemd.properties::<u32>(&property("MainPID"));
    let groups = systemd.properties::<String>(&property("ControlGroup"));
    let answers = running.iter().zip(helpers.into_iter().zip(groups));
    let found = answers.filter_map(|((unit, _), (helper, group))| {
        Running::of(unit, helper.unwrap_or_default(), group.unwrap_or_default())
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::systemd::played::Played;
    use crate::journal::heard;

    #[test]
    fn sessions_end_where_a_helper_runs_that_can_log_them() {
        let played = Played::obedient();
        for (unit, active, helper, group) in [
            ("runs", "active", 7_u32, "/system.slice/runs.service"),
            ("waits", "activating", 0, "/system.slice/waits.service"),
            ("ended", "inactive", 7, "/system.slice/ended.service"),
            ("failed", "failed", 7, "/system.slice/failed.service"),
            ("strange", "active", 7, "/"),
        ] {
            played.put(&format!("{unit}.service"), active, "", |unit| {
                unit.set("MainPID", helper)
                    .set("ControlGroup", group.to_owned());
            });
        }
        let units = ["runs", "waits", "ended", "failed", "strange", "gone"];
        let running = running(&played.connect(), &units);
        let expected = Running {
            unit: "runs".to_owned(),
            helper: 7,
            group: "/system.slice/runs.service".to_owned(),
        };
        assert_eq!(running, [expected]);
        // No such control group is there: all has ended.
        heard();
        end_sessions(&played.connect(), &units);
        assert_eq!(heard(), [""; 0]);
    }
}
