//! xinetd-generator: turns xinetd's configuration into units, see systemd.generator(7).
//!
//! It runs at boot before file systems are mounted, and at each daemon-reload, which has deleted
//! all its units before: a unit that is not written again closes its listening socket. So what is
//! wrong with one service must not touch the others. It talks to nobody and waits for nothing.
#![forbid(unsafe_code)]

#[cfg(panic = "abort")]
compile_error!(
    "a panic must not cost all services their units: set CARGO_PROFILE_RELEASE_PANIC=unwind"
);

mod kernel_log;
mod output;
mod say;

use std::env;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use xinetd_core::config::{self, Databases, DiskTree, FileTree, Unread};
use xinetd_core::installed::{APPLIED, UNREAD};
use xinetd_core::startup::Startup;
use xinetd_core::translate::{GeneratedFile, SpecDirectory, Surroundings, Translation, translate};

use crate::output::Output;

/// Stands for `/` in front of every path that is read, where it is set.
const ROOT: &str = "XINETD_BRIDGE_ROOT";

const USAGE: &str = "\
usage: xinetd-generator NORMAL-DIR [EARLY-DIR LATE-DIR]

Writes units for the services of /etc/xinetd.conf into the last directory. systemd calls it,
see systemd.generator(7). With XINETD_BRIDGE_ROOT set it reads /etc and all else below that
directory. To see what is wrong with the configuration, run `xinetdctl check`.
";

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let is_option = |path: &PathBuf| path.as_os_str().as_encoded_bytes().starts_with(b"-");
    let directory = match arguments.as_slice() {
        // Late: the units of everybody else are stronger.
        [directory] | [_, _, directory] if !arguments.iter().any(is_option) => directory,
        _ => {
            // There is nobody to tell where standard error is closed.
            let _ = io::stderr().write_all(USAGE.as_bytes());
            return ExitCode::FAILURE;
        }
    };
    // The real root comes later, and the generator with it.
    if env::var_os("SYSTEMD_IN_INITRD").as_deref() == Some(OsStr::new("1")) {
        return ExitCode::SUCCESS;
    }
    let root = env::var_os(ROOT)
        .filter(|root| !root.is_empty())
        .map(PathBuf::from);
    kernel_log::install(root.is_none());
    match run(&DiskTree::new(root), directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Incomplete) => ExitCode::FAILURE,
    }
}

/// Some units could not be written; it has been said which.
struct Incomplete;

/// Whether the machine is a container whose manager may forbid what sandboxes need, by what
/// systemd.generator(7) says of it. Docker, podman and LXC do that; systemd does not boot in a
/// systemd-nspawn that does.
fn is_restricted(virtualization: Option<&str>) -> bool {
    let manager = virtualization.and_then(|text| text.strip_prefix("container:"));
    manager.is_some_and(|manager| manager != "systemd-nspawn")
}

/// Reads the tree and writes into the directory.
fn run(tree: &DiskTree, directory: &Path) -> Result<(), Incomplete> {
    let startup = Startup::read(tree);
    let roots = startup.roots();
    let is_empty = roots.are_missing(tree);
    // Where there were services before, a reload waits to hear that they are gone.
    if is_empty && tree.read(Path::new(APPLIED)).is_err() {
        return Ok(());
    }
    let output = Output::new(directory).map_err(|error| {
        log::error!("{}: {error}", directory.display());
        Incomplete
    })?;
    if is_empty {
        return output.write(&Translation::default());
    }
    let Some(specs) = SpecDirectory::inside(output.path()) else {
        log::error!("{}: no unit can hold this name", output.path().display());
        return Err(Incomplete);
    };
    let databases = Databases::read(tree);
    let configuration = config::load(tree, roots, &databases);
    let mut surroundings = Surroundings::read(tree, specs, startup);
    let virtualization = env::var("SYSTEMD_VIRTUALIZATION").ok();
    surroundings.confinement.restricted = is_restricted(virtualization.as_deref());
    let mut translation = translate(&configuration, &surroundings);
    let unread = Unread::of(&configuration.problems).to_text();
    translation.files.extend(unread.map(|text| GeneratedFile {
        path: Path::new(SpecDirectory::NAME).join(UNREAD),
        content: text.into_bytes(),
        private: true,
    }));
    // Units before words: whatever happens to the log, the services are there.
    let written = output.write(&translation);
    say::problems(configuration.problems.iter().chain(&translation.problems));
    // The process ends here: to free a thousand services piece by piece takes longer than that.
    std::mem::forget((configuration, translation));
    written
}
