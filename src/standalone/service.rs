//! A service: its socket, its helper, and what that has left for its successor.

mod parting;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use xinetd_core::spec::Task;
use xinetd_core::translate::PlannedService;

use super::bind::{Listener, bind};
use super::helper;
use super::life::{After, Due, Life, Phase, pause};
use super::load::missing_server;
use super::notice::Notice;
use super::places::Places;
use super::registrar::Registrar;
use crate::protocol::process_limit::Row;
use crate::reconcile::Trouble;
use crate::sys::process::{Ended, Process};
use parting::Parting;

/// When a socket that could not be bound is tried again: after twice as long each time, up to the second.
const REBIND: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// A service, with its socket and its helper.
#[derive(Debug)]
pub(super) struct Supervised {
    planned: PlannedService,
    socket: Result<Listener, Unbound>,
    life: Life,
    helper: Option<Process>,
    stored: Option<(String, OwnedFd)>,
    status: String,
    /// What tells the portmapper of an RPC service.
    registrar: Registrar,
    /// Whether the helper that runs makes room for another one.
    makes_room: bool,
    parting: Option<Parting>,
    /// Its row in the table of `-limit`, where that is given.
    row: Option<Row>,
}

/// A socket that could not be bound.
#[derive(Debug, Default)]
struct Unbound {
    tries: u32,
    next: Option<Instant>,
    why: String,
}

impl Supervised {
    /// The service, which tries to bind its socket; `row` is that of `-limit`.
    pub(super) fn new(planned: PlannedService, row: Option<Row>, now: Instant) -> Self {
        let mut this = Self {
            planned,
            socket: Err(Unbound::default()),
            life: Life::new(),
            helper: None,
            stored: None,
            status: String::new(),
            registrar: Registrar::default(),
            makes_room: false,
            parting: None,
            row,
        };
        this.bind(now);
        this
    }

    /// What it was made of.
    pub(super) fn planned(&self) -> &PlannedService {
        &self.planned
    }

    /// Its id, for the log.
    pub(super) fn id(&self) -> String {
        self.planned.id().to_text()
    }

    /// The number of its helper's process, where one runs.
    pub(super) fn helper(&self) -> Option<i32> {
        self.helper.as_ref().map(Process::pid)
    }

    /// The numbers of its processes that are no servers.
    pub(super) fn processes(&self) -> impl Iterator<Item = i32> {
        self.helper().into_iter().chain(self.registrar.process())
    }

    /// Whether it is served, now or when a client comes.
    pub(super) fn is_served(&self) -> bool {
        self.socket.is_ok() && self.parting.is_none() && !self.is_shut()
    }

    /// Whether its socket refuses clients, as a process that has it too has shut it down.
    pub(super) fn is_shut(&self) -> bool {
        self.socket.as_ref().is_ok_and(Listener::is_shut)
    }

