//! The container image and the challenge that is made of it, run by podman with what its containers may do: Docker's
//! default capabilities and list of system calls.

mod scenarios;
mod tool;

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::Result;

use tool::Images;

/// A scenario: its name and what it does.
type Scenario = (&'static str, fn(&Images) -> Result<()>);

/// The images, made when the first scenario needs them.
type Lazy = Arc<OnceLock<Result<Images>>>;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(2));
    let missing = testbed::missing().or_else(tool::missing);
    if let Some(reason) = &missing {
        let _ = writeln!(io::stderr(), "skipped: {reason}");
    }
    let lazy = Lazy::default();
    let trials = scenarios::SCENARIOS.iter().map(|&(name, scenario)| {
        let lazy = Arc::clone(&lazy);
        let trial = Trial::test(name, move || run(&lazy, scenario));
        trial.with_ignored_flag(missing.is_some())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

/// In a thread of its own, which enters the network of its container for good.
fn run(lazy: &Lazy, scenario: fn(&Images) -> Result<()>) -> std::result::Result<(), Failed> {
    let lazy = Arc::clone(lazy);
    let play = move || {
        scenario(
            lazy.get_or_init(Images::make)
                .as_ref()
                .map_err(Clone::clone)?,
        )
    };
    let result = thread::spawn(play).join();
    result
        .map_err(|_| "the scenario panicked")?
        .map_err(Failed::from)
}
