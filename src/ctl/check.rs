//! `xinetdctl check`: configuration in, problems and the fate of each attribute out.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::{self, Databases, DiskTree, Dropped, Entry, FileTree, Sources};
use crate::problem::{Problem, Severity};
use crate::translate::{ServiceReport, SpecDirectory, Surroundings, translate};

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
        let mut counts = Self::default();
        for problem in checks.iter().flat_map(|check| &check.problems) {
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

/// Checks /etc/xinetd.conf of the root, or each of `files` in its place.
pub(super) fn run(root: Option<PathBuf>, files: &[PathBuf]) -> Vec<Check> {
    let tree = DiskTree::new(root);
    let databases = Databases::read(&tree);
    if files.is_empty() {
        return vec![check(&tree, Path::new("/etc/xinetd.conf"), &databases)];
    }
    let in_place = |file: &PathBuf| {
        let tree = WithMain {
            tree: &tree,
            main: file,
        };
        check(&tree, file, &databases)
    };
    files.iter().map(in_place).collect()
}

/// The tree of a root, but for the main file: that one is a path of whoever asks.
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

    fn list(&self, path: &Path) -> io::Result<Vec<(PathBuf, Entry)>> {
        self.tree.list(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.tree.read_link(path)
    }
}

fn check(tree: &dyn FileTree, main: &Path, databases: &Databases) -> Check {
    let configuration = config::load(tree, main, databases);
    let surroundings = Surroundings::read(tree, SpecDirectory::usual());
    let translation = translate(&configuration, &surroundings);
    let services = translation.services.into_iter();
    let mut problems = configuration.problems;
    problems.extend(translation.problems);
    problems.sort_by(|a, b| a.place.cmp(&b.place));
    Check {
        main: main.to_owned(),
        problems,
        services: services.map(|service| service.report).collect(),
        dropped: configuration.dropped,
        sources: configuration.sources,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bytes::ByteString;
    use crate::config::Attribute;
    use crate::problem::Place;
    use crate::translate::{AttributeReport, Fate, Standing};

    /// A place in /etc/xinetd.d/foo.
    pub(in crate::ctl) fn place(line: u32) -> Place {
        Place {
            file: Path::new("/etc/xinetd.d/foo").into(),
            line,
            column: 2,
            length: 4,
        }
    }

    /// A check of one service with one attribute of each fate.
    pub(in crate::ctl) fn sample() -> Check {
        let attribute = |line, attribute, text: &str, fate| AttributeReport {
            attribute,
            place: place(line),
            from_defaults: line > 10,
            text: text.into(),
            fates: vec![fate],
        };
        let mut sources = Sources::default();
        let text = b"service foo\n{\n\tcps = 5 # text\n}\n".to_vec();
        sources.insert(place(1).file, text);
        Check {
            main: "/etc/xinetd.conf".into(),
            problems: vec![Problem {
                severity: Severity::Warning,
                code: "value-count",
                place: place(3),
                message: "`cps` takes 2 values, not 3".into(),
                help: "remove the text".into(),
            }],
            services: vec![ServiceReport {
                id: "foo".into(),
                place: place(1),
                standing: Standing::Served {
                    unit: "foo".into(),
                    enabled: true,
                },
                attributes: vec![
                    attribute(
                        4,
                        Attribute::Port,
                        "= 7",
                        Fate::Unit {
                            directives: "ListenStream=",
                        },
                    ),
                    attribute(
                        11,
                        Attribute::LogType,
                        "= FILE /var/log/a/very/long/name.log",
                        Fate::NotEnforcedYet {
                            why:
                                "the lines go to the journal, where `journalctl -u foo` shows them"
                                    .into(),
                        },
                    ),
                ],
            }],
            dropped: vec![Dropped {
                id: ByteString::from(&b"b\xffr"[..]),
                place: place(20),
            }],
            sources,
        }
    }

    #[test]
    fn the_worst_problem_decides_the_exit_status() {
        let mut check = sample();
        let status = |check: &Check| Counts::of(std::slice::from_ref(check)).exit_status();
        assert_eq!(status(&check), 1);
        check.problems[0].severity = Severity::Note;
        assert_eq!(status(&check), 0);
        check.problems.push(check.problems[0].clone());
        check.problems[1].severity = Severity::Error;
        assert_eq!(status(&check), 2);
    }
}
