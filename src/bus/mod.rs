//! The coordinator: what services share and what people want to see of them (docs/dbus.md).
//!
//! It has a socket, for helpers (src/protocol), and the name `org.xinetd.Bridge1` on the system bus, for
//! administrators. systemd starts it when a program comes to either, and it leaves when none wants anything.
//! The bans do not need it to be there: helpers read its table.
#![forbid(unsafe_code)]

pub(crate) mod answers;
mod authority;
pub(crate) mod ban_store;
pub(crate) mod banning;
mod caller;
pub(crate) mod client;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod helper;
pub(crate) mod log_files;
mod mains;
mod manager;
mod objects;
mod open;
mod places;
mod questions;
pub(crate) mod saved;
mod saver;
mod service;
pub(crate) mod services;
mod settings;
mod shared;
mod socket;
mod strangers;
pub(crate) mod systemd;
mod table;
#[cfg(test)]
mod tests;

use std::env;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use xinetd_core::bans::{BootId, TABLE};
use xinetd_core::options;

use crate::journal::Journal;
use crate::sys::socket::set_nonblocking;
use crate::sys::{descriptor, signals};
use sd_notify::NotifyState;

pub use client::{MANAGER, NAME};

use ban_store::{BanStore, Paths};
use log_files::LogFiles;
use questions::Questions;
use shared::Shared;

/// The whole program: without an argument the coordinator, and with `--note-shutdown` what its socket
/// unit runs when the machine goes down; systemd's units call it.
///
/// Exits with 0 if it was no longer needed or told to end, or has noted the clock, else with 1, and says
/// why in the journal.
pub fn main() -> ExitCode {
    let Some(journal) = Journal::start() else {
        return ExitCode::FAILURE;
    };
    let mut arguments = env::args_os().skip(1);
    let ran = match (arguments.next(), arguments.next()) {
        (None, _) => run().inspect_err(|error| {
            log::error!("{error}");
            // A sensor still waits, so systemd would start us again and again without a pause.
            thread::sleep(Duration::from_secs(1));
        }),
        (Some(word), None) if word == NOTE_SHUTDOWN => {
            note_shutdown().inspect_err(|error| log::error!("{error}"))
        }
        _ => {
            log::error!("usage: xinetd-coordinator [{NOTE_SHUTDOWN}]");
            Err(String::new())
        }
    };
    journal.flush();
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Notes how long the machine has run, so that bans run down by that and not by a clock that may be set
/// meanwhile.
const NOTE_SHUTDOWN: &str = "--note-shutdown";

fn note_shutdown() -> Result<(), String> {
    let path = state_file("shutdown.toml")?;
    let now = ban_store::now(boot()?).map_err(|error| format!("CLOCK_BOOTTIME: {error}"))?;
    saved::note_shutdown(&path, now).map_err(|error| format!("{}: {error}", path.display()))
}

fn run() -> Result<(), String> {
    signals::block_all().map_err(|error| format!("sigprocmask: {error}"))?;
    let paths = Paths {
        table: TABLE.into(),
        saved: state_file("bans.toml")?,
        shutdown: state_file("shutdown.toml")?,
        options: options::FILE.into(),
    };
    let passed = descriptor::take_passed()?;
    let listener = passed.into_iter().next().map(|passed| passed.descriptor);
    if let Some(listener) = &listener {
        set_nonblocking(listener.as_fd()).map_err(|error| format!("the socket: {error}"))?;
    }
    let store = BanStore::open(&paths, boot()?).map_err(|error| format!("{TABLE}: {error}"))?;
    // The bans are in force: a unit that waits for that may start. Without systemd none does.
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    let (questions, asked) = Questions::new();
    let (log_files, files_asked) = LogFiles::new();
    let shared = Arc::new(Shared::new(store, questions));
    let saver = {
        let shared = Arc::clone(&shared);
        thread::spawn(move || saver::run(&shared, &paths.saved))
    };
    // Neither is waited for in the end: a file system that hangs must not keep it from leaving.
    {
        let (shared, log_files) = (Arc::clone(&shared), log_files.clone());
        thread::spawn(move || answers::serve(&asked, &log_files, &shared));
    }
    {
        let shared = Arc::clone(&shared);
        thread::spawn(move || log_files.serve(&files_asked, &shared));
    }
    let bus = manager::serve(Arc::clone(&shared));
    let served = socket::serve(listener.as_ref(), &shared);
    bus.leave();
    shared.close();
    let _ = saver.join();
    served.map_err(|error| error.to_string())
}

/// A file that is kept: systemd makes the directory (StateDirectory=).
fn state_file(name: &str) -> Result<PathBuf, String> {
    let directory = env::var_os("STATE_DIRECTORY")
        .ok_or("STATE_DIRECTORY is not set; the unit must have StateDirectory=")?;
    Ok(PathBuf::from(directory).join(name))
}

/// The boot of now, which systemd tells: /proc/sys is hidden.
fn boot() -> Result<BootId, String> {
    let id = env::var("BOOT_ID")
        .map_err(|_| "BOOT_ID is not set; the unit must have Environment=BOOT_ID=%b")?;
    id.parse()
}
