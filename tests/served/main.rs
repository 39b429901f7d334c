//! The main job on real input: each file of the corpus of real xinetd files on a real systemd.
//!
//! Each file becomes /etc/xinetd.conf, systemd makes its units anew, all their sockets are started,
//! those of disabled services too, and a client connects to each. It must be served, or refused with
//! a reason in the journal. Servers that the container lacks have stand-ins.
//!
//! The files are the repository's own, and real ones where there are any.

mod machine;
mod socket;

use std::fs;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::{Container, Corpus, Result, Suite};

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
    let missing = testbed::missing();
    if let Some(reason) = &missing {
        let _ = writeln!(io::stderr(), "skipped: {reason}");
    }
    let counts = Arc::new(Mutex::new(Counts::default()));
    let mut trials = Vec::new();
    for (set, corpus) in [("own", Ok(Corpus::own())), ("real", Corpus::real())] {
        match corpus.and_then(|corpus| Ok((corpus.files()?, corpus))) {
            Ok((files, corpus)) => {
                let lazy = Lazy::default();
                for file in files {
                    let (lazy, counts) = (Arc::clone(&lazy), Arc::clone(&counts));
                    let corpus = corpus.clone();
                    let name = format!("{set}/{}", file.name);
                    let test = move || {
                        let machine = lazy.get_or_init(|| boot(&corpus)).as_ref();
                        let machine = machine.map_err(|error| Failed::from(error.clone()))?;
                        let text = fs::read(&file.path)?;
                        serve(machine, &text, &counts).map_err(Failed::from)
                    };
                    trials.push(Trial::test(name, test).with_ignored_flag(missing.is_some()));
                }
            }
            Err(reason) => {
                let _ = writeln!(io::stderr(), "skipped: {reason}");
                trials.push(Trial::test(set, || Ok(())).with_ignored_flag(true));
            }
        }
    }
    // The trials own the containers: they are gone when this returns.
    let conclusion = libtest_mimic::run(&arguments, trials);
    let counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = writeln!(io::stdout(), "clients: {counts:?}");
    conclusion.exit();
}

/// The machine of a corpus.
fn boot(corpus: &Corpus) -> Result<Machine> {
    let container = Container::boot(Suite::Bookworm, testbed::without_reconcile)?;
    Machine::new(container, corpus)
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
