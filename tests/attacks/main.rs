//! The attacks of docs/threat-model.md that start in a server: each names the sentence that it tries.
//!
//! The server of the service `attacker` is a shell that a client hands a script to: what a server can do
//! once its client has taken it over. `bystander` is another service of the same user. Each
//! attack has failed if its script has, and if both services then serve on with the helpers that they had.

mod machine;
mod scripts;
mod sentences;
mod slow;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::{Result, Suite};

use machine::Machine;

/// What a server tries.
struct Attack {
    /// The sentence of the threat model that says why it fails.
    sentence: &'static str,
    name: &'static str,
    run: fn(&Machine) -> Result<()>,
}

/// Attacks come one after the other: each looks at both services afterwards.
type Lazy = Arc<Mutex<OnceLock<Result<Machine>>>>;

fn main() {
    let arguments = Arguments::from_args();
    let missing = testbed::missing();
    if let Some(reason) = &missing {
        let _ = writeln!(io::stderr(), "skipped: {reason}");
    }
    let mut trials = vec![Trial::test(
        "each_sentence_of_the_threat_model_has_a_test",
        || sentences::all_are_tried().map_err(Failed::from),
    )];
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let lazy = Lazy::default();
        for script in scripts::ALL {
            let lazy = Arc::clone(&lazy);
            let name = format!("{}::{}::{}", suite.name(), script.sentence, script.name);
            let trial = Trial::test(name, move || {
                on(&lazy, suite, |machine| machine.try_script(script))
            });
            trials.push(trial.with_ignored_flag(missing.is_some()));
        }
        for attack in slow::ALL {
            let lazy = Arc::clone(&lazy);
            let name = format!("{}::{}::{}", suite.name(), attack.sentence, attack.name);
            let trial = Trial::test(name, move || on(&lazy, suite, attack.run));
            trials.push(trial.with_ignored_flag(missing.is_some()));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn on(
    lazy: &Lazy,
    suite: Suite,
    attack: impl Fn(&Machine) -> Result<()> + Sync,
) -> std::result::Result<(), Failed> {
    let lazy = lazy.lock().unwrap_or_else(PoisonError::into_inner);
    let machine = lazy.get_or_init(|| Machine::boot(suite));
    let machine = machine
        .as_ref()
        .map_err(|error| Failed::from(error.clone()))?;
    // In a thread of its own, as it moves into the container's network for good.
    let inside = || machine.enter_network().and_then(|()| attack(machine));
    let result = thread::scope(|scope| scope.spawn(inside).join());
    result
        .map_err(|_| "the attack panicked")?
        .map_err(Failed::from)
}
