//! What threads beside the loop have found out, and how the loop hears of it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Answers on their way from threads to the loop.
pub(super) struct Mailbox<T> {
    answers: Mutex<Vec<T>>,
    arrived: EventFd,
}

impl<T> Mailbox<T> {
    /// An empty one.
    ///
    /// # Errors
    /// If there is no descriptor for the eventfd.
    pub(super) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Self {
            answers: Mutex::default(),
            arrived: EventFd::from_flags(flags)?,
        })
    }

    /// Becomes readable when there is something to [`take`](Self::take).
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.arrived.as_fd()
    }

    /// Puts an answer in, from any thread.
    pub(super) fn put(&self, answer: T) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.push(answer);
        drop(answers);
        // It fails only where the counter is full: then the loop knows already.
        let _ = self.arrived.write(1);
    }

    /// The answers since the last call.
    pub(super) fn take(&self) -> Vec<T> {
        // Nothing to read is no error: an earlier call had the answers.
        let _ = self.arrived.read();
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut answers)
    }
}
