//! What the files of a machine say, and what becomes of it.

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use xinetd_core::bytes::ByteString;
use xinetd_core::config::{
    self, ASSUMED_CODE, Configuration, Databases, DiskTree, Dropped, FileTree, Roots, Unread,
};
use xinetd_core::problem::{NO_PERMISSION, Problem, Severity, printable};
use xinetd_core::service::Service;
use xinetd_core::spec::{MuxSecret, Spec};
use xinetd_core::startup::Startup;
use xinetd_core::translate::{
    MuxPlace, Native, Plan, PlannedService, SpecDirectory, Standing, Surroundings,
    TranslatedService, Translation, translate,
};

use super::boot::Boot;
use super::listening::enabled_unit;
use super::manager;
use super::output::Failure;
use crate::installed;
use crate::protocol::administration::Supervised;
use crate::standalone::client as supervisor;

/// Whether systemd runs the files below this root, or the machine's own.
pub(super) fn is_here(root: Option<&Path>) -> bool {
    is_own(root) && installed::is_systemd()
}

/// Whether the files below this root are the machine's own.
pub(super) fn is_own(root: Option<&Path>) -> bool {
    root.is_none_or(|root| root == Path::new("/"))
}

/// What a supervisor serves of a tree, which is the one below this root; none where systemd is to serve it.
///
/// Where it does not run, as while an image is built, or this user may not ask it, it is by the start-up files what it
/// would be told, and no service.
pub(super) fn supervised(root: Option<&Path>, tree: &dyn FileTree) -> Option<Supervised> {
    let asks = is_own(root) && !installed::is_systemd();
    let told = asks.then(|| supervisor::supervised().ok()).flatten();
    told.or_else(|| untold(tree))
}

fn untold(tree: &dyn FileTree) -> Option<Supervised> {
    manager::is_without_systemd(tree).then(|| {
        let startup = Startup::read(tree);
        let roots = startup.roots();
        Supervised {
            main: Some(roots.main.to_owned()),
            has_inetd: roots.inetd.is_some(),
            has_coordinator: true,
            mux: PathBuf::new(),
            unread: Unread::default(),
            services: Vec::new(),
        }
    })
}

/// Where a supervisor has tcpmux meet its services; which secret they share is not told.
fn mux_place(told: &Supervised) -> MuxPlace {
    MuxPlace::supervised(told.mux.clone(), MuxSecret::new([0; MuxSecret::LENGTH]))
}

/// All that is read of a tree.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) startup: Startup,
    pub(super) configuration: Configuration,
    pub(super) translation: Translation,
    pub(super) boot: Boot,
    /// What a supervisor would serve of it, where there is one.
    pub(super) planned: Vec<PlannedService>,
}

impl Reading {
    /// Reads the tree, with the file `main` in the place of its own first one where there is such a file; by what a
    /// supervisor was told, where one serves it.
    pub(super) fn of(
        tree: &dyn FileTree,
        main: Option<&Path>,
        databases: &Databases,
        supervised: Option<&Supervised>,
    ) -> Self {
        let startup = match supervised {
            None => Startup::read(tree),
            Some(told) => Startup::commanded(tree, told.main.clone(), told.has_inetd),
        };
        let own = startup.roots();
        // Beside an inetd.conf the first file may be missing, but not one that was asked for.
        let is_absent = |main: &Path| {
            let read = tree.read(main);
            read.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        let roots = Roots {
            main: main.unwrap_or(own.main),
            inetd: own.inetd.filter(|_| !main.is_some_and(is_absent)),
            may_assume: own.may_assume,
        };
        let configuration = config::load(tree, roots, databases);
        let (surroundings, boot) = match supervised {
            None => {
                let boot = Boot::read(tree, &startup);
                let specs = SpecDirectory::usual();
                (Surroundings::read(tree, specs, startup), boot)
            }
            Some(told) => (
                Surroundings::without_systemd(startup, mux_place(told)),
                Boot::Supervised,
            ),
        };
        let translation = translate(&configuration, &surroundings);
        let planned = supervised.map(|told| {
            let startup = surroundings.startup.clone();
            supervisor::planned(Plan::of(&configuration, startup, mux_place(told)), told)
        });
        let planned = planned.unwrap_or_default();
        Self {
            boot,
            startup: surroundings.startup,
            configuration,
            translation,
            planned,
        }
    }
}

/// The configuration of a machine, and its translation.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) startup: Startup,
    pub(super) configuration: Configuration,
    /// One for each service of the configuration, in its order.
    pub(super) translated: Vec<TranslatedService>,
    /// What starts those that are switched on.
    pub(super) boot: Boot,
    /// What a supervisor serves of it, where it is not for systemd.
    pub(super) supervised: Option<Supervised>,
    /// What that would serve after a reload.
    pub(super) planned: Vec<PlannedService>,
}

