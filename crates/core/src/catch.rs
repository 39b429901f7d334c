//! Keeping a fault of this program from taking more along than the service that it met.
//!
//! There is none that is known: this is for those that are not. systemd has deleted all units
//! before the generator runs, and one bad file must not keep the others' from being made again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::problem::{Place, Problem, Severity};

/// What is done for one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TranslationStep {
    /// A block or an entry of a file is read.
    Read,
    /// The service is made of what was read.
    Lower,
    /// Its name and what its units need is found.
    Prepare,
    /// Its units are written.
    Translate,
}

/// What `work` gives; none if it panics. Programs that abort then end here: all but the generator.
///
/// What `work` was about to change is as it was left: the caller must be able to go on with it.
pub(crate) fn contained<T>(
    step: TranslationStep,
    name: &[u8],
    work: impl FnOnce() -> T,
) -> Option<T> {
    let work = || {
        #[cfg(test)]
        trap::spring(step, name);
        #[cfg(not(test))]
        let _ = (step, name);
        work()
    };
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Says what has happened at a place.
pub(crate) fn fault(place: Place, lost: &str) -> Problem {
    Problem {
        severity: Severity::Error,
        code: "internal",
        place,
        message: format!("xinetd-bridge itself fails here, and {lost} is lost"),
        help: "report it, with these lines".to_owned(),
    }
}

/// Panics on purpose.
#[cfg(test)]
pub(crate) mod trap {
    use std::cell::RefCell;

    use super::TranslationStep;

    thread_local! {
        static TRAPS: RefCell<Vec<(TranslationStep, Vec<u8>)>> = const { RefCell::new(Vec::new()) };
    }

    /// Lets a step fail for what has this name, in this thread.
    pub(crate) fn set(step: TranslationStep, name: &str) {
        TRAPS.with_borrow_mut(|traps| traps.push((step, name.into())));
    }

    pub(super) fn spring(step: TranslationStep, name: &[u8]) {
        let is_it = |trap: &(TranslationStep, Vec<u8>)| trap.0 == step && trap.1 == name;
        let is_set = TRAPS.with_borrow(|traps| traps.iter().any(is_it));
        assert!(!is_set, "a trap for {step:?}");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Databases, MemoryTree, Roots, load};
    use crate::startup::Startup;
    use crate::translate::{SpecDirectory, Surroundings, translate};

    fn service(name: &str, port: u16) -> String {
        format!(
            "service {name}\n{{\ntype = UNLISTED\nport = {port}\nsocket_type = stream\nwait = no\n\
             user = root\nserver = /bin/cat\n}}\n"
        )
    }

    /// The ids of the services that have units, and the problems as `file:line code`.
    fn generated(tree: &MemoryTree) -> (Vec<String>, Vec<String>) {
        let databases = Databases::read(tree);
        let roots = Roots {
            inetd: Some(Path::new("/etc/inetd.conf")),
            ..Roots::xinetd(Path::new("/etc/xinetd.conf"))
        };
        let configuration = load(tree, roots, &databases);
        let specs = SpecDirectory::usual();
        let surroundings = Surroundings::read(tree, specs, Startup::default());
        let translation = translate(&configuration, &surroundings);
        let served = translation.services.iter();
        let served = served.filter(|service| service.files.len() == 3);
        let ids = served.map(|service| service.report.id.to_text()).collect();
        let problems = configuration.problems.iter().chain(&translation.problems);
        let shown = problems.map(|problem| {
            let file = problem.place.file.display();
            format!("{file}:{} {}", problem.place.line, problem.code)
        });
        (ids, shown.collect())
    }

    fn tree(defaults: &str) -> MemoryTree {
        let main = format!("{defaults}{}includedir /etc/xinetd.d\n", service("a", 1));
        let included = format!("{}{}", service("b", 2), service("c", 3));
        MemoryTree::default()
            .file("/etc/passwd", "root:x:0:0::/:/bin/sh\n")
            .file("/etc/xinetd.conf", main)
            .file("/etc/xinetd.d/file", included)
            .file(
                "/etc/inetd.conf",
                "4 stream tcp nowait root /bin/d\n5 stream tcp nowait root /bin/e\n",
            )
    }

    #[test]
    fn a_fault_takes_one_service_along() {
        let all = ["a", "b", "c", "4", "5"];
        assert_eq!(
            generated(&tree("")),
            (all.map(String::from).to_vec(), Vec::new())
        );
        let steps = [
            (TranslationStep::Read, "internal"),
            (TranslationStep::Lower, "internal"),
            (TranslationStep::Prepare, "not-served"),
            (TranslationStep::Translate, "not-served"),
        ];
        let places = [("b", "/etc/xinetd.d/file:1"), ("4", "/etc/inetd.conf:1")];
        for (step, code) in steps {
            for (id, place) in places {
                let found = std::thread::spawn(move || {
                    trap::set(step, id);
                    generated(&tree(""))
                });
                let (ids, problems) = found.join().unwrap();
                let others = all.into_iter().filter(|other| *other != id);
                assert_eq!(ids, others.collect::<Vec<_>>(), "{step:?} {id}");
                assert_eq!(problems, [format!("{place} {code}")], "{step:?} {id}");
            }
        }
    }

    #[test]
    fn without_defaults_nothing_runs_that_they_may_restrict() {
        let defaults = "defaults\n{\nonly_from = 127.0.0.1\n}\n";
        let found = std::thread::spawn(move || {
            trap::set(TranslationStep::Read, "defaults");
            generated(&tree(defaults))
        });
        let (ids, problems) = found.join().unwrap();
        assert_eq!(ids, [""; 0]);
        assert!(
            problems.contains(&"/etc/xinetd.conf:1 internal".to_owned()),
            "{problems:?}"
        );
    }
}
