//! Signals, and what children tell and leave.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use super::super::notice::Notice;
use super::super::service::Supervised;
use super::{BATCH, Supervisor};
use crate::sys::handover::{Message, receive_message};
use crate::sys::process::Ended;

impl Supervisor {
    /// Does what signals ask for.
    pub(super) fn take_signals(&mut self, now: Instant) {
        while let Ok(Some(info)) = self.signals.read_signal() {
            let number = i32::try_from(info.ssi_signo).unwrap_or_default();
            let Ok(signal) = Signal::try_from(number) else {
                continue;
            };
            match signal {
                Signal::SIGCHLD => self.reap(now),
                Signal::SIGHUP | Signal::SIGUSR2 => {
                    // What came of it is in the log.
                    let _ = self.reload(false, now);
                }
                Signal::SIGUSR1 => self.dump(),
                Signal::SIGABRT => self.check(),
                Signal::SIGTERM => self.end(true, now),
                Signal::SIGQUIT => self.end(false, now),
                // Of a terminal; xinetd in the background ignores it.
                Signal::SIGINT if self.invocation.is_foreground => self.end(true, now),
                _ => {}
            }
        }
        // The last one may have been lost in a burst of them, as each is queued once.
        self.reap(now);
    }

    /// Takes note of ended helpers, and reaps all other children: those that servers have left behind.
    fn reap(&mut self, now: Instant) {
        let ended = self.services.iter();
        let ended = ended.filter_map(|(&key, service)| Some((key, service.reap()?)));
        for (key, how) in ended.collect::<Vec<_>>() {
            self.helper_ended(key, how, now);
        }
        loop {
            let (pid, how) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, status)) => (pid, Ended::Exited(status)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Ended::Killed(signal as i32)),
                // It was killed by a signal that has no name, and is reaped.
                Err(Errno::EINVAL) => continue,
                Ok(_) | Err(_) => return,
            };
            match with_helper(&self.services, pid.as_raw()) {
                Some((key, _)) => self.helper_ended(key, how, now),
                None => {
                    let services = self.services.values_mut();
                    services.for_each(|service| service.other_ended(pid.as_raw(), now));
                }
            }
            self.spared.remove(&pid.as_raw());
        }
    }

    fn helper_ended(&mut self, key: u64, how: Ended, now: Instant) {
        // What it told last counts.
        self.hear(now);
        if let Some(service) = self.services.get_mut(&key) {
            service.ended(how, now);
        }
    }

    /// Reads what helpers tell. Only a helper itself is heard (`NotifyAccess=main`).
    pub(super) fn hear(&mut self, now: Instant) {
        let mut bytes = [0; 4096];
        for _ in 0..BATCH {
            let received = receive_message(self.notify.as_fd(), &mut bytes);
            let Message {
                length,
                mut descriptors,
                sender,
            } = match received {
                Ok(message) => message,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => continue,
            };
            let found = sender.and_then(|pid| with_helper(&self.services, pid));
            let key = found.map(|(key, _)| key);
            if let Some(service) = key.and_then(|key| self.services.get_mut(&key)) {
                let notice = Notice::parse(&bytes[..length]);
                service.hear(notice, descriptors.pop(), now);
            }
        }
    }
}

/// The service whose helper this process is, and its key.
pub(super) fn with_helper(
    services: &BTreeMap<u64, Supervised>,
    pid: i32,
) -> Option<(u64, &Supervised)> {
    let mut services = services.iter();
    let found = services.find(|(_, service)| service.helper() == Some(pid));
    found.map(|(key, service)| (*key, service))
}
