//! The same scenario against real xinetd and against xinetd-bridge, seen by the same observer.
//!
//! Four containers have the same files, addresses and clients; in two runs Debian's xinetd, 2.3.15.3 and
//! 2.3.15.4, in the third the bridge on a real systemd, in the fourth its own program `xinetd`, which is started
//! as Debian's is. What the clients and the servers see and what is logged is written down, and must be what
//! `transcripts` has. `UPDATE_GOLDEN=1` writes those,
//! docs/conformance.md and docs/xinetd-versions.md; look at the difference then.

mod known;
mod normalise;
mod report;
mod scenario;
mod scenarios;
mod side;
mod stage;
mod transcript;
mod versions;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::{Release, Result};

use scenario::Scenario;
use side::{Side, Which};

/// All sides, booted when the first scenario needs them.
type Lazy = Arc<OnceLock<Result<Vec<Side>>>>;

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
    trials.push(Trial::test("versions", versions));
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

fn versions() -> std::result::Result<(), Failed> {
    versions::check(&scenarios::all()).map_err(Failed::from)
}

fn run(lazy: &Lazy, scenario: Scenario) -> std::result::Result<(), Failed> {
    let expected = transcript::read(&scenario)?;
    let sides = lazy.get_or_init(boot).as_ref().map_err(Failed::from)?;
    let play = |side: &Side| -> Result<String> {
        side.container.enter_network()?;
        let expected = expected.as_ref().map(|all| all.of(side.which));
        side.play(&scenario, expected)
    };
    let plays = |side: &&Side| match side.which {
        Which::Xinetd(Release::Trixie) => scenario.newer,
        Which::Xinetd(Release::Bookworm) | Which::Bridge | Which::Standalone => true,
    };
    // In threads of their own: each is in the network of its side.
    let seen = thread::scope(|scope| {
        let playing: Vec<_> = sides
            .iter()
            .filter(plays)
            .map(|side| (side.which, scope.spawn(move || play(side))))
            .collect();
        let seen = playing.into_iter().map(|(which, played)| {
            let played = played
                .join()
                .map_err(|_| "the scenario panicked".to_owned())
                .flatten();
            match played {
                Ok(seen) => Ok((which, seen)),
                Err(error) => Err(format!("{}: {error}", which.name())),
            }
        });
        seen.collect::<Result<Vec<_>>>()
    })?;
    if updates() {
        transcript::write(&scenario, &seen)?;
    }
    transcript::verdict(&scenario, transcript::read(&scenario)?.as_ref(), &seen)?;
    Ok(())
}

fn boot() -> Result<Vec<Side>> {
    thread::scope(|scope| {
        let booting = Which::ALL.map(|which| scope.spawn(move || Side::boot(which)));
        let sides = booting.map(|side| {
            side.join()
                .map_err(|_| "a boot panicked".to_owned())
                .flatten()
        });
        sides.into_iter().collect()
    })
}
