//! What is wrong with the files, said once more: the generator has the kernel's log alone, which most
//! containers lack.

use std::hash::{Hash, Hasher};
use std::path::Path;

use fnv::FnvHasher;
use xinetd_core::config::{self, ASSUMED_CODE, Databases, DiskTree};
use xinetd_core::options::LAST_GOOD;
use xinetd_core::problem::{Problem, Severity};
use xinetd_core::startup::Startup;
use xinetd_core::translate::{SpecDirectory, Surroundings, translate};

use super::real::Real;

/// How many are told one by one.
const MOST: usize = 50;

/// What is wrong with the files of this machine, and whether real xinetd serves them.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<Problem>,
    has_real: bool,
}

impl Problems {
    /// Reads the files as the generator does.
    pub(super) fn read() -> Self {
        let tree = DiskTree::new(None);
        let databases = Databases::read(&tree);
        let startup = Startup::read(&tree);
        if let Err(error) = startup.options().keep(Path::new(LAST_GOOD)) {
            log::warn!("{LAST_GOOD}: {error}");
        }
        let roots = startup.roots();
        if roots.are_missing(&tree) {
            return Self::default();
        }
        let configuration = config::load(&tree, roots, &databases);
        let real = Real::look();
        let has_real = real.is_some() || startup.real().is_some();
        let real = real.map(|real| real.problem(&configuration.services));
        let surroundings = Surroundings::read(&tree, SpecDirectory::usual(), startup);
        let translation = translate(&configuration, &surroundings);
        let problems = configuration.problems.into_iter();
        let told = problems
            .chain(translation.problems)
            .chain(real)
            .filter(|problem| problem.severity > Severity::Note || problem.code == ASSUMED_CODE);
        Self {
            list: told.collect(),
            has_real,
        }
    }

    /// Whether real xinetd runs, or starts at boot.
    pub(super) fn has_real(&self) -> bool {
        self.has_real
    }

    /// A number by which the same problems are known again; 0 where there are none.
    pub(super) fn print(&self) -> u64 {
        if self.list.is_empty() {
            return 0;
        }
        let mut hasher = FnvHasher::default();
        for problem in &self.list {
            problem.place.hash(&mut hasher);
            problem.message.hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Says them, errors first.
    pub(super) fn say(&self) {
        let of = |severity| self.list.iter().filter(move |one| one.severity == severity);
        let all = [Severity::Error, Severity::Warning, Severity::Note];
        for (number, problem) in all.into_iter().flat_map(of).enumerate() {
            let Problem {
                place,
                message,
                help,
                ..
            } = problem;
            match problem.severity {
                _ if number == MOST => {
                    let more = self.list.len() - MOST;
                    log::warn!("and {more} more; run `xinetdctl check`");
                    return;
                }
                Severity::Error => log::error!("{place}: {message}; {help}"),
                Severity::Warning => log::warn!("{place}: {message}; {help}"),
                Severity::Note => log::info!("{place}: {message}; {help}"),
            }
        }
    }
}
