//! `xinetdctl check`: configuration in, problems and the fate of each attribute out.

#[cfg(test)]
pub(super) mod tests;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use xinetd_core::config::{Databases, DiskTree, Dropped, EntryKind, FileTree, Sources};
use xinetd_core::problem::{NO_PERMISSION, Place, Problem, Severity};
use xinetd_core::translate::{ServiceReport, Standing};

use super::applied::Unapplied;
use super::boot::Boot;
use super::listening::{enabled_unit, missing_servers, silent};
use super::machine::{Reading, is_id, supervised, unit_of};
use super::real;
use crate::protocol::administration::Supervised;

/// What there is to say about one main file and all that it includes.
#[derive(Debug)]
pub(super) struct Check {
    /// The main file, as its path was given.
    pub(super) main: PathBuf,
    /// All that is wrong or surprising.
    pub(super) problems: Vec<Problem>,
    /// The services, in the order of the files.
    pub(super) services: Vec<ServiceReport>,
    /// The services that can't be served because of errors.
    pub(super) dropped: Vec<Dropped>,
    /// The lines of the files.
    pub(super) sources: Sources,
    /// What systemd serves otherwise than the files say.
    unapplied: Vec<Problem>,
    /// What starts the services that are switched on.
    pub(super) boot: Boot,
}

/// How many problems there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    pub(super) errors: usize,
    pub(super) warnings: usize,
    pub(super) notes: usize,
}

impl Counts {
    pub(super) fn of(checks: &[Check]) -> Self {
        Self::of_problems(checks.iter().flat_map(|check| &check.problems))
    }

    /// The counts of these problems.
    pub(super) fn of_problems<'a>(problems: impl IntoIterator<Item = &'a Problem>) -> Self {
        let mut counts = Self::default();
        for problem in problems {
            match problem.severity {
                Severity::Error => counts.errors += 1,
                Severity::Warning => counts.warnings += 1,
                Severity::Note => counts.notes += 1,
            }
        }
        counts
    }

    /// 0 clean, 1 warnings, 2 errors; notes are clean.
    pub(super) fn exit_status(self) -> u8 {
        match self {
            Self { errors: 1.., .. } => 2,
            Self { warnings: 1.., .. } => 1,
            _ => 0,
        }
    }
}

impl Check {
    /// Whether there is a service with this id or unit.
    pub(super) fn has(&self, wanted: &str) -> bool {
        let mut services = self.services.iter();
        let mut dropped = self.dropped.iter();
        services.any(|service| is_wanted(service, wanted))
            || dropped.any(|dropped| is_id(&dropped.id, wanted))
    }

    /// Leaves out the services that have none of these ids or units, and the problems of other files
    /// than theirs that do not name one of them.
    pub(super) fn keep(&mut self, wanted: &[String]) {
        let is_kept = |service: &ServiceReport| wanted.iter().any(|one| is_wanted(service, one));
        self.services.retain(is_kept);
        let is_kept = |dropped: &Dropped| wanted.iter().any(|one| is_id(&dropped.id, one));
        self.dropped.retain(is_kept);
        let lines = self.services.iter().flat_map(|service| &service.attributes);
        let services = self.services.iter().map(|service| &service.place);
        let places = services.chain(self.dropped.iter().map(|dropped| &dropped.place));
        let places: Vec<_> = places.collect();
        // What another service says of one of them, such as that it has its port.
        let named: Vec<_> = places.iter().map(|place| format!("({place})")).collect();
        let files: HashSet<_> = places.iter().map(|place| &place.file).collect();
        let lines: HashSet<_> = lines
            .map(|line| (&line.place.file, line.place.line))
            .collect();
        self.problems.retain(|problem| {
            let Place { file, line, .. } = &problem.place;
            files.contains(file)
                || lines.contains(&(file, *line))
                || named.iter().any(|place| problem.message.contains(place))
        });
    }
}

/// Whether a service has this id, without case, or this unit.
fn is_wanted(service: &ServiceReport, wanted: &str) -> bool {
    let unit = match &service.standing {
        Standing::Served { unit, .. } | Standing::Native { unit, .. } => Some(unit.as_str()),
        Standing::NotServed(_) => None,
    };
    is_id(&service.id, wanted) || unit.is_some() && unit == unit_of(wanted)
}

