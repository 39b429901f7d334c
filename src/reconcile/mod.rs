//! What follows a daemon-reload: the sockets and helpers that run are brought in line with the units
//! that the generator has made anew.
//!
//! systemd does none of it: a socket whose address has changed is closed and goes on being called
//! active, a new one is not started, one that is gone leaves its servers behind (docs/reload.md). A
//! path unit starts this program when the generator has run.
#![forbid(unsafe_code)]

mod live;
mod plan;
mod record;
mod steps;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use crate::journal::Journal;
use crate::translate::{APPLIED, SEEN, STAMP, SpecDirectory};

use live::Live;
use plan::plan;
use record::Record;

pub use record::{Done, LAST, read_done};

/// How long the generator may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The whole program; systemd's unit calls it.
///
/// Exits with 0 if all that was to be done was done, else with 1, and says why in the journal.
pub fn main() -> ExitCode {
    let Some(journal) = Journal::start() else {
        return ExitCode::FAILURE;
    };
    let ran = run();
    if let Err(error) = &ran {
        log::error!("{error}");
    }
    journal.flush();
    match ran {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

/// Whether all was done. What a reload has brought meanwhile is done as well: whoever waits for us
/// waits for that.
fn run() -> Result<bool, String> {
    let stamp = SpecDirectory::usual().path().join(STAMP);
    let mut is_complete = follow()?;
    while stamp.exists() {
        is_complete = follow()?;
    }
    Ok(is_complete)
}

/// Does what is to be done after one reload; whether all of it could be done.
fn follow() -> Result<bool, String> {
    let wanted = wanted()?;
    let path = Path::new(APPLIED);
    let Some(before) = Record::read(path) else {
        // At boot, or just installed: systemd and the administrator start what is to be started.
        return wanted.write(path).map(|()| true);
    };
    let units: BTreeSet<&str> = before.names().chain(wanted.names()).collect();
    let live = Live::look(&units)?;
    let actions = plan(&before, &wanted, &live);
    if actions.is_empty() {
        return wanted.write(path).map(|()| true);
    }
    let done = steps::take(&actions);
    let failed: Vec<_> = done.iter().filter(|done| done.error.is_some()).collect();
    // What has failed is tried again the next time.
    let mut applied = wanted;
    for done in &failed {
        applied.put_back(&done.unit, &before);
    }
    applied.write(path)?;
    let is_complete = failed.is_empty();
    record::write_done(&done)?;
    Ok(is_complete)
}

/// What the generator has written, once it is not at work.
fn wanted() -> Result<Record, String> {
    let specs = SpecDirectory::usual();
    let (stamp, seen) = (specs.path().join(STAMP), specs.path().join(SEEN));
    let deadline = Instant::now() + PATIENCE;
    loop {
        // First of all: a reload from now on starts us once more.
        match fs::rename(&stamp, &seen) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(format!("{}: {error}", stamp.display()));
            }
            _ => {}
        }
        // Each reload removes the directory first, and what is read meanwhile is a part.
        let generation = || fs::metadata(&seen).ok().map(|file| file.ino());
        let before = generation();
        let wanted = Record::wanted();
        if before.is_some() && generation() == before {
            return wanted.map_err(|error| format!("the units can't be read: {error}"));
        }
        if Instant::now() >= deadline {
            return Err(format!(
                "{} does not come: `systemctl daemon-reload` has the generator write it",
                stamp.display()
            ));
        }
        thread::sleep(Duration::from_millis(20));
    }
}
