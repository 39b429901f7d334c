//! What is wrong with the files, said once more: the generator has the kernel's log alone, which most
//! containers lack.

use std::hash::{Hash, Hasher};
use std::path::Path;

use fnv::FnvHasher;
use log::Level;
use xinetd_core::config::{self, Databases, FileTree};
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
    /// Reads the files as the generator does; options without faults are kept in the file `last_good`.
    pub(super) fn read(tree: &dyn FileTree, last_good: &Path) -> Self {
        let databases = Databases::read(tree);
        let startup = Startup::read(tree);
        if let Err(error) = startup.options().keep(last_good) {
            log::warn!("{}: {error}", last_good.display());
        }
        let roots = startup.roots();
        if roots.are_missing(tree) {
            return Self::default();
        }
        let configuration = config::load(tree, roots, &databases);
        let starts_at_boot = startup.real().is_some();
        let real = Real::look().map(|real| real.problem(&configuration.services));
        let surroundings = Surroundings::read(tree, SpecDirectory::usual(), startup);
        let translation = translate(&configuration, &surroundings);
        let problems = configuration.problems.into_iter();
        Self::of(problems.chain(translation.problems), real, starts_at_boot)
    }

    /// Those of the files that are told, and that of real xinetd, if it runs.
    fn of(
        files: impl Iterator<Item = Problem>,
        real: Option<Problem>,
        starts_at_boot: bool,
    ) -> Self {
        Self {
            has_real: real.is_some() || starts_at_boot,
            list: files.chain(real).filter(is_told).collect(),
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

    /// One line for each, errors first, up to a bound.
    pub(super) fn lines(&self) -> Vec<(Level, String)> {
        let of = |severity| self.list.iter().filter(move |one| one.severity == severity);
        let all = [Severity::Error, Severity::Warning, Severity::Note];
        let first = all.into_iter().flat_map(of).take(MOST);
        let mut lines: Vec<(Level, String)> = first.map(line).collect();
        let more = self.list.len().saturating_sub(MOST);
        if more > 0 {
            let line = format!("and {more} more; run `xinetdctl check`");
            lines.push((Level::Warn, line));
        }
        lines
    }
}

fn line(problem: &Problem) -> (Level, String) {
    let level = match problem.severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warn,
        Severity::Note => Level::Info,
    };
    let Problem {
        place,
        message,
        help,
        ..
    } = problem;
    (level, format!("{place}: {message}; {help}"))
}

/// Whether the administrator is told.
fn is_told(problem: &Problem) -> bool {
    problem.severity > Severity::Note
}

#[cfg(test)]
mod tests {
    use xinetd_core::config::MemoryTree;
    use xinetd_core::problem::Place;
    use xinetd_core::startup::REAL_CODE;

    use super::*;

    fn problem(severity: Severity, line: u32) -> Problem {
        Problem {
            severity,
            code: REAL_CODE,
            place: Place {
                file: Path::new("/f").into(),
                line,
                column: 1,
                length: 0,
            },
            message: "no".to_owned(),
            help: "yes".to_owned(),
        }
    }

    fn problems(list: Vec<Problem>) -> Problems {
        Problems {
            list,
            has_real: false,
        }
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said() {
        let tree = MemoryTree::default().file("/etc/xinetd.conf", "service x\n{\nport = what\n}\n");
        let last_good = std::env::temp_dir().join(format!("last-good-{}", std::process::id()));
        let lines = Problems::read(&tree, &last_good).lines();
        let (level, line) = &lines[0];
        assert_eq!(*level, Level::Error);
        assert!(line.starts_with("/etc/xinetd.conf:3:"), "{line}");
    }

    #[test]
    fn real_xinetd_is_there_when_it_runs_or_starts_at_boot() {
        let has_real = |runs: bool, starts_at_boot| {
            let real = runs.then(|| problem(Severity::Warning, 1));
            Problems::of(std::iter::empty(), real, starts_at_boot).has_real()
        };
        assert!(has_real(true, false) && has_real(false, true));
        assert!(!has_real(false, false));
    }

    #[test]
    fn errors_are_said_first_and_a_bounded_number_of_lines() {
        let mut list = vec![
            problem(Severity::Note, 1),
            problem(Severity::Warning, 2),
            problem(Severity::Error, 3),
        ];
        let lines = problems(list.clone()).lines();
        let expected = [
            (Level::Error, "/f:3:1: no; yes".to_owned()),
            (Level::Warn, "/f:2:1: no; yes".to_owned()),
            (Level::Info, "/f:1:1: no; yes".to_owned()),
        ];
        assert_eq!(lines, expected);
        list.resize(MOST, problem(Severity::Error, 4));
        assert_eq!(problems(list.clone()).lines().len(), MOST);
        list.resize(MOST + 2, problem(Severity::Error, 4));
        let lines = problems(list).lines();
        assert_eq!(lines.len(), MOST + 1);
        assert!(lines[MOST].1.starts_with("and 2 more"));
    }

    #[test]
    fn the_same_problems_are_known_again() {
        let print = |lines: &[u32]| {
            let list = lines.iter().map(|line| problem(Severity::Error, *line));
            problems(list.collect()).print()
        };
        assert_eq!(print(&[]), 0);
        assert_eq!(print(&[1]), print(&[1]));
        assert_ne!(print(&[1]), print(&[2]));
        assert_ne!(print(&[1]), 0);
    }

    #[test]
    fn notes_are_not_told() {
        assert!(!is_told(&problem(Severity::Note, 1)));
        assert!(is_told(&problem(Severity::Warning, 1)));
        assert!(is_told(&problem(Severity::Error, 1)));
    }
}
