//! SIGHUP: the files are read anew. Services that have not changed keep their helpers and sessions.

use std::time::{Duration, Instant};

use xinetd_core::translate::PlannedService;

use super::super::change::{Change, Changes};
use super::super::helper::text_of;
use super::super::load::{Hindered, Loaded, Occasion, load};
use super::super::service::Supervised;
use super::Supervisor;
use super::requests::{HelperRequest, ask_all};
use crate::accept::reload::PATIENCE;
use crate::protocol::process_limit::ProcessLimit;
use crate::reconcile::{Done, Operation, Why};
use crate::status::{RELOAD, STOP};

/// How long a helper that is to end may take to stop accepting: then it is ended all the same.
const LAST_WORD: Duration = Duration::from_secs(1);

impl Supervisor {
    /// Reads the files again, and serves what they say; what was done. `is_forced` is whether it is to be done although
    /// restrictions may get lost by what can't be read any more.
    ///
    /// # Errors
    /// In words, if nothing was done: as the main file or what may restrict can't be read, or this process is about to
    /// end.
    pub(super) fn reload(&mut self, is_forced: bool, now: Instant) -> Result<Vec<Done>, String> {
        if self.ending.is_some() {
            return Err("xinetd is about to end".to_owned());
        }
        log::info!("Starting reconfiguration");
        // What fails is in the log.
        let _ = self.logs.reopen();
        let occasion = match is_forced {
            true => Occasion::Serve,
            false => Occasion::Reload(&self.unread),
        };
        let loaded = load(&self.invocation, &self.means, occasion).inspect_err(|error| {
            log::error!("{error}");
            log::warn!("reconfiguration failed; all services go on as they are");
        })?;
        let Loaded {
            services: mut new,
            mut unserved,
            unread,
            log_format,
        } = loaded;
        let hindered = std::mem::take(&mut unserved.hindered).into_iter();
        let (going_on, hindered): (Vec<_>, _) = hindered.partition(|one| self.goes_on(one));
        for Hindered { planned, .. } in going_on {
            log::warn!(
                "service {} goes on as it was: its clients get no server until that is back",
                planned.id().to_text()
            );
            new.push(planned);
        }
        unserved.hindered = hindered;
        self.unserved = unserved;
        self.unread = unread;
        self.mend_sockets(now);
        if let Some(format) = log_format {
            self.logs.set_format(format);
        }
        let mut done = Vec::new();
        let (before, after) = (self.services.len(), new.len());
        let changes = Changes::between(self.services.values().map(Supervised::planned), new);
        let dropped = changes.gone.len();
        let mut gone = Vec::new();
        for unit in changes.gone {
            done.push(Done::new(unit.clone(), Operation::Stop, Why::Gone, None));
            if let Some(key) = self.key_of(&unit)
                && !self.take_back(key, None)
            {
                gone.push(key);
            }
        }
        self.retire(&gone, now);
        let mut readjusted = 0;
        let (mut unbound, mut respecified) = (Vec::new(), Vec::new());
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
                        service.unbind(planned, now);
                        unbound.push(key);
                    }
                }
                Change::Reload | Change::Respawn => {
                    if let Some(service) = self.services.get_mut(&key) {
                        service.replan(planned);
                        service.register(now);
                        match change {
                            Change::Respawn => service.respawn(now),
                            _ => respecified.push(key),
                        }
                    }
                }
            }
        }
        // Two services may have changed places.
        self.bind(&unbound, now);
        self.respec(&respecified, now);
        let added = changes.new.len();
        for planned in changes.new {
            let unit = planned.unit.clone();
            done.push(Done::new(unit, Operation::Start, Why::New, None));
            let row = self.limit.as_ref().map(ProcessLimit::row);
            self.add(Supervised::new(planned, row, now));
        }
        self.watch_rpcbind();
        log::info!(
            "Reconfigured: new={added} old={} dropped={dropped} (services), of which changed={readjusted}",
            before - dropped
        );
        if after == 0 && !self.invocation.stays {
            log::error!(
                "No available services. Exiting: the files have none that is switched on and can be served, and neither \
                 -stayalive nor -dontfork is given"
            );
            self.end(false, now);
        }
        Ok(done)
    }

    /// Whether a service that can't be served now is served, and has not changed: only its server is missing, as for a
    /// moment while a package replaces it.
    fn goes_on(&self, hindered: &Hindered) -> bool {
        let planned = &hindered.planned;
        let mut services = self.services.values().map(Supervised::planned);
        let before = services.find(|before| before.unit == planned.unit);
        hindered.lacks_server
            && before.is_some_and(|before| Change::between(before, planned) == Change::None)
    }

    /// Gives services whose sockets were shut down by a process that has them too another one each.
    pub(super) fn mend_sockets(&mut self, now: Instant) {
        let shut = self.services.iter().filter(|(_, one)| one.is_shut());
        let shut: Vec<u64> = shut.map(|(key, _)| *key).collect();
        for &key in &shut {
            self.unwatch(key);
            if let Some(service) = self.services.get_mut(&key) {
                let id = service.id();
                log::error!(
                    "service {id}: a server has shut its socket down; another one takes its place"
                );
                service.unbind(service.planned().clone(), now);
            }
        }
        self.bind(&shut, now);
    }

    fn bind(&mut self, keys: &[u64], now: Instant) {
        for key in keys {
            if let Some(service) = self.services.get_mut(key) {
                service.bind(now);
            }
        }
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

    /// Ends services, their sessions included.
    fn retire(&mut self, keys: &[u64], now: Instant) {
        self.stop_accepting(keys);
        for key in keys {
            if let Some(service) = self.services.get_mut(key) {
                log::info!("service {} deactivated", service.id());
                service.part(now);
            }
        }
    }

    /// Waits for no client of these services any more, here and in their helpers.
    pub(super) fn stop_accepting(&mut self, keys: &[u64]) {
        for key in keys {
            self.unwatch(*key);
            if let Some(service) = self.services.get(key) {
                service.resume();
            }
        }
        let requests = keys.iter().map(|&key| (key, STOP.as_bytes().to_vec()));
        // Where one does not answer, its end comes all the same.
        for (_, error) in self.ask(requests.collect(), LAST_WORD) {
            log::debug!("a helper does not stop to accept: {error}");
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

    /// Has the helpers of services take their new specs; one that does not is followed by another.
    fn respec(&mut self, keys: &[u64], now: Instant) {
        let mut requests = Vec::new();
        let mut failed = Vec::new();
        for &key in keys {
            let Some(service) = self.services.get(&key) else {
                continue;
            };
            match text_of(&service.planned().spec) {
                Ok(spec) => requests.push((key, [RELOAD, &spec].concat().into_bytes())),
                Err(error) => failed.push((key, error.to_string())),
            }
        }
        failed.extend(self.ask(requests, PATIENCE));
        for (key, error) in failed {
            if let Some(service) = self.services.get_mut(&key) {
                let id = service.id();
                log::debug!("service {id}: another helper is started, as {error}");
                service.respawn(now);
            }
        }
    }

    /// Asks the helpers of these services, as far as they run. Those that have not done it in time, and why.
    fn ask(&self, requests: Vec<(u64, Vec<u8>)>, patience: Duration) -> Vec<(u64, String)> {
        let requests = requests.into_iter().filter_map(|(key, what)| {
            let service = self.services.get(&key)?;
            Some(HelperRequest {
                key,
                helper: service.helper()?,
                directory: self.places.runtime(&service.planned().unit),
                what,
            })
        });
        ask_all(&requests.collect::<Vec<_>>(), patience)
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
