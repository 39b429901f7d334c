//! What one connection costs, counted: system calls by name and instructions, compared with a table.
//!
//! Counts do not depend on how fast the machine is or what else it does. `UPDATE_GOLDEN=1` writes the
//! table and docs/counts.md; look at the difference then.

mod calls;
mod growth;
mod kind;
mod stage;
mod steps;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::Result;

use kind::{KINDS, Kind};
use stage::Crowd;
use table::{Cost, Table};

fn main() {
    let mut arguments = Arguments::from_args();
    // A helper is watched until it rests: two at once would only take longer.
    arguments.test_threads = Some(1);
    let missing = missing();
    if let Some(reason) = &missing {
        testbed::say(&format!("skipped: {reason}"));
    }
    let counted = Arc::<Mutex<Table>>::default();
    let built = Arc::<OnceLock<Result<()>>>::default();
    let mut trials = Vec::new();
    for kind in KINDS {
        let (counted, built) = (Arc::clone(&counted), Arc::clone(&built));
        let trial = Trial::test(kind.name, move || {
            built.get_or_init(build).clone()?;
            check(kind, &counted).map_err(Failed::from)
        });
        trials.push(trial.with_ignored_flag(missing.is_some()));
    }
    for growth in growth::all() {
        let built = Arc::clone(&built);
        let trial = Trial::test(growth.kind.name, move || {
            built.get_or_init(build).clone()?;
            growth
                .check(&folder(growth.kind.name))
                .map_err(Failed::from)
        });
        trials.push(trial.with_ignored_flag(missing.is_some()));
    }
    let page = || match updates() {
        true => Ok(()),
        false => table::check_page().map_err(Failed::from),
    };
    trials.push(Trial::test("page", page));
    let conclusion = libtest_mimic::run(&arguments, trials);
    let counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
    if updates() && !counted.is_empty() {
        let mut all = table::read().unwrap_or_default();
        all.extend(counted.clone());
        if let Err(error) = table::write(&all) {
            testbed::say(&error);
            std::process::exit(1);
        }
    }
    conclusion.exit();
}

/// Why nothing can be counted here, if so.
fn missing() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("only root can give the helper a /run of its own".into());
    }
    let found = Command::new("strace").arg("--version").output();
    found.is_err().then(|| "strace is not installed".into())
}

/// Whether the table is to be written.
fn updates() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// The programs as they are shipped: others need other instructions.
fn build() -> Result<()> {
    testbed::make("build", Path::new("/"))
}

fn check(kind: Kind, counted: &Mutex<Table>) -> Result<()> {
    let found = Cost {
        instructions: steps::count(kind, &Crowd::default(), &folder(kind.name))?,
        calls: calls::count(kind, &folder(kind.name))?,
    };
    if updates() {
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.insert(kind.name.to_owned(), found);
        return Ok(());
    }
    let table = table::read()?;
    let allowed = table.get(kind.name).ok_or("it is not in the table")?;
    let differences = table::differences(allowed, &found);
    match differences.is_empty() {
        true => Ok(()),
        false => Err(differences.join("\n")),
    }
}

/// Where the files of a test lie.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("counts-{name}"))
}
