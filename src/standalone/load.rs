//! Reading the configuration, and which of its services this process can serve.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use log::Level;
use nix::unistd::{Gid, Group, Uid, User};
use xinetd_core::bytes::ByteString;
use xinetd_core::config::{self, Databases, DiskTree, FileTree, Unread};
use xinetd_core::options::LogFormat;
use xinetd_core::problem::{Problem, Severity};
use xinetd_core::service::LogTarget;
use xinetd_core::spec::Task;
use xinetd_core::startup::Startup;
use xinetd_core::translate::{MuxPlace, Plan, PlannedService};

use super::options::Invocation;
use crate::accept::account;

/// What this process may do for services.
#[derive(Clone, Debug)]
pub(super) struct Means {
    /// Why services are told of no log files and bans, where that is so.
    pub(super) without_coordinator: Option<String>,
    /// Where tcpmux and the services that it leads to meet.
    pub(super) mux: MuxPlace,
}

/// What the files have.
#[derive(Debug)]
pub(super) struct Loaded {
    /// The services that are served.
    pub(super) services: Vec<PlannedService>,
    /// Those that are switched on and not served.
    pub(super) unserved: Unserved,
    /// What could not be read, and may have had restrictions.
    pub(super) unread: Unread,
    /// How the log is to look from now on; none while /etc/xinetd-bridge.toml has an error.
    pub(super) log_format: Option<LogFormat>,
}

/// Services that are switched on and not served.
#[derive(Debug, Default)]
pub(super) struct Unserved {
    /// Those that are all right by themselves, and can't be served by this process or on this machine.
    pub(super) hindered: Vec<Hindered>,
    /// The ids of those that have errors in the files.
    pub(super) dropped: Vec<String>,
}

/// A service that can't be served here.
#[derive(Debug)]
pub(super) struct Hindered {
    /// What it would be made of.
    pub(super) planned: PlannedService,
    /// What keeps it from being served, a sentence without a full stop.
    pub(super) why: String,
    /// Whether its server is missing, perhaps for the moment in which a package replaces it.
    pub(super) lacks_server: bool,
}

/// For what the files are read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Occasion<'a> {
    /// The start, or a reload that the administrator wants in any case: what can be read is served.
    Serve,
    /// Any other reload. What restricts services that run must not get lost: what was read for them, all but this, must
    /// be read again.
    Reload(&'a Unread),
}

/// The services that are served. Each that is not is named in the log, and why.
///
/// # Errors
/// In words, if nothing is to be changed: the main file can't be read, so that nothing is known of any service, or what
/// restricts those that run.
pub(super) fn load(
    invocation: &Invocation,
    means: &Means,
    occasion: Occasion<'_>,
) -> Result<Loaded, String> {
    let tree = DiskTree::new(None);
    let startup = Startup::commanded(&tree, invocation.main.clone(), invocation.has_inetd);
    let roots = startup.roots();
    let is_needed =
        |error: &io::Error| roots.inetd.is_none() || error.kind() != io::ErrorKind::NotFound;
    if let Err(error) = tree.read(roots.main)
        && is_needed(&error)
    {
        return Err(format!(
            "{} can't be read: {error}; put the file back, or write one",
            roots.main.display()
        ));
    }
    let options = startup.options();
    let log_format = options.standalone().log_format;
    let log_format = options.problems.is_empty().then_some(log_format);
    let databases = Databases::read(&tree);
    let configuration = config::load(&tree, roots, &databases);
    if let Occasion::Reload(before) = occasion {
        let lost = before.new_in(&configuration.problems);
        for problem in &lost {
            say_at(Level::Error, problem);
        }
        if !lost.is_empty() {
            return Err(
                "restrictions of services that run may stand in what can't be read any more (see above); correct it, \
                 or run `xinetdctl reload --force`"
                    .to_owned(),
            );
        }
    }
    let plan = Plan::of(&configuration, startup, means.mux.clone());
    configuration.problems.iter().for_each(say);
    plan.problems.iter().for_each(say);
    let dropped = configuration
        .dropped
        .iter()
        .filter(|one| one.note.is_none());
    let dropped = dropped.map(|one| &one.id).chain(&plan.unserved);
    let dropped: Vec<_> = dropped.map(ByteString::to_text).collect();
    for id in &dropped {
        log::error!("service {id} is not served: see above");
    }
    let mut loaded = Loaded {
        services: Vec::new(),
        unserved: Unserved {
            hindered: Vec::new(),
            dropped,
        },
        unread: Unread::of(&configuration.problems),
        log_format,
    };
    for planned in plan.services {
        match servable(planned, means) {
            Ok(service) => loaded.services.push(service),
            Err(hindered) => loaded.unserved.hindered.push(*hindered),
        }
    }
    Ok(loaded)
}

