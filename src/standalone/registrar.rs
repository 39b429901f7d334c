//! The portmapper: an RPC service is registered for as long as it listens.
//!
//! The helper's program sees to it in a process of its own, as under systemd: it waits for an rpcbind that is not
//! there.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use xinetd_core::portmap::RpcService;

use super::helper;
use super::places::Places;
use crate::sys::process::Process;

/// When a process that could not be started is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// How long the portmapper may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the portmapper knows of a service, and what it is to know.
#[derive(Debug, Default)]
pub(super) struct Registrar {
    /// What it is to know.
    wanted: Option<RpcService>,
    /// What it may know.
    told: Option<RpcService>,
    /// The process that tells it something.
    running: Option<(Duty, Process)>,
    /// When the portmapper was to know the service.
    since: Option<Instant>,
    /// When the next process is started, where one is to be.
    due: Option<Instant>,
}

/// What a process tells the portmapper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Duty {
    Register,
    Unregister,
}

impl Duty {
    /// The option of the helper's program for it.
    fn option(self) -> &'static str {
        match self {
            Self::Register => "--rpc-register",
            Self::Unregister => "--rpc-unregister",
        }
    }
}

impl Registrar {
    /// Has the service registered, once more if the portmapper was told of it already: it may be another one by now.
    pub(super) fn open(&mut self, service: RpcService, now: Instant) {
        if self.told.as_ref() == Some(&service) {
            self.told = None;
        }
        self.want(Some(service), now);
    }

    /// Has what was registered removed.
    pub(super) fn close(&mut self, now: Instant) {
        self.want(None, now);
    }

    fn want(&mut self, wanted: Option<RpcService>, now: Instant) {
        self.since = wanted.is_some().then_some(now);
        self.wanted = wanted;
        // It may wait for rpcbind without end.
        if let Some((Duty::Register, process)) = &self.running {
            // It may have ended just now.
            let _ = process.kill(Signal::SIGKILL);
            self.running = None;
        }
        self.plan(now);
    }

    fn plan(&mut self, at: Instant) {
        let is_free = self.running.is_none();
        self.due = (is_free && self.step().is_some()).then_some(at);
    }

    /// What is to be done next.
    fn step(&self) -> Option<(Duty, &RpcService)> {
        match (&self.told, &self.wanted) {
            (Some(told), wanted) if wanted.as_ref() != Some(told) => Some((Duty::Unregister, told)),
            (None, Some(wanted)) => Some((Duty::Register, wanted)),
            _ => None,
        }
    }

    /// Whether there is nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_none() && self.step().is_none()
    }

    /// Whether the portmapper does not know the service yet, though it has had time for it.
    pub(super) fn is_late(&self) -> bool {
        let is_at_it = matches!(self.running, Some((Duty::Register, _)));
        is_at_it && self.since.is_some_and(|since| since.elapsed() > PATIENCE)
    }

    /// The number of the process that is at it.
    pub(super) fn process(&self) -> Option<i32> {
        self.running.as_ref().map(|(_, process)| process.pid())
    }

    /// A process has ended, which may be the one that was at it.
    pub(super) fn ended(&mut self, pid: i32, now: Instant) {
        if self.process() == Some(pid) {
            self.running = None;
            self.plan(now);
        }
    }

    /// When there is something to do, if nothing happens until then.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Does what is due.
    pub(super) fn expire(&mut self, places: &Places, now: Instant) {
        let (true, Some((duty, service))) = (self.due.is_some_and(|due| now >= due), self.step())
        else {
            return;
        };
        let words = [vec![duty.option().to_owned()], service.words()].concat();
        let started = helper::run(&words, places).inspect_err(|error| {
            log::error!("service {}: rpcbind is not told: {error}", service.id);
        });
        match (duty, started) {
            (Duty::Register, Err(_)) => return self.plan(now + RETRY),
            (Duty::Register, Ok(process)) => {
                self.told = self.wanted.clone();
                self.running = Some((duty, process));
            }
            // Where it fails, the end of the service does not wait for it.
            (Duty::Unregister, started) => {
                self.told = None;
                self.running = started.ok().map(|process| (duty, process));
            }
        }
        self.plan(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(version: u32) -> RpcService {
        RpcService {
            id: "x".to_owned(),
            program: 300_000,
            versions: (1, version),
            endpoints: Vec::new(),
        }
    }

    /// Does the next step as if its process had ended at once.
    fn step(registrar: &mut Registrar) -> Option<(Duty, u32)> {
        let (duty, service) = registrar.step()?;
        let done = (duty, service.versions.1);
        registrar.told = match duty {
            Duty::Register => registrar.wanted.clone(),
            Duty::Unregister => None,
        };
        Some(done)
    }

    #[test]
    fn what_was_registered_is_removed_before_something_else_is_registered() {
        let now = Instant::now();
        let mut registrar = Registrar::default();
        registrar.close(now);
        assert!(registrar.is_idle() && registrar.due().is_none());
        registrar.open(service(1), now);
        assert_eq!(registrar.due(), Some(now));
        assert_eq!(step(&mut registrar), Some((Duty::Register, 1)));
        assert!(registrar.is_idle());
        registrar.open(service(1), now);
        assert_eq!(step(&mut registrar), Some((Duty::Register, 1)), "once more");
        registrar.open(service(2), now);
        assert_eq!(step(&mut registrar), Some((Duty::Unregister, 1)));
        assert_eq!(step(&mut registrar), Some((Duty::Register, 2)));
        registrar.close(now);
        assert_eq!(step(&mut registrar), Some((Duty::Unregister, 2)));
        assert_eq!(step(&mut registrar), None);
    }
}
