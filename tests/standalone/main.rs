//! The program that serves without systemd, as images start it: in namespaces of its own, with nothing of systemd's.

mod background;
mod ban_table;
mod bans;
mod commands;
mod ends;
mod files;
mod hostile;
mod killed;
mod machine;
mod memory;
mod minimal;
mod mux;
mod refusals;
mod reload;
mod rpc;
mod serving;
mod starts;
mod syslog;

use std::io::{self, Write};
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::Result;

/// A scenario: its name and what it does.
type Scenario = (&'static str, fn() -> Result<()>);

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(2));
    let missing = testbed::missing();
    if let Some(reason) = &missing {
        let _ = writeln!(io::stderr(), "skipped: {reason}");
    }
    let all = [
        starts::SCENARIOS,
        syslog::SCENARIOS,
        serving::SCENARIOS,
        killed::SCENARIOS,
        memory::SCENARIOS,
        minimal::SCENARIOS,
        mux::SCENARIOS,
        reload::SCENARIOS,
        refusals::SCENARIOS,
        rpc::SCENARIOS,
        ends::SCENARIOS,
        commands::SCENARIOS,
        files::SCENARIOS,
        bans::SCENARIOS,
        background::SCENARIOS,
        hostile::SCENARIOS,
        ban_table::SCENARIOS,
    ];
    let trials = all.iter().copied().flatten().map(|&(name, scenario)| {
        let trial = Trial::test(name, move || run(scenario));
        trial.with_ignored_flag(missing.is_some())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

/// In a thread of its own, which enters the network of its machine for good.
fn run(scenario: fn() -> Result<()>) -> std::result::Result<(), Failed> {
    let result = thread::spawn(scenario).join();
    result
        .map_err(|_| "the scenario panicked")?
        .map_err(Failed::from)
}