/// A service, and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) service: &'a Service,
    pub(super) translated: &'a TranslatedService,
    /// What starts it if it is switched on.
    pub(super) boot: Boot,
}

impl Machine {
    /// Reads the files below a root, or the machine's own.
    pub(super) fn read(root: Option<&Path>) -> Result<Self, Failure> {
        let tree = DiskTree::new(root.map(Path::to_owned));
        Self::with(&tree, supervised(root, &tree))
    }

    /// Reads the files of a tree, whatever serves them now.
    pub(super) fn of(tree: &dyn FileTree) -> Result<Self, Failure> {
        Self::with(tree, untold(tree))
    }

    fn with(tree: &dyn FileTree, supervised: Option<Supervised>) -> Result<Self, Failure> {
        let databases = Databases::read(tree);
        let reading = Reading::of(tree, None, &databases, supervised.as_ref());
        let roots = reading.startup.roots();
        if roots.inetd.is_none()
            && !roots.is_assumed(tree)
            && let Err(error) = tree.read(roots.main)
        {
            let main = roots.main.display();
            let next = match error.kind() {
                io::ErrorKind::PermissionDenied => "run the command as root",
                _ => "`xinetdctl check` says more",
            };
            let message = format!("{main} can't be read: {error}; {next}");
            return Err(Failure::unanswered(message));
        }
        Ok(Self {
            boot: reading.boot,
            startup: reading.startup,
            configuration: reading.configuration,
            translated: reading.translation.services,
            supervised,
            planned: reading.planned,
        })
    }

    /// What stands behind the name of a unit where its socket is meant.
    pub(super) fn suffix(&self) -> &'static str {
        match self.supervised {
            Some(_) => "",
            None => ".socket",
        }
    }

    /// What is worth a word wherever services are shown: that the first file is not there.
    pub(super) fn assumption(&self) -> Option<&Problem> {
        let mut problems = self.configuration.problems.iter();
        problems.find(|problem| problem.code == ASSUMED_CODE)
    }

    /// That nothing starts at boot what is switched on.
    pub(super) fn unstarted(&self) -> Option<Problem> {
        let mut services = self.services();
        let has_enabled = services.any(|found| enabled_unit(found.standing()).is_some());
        self.boot.problem().filter(|_| has_enabled)
    }

    /// The problems of files that root alone may read: services of theirs are missing.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = &Problem> {
        let problems = self.configuration.problems.iter();
        problems.filter(|problem| problem.code == NO_PERMISSION)
    }

    /// Says on standard error where a part of the files could not be read; the exit status of a command that
    /// shows all services and has nothing else to complain of.
    pub(super) fn complain_of_unreadable(&self) -> u8 {
        let problems = self.configuration.problems.iter();
        let mut status = 0;
        for problem in problems.filter(|problem| hides_services(problem)) {
            let Problem {
                place,
                message,
                help,
                ..
            } = problem;
            let line = match problem.code {
                NO_PERMISSION => format!("xinetdctl: {message}; {help}"),
                _ => format!(
                    "xinetdctl: {place}: {message}, and services may be missing here; {help}"
                ),
            };
            // Where standard error is closed there is no reader.
            let _ = writeln!(io::stderr(), "{}", printable(&line));
            status = 2;
        }
        status
    }

    /// All services that can be understood.
    pub(super) fn services(&self) -> impl Iterator<Item = Found<'_>> {
        let services = self.configuration.services.iter().zip(&self.translated);
        services.map(|(service, translated)| Found {
            service,
            translated,
            boot: self.boot,
        })
    }

    /// The services with this id, or the one with this socket or service unit: at least one.
    pub(super) fn find(&self, wanted: &str) -> Result<Vec<Found<'_>>, Failure> {
        let unit = unit_of(wanted);
        let is_wanted = |found: &Found<'_>| {
            is_id(&found.service.id, wanted) || unit.is_some() && unit == found.unit()
        };
        let found: Vec<_> = self.services().filter(is_wanted).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let Some(dropped) = self.dropped(wanted) else {
            return Err(unknown(wanted));
        };
        let why = match &dropped.note {
            Some(note) => format!("is switched off, and can't be served: {note}"),
            None => "has errors and is not served; `xinetdctl check` shows them".to_owned(),
        };
        let message = format!("{wanted} ({}) {why}", dropped.place);
        Err(Failure::unanswered(printable(&message)))
    }

    /// Why a service has no units in systemd.
    fn why_not_running(&self, wanted: &str) -> Failure {
        let found = match self.find(wanted) {
            Ok(found) => found,
            Err(failure) => return failure,
        };
        let why = match found.iter().map(Found::standing).next() {
            Some(Standing::NotServed(_)) => "is not served; `xinetdctl show` says why",
            Some(Standing::Native { .. }) => {
                "is left to a unit of the administrator; `systemctl status` shows it"
            }
            Some(Standing::Served { .. }) | None => {
                "is not applied yet; `xinetdctl reload` does it"
            }
        };
        Failure::unanswered(format!("{} {why}", printable(wanted)))
    }

    /// A service with this id that can't be understood.
    pub(super) fn dropped(&self, wanted: &str) -> Option<&Dropped> {
        let mut dropped = self.configuration.dropped.iter();
        dropped.find(|dropped| is_id(&dropped.id, wanted))
    }
}