    /// The socket, while the next client is to have a helper started.
    pub(super) fn waits_for_client(&self) -> Option<BorrowedFd<'_>> {
        let waits = self.life.phase() == Phase::Listening && self.parting.is_none();
        self.socket.as_ref().ok().filter(|_| waits).map(AsFd::as_fd)
    }

    /// Whether its end has begun, and no service comes after it.
    pub(super) fn is_going(&self) -> bool {
        let parting = self.parting.as_ref();
        parting.is_some_and(|parting| parting.successor.is_none())
    }

    /// Why its clients get nothing, in words, if that is so.
    pub(super) fn trouble(&self) -> Option<String> {
        match (&self.socket, self.life.phase()) {
            _ if self.parting.is_some() => None,
            (Err(unbound), _) => Some(format!("{}; it is tried again", unbound.why)),
            (Ok(listener), _) if listener.is_shut() => Some(
                "one of its servers has shut its socket down, and clients are refused; another socket takes its place \
                 within a minute, or at a reload"
                    .to_owned(),
            ),
            _ if self.registrar.is_late() => Some(
                "rpcbind does not answer, and its clients do not find it; start rpcbind".to_owned(),
            ),
            (Ok(_), Phase::Waiting { .. }) => Some(
                "its helper has failed, and clients wait for the next one; the log of xinetd says why"
                    .to_owned(),
            ),
            (Ok(_), phase) => {
                let told = matches!(phase, Phase::Serving { .. })
                    .then(|| Trouble::of_status(&self.status))
                    .flatten();
                let told = told.map(|trouble| trouble.to_string());
                told.or_else(|| missing_server(&self.planned))
            }
        }
    }

    /// What it is doing, in words.
    pub(super) fn state(&self) -> String {
        let what = match (&self.socket, self.life.phase()) {
            _ if self.parting.is_some() => "ends",
            (Err(_), _) => "has no socket",
            (Ok(_), Phase::Listening) => "listens",
            (Ok(_), Phase::Starting { .. }) => "starts",
            (Ok(_), Phase::Serving { .. }) => return format!("serves: {}", self.status),
            (Ok(_), Phase::Stopping { .. }) => "becomes idle",
            (Ok(_), Phase::Waiting { .. }) => "waits after a failure of its helper",
        };
        what.to_owned()
    }

    /// Binds the socket, where it is not bound; where that fails it is tried again later.
    pub(super) fn bind(&mut self, now: Instant) {
        let Err(before) = &self.socket else { return };
        let tries = before.tries;
        let (id, address) = (self.id(), &self.planned.socket);
        match bind(&self.planned.socket) {
            Ok(socket) => {
                match tries {
                    0 => log::debug!("service {id} listens on {address}"),
                    _ => log::info!("service {id} listens on {address} now"),
                }
                self.socket = Ok(socket);
                self.register(now);
            }
            Err(error) => {
                let why = format!("bind to {address} failed: {error}");
                if tries == 0 {
                    let place = self.planned.place();
                    log::error!("{place}: service {id}: {why}; it is tried again");
                }
                self.socket = Err(Unbound {
                    tries: tries.saturating_add(1),
                    next: Some(now + pause(REBIND, tries)),
                    why,
                });
            }
        }
    }

    /// Has the portmapper know it, where it listens as an RPC service.
    pub(super) fn register(&mut self, now: Instant) {
        if let Some(rpc) = &self.planned.rpc
            && self.is_served()
        {
            self.registrar.open(rpc.clone(), now);
        }
    }

    /// A process has ended that is no helper.
    pub(super) fn other_ended(&mut self, pid: i32, now: Instant) {
        self.registrar.ended(pid, now);
    }

    /// Starts its helper.
    pub(super) fn start(&mut self, places: &Places, now: Instant) {
        let Ok(socket) = &self.socket else { return };
        let stored = self.stored.iter();
        let stored = stored.map(|(name, fd)| (name.clone(), fd.as_fd()));
        let row = self.row.iter().map(|row| (row.name(), row.as_fd()));
        let passed = stored.chain(row).collect();
        match helper::start(&self.planned, socket.as_fd(), passed, places) {
            Ok(process) => {
                log::debug!(
                    "service {}: helper {} was started",
                    self.id(),
                    process.pid()
                );
                self.helper = Some(process);
                self.life.started(now);
            }
            Err(error) => {
                let pause = self.life.unstartable(now).as_secs();
                log::error!(
                    "service {}: no helper can be started: {error}; next try in {pause} s",
                    self.id()
                );
            }
        }
    }

    /// The helper has told something; `stored` came with it.
    pub(super) fn hear(&mut self, notice: Notice, stored: Option<OwnedFd>, now: Instant) {
        if let (Some(name), Some(descriptor)) = (notice.stores, stored) {
            self.stored = Some((name, descriptor));
        }
        if let Some(status) = notice.status {
            self.status = status;
        }
        if notice.is_ready {
            self.life.ready(now);
        }
        if notice.is_alive {
            self.life.alive(now);
        }
        if notice.is_stopping {
            self.life.stopping(now);
        }
    }

    /// How the helper has ended, if it has; it is reaped.
    pub(super) fn reap(&self) -> Option<Ended> {
        self.helper.as_ref()?.ended().ok().flatten()
    }

    /// The helper has ended so.
    pub(super) fn ended(&mut self, how: Ended, now: Instant) {
        let pid = self.helper.take().map_or(0, |process| process.pid());
        self.status.clear();
        let makes_room = std::mem::take(&mut self.makes_room);
        match self.life.ended(how, now) {
            After::Listen => {
                log::debug!("service {}: helper {pid} has ended", self.id());
                self.stored = None;
                self.row.iter().for_each(Row::clear);
            }
            After::Restart(_) if self.parting.is_some() => {}
            // It has left sessions behind, which the next one takes over.
            After::Restart(_) if makes_room && how == Ended::Exited(1) => self.life.make_room(now),
            After::Restart(pause) => {
                let (id, pause) = (self.id(), pause.as_secs());
                log::error!(
                    "service {id}: helper {pid} {}; the next one starts in {pause} s",
                    in_words(how)
                );
            }
        }
    }

    /// Has the helper end by this signal.
    pub(super) fn end_by(&mut self, signal: Signal, now: Instant) {
        if let Some(process) = &self.helper {
            // It may have ended just now.
            let _ = process.end_by(signal);
            self.life.stopping(now);
        }
    }

    /// Has the helper go on if it was stopped.
    pub(super) fn resume(&self) {
        if let Some(process) = &self.helper {
            // It may have ended just now.
            let _ = process.kill(Signal::SIGCONT);
        }
    }

    /// Has another helper take over sessions and clients from the one that runs.
    pub(super) fn respawn(&mut self, now: Instant) {
        self.makes_room = self.helper.is_some();
        self.end_by(Signal::SIGTERM, now);
    }

    /// It is made of this from now on, and is to have another socket, which is not [bound](Self::bind) yet. Its
    /// sessions go on, and its next helper counts them.
    pub(super) fn unbind(&mut self, planned: PlannedService, now: Instant) {
        self.respawn(now);
        self.close();
        if let Task::Wait(_) = self.planned.spec.task {
            // Its server has the socket of before, so that the next helper must not wait for its end.
            self.stored = None;
        }
        self.registrar.close(now);
        self.planned = planned;
    }

    /// Closes the socket. The helper, which has it too, may need a moment to end: it has no clients any more. A server
    /// that accepts by itself keeps its own.
    fn close(&mut self) {
        if let Ok(socket) = &self.socket
            && !matches!(self.planned.spec.task, Task::Wait(_))
        {
            socket.shut();
        }
        self.socket = Err(Unbound::default());
    }

    /// It is made of this from now on.
    pub(super) fn replan(&mut self, planned: PlannedService) {
        self.planned = planned;
    }

    /// Whether a helper runs or can be started: the sessions that the last one has left wait for a socket too.
    fn has_start(&self) -> bool {
        self.helper.is_some() || self.socket.is_ok()
    }

    /// The supervisor has stood still.
    pub(super) fn excuse(&mut self, now: Instant) {
        self.life.excuse(now);
    }

    /// When there is something to do, if nothing happens until then.
    pub(super) fn due(&self) -> Option<Instant> {
        let rebind = match &self.socket {
            Err(unbound) if self.parting.is_none() => unbound.next,
            _ => None,
        };
        let life = self.life.due().filter(|_| self.has_start());
        let others = rebind.into_iter().chain(self.registrar.due());
        life.into_iter().chain(others).min()
    }

    /// Does what is due.
    pub(super) fn expire(&mut self, places: &Places, now: Instant) {
        if let Err(unbound) = &self.socket
            && self.parting.is_none()
            && unbound.next.is_some_and(|next| now >= next)
        {
            self.bind(now);
        }
        self.registrar.expire(places, now);
        if !self.has_start() {
            return;
        }
        match self.life.expire(now) {
            None => {}
            Some(Due::Start) => self.start(places, now),
            Some(Due::Kill(why)) => {
                if let Some(process) = &self.helper {
                    log::error!(
                        "service {}: helper {} is killed: {why}",
                        self.id(),
                        process.pid()
                    );
                    let _ = process.kill(Signal::SIGKILL);
                }
            }
        }
    }
}

fn in_words(how: Ended) -> String {
    match how {
        Ended::Exited(status) => format!("has ended with status {status}"),
        Ended::Killed(signal) => format!("was killed by signal {signal}"),
        Ended::Unknown => "has ended".to_owned(),
    }
}
