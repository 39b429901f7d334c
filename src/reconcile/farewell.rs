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
    match end(&running(systemd, units)) {
        0 => {}
        _ => log::warn!("some servers of services that are gone do not end; systemd kills them"),
    }
}

/// The sessions that there are; none where systemd does not tell.
fn running(systemd: &Systemd, units: &[&str]) -> Vec<Servers> {
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
        servers(unit, helper.unwrap_or(0), &group.unwrap_or_default())
    });
    found.collect()
}

/// None where there is no helper that could log anything, or the control group is not of a service.
fn servers(unit: &str, helper: u32, group: &str) -> Option<Servers> {
    let helper = i32::try_from(helper).ok().filter(|helper| *helper > 0)?;
    let path = Path::new(group.trim_start_matches('/'));
    let is_service = path.extension().is_some_and(|end| end == "service");
    Some(Servers {
        unit: unit.to_owned(),
        helper,
        group: is_service.then(|| folder(path)).flatten()?,
        runtime: runtime_directory(unit),
    })
}
