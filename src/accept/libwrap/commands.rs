//! Commands that rules run beside the service (`spawn` in hosts_options(5)).

use std::ffi::CString;
use std::fs::OpenOptions;
use std::os::fd::AsFd;

use nix::sys::epoll::EpollFlags;
use nix::sys::prctl::get_no_new_privs;

use crate::sys::process::Process;
use crate::sys::spawn::SpawnError;

use xinetd_core::admission::Changes;

use super::super::clock::Moment;
use super::super::helper::Helper;
use super::super::reactor::Owner;
use super::super::settings::Work;
use super::super::slab::{Key, Slab};

/// How many run at once at most: clients decide how often a rule matches.
pub(super) const MAX_COMMANDS: usize = 32;

/// The commands that run.
#[derive(Debug, Default)]
pub(in crate::accept) struct Commands(Slab<Process>);

impl Commands {
    /// How many run.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none runs.
    pub(in crate::accept) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Helper {
    /// Runs a shell command as the service's user, with nothing to read or write, and does not wait
    /// for it.
    pub(in crate::accept) fn run_command(&mut self, changes: &Changes, now: Moment) {
        if self.wrap.commands.len() >= MAX_COMMANDS {
            let why = format!("{MAX_COMMANDS} of them run already");
            return self.command_failed(&why, now);
        }
        let null = OpenOptions::new().read(true).write(true).open("/dev/null");
        let null = match null {
            Ok(null) => null,
            Err(error) => return self.command_failed(&error, now),
        };
        let Some(mut launcher) = self.launcher(changes) else {
            return;
        };
        let process = match launcher.spawn(null.as_fd(), &[] as &[&std::ffi::CStr]) {
            Ok(process) => process,
            Err(SpawnError::Fork(errno) | SpawnError::Exec(errno)) => {
                return self.command_failed(&errno.desc(), now);
            }
        };
        if let Ok(key) = self.wrap.commands.0.insert(process) {
            let commands = &mut self.wrap.commands.0;
            let watched = commands.get_mut(key).map(|process| {
                let token = Owner::Command.of(key);
                self.reactor
                    .add(process.pidfd(), token, EpollFlags::EPOLLIN)
            });
            if !matches!(watched, Some(Ok(()))) {
                // The loop would not hear of its end: the kernel has no memory left.
                drop(commands.remove(key));
            }
        }
    }

    /// Says that a command is bound by the sandbox of a helper that runs no server: the generator
    /// leaves it away where it sees rules with commands, so that this one has come later.
    pub(in crate::accept) fn remark_sandbox(&mut self, now: Moment) {
        let runs_servers = matches!(self.settings.work, Work::Execute(_) | Work::Wait(_));
        if !runs_servers && get_no_new_privs() == Ok(true) && self.report.admits_remark(now) {
            let id = self.settings.spec.id.to_text();
            log::warn!(
                "{id}: a command of hosts.allow or hosts.deny runs in the unit's sandbox, since it is newer \
                 than the unit; run systemctl daemon-reload"
            );
        }
    }

    fn command_failed(&mut self, why: &dyn std::fmt::Display, now: Moment) {
        if self.report.admits_remark(now) {
            let id = self.settings.spec.id.to_text();
            log::warn!("{id}: a command of hosts.allow or hosts.deny is not run: {why}");
        }
    }

    /// A command has ended, perhaps.
    pub(in crate::accept) fn command_ended(&mut self, key: Key) {
        let process = self.wrap.commands.0.get_mut(key);
        // It is reaped here; how it ended is not looked at, as in the C library.
        if process.is_some_and(|process| !matches!(process.ended(), Ok(None))) {
            drop(self.wrap.commands.0.remove(key));
        }
    }
}

/// `/bin/sh -c COMMAND`.
pub(super) fn shell(command: CString) -> (CString, Vec<CString>) {
    (c"/bin/sh".into(), vec![c"sh".into(), c"-c".into(), command])
}