/// Whether services may stand where this problem keeps them from being seen: in files that can't be read, and
/// in what is lost up to the next bracket.
fn hides_services(problem: &Problem) -> bool {
    let codes = [
        NO_PERMISSION,
        "include",
        "includedir",
        "missing-path",
        "include-depth",
        "include-number",
        "missing-bracket",
        "keyword",
    ];
    problem.severity == Severity::Error && codes.contains(&problem.code)
}

/// Whether this is the id that is wanted, without case.
pub(super) fn is_id(id: &ByteString, wanted: &str) -> bool {
    id.as_bytes().eq_ignore_ascii_case(wanted.as_bytes())
}

/// The unit without suffix, if what is wanted is named by a unit.
pub(super) fn unit_of(wanted: &str) -> Option<&str> {
    let socket = wanted.strip_suffix(".socket");
    socket.or_else(|| wanted.strip_suffix(".service"))
}

/// The answer of each command to the name of a service that is not there.
pub(super) fn unknown(wanted: &str) -> Failure {
    let wanted = printable(wanted);
    Failure::unanswered(format!(
        "no service has the id {wanted}; `xinetdctl list` shows all"
    ))
}

/// The answer about a service that has no units in systemd: whether the files have one, and what keeps it out.
pub(super) fn not_running(wanted: &str) -> Failure {
    match Machine::read(None) {
        Ok(machine) => machine.why_not_running(wanted),
        Err(_) => unknown(wanted),
    }
}

impl<'a> Found<'a> {
    /// What becomes of the service as a whole.
    pub(super) fn standing(&self) -> &'a Standing {
        &self.translated.report.standing
    }

    /// Whether it was ejected: its file has no effect.
    pub(super) fn is_ejected(&self) -> bool {
        matches!(
            self.standing(),
            Standing::Native {
                native: Native::Ejected,
                ..
            }
        )
    }

    /// What its helper is told.
    ///
    /// # Errors
    /// In words, if it has no helper.
    pub(super) fn spec(&self) -> Result<Spec, String> {
        let mut files = self.translated.files.iter();
        let spec = files.find(|file| file.private).ok_or("it has no units")?;
        let text = std::str::from_utf8(&spec.content).map_err(|error| error.to_string())?;
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// The name of its units without suffix, ours or the administrator's.
    pub(super) fn unit(&self) -> Option<&'a str> {
        match self.standing() {
            Standing::Served { unit, .. } | Standing::Native { unit, .. } => Some(unit),
            Standing::NotServed(_) => None,
        }
    }
}
