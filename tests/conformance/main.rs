//! The same scenario against real xinetd and against xinetd-bridge, seen by the same observer.
//!
//! Two containers have the same files, addresses and clients; in one runs Debian's xinetd, in the
//! other the bridge on a real systemd. What the clients and the servers see and what is logged is
//! written down, and must be what `transcripts` has. `UPDATE_GOLDEN=1` writes those and
//! docs/conformance.md; look at the difference then.

mod known;
mod normalise;
mod report;
mod scenario;
mod scenarios;
mod side;
mod stage;
mod transcript;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::Result;

use scenario::Scenario;
use side::{Side, Which};

/// Both sides, booted when the first scenario needs them.
type Lazy = Arc<OnceLock<Result<[Side; 2]>>>;

fn main() {
    let mut arguments = Arguments::from_args();
    // One configuration at a time.
    arguments.test_threads = Some(1);
    let missing = testbed::missing();
    if let Some(reason) = &missing {
        let _ = writeln!(io::stderr(), "skipped: {reason}");
    }
    let lazy = Lazy::default();
    let mut trials = Vec::new();
    for scenario in scenarios::all() {
        let lazy = Arc::clone(&lazy);
        let trial = Trial::test(scenario.name, move || run(&lazy, scenario));
        trials.push(trial.with_ignored_flag(missing.is_some()));
    }
    drop(lazy);
    trials.push(Trial::test("report", report));
    // The trials own the sides: they are gone, and the containers with them, when this returns.
    libtest_mimic::run(&arguments, trials).exit();
}

/// Whether transcripts and report are to be written.
fn updates() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// The root of the repository.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn report() -> std::result::Result<(), Failed> {
    report::check(&scenarios::all()).map_err(Failed::from)
}

fn run(lazy: &Lazy, scenario: Scenario) -> std::result::Result<(), Failed> {
    let expected = transcript::read(&scenario)?;
    let sides = lazy.get_or_init(boot).as_ref().map_err(Failed::from)?;
    let play = |side: &Side| -> Result<String> {
        side.container.enter_network()?;
        side.play(&scenario, expected.of(side.which))
    };
    let [xinetd, bridge] = sides;
    // In threads of their own: each is in the network of its side.
    let (xinetd, bridge) = thread::scope(|scope| {
        let (xinetd, bridge) = (scope.spawn(|| play(xinetd)), scope.spawn(|| play(bridge)));
        (xinetd.join(), bridge.join())
    });
    let panicked = |_| "the scenario panicked".to_owned();
    let xinetd = xinetd
        .map_err(panicked)?
        .map_err(|error| format!("xinetd: {error}"))?;
    let bridge = bridge
        .map_err(panicked)?
        .map_err(|error| format!("xinetd-bridge: {error}"))?;
    if updates() {
        transcript::write(&scenario, &xinetd, &bridge)?;
    }
    transcript::verdict(&scenario, &transcript::read(&scenario)?, &xinetd, &bridge)?;
    Ok(())
}

fn boot() -> Result<[Side; 2]> {
    let (xinetd, bridge) = thread::scope(|scope| {
        let both =
            [Which::Xinetd, Which::Bridge].map(|which| scope.spawn(move || Side::boot(which)));
        let [xinetd, bridge] =
            both.map(|side| side.join().map_err(|_| "a boot panicked".to_owned()));
        (xinetd, bridge)
    });
    Ok([xinetd??, bridge??])
}
