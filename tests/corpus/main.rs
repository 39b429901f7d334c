//! Configuration files, and what real xinetd says of each.
//!
//! Two sets of them: those in `own`, which were written for this test and hold every construct that was
//! met in real files (`constructs.txt` lists those), and real files, where there are any (see
//! [`Corpus::real`]). Each file, and its twin in which every `disable = yes` says no, is read as
//! /etc/xinetd.conf. What the bridge makes of it must agree with the words of xinetd: which services start,
//! each attribute of theirs, and the line of each problem. What does not agree stands in the set's list of
//! differences with a reason, and only that.
//!
//! The words of xinetd are in records. Where containers can run, both releases of it are asked anew: the
//! older must say what is recorded, and the newer the same, or what a record of its own has. `UPDATE_GOLDEN=1`
//! writes the records of `own` and the list of constructs; look at the difference then.

mod compare;
mod constructs;
mod differences;
mod meaning;
mod oracle;
mod said;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use testbed::{Corpus, Result};
use xinetd_core::config::{Databases, DiskTree, EntryKind, FileTree, MemoryTree};

use differences::Differences;
use said::Xinetd;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    match trials() {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn trials() -> Result<Vec<Trial>> {
    let missing = testbed::missing();
    if let Some(reason) = &missing {
        let _ = writeln!(io::stderr(), "skipped: real xinetd: {reason}");
    }
    let asks = missing.is_none();
    let own = Set::new("own", Corpus::own(), Differences::own()?, asks)?;
    let mut trials = own.trials()?;
    let recorded = own.constructs()?;
    trials.push(Trial::test("own holds every construct of real files", {
        move || constructs::check_held(&recorded)
    }));
    match Corpus::real() {
        Ok(corpus) => {
            let real = Set::new("real", corpus, Differences::real()?, asks)?;
            trials.extend(real.trials()?);
            if real.is_complete() {
                let met = real.constructs()?;
                trials.push(Trial::test("constructs.txt lists what real files hold", {
                    move || constructs::check_list(&met)
                }));
            }
        }
        Err(reason) => {
            let _ = writeln!(io::stderr(), "skipped: {reason}");
            trials.push(Trial::test("real", || Ok(())).with_ignored_flag(true));
        }
    }
    Ok(trials)
}

/// Whether records are to be written.
pub(crate) fn updates() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// The folder of this test.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// A corpus with all that its trials share.
struct Set {
    name: &'static str,
    corpus: Corpus,
    tree: MemoryTree,
    databases: Arc<Databases>,
    differences: Arc<Differences>,
    xinetd: Arc<Xinetd>,
    asks: bool,
}

/// A file or its twin.
struct Case {
    /// The name of its trial.
    name: String,
    /// The name of its record.
    key: String,
    text: Vec<u8>,
}

impl Set {
    fn new(
        name: &'static str,
        corpus: Corpus,
        differences: Differences,
        asks: bool,
    ) -> Result<Self> {
        let disk = DiskTree::new(Some(corpus.root()));
        let tree = system(&disk, Path::new("/etc"), MemoryTree::default())
            .map_err(|error| format!("{}: {error}", corpus.root().display()))?;
        Ok(Self {
            name,
            databases: Arc::new(Databases::read(&tree)),
            tree,
            differences: Arc::new(differences),
            xinetd: Arc::new(Xinetd::new(corpus.clone())),
            corpus,
            asks,
        })
    }

    /// Whether all real files are there, and not only those that could be fetched.
    fn is_complete(&self) -> bool {
        self.corpus.root().with_file_name("index.tsv").exists()
    }

    fn is_own(&self) -> bool {
        self.name == "own"
    }

    fn cases(&self) -> Result<Vec<Case>> {
        let mut cases = Vec::new();
        for file in self.corpus.files()? {
            let text = fs::read(&file.path)
                .map_err(|error| format!("{}: {error}", file.path.display()))?;
            let name = format!("{}/{}", self.name, file.name);
            if let Some(text) = testbed::enabled(&text) {
                cases.push(Case {
                    name: format!("{name}.as-if-enabled"),
                    key: format!("{}.as-if-enabled", file.case),
                    text,
                });
            }
            let key = file.case;
            cases.push(Case { name, key, text });
        }
        Ok(cases)
    }

    /// For each case what the bridge makes of it, and what xinetd says of it now; and one trial for the list
    /// of differences.
    fn trials(&self) -> Result<Vec<Trial>> {
        let mut trials = Vec::new();
        let mut keys = BTreeSet::new();
        for Case { name, key, text } in self.cases()? {
            keys.insert(key.clone());
            let (xinetd, said) = (Arc::clone(&self.xinetd), text.clone());
            let (case, is_own) = (key.clone(), self.is_own());
            let asked = Trial::test(format!("xinetd of {name}"), move || match is_own {
                true => xinetd.check_records(&case, &said),
                false => xinetd.check_releases(&said),
            });
            trials.push(asked.with_ignored_flag(!self.asks));
            // Of a file that was fetched there is no record.
            let is_known = self.corpus.record(&key).exists() || self.asks;
            let (tree, databases) = (self.tree.clone(), Arc::clone(&self.databases));
            let (differences, xinetd) = (Arc::clone(&self.differences), Arc::clone(&self.xinetd));
            let compared = Trial::test(name, move || {
                let verdict = oracle::parse(&xinetd.recorded(&key, &text)?);
                let found = compare::compare(&tree, &databases, text, &verdict);
                differences.check(&key, &found)
            });
            trials.push(compared.with_ignored_flag(!is_known));
        }
        if self.is_own() || self.is_complete() {
            let differences = Arc::clone(&self.differences);
            let name = format!(
                "each difference of {} is of a case that there is",
                self.name
            );
            trials.push(Trial::test(name, move || differences.check_cases(&keys)));
        }
        Ok(trials)
    }

    /// All constructs of the files, and what they have made xinetd say.
    fn constructs(&self) -> Result<BTreeSet<String>> {
        let mut constructs = BTreeSet::new();
        for case in self.cases()? {
            constructs.extend(constructs::of_text(&case.text));
            let record = fs::read(self.corpus.record(&case.key)).unwrap_or_default();
            constructs.extend(constructs::of_record(&String::from_utf8_lossy(&record)));
        }
        Ok(constructs)
    }
}

/// The files of the machine on which xinetd is asked.
fn system(disk: &DiskTree, folder: &Path, mut tree: MemoryTree) -> io::Result<MemoryTree> {
    for (path, entry) in disk.list(folder)? {
        tree = match entry {
            EntryKind::File => {
                let text = disk.read(&path)?;
                tree.file(path, text)
            }
            EntryKind::Directory => system(disk, &path, tree)?,
            EntryKind::Other | EntryKind::Dangling => tree,
        };
    }
    Ok(tree)
}
