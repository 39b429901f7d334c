//! What the files of a machine say, and what becomes of it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::output::Failure;
use crate::bytes::ByteString;
use crate::config::{
    self, ASSUMED_CODE, Configuration, Databases, DiskTree, Dropped, FileTree, Roots,
};
use crate::problem::{NO_PERMISSION, Problem, printable};
use crate::service::Service;
use crate::spec::Spec;
use crate::startup::Startup;
use crate::translate::{
    SpecDirectory, Standing, Surroundings, TranslatedService, Translation, translate,
};

/// Whether systemd runs the files below this root, or the machine's own.
pub(super) fn is_here(root: Option<&Path>) -> bool {
    root.is_none_or(|root| root == Path::new("/")) && Path::new(BOOTED).exists()
}

/// There while systemd runs the machine (sd_booted(3)).
const BOOTED: &str = "/run/systemd/system";

/// All that is read of a tree.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) startup: Startup,
    pub(super) configuration: Configuration,
    pub(super) translation: Translation,
}

impl Reading {
    /// Reads the tree, with the file `main` in the place of its own first one where there is such a file.
    pub(super) fn of(tree: &dyn FileTree, main: Option<&Path>, databases: &Databases) -> Self {
        let startup = Startup::read(tree);
        let own = startup.roots();
        // Beside an inetd.conf the first file may be missing, but not one that was asked for.
        let is_absent = |main: &Path| {
            let read = tree.read(main);
            read.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        let roots = Roots {
            main: main.unwrap_or(own.main),
            inetd: own.inetd.filter(|_| !main.is_some_and(is_absent)),
        };
        let configuration = config::load(tree, roots, databases);
        let surroundings = Surroundings::read(tree, SpecDirectory::usual(), startup);
        let translation = translate(&configuration, &surroundings);
        Self {
            startup: surroundings.startup,
            configuration,
            translation,
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
}

/// A service, and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) service: &'a Service,
    pub(super) translated: &'a TranslatedService,
}

impl Machine {
    /// Reads the files below a root, or the machine's own.
    pub(super) fn read(root: Option<PathBuf>) -> Result<Self, Failure> {
        Self::of(&DiskTree::new(root))
    }

    /// Reads the files of a tree.
    pub(super) fn of(tree: &dyn FileTree) -> Result<Self, Failure> {
        let reading = Reading::of(tree, None, &Databases::read(tree));
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
            startup: reading.startup,
            configuration: reading.configuration,
            translated: reading.translation.services,
        })
    }

    /// What is worth a word wherever services are shown: that the first file is not there.
    pub(super) fn assumption(&self) -> Option<&Problem> {
        let mut problems = self.configuration.problems.iter();
        problems.find(|problem| problem.code == ASSUMED_CODE)
    }

    /// The problems of files that root alone may read: services of theirs are missing.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = &Problem> {
        let problems = self.configuration.problems.iter();
        problems.filter(|problem| problem.code == NO_PERMISSION)
    }

    /// Says on standard error which files could not be read; the exit status of a command that has
    /// nothing else to complain of.
    pub(super) fn complain_of_unreadable(&self) -> u8 {
        let mut status = 0;
        for Problem { message, help, .. } in self.unreadable() {
            let line = printable(&format!("xinetdctl: {message}; {help}"));
            // Where standard error is closed there is no reader.
            let _ = writeln!(io::stderr(), "{line}");
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
        let message = format!(
            "{} ({}) has errors and is not served; `xinetdctl check` shows them",
            printable(wanted),
            dropped.place
        );
        Err(Failure::unanswered(message))
    }

    /// A service with this id that can't be understood.
    pub(super) fn dropped(&self, wanted: &str) -> Option<&Dropped> {
        let mut dropped = self.configuration.dropped.iter();
        dropped.find(|dropped| is_id(&dropped.id, wanted))
    }
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

impl<'a> Found<'a> {
    /// What becomes of the service as a whole.
    pub(super) fn standing(&self) -> &'a Standing {
        &self.translated.report.standing
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
