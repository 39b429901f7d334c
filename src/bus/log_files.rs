//! Log files for helpers, which have no rights to open them.

use std::collections::HashSet;
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::generated;
use crate::log_file::{Answer, Identity, Question, absolute};
use crate::service::LogTarget;

use super::questions::Asked;
use super::{Shared, open};

/// Questions that wait: more than there are services.
const ROOM: usize = 4096;

/// The way to the thread that opens log files.
#[derive(Clone)]
pub(super) struct LogFiles {
    sender: SyncSender<Asked<Question>>,
    /// Units with a question that waits: of each only one is taken.
    waiting: Arc<Mutex<HashSet<String>>>,
}

impl LogFiles {
    /// The way, and its end for [`serve`](Self::serve).
    pub(super) fn new() -> (Self, Receiver<Asked<Question>>) {
        let (sender, receiver) = sync_channel(ROOM);
        let this = Self {
            sender,
            waiting: Arc::default(),
        };
        (this, receiver)
    }

    /// Has the question of a unit's main process answered; never waits.
    pub(super) fn ask(&self, asked: Asked<Question>) {
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
    /// is there. When that has changed it ends, and opens nothing: the socket starts it again.
    pub(super) fn serve(&self, questions: &Receiver<Asked<Question>>, shared: &Shared) {
        let rights = generated::log_directories();
        for asked in questions {
            let granted = generated::log_directories();
            // They are not there while the generator runs, or where no service has a log file any more.
            if granted.is_some() && granted != rights {
                log::info!("started anew, as the directories of log files have changed");
                let _ = kill(Pid::this(), Signal::SIGTERM);
                return;
            }
            let unit = &asked.caller.unit;
            let answer = find(unit, asked.wants).unwrap_or_else(|why| {
                log::debug!("no log file for {unit}: {why}");
                Answer::Refused(why)
            });
            // A helper that gets nothing is no reason to stay: with a new start there may be other rights.
            if !matches!(answer, Answer::Refused(_)) {
                shared.lock().wanted();
            }
            self.lock().remove(unit);
            // One that has gone needs none.
            let _ = answer.send(asked.socket.as_fd());
        }
    }
}

fn find(unit: &str, question: Question) -> Result<Answer, String> {
    let spec = generated::spec(unit)?;
    let LogTarget::File { path, .. } = &spec.logging.target else {
        return Err(format!("{unit} has no log file"));
    };
    let path = absolute(path);
    let file = open::log_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let found = file.metadata().map_err(|error| error.to_string())?;
    Ok(match question.held == Some(Identity::of(&found)) {
        true => Answer::Same,
        false => Answer::File(file),
    })
}
