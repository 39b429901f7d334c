//! SIGHUP: the files are read anew. Services that have not changed keep their helpers and sessions.

use std::time::Instant;

use xinetd_core::translate::PlannedService;

use super::super::change::{Change, Changes};
use super::super::helper::text_of;
use super::super::load::{Loaded, load};
use super::super::service::Supervised;
use super::Supervisor;
use crate::accept::reload::request;
use crate::reconcile::{Done, Operation, Why};
use crate::status::{OK, RELOAD, STOP};

impl Supervisor {
    /// Reads the files again, and serves what they say; what was done.
    ///
    /// # Errors
    /// In words, if nothing was done: as the main file can't be read, or this process is about to end.
    pub(super) fn reload(&mut self, now: Instant) -> Result<Vec<Done>, String> {
        if self.ending.is_some() {
            return Err("xinetd is about to end".to_owned());
        }
        log::info!("Starting reconfiguration");
        self.logs.reopen();
        let loaded = load(&self.invocation, &self.means).inspect_err(|error| {
            log::error!("{error}");
            log::warn!("reconfiguration failed; all services go on as they are");
        })?;
        let Loaded {
            services: new,
            hindered,
            log_format,
        } = loaded;
        self.hindered = hindered;
        if let Some(format) = log_format {
            self.logs.set_format(format);
        }
        let mut done = Vec::new();
        let (before, after) = (self.services.len(), new.len());
        let changes = Changes::between(self.services.values().map(Supervised::planned), new);
        let dropped = changes.gone.len();
        for unit in changes.gone {
            done.push(Done::new(unit.clone(), Operation::Stop, Why::Gone, None));
            if let Some(key) = self.key_of(&unit)
                && !self.take_back(key, None)
            {
                self.retire(key, now);
            }
        }
        let mut readjusted = 0;
        for (planned, change) in changes.kept {
            let Some(key) = self.key_of(&planned.unit) else {
                continue;
            };
            if change != Change::None {
                readjusted += 1;
                log::info!("readjusting service {}", planned.id().to_text());
            }
            let runs = self
                .services
                .get(&key)
                .is_some_and(|one| one.helper().is_some());
            if let Some((step, why)) = told(change, runs) {
                done.push(Done::new(planned.unit.clone(), step, why, None));
            }
            match change {
                // One whose end has begun comes back after it.
                _ if self.take_back(key, Some(&planned)) => {}
                Change::None => self.register(key, now),
                Change::Rebind => {
                    self.unwatch(key);
                    if let Some(service) = self.services.get_mut(&key) {
                        service.rebind(planned, now);
                    }
                }
                Change::Reload | Change::Respawn => {
                    if let Some(service) = self.services.get_mut(&key) {
                        service.replan(planned);
                        service.register(now);
                    }
                    if (change == Change::Respawn || !self.respec(key))
                        && let Some(service) = self.services.get_mut(&key)
                    {
                        service.respawn(now);
                    }
                }
            }
        }
        let added = changes.new.len();
        for planned in changes.new {
            let unit = planned.unit.clone();
            done.push(Done::new(unit, Operation::Start, Why::New, None));
            self.add(Supervised::new(planned, now));
        }
        self.watch_rpcbind();
        log::info!(
            "Reconfigured: new={added} old={} dropped={dropped} (services), of which changed={readjusted}",
            before - dropped
        );
        if after == 0 && !self.invocation.stays {
            log::error!("No available services. Exiting");
            self.end(false, now);
        }
        Ok(done)
    }

    fn key_of(&self, unit: &str) -> Option<u64> {
        let mut services = self.services.iter();
        let found = services.find(|(_, service)| service.planned().unit == unit);
        found.map(|(key, _)| *key)
    }

    /// Has the portmapper, which may be another one by now, know a service that has not changed.
    fn register(&mut self, key: u64, now: Instant) {
        if let Some(service) = self.services.get_mut(&key) {
            service.register(now);
        }
    }

    /// Has a service whose end has begun go on as this after it; false if it has not.
    fn take_back(&mut self, key: u64, planned: Option<&PlannedService>) -> bool {
        let service = self.services.get_mut(&key);
        let Some(parting) = service.and_then(Supervised::parting) else {
            return false;
        };
        parting.successor = planned.cloned();
        true
    }

    /// Ends a service, its sessions included.
    fn retire(&mut self, key: u64, now: Instant) {
        self.stop_accepting(key);
        if let Some(service) = self.services.get_mut(&key) {
            log::info!("service {} deactivated", service.id());
            service.part(now);
        }
    }

    /// Waits for no client of a service any more, here and in its helper.
    pub(super) fn stop_accepting(&mut self, key: u64) {
        self.unwatch(key);
        // One that was stopped answers nothing, and reaps no server.
        if let Some(service) = self.services.get(&key) {
            service.resume();
        }
        // Where it does not answer, its end comes all the same.
        if let Err(error) = self.ask(key, STOP.as_bytes()) {
            log::debug!("the helper does not stop to accept: {error}");
        }
    }

    fn unwatch(&mut self, key: u64) {
        if let Some(service) = self.services.get(&key)
            && let Some(socket) = service.waits_for_client()
            && self.watched.remove(&key)
        {
            // It was added.
            let _ = self.epoll.delete(socket);
        }
    }

    /// Has the helper of a service take its new spec; false if it does not.
    fn respec(&self, key: u64) -> bool {
        let Some(service) = self.services.get(&key).filter(|one| one.helper().is_some()) else {
            return true;
        };
        let spec = text_of(&service.planned().spec).map_err(|error| error.to_string());
        let answer = spec.and_then(|spec| self.ask(key, [RELOAD, &spec].concat().as_bytes()));
        if let Err(error) = &answer {
            log::debug!(
                "service {}: another helper is started, as {error}",
                service.id()
            );
        }
        answer.is_ok()
    }

    /// Asks the helper of a service, if one runs.
    fn ask(&self, key: u64, what: &[u8]) -> Result<(), String> {
        let service = self.services.get(&key);
        let Some((service, pid)) = service.and_then(|service| Some((service, service.helper()?)))
        else {
            return Ok(());
        };
        let directory = self.places.runtime(&service.planned().unit);
        let answer = directory.and_then(|directory| request(&directory, pid, what));
        match answer {
            Ok(answer) if answer == OK => Ok(()),
            Ok(answer) => Err(answer),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// What is told of a service that stays, if it has changed; `runs` is whether it has a helper.
fn told(change: Change, runs: bool) -> Option<(Operation, Why)> {
    match (change, runs) {
        (Change::None, _) => None,
        (Change::Rebind, _) => Some((Operation::Rebind, Why::Socket)),
        (Change::Reload | Change::Respawn, false) => Some((Operation::Keep, Why::Idle)),
        (Change::Respawn, true) => Some((Operation::Respawn, Why::Service)),
        (Change::Reload, true) => Some((Operation::Reload, Why::Settings)),
    }
}
