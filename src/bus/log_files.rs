//! Log files for helpers, which have no rights to open them.

use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use zbus::{Connection, connection};
use zruntime::block_on;

use crate::generated;
use crate::log_file::{Answer, Identity, Question, absolute};
use crate::service::LogTarget;

use super::caller::{self, Caller};
use super::{Shared, open, systemd};

/// Questions that wait: more than there are services.
const ROOM: usize = 4096;

/// How long systemd may take: while it makes all units anew it does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A question, and where its answer goes.
pub(super) struct Asked {
    caller: Arc<Caller>,
    question: Question,
    socket: OwnedFd,
}

/// The way to the thread that answers.
pub(super) struct LogFiles {
    sender: SyncSender<Asked>,
    /// Units with a question that waits: of each only one is taken, or the servers of one could
    /// have all others wait.
    waiting: Mutex<HashSet<String>>,
}

impl LogFiles {
    /// The way, and its end for [`serve`].
    pub(super) fn new() -> (Self, Receiver<Asked>) {
        let (sender, receiver) = sync_channel(ROOM);
        let this = Self {
            sender,
            waiting: Mutex::default(),
        };
        (this, receiver)
    }

    /// Has a question answered; never waits.
    pub(super) fn ask(&self, caller: &Arc<Caller>, question: Question, socket: OwnedFd) {
        if !self.lock().insert(caller.unit.clone()) {
            return;
        }
        let asked = Asked {
            caller: Arc::clone(caller),
            question,
            socket,
        };
        // One without an answer is asked again by whoever needs it.
        if self.sender.try_send(asked).is_err() {
            self.lock().remove(&caller.unit);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers questions, one after the other.
///
/// systemd shows the process what it was to write at its start, and a /tmp of its own unless a file
/// is there. When that has changed it ends, and opens nothing: the socket starts it again.
pub(super) fn serve(questions: &Receiver<Asked>, shared: &Shared) {
    let rights = generated::log_directories();
    let mut bus: Option<Connection> = None;
    for Asked {
        caller,
        question,
        socket,
    } in questions
    {
        if generated::log_directories() != rights {
            log::info!("started anew, as the directories of log files have changed");
            let _ = kill(Pid::this(), Signal::SIGTERM);
            return;
        }
        let answer = find(&caller, question, &mut bus).unwrap_or_else(|why| {
            log::debug!("no log file for process {}: {why}", caller.process.pid());
            Answer::Refused(why)
        });
        // Whoever gets nothing is no reason to stay: with a new start it may have other rights.
        if !matches!(answer, Answer::Refused(_)) {
            shared.lock().wanted();
        }
        shared.log_files.lock().remove(&caller.unit);
        // One that has gone needs none.
        let _ = answer.send(socket.as_fd());
    }
}

fn find(
    caller: &Caller,
    question: Question,
    bus: &mut Option<Connection>,
) -> Result<Answer, String> {
    let spec = generated::spec(&caller.unit)?;
    let LogTarget::File { path, .. } = &spec.logging.target else {
        return Err(format!("{} has no log file", caller.unit));
    };
    let path = absolute(path);
    // A server has the user and the control group of its helper, and could empty the file.
    check_main(caller, bus).inspect_err(|_| *bus = None)?;
    let file = open::log_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let found = file.metadata().map_err(|error| error.to_string())?;
    Ok(match question.held == Some(Identity::of(&found)) {
        true => Answer::Same,
        false => Answer::File(file),
    })
}

/// # Errors
/// In words, unless the process is the unit's main process.
fn check_main(caller: &Caller, bus: &mut Option<Connection>) -> Result<(), String> {
    let unit = format!("{}.service", caller.unit);
    let pid = caller.process.pid();
    let main = block_on(async {
        let connection = match bus {
            Some(connection) => connection,
            None => bus.insert(
                connection::Builder::system()
                    .method_timeout(PATIENCE)
                    .build()
                    .await?,
            ),
        };
        systemd::main_pid(connection, &unit).await
    });
    let main = main.map_err(|error| {
        let error = systemd::said(error);
        format!("systemd does not tell the main process of {unit}: {error}")
    })?;
    // It had the number all the time if it runs now.
    caller::is_running(&caller.process)?;
    match u32::try_from(pid) == Ok(main) {
        true => Ok(()),
        false => Err(format!("process {pid} is not the main process of {unit}")),
    }
}
