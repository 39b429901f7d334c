//! The main job on real input: each file of the corpus of real xinetd files on a real systemd.
//!
//! Each file becomes /etc/xinetd.conf, systemd makes its units anew, all their sockets are started,
//! those of disabled services too, and a client connects to each. It must be served, or refused with
//! a reason in the journal. Servers that the container lacks have stand-ins.
//!
//! The corpus lies beside the repository, in `../shared/corpus`, or where the environment variable
//! `XINETD_BRIDGE_CORPUS` says; without it everything is ignored.

mod machine;
mod socket;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::{Container, Result, Suite};

use machine::Machine;
use socket::Outcome;

/// What became of the clients, by what the trials count.
#[derive(Debug, Default)]
struct Counts {
    served: usize,
    refused: usize,
    no_user: usize,
    taken: usize,
}

/// A machine that is booted when the first file needs it.
type Lazy = Arc<OnceLock<Result<Machine>>>;

fn main() {
    let mut arguments = Arguments::from_args();
    // Each file is the whole configuration of the one machine.
    arguments.test_threads = Some(1);
    let corpus = match std::env::var_os("XINETD_BRIDGE_CORPUS") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"),
    };
    let files = files(&corpus).unwrap_or_default();
    let missing = testbed::missing();
    if let Some(reason) = &missing {
        let _ = writeln!(io::stderr(), "skipped: {reason}");
    }
    let counts = Arc::new(Mutex::new(Counts::default()));
    let lazy = Lazy::default();
    let mut trials = Vec::new();
    for file in &files {
        let (lazy, counts) = (Arc::clone(&lazy), Arc::clone(&counts));
        let (corpus, path) = (corpus.clone(), file.clone());
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let test = move || {
            let machine = lazy.get_or_init(|| {
                let container = Container::boot(Suite::Bookworm, testbed::without_reconcile)?;
                Machine::new(container, &corpus)
            });
            let machine = machine
                .as_ref()
                .map_err(|error| Failed::from(error.clone()))?;
            let text = fs::read(&path)?;
            serve(machine, &text, &counts).map_err(Failed::from)
        };
        trials.push(Trial::test(name, test).with_ignored_flag(missing.is_some()));
    }
    if files.is_empty() {
        let name = format!("no corpus: {}", corpus.display());
        trials.push(Trial::test(name, || Ok(())).with_ignored_flag(true));
    }
    drop(lazy);
    // The trials own the container: it is gone when this returns.
    let conclusion = libtest_mimic::run(&arguments, trials);
    let counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = writeln!(io::stdout(), "clients: {counts:?}");
    conclusion.exit();
}

fn files(corpus: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<_> = fs::read_dir(corpus.join("files"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.sort();
    Ok(files)
}

/// Serves what stands in one file.
fn serve(machine: &Machine, text: &[u8], counts: &Mutex<Counts>) -> Result<()> {
    machine.configure(text)?;
    let units = machine.units()?;
    for unit in &units {
        machine.stand_in(unit)?;
    }
    let mut errors = Vec::new();
    for unit in &units {
        let outcome = socket::connect(machine, unit);
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(Outcome::Served) => counts.served += 1,
            Ok(Outcome::Refused) => counts.refused += 1,
            Ok(Outcome::NoSuchUser) => counts.no_user += 1,
            Ok(Outcome::PortTaken) => counts.taken += 1,
            Err(error) => errors.push(format!("{unit}: {error}")),
        }
    }
    machine.stop(&units)?;
    match errors.is_empty() {
        true => Ok(()),
        false => Err(errors.join("\n")),
    }
}
