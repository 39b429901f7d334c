//! What the administrator asks for.

use std::time::Instant;

use xinetd_core::translate::PlannedService;

use super::Supervisor;
use crate::bus::ban_store::BanStore;
use crate::bus::banning;
use crate::bus::client::Bans;
use crate::bus::services;
use crate::protocol::administration::{
    AdminCommand, Answer, Supervised, SupervisedService, digest,
};

/// What is said where there is no coordinator.
const NO_BANS: &str =
    "no bans are kept, as xinetd does not run as root, or its log says why; start it as root";

impl Supervisor {
    /// Answers one request, if one has come.
    pub(super) fn administrate(&mut self, now: Instant) {
        let administration = self.administration.as_mut();
        let Some((client, request)) = administration.and_then(|socket| socket.take(now)) else {
            return;
        };
        client.answer(&self.answer(&request, now));
    }

    fn answer(&mut self, request: &AdminCommand, now: Instant) -> Answer {
        let answer = match request {
            AdminCommand::Services => return Answer::Serves(self.supervised()),
            AdminCommand::Kicked { id, whom } => {
                services::note_kick(id, whom);
                return Answer::Noted;
            }
            AdminCommand::ReopenLog => match self.logs.reopen() {
                Ok(()) => return Answer::Noted,
                Err(error) => Err(error.to_string()),
            },
            AdminCommand::Reload { is_forced } => {
                let done = self.reload(*is_forced, now);
                let ends = self.ending.is_some();
                done.map(|done| Answer::Reloaded { done, ends })
            }
            AdminCommand::ListBans => self.with_bans(|store| {
                let rows = banning::list(store)?;
                let problem = store.problem()?;
                let table_problem = store.table_problem()?;
                Ok(Answer::Bans(Bans {
                    problem,
                    table_problem,
                    rows,
                }))
            }),
            AdminCommand::AddBan { peer, seconds } => {
                self.with_bans(|store| banning::add(store, peer, *seconds).map(Answer::Banned))
            }
            AdminCommand::RemoveBan { peer } => {
                self.with_bans(|store| banning::remove(store, peer).map(|()| Answer::Removed(1)))
            }
            AdminCommand::FlushBans => {
                self.with_bans(|store| Ok(banning::flush(store).map(Answer::Removed)?))
            }
        };
        answer.unwrap_or_else(Answer::Refused)
    }

    /// Does something with the bans.
    fn with_bans(
        &mut self,
        does: impl FnOnce(&mut BanStore) -> Result<Answer, banning::BanError>,
    ) -> Result<Answer, String> {
        let coordinator = self.coordinator.as_mut().ok_or(NO_BANS)?;
        does(coordinator.bans()).map_err(|error| error.to_string())
    }

    /// What is served. A service that a reload has taken away is not, while its sessions end.
    fn supervised(&self) -> Supervised {
        let served = self.services.values().filter(|one| !one.is_going());
        let served = served.map(|one| SupervisedService {
            runs: one.helper().is_some(),
            listens: one.is_served(),
            trouble: one.trouble(),
            ..self.silent(one.planned())
        });
        let hindered = self.unserved.hindered.iter().map(|one| SupervisedService {
            trouble: Some(one.why.clone()),
            ..self.silent(&one.planned)
        });
        Supervised {
            main: self.invocation.main.clone(),
            has_inetd: self.invocation.has_inetd,
            has_coordinator: self.coordinator.is_some(),
            mux: self.means.mux.directory().to_owned(),
            unread: self.unread.clone(),
            services: served.chain(hindered).collect(),
        }
    }

    /// A service that does not listen.
    fn silent(&self, planned: &PlannedService) -> SupervisedService {
        SupervisedService {
            id: planned.id().to_text(),
            unit: planned.unit.clone(),
            file: planned.place().file.display().to_string(),
            source: planned.place().to_string(),
            runtime: self.places.runtime_path(&planned.unit),
            runs: false,
            listens: false,
            trouble: None,
            digest: digest(planned),
        }
    }
}
