//! The bans in a file, where /etc/xinetd-bridge.toml names one. A child of the supervisor writes it, so that a disk that
//! hangs holds no service up.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

use crate::bus::ban_store::BanStore;
use crate::bus::saved;
use crate::sys::fork::go_on_in_child;

/// Changes of this time are written together.
const INTERVAL: Duration = Duration::from_secs(1);

/// When a disk that does not take them is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// How long the end of the supervisor waits for the disk.
const LAST: Duration = Duration::from_secs(2);

/// The file, and what writes it.
#[derive(Debug)]
pub(super) struct Saver {
    path: PathBuf,
    /// What the child says that writes; its end comes with the child's.
    writer: Option<File>,
    /// Before that nothing is written.
    next: Instant,
}

impl Saver {
    /// Keeps the bans in this file.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            writer: None,
            next: Instant::now(),
        }
    }

    /// When there is something to do; that may be past.
    pub(super) fn due(&self, store: &BanStore) -> Option<Instant> {
        let wants = self.writer.is_some() || store.is_unsaved();
        wants.then_some(self.next)
    }

    /// Does what is due: looks what has become of the last writing, and begins the next.
    pub(super) fn turn(&mut self, store: &mut BanStore, now: Instant) {
        if self.due(store).is_none_or(|due| now < due) {
            return;
        }
        self.next = now + INTERVAL;
        match self.outcome() {
            None => {}
            Some(Err(why)) => self.failed(&why, store, now),
            Some(Ok(())) if store.is_unsaved() => self.begin(store, now),
            Some(Ok(())) => {}
        }
    }

    /// Writes once more what there is, and waits for the disk a moment.
    pub(super) fn finish(&mut self, store: &mut BanStore) {
        let deadline = Instant::now() + LAST;
        // What a child of before could not write is written now.
        let _ = self.await_outcome(deadline);
        if self.writer.is_none() {
            self.begin(store, Instant::now());
            if let Err(why) = self.await_outcome(deadline) {
                self.failed(&why, store, Instant::now());
            }
        }
    }

    fn await_outcome(&mut self, deadline: Instant) -> Result<(), String> {
        if let Some(writer) = &self.writer {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(writer.as_fd(), PollFlags::POLLIN)];
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            poll(&mut fds, timeout).map_err(|errno| errno.to_string())?;
        }
        let outcome = self.outcome();
        outcome.unwrap_or_else(|| Err("the disk takes too long".to_owned()))
    }

    /// What has become of the last writing; none while the child goes on.
    fn outcome(&mut self) -> Option<Result<(), String>> {
        let Some(writer) = &mut self.writer else {
            return Some(Ok(()));
        };
        let mut said = [0; 512];
        let said = match writer.read(&mut said) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(error) => error.to_string(),
            Ok(0) => "the process that writes it was killed".to_owned(),
            Ok(length) => String::from_utf8_lossy(&said[..length]).into_owned(),
        };
        self.writer = None;
        Some(match said == DONE {
            true => Ok(()),
            false => Err(said),
        })
    }

    fn failed(&mut self, why: &str, store: &mut BanStore, now: Instant) {
        let path = self.path.display();
        log::error!("{path}: {why}; the bans would not outlive this container or machine");
        store.save_again();
        self.next = now + RETRY;
    }

    fn begin(&mut self, store: &mut BanStore, now: Instant) {
        let begun = store
            .take_text()
            .and_then(|text| write(&self.path, &text).map_err(|error| error.to_string()));
        match begun {
            Ok(writer) => self.writer = Some(writer),
            Err(why) => self.failed(&why, store, now),
        }
    }
}

/// What the child says when the file is written.
const DONE: &str = "done";

/// Has a child write the file.
fn write(path: &Path, text: &str) -> io::Result<File> {
    let (says, says_here) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    go_on_in_child(&[says_here.as_raw_fd()], None, || {
        let said = match saved::write(path, text) {
            Ok(()) => DONE.to_owned(),
            Err(error) => error.to_string(),
        };
        // Where that fails the supervisor hears nothing, and writes again.
        let _ = File::from(says_here).write_all(said.as_bytes());
    })?;
    Ok(File::from(says))
}
