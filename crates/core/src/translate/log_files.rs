//! What the coordinator may write: the directories of log files (`log_type = FILE`).
//!
//! Its unit lets it change nothing of the system; a drop-in for it names them. xinetd is root and
//! may write anywhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::output::GeneratedFile;
use super::unit::{Directive, Plain, UnitFile, Value};
use crate::service::{LogTarget, Service};

/// The drop-in, below the directory of the generated units.
pub const PATH: &str = "xinetd-coordinator.service.d/50-xinetd-log-files.conf";

/// The drop-in, if any of these services has a log file.
pub(super) fn drop_in<'a>(services: impl Iterator<Item = &'a Service>) -> Option<GeneratedFile> {
    Some(GeneratedFile {
        path: PATH.into(),
        content: unit(services)?.text().into_bytes(),
        private: false,
    })
}

/// What stands in it.
pub(super) fn unit<'a>(services: impl Iterator<Item = &'a Service>) -> Option<UnitFile> {
    let directories: BTreeSet<PathBuf> = services.filter_map(directory).collect();
    if directories.is_empty() {
        return None;
    }
    let mut body = Vec::new();
    let below = |roots: &[&str]| {
        let mut all = directories.iter();
        all.any(|directory| roots.iter().any(|root| directory.starts_with(root)))
    };
    // Neither could be undone for one directory alone; what is not named here stays read-only.
    if below(&["/home", "/root", "/run/user"]) {
        body.push(Directive::new("ProtectHome", Value::Literal("no")));
    }
    if below(&["/tmp", "/var/tmp"]) {
        body.push(Directive::new("PrivateTmp", Value::Literal("no")));
    }
    body.extend(directories.iter().filter_map(|directory| {
        let directory = Plain::path(directory)?;
        Some(Directive::new("ReadWritePaths", Value::Optional(directory)))
    }));
    Some(UnitFile {
        sections: vec![("Service", body)],
    })
}

/// The directory of a service's log file.
fn directory(service: &Service) -> Option<PathBuf> {
    match &service.logging.target {
        LogTarget::File { path, .. } => {
            let path = Path::new("/").join(path.as_path());
            // Not the root: that would be to write everywhere.
            let directory = path.parent().filter(|parent| parent.parent().is_some());
            directory.map(Path::to_owned)
        }
        LogTarget::Unset | LogTarget::Syslog { .. } => None,
    }
}
