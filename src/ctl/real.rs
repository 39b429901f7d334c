//! What is said of real xinetd, where it runs or starts at boot.

use std::io::{self, Write};

use xinetd_core::config::{Databases, DiskTree};
use xinetd_core::problem::Problem;
use xinetd_core::service::Service;
use xinetd_core::startup::{REAL_CODE, Startup};

use super::machine::{Machine, Reading};
use super::manager;
use super::output::Output;
use crate::reconcile::Real;

/// That it starts at boot, by the files.
fn at_boot(startup: &Startup) -> impl Iterator<Item = Problem> {
    let problems = startup.problems();
    problems
        .filter(|problem| problem.code == REAL_CODE)
        .cloned()
}

/// Real xinetd, where it runs on this machine: a supervisor has its name.
pub(super) fn look() -> Option<Real> {
    match manager::is_supervisor() {
        true => None,
        false => Real::look(),
    }
}

/// That it runs, and what it has of these services.
fn running(services: &[Service]) -> Option<Problem> {
    look().map(|real| real.problem(services))
}

/// Prints both; that it runs, where the services are those of this machine.
pub(super) fn print(machine: &Machine, is_here: bool, out: &mut Output<'_>) -> io::Result<()> {
    let running = is_here.then(|| running(&machine.configuration.services));
    print_all(at_boot(&machine.startup).chain(running.flatten()), out)
}

/// The same, of this machine, whose files are not read yet.
pub(super) fn print_here(out: &mut Output<'_>) -> io::Result<()> {
    if manager::is_supervisor() {
        return Ok(());
    }
    let tree = DiskTree::new(None);
    let startup = Startup::read(&tree);
    let running = Real::look().and_then(|_| {
        let reading = Reading::of(&tree, None, &Databases::read(&tree), None);
        running(&reading.configuration.services)
    });
    print_all(at_boot(&startup).chain(running), out)
}

fn print_all(problems: impl Iterator<Item = Problem>, out: &mut Output<'_>) -> io::Result<()> {
    for problem in problems {
        write!(out, "\n{}", problem.render(None))?;
    }
    Ok(())
}