/// Checks /etc/xinetd.conf of the root, or each of `files` in its place.
pub(super) fn run(root: Option<&Path>, files: &[PathBuf]) -> Vec<Check> {
    let tree = DiskTree::new(root.map(Path::to_owned));
    let host = Host {
        is_own: root.is_none(),
        supervised: supervised(root, &tree),
    };
    let databases = Databases::read(&tree);
    if files.is_empty() {
        return vec![check(&tree, &tree, None, &databases, &host)];
    }
    let in_place = |file: &PathBuf| {
        let with_main = WithMain {
            tree: &tree,
            main: file,
        };
        check(&with_main, &tree, Some(file), &databases, &host)
    };
    files.iter().map(in_place).collect()
}

/// The tree of a root, but for the main file: that one is a path of the caller's own tree.
struct WithMain<'a> {
    tree: &'a DiskTree,
    main: &'a Path,
}

impl FileTree for WithMain<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == self.main {
            DiskTree::new(None).read(&std::path::absolute(path)?)
        } else {
            self.tree.read(path)
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(PathBuf, EntryKind)>> {
        self.tree.list(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.tree.read_link(path)
    }
}

/// Adds which services do not listen on this machine, and why, and what is not applied yet.
pub(super) fn ask_systemd(checks: &mut [Check]) {
    for check in checks {
        check.problems.extend(silent(&check.services));
        check.problems.append(&mut check.unapplied);
        check.problems.sort_by(|a, b| a.place.cmp(&b.place));
    }
}

/// The machine whose files are checked.
#[derive(Default)]
struct Host {
    /// Whether it is this one: then servers are looked for.
    is_own: bool,
    /// What a supervisor serves there, where it is not for systemd.
    supervised: Option<Supervised>,
}

/// Checks `tree`, or what begins with the file `main` of it, and the banners that lie in `disk`.
fn check(
    tree: &dyn FileTree,
    disk: &DiskTree,
    main: Option<&Path>,
    databases: &Databases,
    host: &Host,
) -> Check {
    let supervised = host.supervised.as_ref();
    let Reading {
        startup,
        mut configuration,
        translation,
        boot,
        planned,
    } = Reading::of(tree, main, databases, supervised);
    for (place, text) in startup.sources() {
        configuration
            .sources
            .insert(Arc::clone(&place.file), text.clone());
    }
    let mut problems = configuration.problems;
    problems.extend(translation.problems);
    problems.extend(super::wrappers::problems(
        tree,
        &configuration.services,
        &mut configuration.sources,
    ));
    problems.extend(super::banners::problems(
        disk,
        &configuration.services,
        databases,
    ));
    let mut unapplied = Unapplied::default();
    if host.is_own {
        problems.extend(super::log_directories::problems(
            disk,
            &configuration.services,
        ));
        problems.extend(missing_servers(
            &configuration.services,
            &translation.services,
            databases,
        ));
        let real = real::look();
        problems.extend(real.map(|real| real.problem(&configuration.services)));
        let is_complete = problems.iter().all(|problem| problem.code != NO_PERMISSION);
        unapplied = match supervised {
            None => Unapplied::of(&translation.services, is_complete),
            Some(told) => {
                Unapplied::of_supervisor(&translation.services, &planned, told, is_complete)
            }
        };
    }
    let standings = translation.services.iter();
    let mut standings = standings.map(|service| &service.report.standing);
    if standings.any(|standing| enabled_unit(standing).is_some()) {
        problems.extend(boot.problem());
    }
    problems.sort_by(|a, b| a.place.cmp(&b.place));
    let services = translation.services.into_iter();
    let services: Vec<_> = services.map(|service| service.report).collect();
    Check {
        main: main.unwrap_or(startup.roots().main).to_owned(),
        boot,
        problems,
        unapplied: unapplied.problems(&services),
        services,
        dropped: configuration.dropped,
        sources: configuration.sources,
    }
}
