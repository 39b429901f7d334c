//! The corpus: real configuration files against what real xinetd says of each.
//!
//! Each file, and its twin in which every `disable = yes` says no, is read as /etc/xinetd.conf.
//! What the bridge makes of it must agree with the words of xinetd: which services start, each
//! attribute of theirs, and the line of each problem. What does not agree stands in
//! `differences.toml` with a reason, and only that.
//!
//! The corpus lies beside the repository, in `../shared/corpus`, or where the environment variable
//! `XINETD_BRIDGE_CORPUS` says; without it everything is ignored.

mod differences;
mod meaning;
mod oracle;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use xinetd_bridge::config::{self, Databases, DiskTree, Entry, FileTree, MemoryTree, Roots};
use xinetd_bridge::problem::{Severity, printable};

use differences::Differences;
use oracle::Verdict;

const MAIN: &str = "/etc/xinetd.conf";

fn main() -> std::process::ExitCode {
    let arguments = Arguments::from_args();
    let corpus = match std::env::var_os("XINETD_BRIDGE_CORPUS") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"),
    };
    let trials = match Differences::read() {
        Ok(differences) => trials(&corpus, differences).unwrap_or_else(|error| {
            let name = format!("no corpus: {}: {error}", corpus.display());
            vec![Trial::test(name, || Ok(())).with_ignored_flag(true)]
        }),
        Err(error) => vec![Trial::test("differences.toml is valid", || {
            Err(error.into())
        })],
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// One trial for each file and each twin, and one for the list of differences.
fn trials(corpus: &Path, differences: Differences) -> io::Result<Vec<Trial>> {
    let mut files: Vec<PathBuf> = fs::read_dir(corpus.join("files"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.sort();
    let tree = Arc::new(system(corpus)?);
    let databases = Arc::new(Databases::read(&*tree));
    let differences = Arc::new(differences);
    let mut trials = Vec::new();
    let mut cases = BTreeSet::new();
    for file in files {
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let number = name.split('_').next().unwrap_or_default().to_owned();
        let text = fs::read(&file)?;
        for (suffix, text) in [("", text.clone()), (".as-if-enabled", as_if_enabled(&text))] {
            let said = corpus.join(format!("oracle/{number}{suffix}.txt"));
            if suffix.is_empty() || said.exists() {
                let said = String::from_utf8_lossy(&fs::read(said)?).into_owned();
                let case = format!("{number}{suffix}");
                cases.insert(case.clone());
                let (tree, databases) = (Arc::clone(&tree), Arc::clone(&databases));
                let differences = Arc::clone(&differences);
                trials.push(Trial::test(format!("{name}{suffix}"), move || {
                    let found = compare(&tree, &databases, text, &oracle::parse(&said));
                    differences.check(&case, &found)
                }));
            }
        }
    }
    trials.push(Trial::test(
        "differences.toml names only cases of the corpus",
        move || differences.check_cases(&cases),
    ));
    Ok(trials)
}

/// The system on which xinetd was asked.
fn system(corpus: &Path) -> io::Result<MemoryTree> {
    let disk = DiskTree::new(Some(corpus.join("root")));
    let mut tree = MemoryTree::default();
    for (path, entry) in disk.list(Path::new("/etc"))? {
        if entry == Entry::File {
            let text = disk.read(&path)?;
            tree = tree.file(path, text);
        }
    }
    Ok(tree)
}

/// The text with every `disable = yes` turned to `no`.
fn as_if_enabled(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let words: Vec<&[u8]> = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .collect();
        let off = matches!(words.as_slice(), [name, b"=", value, ..]
            if name.eq_ignore_ascii_case(b"disable") && value.eq_ignore_ascii_case(b"yes"));
        let at = line
            .windows(3)
            .position(|three| three.eq_ignore_ascii_case(b"yes"));
        match at.filter(|_| off) {
            Some(at) => [&line[..at], b"no", &line[at + 3..]].concat(),
            None => line.to_vec(),
        }
    });
    lines.collect::<Vec<_>>().concat()
}

/// All ways in which the bridge disagrees with xinetd's verdict.
fn compare(
    tree: &MemoryTree,
    databases: &Databases,
    text: Vec<u8>,
    verdict: &Verdict,
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let tree = tree.clone().file(MAIN, text);
    let configuration = config::load(&tree, Roots::xinetd(Path::new(MAIN)), databases);

    let ours: Vec<_> = configuration
        .services
        .iter()
        .filter(|service| service.enabled)
        .collect();
    let mut theirs = verdict.started();
    for service in ours {
        let port = meaning::port(service);
        let name = format!("{} at port {port}", service.id.to_text());
        let same = |theirs: &&oracle::Service| {
            theirs.text("id") == service.id.to_text() && theirs.text("port") == port
        };
        match theirs.iter().position(same) {
            Some(index) => {
                let theirs = theirs.remove(index);
                for (attribute, theirs, ours) in
                    meaning::compare(service, theirs, verdict, databases)
                {
                    let text = format!("{name}: {attribute}: xinetd `{theirs}`, bridge `{ours}`");
                    found.insert(printable(&text));
                }
            }
            None => {
                found.insert(format!("{name}: started by the bridge alone"));
            }
        }
    }
    for service in theirs {
        let (id, port) = (service.text("id"), service.text("port"));
        found.insert(format!("{id} at port {port}: started by xinetd alone"));
    }

    let lines: BTreeSet<u32> = configuration
        .problems
        .iter()
        .filter(|problem| {
            problem.severity > Severity::Note && *problem.place.file == *Path::new(MAIN)
        })
        .map(|problem| problem.place.line)
        .collect();
    for (line, message) in &verdict.problems {
        if !lines.contains(line) {
            found.insert(format!("line {line}: xinetd alone says: {message}"));
        }
    }
    for dropped in &configuration.dropped {
        // In a service that is switched off it is a note.
        let mut problems = configuration.problems.iter();
        if !problems.any(|problem| problem.place.file == dropped.place.file) {
            found.insert(format!("{}: dropped without a word", dropped.id.to_text()));
        }
    }
    found
}
