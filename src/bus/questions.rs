//! What helpers ask for: the table of bans and log files, each passed as a descriptor.
//!
//! systemd and disks may be slow, so that the thread of the helpers' socket answers none of it: one
//! thread makes sure that the caller is a helper, another one opens log files.

use std::collections::{HashMap, HashSet};
use std::mem::{Discriminant, discriminant};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::protocol::bans::TABLE_REQUEST;
use crate::protocol::log_file::{LogFileReply, LogFileRequest};

use super::caller::Caller;
use super::mains::{self, Mains};

/// Questions that wait: more than there are services.
const ROOM: usize = 4096;
/// Processes of one unit whose questions wait while it is not known yet which of them is its helper.
const CROWD: usize = 32;

/// What a helper wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// The table of bans.
    Table,
    /// The log file of its service.
    LogFile(LogFileRequest),
}

impl Request {
    /// The one in a packet, if there is one.
    pub(super) fn decode(packet: &[u8]) -> Option<Self> {
        match packet == TABLE_REQUEST.as_bytes() {
            true => Some(Self::Table),
            false => LogFileRequest::decode(packet).map(Self::LogFile),
        }
    }
}

/// A question, and where its answer goes.
pub(super) struct PendingRequest<T> {
    pub(super) caller: Arc<Caller>,
    pub(super) wants: T,
    pub(super) socket: OwnedFd,
}

/// A process, and what it has asked for.
type Waiting = (i32, Discriminant<Request>);

/// The way to the thread that answers.
pub(super) struct Questions {
    sender: SyncSender<PendingRequest<Request>>,
    mains: Mains,
    /// The processes of each unit with a question that waits.
    waiting: Mutex<HashMap<String, HashSet<Waiting>>>,
}

impl Questions {
    /// The way, and its other end.
    pub(super) fn new() -> (Self, Receiver<PendingRequest<Request>>) {
        let (sender, receiver) = sync_channel(ROOM);
        let this = Self {
            sender,
            mains: Mains::default(),
            waiting: Mutex::default(),
        };
        (this, receiver)
    }

    /// Has a question answered; never waits. False if the caller is known not to be a helper.
    pub(super) fn ask(&self, asked: PendingRequest<Request>) -> bool {
        if self.mains.known(&asked.caller) == Some(false) {
            refuse(&asked.socket, mains::not_main(&asked.caller));
            return false;
        }
        let (unit, key) = (asked.caller.unit.clone(), key(&asked));
        let mut waiting = self.lock();
        let questions = waiting.entry(unit.clone()).or_default();
        // One without an answer is asked again by the helper that needs it. Servers take no place of a
        // process that is known to be their helper.
        if (questions.len() < CROWD || asked.caller.is_helper)
            && !questions.contains(&key)
            && self.sender.try_send(asked).is_ok()
        {
            questions.insert(key);
        }
        if questions.is_empty() {
            waiting.remove(&unit);
        }
        true
    }

    /// Which callers are the helpers of their units.
    pub(super) fn mains(&self) -> &Mains {
        &self.mains
    }

    /// Whether a caller is its unit's helper. Where its uids do not show it, as with `User=` in a
    /// drop-in, systemd is asked, once for each helper.
    pub(super) fn is_helper(&self, caller: &Arc<Caller>) -> bool {
        if caller.is_helper {
            return true;
        }
        if self.mains.known(caller).is_none()
            && let Err(error) = self.mains.learn(std::iter::once(caller))
        {
            log::warn!("{error}");
        }
        self.mains.known(caller) == Some(true)
    }

    /// Makes room for another question of that process.
    pub(super) fn taken(&self, asked: &PendingRequest<Request>) {
        let mut waiting = self.lock();
        if let Some(questions) = waiting.get_mut(&asked.caller.unit) {
            questions.remove(&key(asked));
            if questions.is_empty() {
                waiting.remove(&asked.caller.unit);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashSet<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(asked: &PendingRequest<Request>) -> Waiting {
    (asked.caller.process.pid(), discriminant(&asked.wants))
}

/// Tells why there is no answer.
pub(super) fn refuse(socket: &OwnedFd, why: String) {
    let _ = LogFileReply::Refused(why).send(socket.as_fd());
}
