//! The Debian packages in the hands of apt and dpkg, on systemd 252 and 257: installed, upgraded, removed, and left half
//! done, while services have clients.
//!
//! Each scenario has a machine of its own. The packages hold the programs of target/release, as `make install` does.

mod debs;
mod install;
mod machine;
mod managed;
mod power;
mod real;
mod removal;
mod upgrade;

use std::io::{self, Write};
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::{Result, Suite};

/// What needs a machine of its own.
type Scenario = (&'static str, fn(Suite) -> Result<()>);

fn main() {
    let mut arguments = Arguments::from_args();
    // dpkg waits for the disk more than it works.
    arguments.test_threads = arguments.test_threads.or(Some(3));
    let missing = testbed::missing();
    if let Some(reason) = &missing {
        let _ = writeln!(io::stderr(), "skipped: {reason}");
    }
    let groups = [
        install::SCENARIOS,
        real::SCENARIOS,
        upgrade::SCENARIOS,
        removal::SCENARIOS,
        power::SCENARIOS,
    ];
    let groups = groups.concat();
    let mut trials = Vec::new();
    for (suite, scenarios) in [
        (Suite::Bookworm, groups.as_slice()),
        (Suite::Trixie, groups.as_slice()),
        (Suite::ManagedBookworm, managed::SCENARIOS),
        (Suite::ManagedTrixie, managed::SCENARIOS),
    ] {
        for &(name, scenario) in scenarios {
            let play = move || scenario(suite).map_err(Failed::from);
            let trial = Trial::test(format!("{}::{name}", suite.name()), play);
            trials.push(trial.with_ignored_flag(missing.is_some()));
        }
    }
    let reproducible = || debs::are_reproducible().map_err(Failed::from);
    let trial = Trial::test("the_same_programs_give_the_same_packages", reproducible);
    trials.push(trial.with_ignored_flag(missing.is_some()));
    libtest_mimic::run(&arguments, trials).exit();
}

/// Plays in the network of a machine, in a thread of its own.
fn inside(machine: &machine::Machine, play: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    let run = || machine.container.enter_network().and_then(|()| play());
    thread::scope(|scope| scope.spawn(run).join()).map_err(|_| "the scenario panicked")?
}
