//! Services that listen and that a reload would stop, for errors in the files.

use std::path::Path;
use std::sync::Arc;

use xinetd_core::bytes::ByteString;
use xinetd_core::config::Dropped;
use xinetd_core::problem::{Problem, Severity};
use xinetd_core::translate::Standing;

use super::super::check::Check;
use super::super::output::Failure;
use crate::bus::systemd::Systemd;
use crate::installed;

/// What is served now, and where it stands in the files: unit, id and file.
pub(super) fn listening(systemd: &Systemd) -> Result<Vec<Served>, Failure> {
    let units = systemd.units().map_err(Failure::undone)?;
    let is_active = |name: String| units.get(&name).is_some_and(|unit| unit.active == "active");
    let served = installed::units().unwrap_or_default().into_iter();
    let served = served.filter(|unit| is_active(format!("{unit}.socket")));
    let served = served.filter_map(|unit| {
        let spec = installed::spec(&unit).ok()?;
        Some(Served {
            unit,
            id: spec.id,
            file: spec.place.file,
        })
    });
    Ok(served.collect())
}

/// A service whose socket is active.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) unit: String,
    pub(super) id: ByteString,
    pub(super) file: Arc<Path>,
}

/// The units that the files have no more, for what seems to be an error: in their file, or in the first
/// one, which may have included it.
pub(super) fn endangered<'a>(checks: &[Check], served: &'a [Served]) -> Vec<&'a Served> {
    let problems = checks.iter().flat_map(|check| &check.problems);
    let errors: Vec<&Problem> = problems
        .filter(|problem| problem.severity == Severity::Error)
        .collect();
    let is_kept = |served: &Served| {
        let services = checks.iter().flat_map(|check| &check.services);
        services
            .filter_map(|service| match &service.standing {
                Standing::Served { unit, .. } | Standing::Native { unit, .. } => Some(unit),
                Standing::NotServed(_) => None,
            })
            .any(|unit| *unit == served.unit)
    };
    let is_dropped = |served: &Served| {
        let mut dropped = with_errors(checks).map(|dropped| dropped.id.as_bytes());
        dropped.any(|id| id.eq_ignore_ascii_case(served.id.as_bytes()))
    };
    let is_main = |file: &Path| checks.iter().any(|check| check.main == file);
    let has_errors = |served: &Served| {
        let files = errors.iter().map(|error| &error.place.file);
        let mut files = files.filter(|file| **file == served.file || is_main(file));
        files.next().is_some()
    };
    let lost = served
        .iter()
        .filter(|served| !is_kept(served) && (is_dropped(served) || has_errors(served)));
    lost.collect()
}

/// The services that can't be understood and are switched on.
fn with_errors(checks: &[Check]) -> impl Iterator<Item = &Dropped> {
    let dropped = checks.iter().flat_map(|check| &check.dropped);
    dropped.filter(|dropped| dropped.note.is_none())
}

/// The ids of services that are not served, for errors.
pub(super) fn left_out(checks: &[Check]) -> Vec<String> {
    let mut ids: Vec<_> = with_errors(checks)
        .map(|dropped| dropped.id.to_text())
        .collect();
    for check in checks {
        let has_error = |file: &Arc<Path>| {
            let mut problems = check.problems.iter();
            problems.any(|one| one.severity == Severity::Error && one.place.file == *file)
        };
        let unserved = check.services.iter().filter(|service| {
            matches!(service.standing, Standing::NotServed(_)) && has_error(&service.place.file)
        });
        ids.extend(unserved.map(|service| service.id.to_text()));
    }
    ids.sort();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use super::super::super::check::tests::sample;
    use super::*;

    #[test]
    fn errors_endanger_what_listens_by_the_same_file_or_id() {
        let mut check = sample();
        let dropped = check.dropped[0].id.clone();
        let served = |unit: &str, id: ByteString, file: &str| Served {
            unit: unit.into(),
            id,
            file: Path::new(file).into(),
        };
        let all = [
            served("foo", "foo".into(), "/etc/xinetd.d/foo"),
            served("other", "other".into(), "/etc/xinetd.d/foo"),
            served("removed", "removed".into(), "/etc/xinetd.d/removed"),
            served("dropped", dropped, "/etc/xinetd.d/bar"),
        ];
        let mut lost = |severity| {
            check.problems[0].severity = severity;
            let lost = endangered(std::slice::from_ref(&check), &all);
            lost.iter().map(|one| one.unit.clone()).collect::<Vec<_>>()
        };
        assert_eq!(lost(Severity::Warning), ["dropped"]);
        assert_eq!(lost(Severity::Error), ["other", "dropped"]);
    }
}
