//! What is wrong with the files, said once more: the generator has the kernel's log alone, which most
//! containers lack.

use std::hash::{Hash, Hasher};
use std::path::Path;

use fnv::FnvHasher;

use crate::config::{self, Databases, DiskTree, Roots};
use crate::options::{LAST_GOOD, Options};
use crate::problem::{Problem, Severity};
use crate::translate::{SpecDirectory, Surroundings, translate};

/// The file that the configuration begins with.
const MAIN: &str = "/etc/xinetd.conf";

/// How many are told one by one.
const MOST: usize = 50;

/// What is wrong with the files of this machine.
#[derive(Debug)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    /// Reads the files as the generator does.
    pub(super) fn read() -> Self {
        let tree = DiskTree::new(None);
        let databases = Databases::read(&tree);
        let options = Options::read(&tree);
        if let Err(error) = options.keep(Path::new(LAST_GOOD)) {
            log::warn!("{LAST_GOOD}: {error}");
        }
        let roots = Roots {
            main: Path::new(MAIN),
            inetd: options.inetd(),
        };
        if roots.are_missing(&tree) {
            return Self(Vec::new());
        }
        let configuration = config::load(&tree, roots, &databases);
        let surroundings = Surroundings::read(&tree, SpecDirectory::usual(), options);
        let translation = translate(&configuration, &surroundings);
        let problems = configuration.problems.into_iter();
        let told = problems
            .chain(translation.problems)
            .filter(|problem| problem.severity > Severity::Note);
        Self(told.collect())
    }

    /// A number by which the same problems are known again; 0 where there are none.
    pub(super) fn print(&self) -> u64 {
        if self.0.is_empty() {
            return 0;
        }
        let mut hasher = FnvHasher::default();
        for problem in &self.0 {
            problem.place.hash(&mut hasher);
            problem.message.hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Says them, errors first.
    pub(super) fn say(&self) {
        let of = |severity| self.0.iter().filter(move |one| one.severity == severity);
        for (number, problem) in of(Severity::Error).chain(of(Severity::Warning)).enumerate() {
            let Problem {
                place,
                message,
                help,
                ..
            } = problem;
            match problem.severity {
                _ if number == MOST => {
                    let more = self.0.len() - MOST;
                    log::warn!("and {more} more; run `xinetdctl check`");
                    return;
                }
                Severity::Error => log::error!("{place}: {message}; {help}"),
                Severity::Warning | Severity::Note => log::warn!("{place}: {message}; {help}"),
            }
        }
    }
}
