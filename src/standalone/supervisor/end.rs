//! The end of the supervisor, and of services that a reload has taken away.

use std::collections::HashSet;
use std::time::Instant;

use nix::unistd::Pid;

use super::super::processes::{Farewell, Processes, ROUND};
use super::super::service::Supervised;
use super::Supervisor;

/// The end of the supervisor.
#[derive(Debug)]
pub(super) struct Shutdown {
    /// The end of all servers; none where they go on without it (SIGQUIT).
    farewell: Option<Farewell>,
}

impl Supervisor {
    /// Begins the end; `with_servers` if no server goes on.
    pub(super) fn end(&mut self, with_servers: bool, now: Instant) {
        if self.ending.is_some() {
            return;
        }
        log::warn!("Exiting...");
        let keys: Vec<u64> = self.services.keys().copied().collect();
        if with_servers {
            self.stop_accepting(&keys);
        }
        for key in keys {
            if let Some(service) = self.services.get_mut(&key) {
                service.part(now);
                if !with_servers {
                    service.end_helper(now);
                }
            }
        }
        self.ending = Some(Shutdown {
            farewell: with_servers.then(|| Farewell::new(now)),
        });
    }

    /// Whether there are servers that are to end.
    pub(super) fn is_ending_servers(&self) -> bool {
        match &self.ending {
            Some(Shutdown { farewell }) => farewell.is_some(),
            None => self.services.values().any(Supervised::is_parting),
        }
    }

    /// Goes on with the end of servers and services; whether all is over.
    pub(super) fn part(&mut self, now: Instant) -> bool {
        if now >= self.next_round && self.is_ending_servers() {
            self.next_round = now + ROUND;
            self.end_servers(now);
        }
        let keys: Vec<u64> = self.services.keys().copied().collect();
        for key in keys {
            if self.services.get(&key).is_some_and(Supervised::has_parted) {
                self.watched.remove(&key);
                let after = self
                    .services
                    .remove(&key)
                    .and_then(|service| service.after_parting(now));
                if let Some(after) = after {
                    self.add(after);
                }
            }
        }
        match &self.ending {
            None => false,
            Some(Shutdown { farewell }) => farewell.is_none() && self.services.is_empty(),
        }
    }

    /// Signals the servers of services that end; a helper has to go when its last server has gone.
    fn end_servers(&mut self, now: Instant) {
        // Without /proc no server is found: those go with their helpers' sessions, or with process 1.
        let processes = Processes::now().unwrap_or_default();
        let own_processes: HashSet<i32> = self
            .services
            .values()
            .flat_map(Supervised::processes)
            .collect();
        for service in self.services.values_mut() {
            let Some(helper) = service.helper() else {
                continue;
            };
            let Some(parting) = service.parting() else {
                continue;
            };
            let servers = processes.below(&[helper], &HashSet::new(), false);
            parting.farewell.round(&servers, now);
            if servers.is_empty() {
                service.end_helper(now);
            }
        }
        // What servers and dead helpers have left behind is this process's own child.
        if let Some(ending) = &mut self.ending
            && let Some(farewell) = &mut ending.farewell
        {
            let own = Pid::this().as_raw();
            let spared: HashSet<i32> = self.spared.union(&own_processes).copied().collect();
            let left = processes.below(&[own], &spared, true);
            farewell.round(&left, now);
            if left.is_empty() && own_processes.is_empty() {
                ending.farewell = None;
            }
        }
    }
}
