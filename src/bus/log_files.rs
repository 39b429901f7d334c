//! Log files for helpers, which have no rights to open them.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use xinetd_core::service::LogTarget;
use xinetd_core::spec::Spec;

use crate::installed;
use crate::protocol::log_file::{Identity, LogFileReply, LogFileRequest, absolute};

use super::open;
use super::questions::PendingRequest;
use super::shared::Shared;

/// Questions that wait: more than there are services.
const ROOM: usize = 4096;

/// The way to the thread that opens log files.
#[derive(Clone)]
pub(super) struct LogFiles {
    sender: SyncSender<PendingRequest<LogFileRequest>>,
    /// Units with a question that waits: of each only one is taken.
    waiting: Arc<Mutex<HashSet<String>>>,
}

impl LogFiles {
    /// The way, and its end for [`serve`](Self::serve).
    pub(super) fn new() -> (Self, Receiver<PendingRequest<LogFileRequest>>) {
        let (sender, receiver) = sync_channel(ROOM);
        let this = Self {
            sender,
            waiting: Arc::default(),
        };
        (this, receiver)
    }

    /// Has the question of a unit's main process answered; never waits.
    pub(super) fn ask(&self, asked: PendingRequest<LogFileRequest>) {
        let unit = asked.caller.unit.clone();
        // One without an answer is asked again by the helper that needs it.
        if self.lock().insert(unit.clone()) && self.sender.try_send(asked).is_err() {
            self.lock().remove(&unit);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers questions, one after the other.
    ///
    /// systemd shows the process what it was to write at its start, and a /tmp of its own unless a file
    /// is there. When that has changed it ends, and opens nothing: the socket starts it again. So it does
    /// where a file can't be opened and one of the directories was made since, or made anew.
    pub(super) fn serve(
        &self,
        questions: &Receiver<PendingRequest<LogFileRequest>>,
        shared: &Shared,
    ) {
        let rights = installed::log_directories();
        let seen = directories(&rights);
        let leave = || {
            log::info!("started anew, as the directories of log files have changed");
            let _ = kill(Pid::this(), Signal::SIGTERM);
        };
        for asked in questions {
            let granted = installed::log_directories();
            // Less than before is no reason: while the generator runs there is nothing for a moment.
            if granted.iter().any(|drop_in| !rights.contains(drop_in)) {
                return leave();
            }
            let unit = &asked.caller.unit;
            let answer = find(unit, asked.wants).unwrap_or_else(LogFileReply::Refused);
            if matches!(answer, LogFileReply::Refused(_)) && has_new(&seen, &rights) {
                return leave();
            }
            // A helper that gets nothing is no reason to stay: with a new start there may be other rights.
            if !matches!(answer, LogFileReply::Refused(_)) {
                shared.lock().wanted();
            }
            self.lock().remove(unit);
            // One that has gone needs none.
            let _ = answer.send(asked.socket.as_fd());
        }
    }
}

/// The directories that drop-ins let the coordinator write, as far as they are there.
fn directories(drop_ins: &[Vec<u8>]) -> HashMap<PathBuf, Identity> {
    let lines = drop_ins
        .iter()
        .flat_map(|text| text.split(|byte| *byte == b'\n'));
    let paths = lines.filter_map(|line| {
        let path = line.strip_prefix(b"ReadWritePaths=-")?;
        // A specifier is the only thing that is spelled out in it.
        Some(PathBuf::from(str::from_utf8(path).ok()?.replace("%%", "%")))
    });
    let identity = |path: PathBuf| {
        let found = fs::metadata(&path).ok().filter(Metadata::is_dir)?;
        Some((path, Identity::of(&found)))
    };
    paths.filter_map(identity).collect()
}

/// Whether one of them is there now that was not, or is another one.
fn has_new(seen: &HashMap<PathBuf, Identity>, drop_ins: &[Vec<u8>]) -> bool {
    let mut now = directories(drop_ins).into_iter();
    now.any(|(path, identity)| seen.get(&path) != Some(&identity))
}

fn find(unit: &str, question: LogFileRequest) -> Result<LogFileReply, String> {
    answer(&installed::spec(unit)?, question)
}

/// The log file of the service with this spec, unless its helper holds that already.
///
/// # Errors
/// In words, if it has none, or it can't be opened.
pub(crate) fn answer(spec: &Spec, question: LogFileRequest) -> Result<LogFileReply, String> {
    let LogTarget::File { path, .. } = &spec.logging.target else {
        return Err(format!("{} has no log file", spec.id.to_text()));
    };
    let path = absolute(path);
    let wrong = |error: io::Error| format!("{}: {error}", path.display());
    let file = open::log_file(&path).map_err(wrong)?;
    let found = file.metadata().map_err(wrong)?;
    Ok(match question.held == Some(Identity::of(&found)) {
        true => LogFileReply::Same,
        false => LogFileReply::File(file),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_comes_later_or_is_made_anew_is_new() {
        let name = format!("logs-100%-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let escaped = directory.to_str().unwrap().replace('%', "%%");
        let drop_in = &[format!("[Service]\nReadWritePaths=-{escaped}\n").into_bytes()];
        let before = directories(drop_in);
        assert!(before.is_empty() && !has_new(&before, drop_in));
        fs::create_dir(&directory).unwrap();
        assert!(has_new(&before, drop_in));
        let with = directories(drop_in);
        assert!(!has_new(&with, drop_in));
        let other = std::env::temp_dir().join(format!("logs-other-{}", std::process::id()));
        fs::create_dir(&other).unwrap();
        fs::remove_dir(&directory).unwrap();
        assert!(!has_new(&with, drop_in), "there is nothing to be had");
        fs::rename(&other, &directory).unwrap();
        assert!(has_new(&with, drop_in));
        fs::remove_dir(&directory).unwrap();
    }
}
