//! Commands that rules run beside the service (`spawn` in hosts_options(5)).

use std::ffi::{CStr, CString};
use std::fs::OpenOptions;
use std::os::fd::AsFd;

use nix::sys::epoll::EpollFlags;

use crate::sys::process::Process;
use crate::sys::spawn::{Launcher, SpawnError};

use super::super::reactor::{Owner, Reactor};
use super::super::slab::{Key, Slab};

/// How many run at once at most: clients decide how often a rule matches.
const MAX_COMMANDS: usize = 32;

/// The commands that run.
#[derive(Debug, Default)]
pub(in crate::accept) struct Commands(Slab<Process>);

impl Commands {
    /// Whether none runs.
    pub(in crate::accept) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The processes that run.
    pub(in crate::accept) fn processes(&self) -> impl Iterator<Item = i32> {
        self.0.iter().map(|(_, process)| process.pid())
    }

    /// Runs one more, with /dev/null as its standard input and outputs, and does not wait for it.
    ///
    /// # Errors
    /// In words, if too many run, or if it can't be executed.
    pub(in crate::accept) fn run(
        &mut self,
        launcher: &mut Launcher,
        reactor: &Reactor,
    ) -> Result<(), String> {
        if self.0.len() >= MAX_COMMANDS {
            return Err(format!("{MAX_COMMANDS} of them run already"));
        }
        let null = OpenOptions::new().read(true).write(true).open("/dev/null");
        let null = null.map_err(|error| error.to_string())?;
        let spawned = launcher.spawn(null.as_fd(), &[] as &[&CStr]);
        let process = spawned.map_err(|error| match error {
            SpawnError::Fork(errno) | SpawnError::Exec(errno) => errno.desc().to_owned(),
        })?;
        if let Ok(key) = self.0.insert(process) {
            let watched = self.0.get_mut(key).map(|process| {
                reactor.add(process.pidfd(), Owner::Command.of(key), EpollFlags::EPOLLIN)
            });
            if !matches!(watched, Some(Ok(()))) {
                drop(self.0.remove(key));
            }
        }
        Ok(())
    }

    /// One may have ended.
    pub(in crate::accept) fn ended(&mut self, key: Key) {
        let process = self.0.get_mut(key);
        if process.is_some_and(|process| !matches!(process.ended(), Ok(None))) {
            drop(self.0.remove(key));
        }
    }
}

/// `/bin/sh -c COMMAND`.
pub(in crate::accept) fn shell(command: CString) -> (CString, Vec<CString>) {
    (c"/bin/sh".into(), vec![c"sh".into(), c"-c".into(), command])
}
