//! The test bed: containers with a real systemd as PID 1, and clients inside their network.
//!
//! A pristine root for each Debian suite is kept outside the repository and made when absent; a
//! container runs on an overlay of it, so that no test sees what another has left.
#![forbid(unsafe_code)]

mod backend;
mod bare;
mod client;
mod container;
mod corpus;
mod group;
mod journal;
mod leader;
mod leftover;
mod oracle;
mod resolver;
mod root;
mod tree;

use std::io::{self, Write};

pub use backend::{Backend, allow_descriptors};
pub use bare::{Bare, Running};
pub use client::{Close, Heard, Peer};
pub use container::Container;
pub use corpus::{Corpus, File, enabled};
pub use journal::Line;
pub use leader::enter_network;
pub use oracle::{Oracle, Release};
pub use resolver::{Question, Record, Reply, Resolver};
pub use root::{Suite, cache, missing};
pub use tree::{compile, make, run, without_reconcile, write};

/// What goes wrong on the test bed: a sentence, for the test's output.
pub type Result<T> = std::result::Result<T, String>;

/// Fails with `what` unless both are equal.
///
/// # Errors
/// What it is, and both.
#[expect(
    clippy::needless_pass_by_value,
    reason = "values read better than references here"
)]
pub fn equal<T: PartialEq + std::fmt::Debug>(what: &str, got: T, wanted: T) -> Result<()> {
    if got == wanted {
        Ok(())
    } else {
        Err(format!("{what}: got {got:?}, wanted {wanted:?}"))
    }
}

/// Prints a line; a closed pipe is no error.
pub fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Puts what was tried in front of an error.
pub(crate) fn context<T, E: std::fmt::Display>(
    result: std::result::Result<T, E>,
    tried: impl std::fmt::Display,
) -> Result<T> {
    result.map_err(|error| format!("{tried}: {error}"))
}