fn say(problem: &Problem) {
    let level = match problem.severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warn,
        Severity::Note => Level::Debug,
    };
    say_at(level, problem);
}

fn say_at(level: Level, problem: &Problem) {
    let Problem {
        place,
        message,
        help,
        ..
    } = problem;
    log::log!(level, "{place}: {message}; {help}");
}

/// The service as it can be served here.
fn servable(service: PlannedService, means: &Means) -> Result<PlannedService, Box<Hindered>> {
    let planned = logged(service, means);
    let missing = missing_server(&planned);
    let lacks_server = missing.is_some();
    let Some(why) = missing.or_else(|| hindrance(&planned, means)) else {
        return Ok(planned);
    };
    let (id, place) = (planned.id().to_text(), planned.place());
    log::error!("{place}: service {id} is not served: {why}");
    Err(Box::new(Hindered {
        planned,
        why,
        lacks_server,
    }))
}

/// The service with a log file where one can be opened for it.
fn logged(service: PlannedService, means: &Means) -> PlannedService {
    if means.without_coordinator.is_none() {
        return service;
    }
    if matches!(service.spec.logging.target, LogTarget::File { .. }) {
        let (id, place) = (service.id().to_text(), service.place());
        log::warn!(
            "{place}: service {id}: no log file can be opened for it; its lines go to the common log"
        );
    }
    without_log_file(service)
}

/// The service as it is where no log file can be opened for it: its lines go to the common log.
pub(super) fn without_log_file(mut service: PlannedService) -> PlannedService {
    if matches!(service.spec.logging.target, LogTarget::File { .. }) {
        service.spec.logging.target = LogTarget::Unset;
    }
    service
}

/// That a service has no server, a sentence without a full stop.
pub(super) fn missing_server(service: &PlannedService) -> Option<String> {
    let program = service.spec.task.program()?;
    let why = executable(program.path.as_path()).err()?;
    let path = program.path.to_text();
    Some(format!(
        "the server {path} {why}; write the path of a program"
    ))
}

/// What else keeps a service from being served, a sentence without a full stop.
fn hindrance(service: &PlannedService, means: &Means) -> Option<String> {
    if let Task::Sensor(_) = service.spec.task
        && let Some(why) = &means.without_coordinator
    {
        return Some(format!(
            "bans can't be kept, as its flag SENSOR wants: {why}"
        ));
    }
    if Uid::effective().is_root() {
        return None;
    }
    match account::look_up(&service.spec.credentials) {
        Ok(account) if account.uid != Uid::effective() => Some(format!(
            "its user is {}, and xinetd runs as {}: start it as root, or write user = {1}",
            user_name(account.uid),
            user_name(Uid::effective())
        )),
        Ok(account) if account.gid != Gid::effective() => Some(format!(
            "its group is {}, and xinetd runs with {}: start it as root, or write group = {1}",
            group_name(account.gid),
            group_name(Gid::effective())
        )),
        Ok(_) => None,
        Err(unknown) => Some(unknown.to_string()),
    }
}

/// The name of a user, or the number of one without.
fn user_name(uid: Uid) -> String {
    let user = User::from_uid(uid).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}

/// The name of a group, or the number of one without.
fn group_name(gid: Gid) -> String {
    let group = Group::from_gid(gid).ok().flatten();
    group.map_or_else(|| gid.to_string(), |group| group.name)
}

/// Whether a server is one, as xinetd looks when it loads its files.
fn executable(path: &Path) -> Result<(), String> {
    let found = fs::metadata(path).map_err(|error| format!("can't be executed: {error}"))?;
    match found.is_file() && found.permissions().mode() & 0o111 != 0 {
        true => Ok(()),
        false => Err("is no program that can be executed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_file_that_can_be_executed() {
        assert_eq!(executable(Path::new("/bin/sh")), Ok(()));
        assert!(executable(Path::new("/etc/passwd")).is_err());
        assert!(executable(Path::new("/bin")).is_err());
        assert!(executable(Path::new("/nonexistent")).is_err());
    }
}
