//! What the files of a machine say, and what becomes of it.

use std::path::{Path, PathBuf};

use super::output::Failure;
use crate::bytes::ByteString;
use crate::config::{
    self, ASSUMED_CODE, Configuration, Databases, DiskTree, Dropped, FileTree, Roots,
};
use crate::problem::{Problem, printable};
use crate::service::Service;
use crate::spec::Spec;
use crate::startup::Startup;
use crate::translate::{
    SpecDirectory, Standing, Surroundings, TranslatedService, Translation, translate,
};

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
        let roots = Roots {
            main: main.unwrap_or(own.main),
            ..own
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
            let message = format!("{main} can't be read: {error}; `xinetdctl check` says more");
            return Err(Failure::unanswered(message));
        }
        Ok(Self {
            configuration: reading.configuration,
            translated: reading.translation.services,
        })
    }

    /// What is worth a word wherever services are shown: that the first file is not there.
    pub(super) fn assumption(&self) -> Option<&Problem> {
        let mut problems = self.configuration.problems.iter();
        problems.find(|problem| problem.code == ASSUMED_CODE)
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
        let unit = wanted
            .strip_suffix(".socket")
            .or_else(|| wanted.strip_suffix(".service"));
        let is_wanted = |found: &Found<'_>| {
            let id = found.service.id.as_bytes();
            id.eq_ignore_ascii_case(wanted.as_bytes()) || unit.is_some() && unit == found.unit()
        };
        let found: Vec<_> = self.services().filter(is_wanted).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let wanted = printable(wanted);
        let message = match self.dropped(&wanted) {
            Some(dropped) => format!(
                "{wanted} ({}) has errors and is not served; `xinetdctl check` shows them",
                dropped.place
            ),
            None => format!("no service has the id {wanted}; `xinetdctl list` shows all"),
        };
        Err(Failure::unanswered(message))
    }

    /// A service with this id that can't be understood.
    pub(super) fn dropped(&self, wanted: &str) -> Option<&Dropped> {
        let mut dropped = self.configuration.dropped.iter();
        dropped.find(|dropped| is(&dropped.id, wanted))
    }
}

fn is(id: &ByteString, wanted: &str) -> bool {
    id.as_bytes().eq_ignore_ascii_case(wanted.as_bytes())
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
