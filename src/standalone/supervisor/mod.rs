//! The supervisor: it plays the part that systemd's socket and service units play elsewhere.

mod answers;
mod children;
mod deadlines;
mod end;
mod reload;
mod requests;
mod rpcbind;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;
use xinetd_core::config::Unread;

use super::administration::Administration;
use super::coordinator::Coordinator;
use super::load::{Means, Unserved};
use super::log::{Line, Logs};
use super::options::Invocation;
use super::places::Places;
use super::processes::Processes;
use super::service::Supervised;
use crate::journal::Received;
use crate::protocol::process_limit::ProcessLimit;
use crate::sys::handover::receive_message;
use crate::sys::signals::block_all;
use children::with_helper;
use deadlines::until;
use end::Shutdown;
use rpcbind::RpcbindWatch;

/// What an event belongs to; numbers from [`SERVICES`] on are services.
const SIGNALS: u64 = 0;
const NOTIFY: u64 = 1;
const LOG: u64 = 2;
const COORDINATOR: u64 = 3;
const ADMINISTRATION: u64 = 4;
const RPCBIND: u64 = 5;
const SERVICES: u64 = 16;

/// The largest entry of a log: more than a helper writes.
const LARGEST: usize = 64 * 1024;

/// Messages that are taken before others have their turn.
const BATCH: usize = 256;

/// How often bans that are over are cleared away, and sockets looked at.
const TIDY: Duration = Duration::from_secs(60);

/// The supervisor.
pub(super) struct Supervisor {
    invocation: Invocation,
    logs: &'static Logs,
    places: Places,
    coordinator: Option<Coordinator>,
    administration: Option<Administration>,
    rpcbind: Option<RpcbindWatch>,
    means: Means,
    /// The table of `-limit`.
    limit: Option<ProcessLimit>,
    epoll: Epoll,
    signals: SignalFd,
    notify: UnixDatagram,
    log: UnixDatagram,
    /// Room for an entry of it.
    entry: Box<[u8]>,
    services: BTreeMap<u64, Supervised>,
    /// Those of the last reload that are not served.
    unserved: Unserved,
    /// What could not be read then.
    unread: Unread,
    /// The services whose sockets are watched.
    watched: HashSet<u64>,
    next_key: u64,
    /// What ran below this process before its first helper: no server.
    spared: HashSet<i32>,
    ending: Option<Shutdown>,
    /// When servers that are to end are looked for again.
    next_round: Instant,
    next_tidy: Instant,
}

/// What the supervisor is made of.
pub(super) struct Parts {
    pub(super) invocation: Invocation,
    pub(super) logs: &'static Logs,
    pub(super) places: Places,
    pub(super) coordinator: Option<Coordinator>,
    pub(super) means: Means,
    pub(super) limit: Option<ProcessLimit>,
    pub(super) services: Vec<Supervised>,
    pub(super) unserved: Unserved,
    pub(super) unread: Unread,
    /// The signals that are blocked.
    pub(super) signals: SigSet,
}

/// Blocks all signals that the supervisor hears of, so that those wait for it that come before it serves: SIGHUP would
/// end this process, and process 1 would never hear of a SIGTERM.
///
/// # Errors
/// As sigprocmask(2).
pub(super) fn block_signals() -> io::Result<SigSet> {
    let mut mask = block_all()?;
    // It asks for xinetd's consistency check.
    mask.add(Signal::SIGABRT);
    mask.thread_set_mask()?;
    Ok(mask)
}

impl Supervisor {
    /// Takes over signals and children.
    ///
    /// # Errors
    /// If the kernel refuses a descriptor.
    pub(super) fn new(parts: Parts) -> io::Result<Self> {
        let own = Pid::this().as_raw();
        set_child_subreaper(true)?;
        let before = Processes::now().unwrap_or_default();
        let spared = before
            .below(&[own], &HashSet::new(), true)
            .into_iter()
            .collect();
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&parts.signals, flags)?;
        let notify = parts.places.open_notify()?;
        let log = parts.places.open_log()?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let readable = |token| EpollEvent::new(EpollFlags::EPOLLIN, token);
        epoll.add(&signals, readable(SIGNALS))?;
        epoll.add(&notify, readable(NOTIFY))?;
        epoll.add(&log, readable(LOG))?;
        if let Some(coordinator) = &parts.coordinator {
            epoll.add(coordinator, readable(COORDINATOR))?;
        }
        let administration = Administration::open(&parts.places)
            .inspect_err(|error| log::warn!("no socket for xinetdctl: {error}"))
            .ok();
        if let Some(administration) = &administration {
            epoll.add(administration, readable(ADMINISTRATION))?;
        }
        let mut this = Self {
            invocation: parts.invocation,
            logs: parts.logs,
            places: parts.places,
            coordinator: parts.coordinator,
            administration,
            rpcbind: None,
            means: parts.means,
            limit: parts.limit,
            epoll,
            signals,
            notify,
            log,
            entry: vec![0; LARGEST].into(),
            services: BTreeMap::new(),
            unserved: parts.unserved,
            unread: parts.unread,
            watched: HashSet::new(),
            next_key: SERVICES,
            spared,
            ending: None,
            next_round: Instant::now(),
            next_tidy: Instant::now() + TIDY,
        };
        for service in parts.services {
            this.add(service);
        }
        this.watch_rpcbind();
        Ok(this)
    }

    /// Serves until the end.
    ///
    /// # Errors
    /// If the kernel refuses to tell of events.
    pub(super) fn run(&mut self) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); 64];
        loop {
            let now = Instant::now();
            if self.part(now) {
                self.take_log();
                if let Some(coordinator) = &mut self.coordinator {
                    coordinator.save_last();
                }
                return Ok(());
            }
            self.watch();
            let due = self.due();
            let count = match self.epoll.wait(&mut events, until(due, now)) {
                Ok(count) => count,
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            let now = Instant::now();
            self.excuse(due, now);
            // Before any deadline: where this process was stopped, what helpers told in time is still to be read.
            self.hear(now);
            for event in events.iter().take(count) {
                match event.data() {
                    SIGNALS => self.take_signals(now),
                    NOTIFY => {}
                    LOG => self.take_log(),
                    COORDINATOR => self.coordinate(),
                    ADMINISTRATION => self.administrate(now),
                    RPCBIND => self.tell_rpcbind(now),
                    key => self.client_waits(key, now),
                }
            }
            self.expire(now);
        }
    }

    fn add(&mut self, service: Supervised) {
        let key = self.next_key;
        self.next_key += 1;
        self.services.insert(key, service);
    }

    /// Watches the sockets of those services that wait for a client, and no others.
    fn watch(&mut self) {
        for (&key, service) in &self.services {
            let Some(socket) = service.waits_for_client() else {
                continue;
            };
            if !self.watched.contains(&key) {
                let event = EpollEvent::new(EpollFlags::EPOLLIN, key);
                match self.epoll.add(socket, event) {
                    Ok(()) => {
                        self.watched.insert(key);
                    }
                    Err(errno) => log::error!("service {}: epoll: {errno}", service.id()),
                }
            }
        }
    }

    /// A client waits; its socket is watched no more, as the helper takes it and those after it.
    fn client_waits(&mut self, key: u64, now: Instant) {
        if let Some(service) = self.services.get_mut(&key)
            && let Some(socket) = service.waits_for_client()
        {
            // It was added.
            let _ = self.epoll.delete(socket);
            self.watched.remove(&key);
            service.start(&self.places, now);
        }
    }

    fn take_log(&mut self) {
        for _ in 0..BATCH {
            match receive_message(self.log.as_fd(), &mut self.entry) {
                Ok(message) => {
                    if let Some(entry) = Received::parse(&self.entry[..message.length]) {
                        self.logs.write(&Line {
                            facility: entry.facility,
                            level: entry.level,
                            pid: entry.pid,
                            text: entry.message,
                            fields: entry.rest,
                        });
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {}
            }
        }
    }

    fn coordinate(&mut self) {
        if let Some(coordinator) = &mut self.coordinator {
            let services = &self.services;
            coordinator.serve(|pid| Some(&with_helper(services, pid)?.1.planned().spec));
        }
    }

    /// Writes the state where xinetd does.
    fn dump(&self) {
        match super::dump::write(
            self.services.values(),
            self.unserved_in_words(),
            &self.invocation,
        ) {
            Ok(path) => log::info!("generated state dump in file {path}"),
            Err(error) => log::error!("{error}"),
        }
    }

    /// xinetd's consistency check: here, whether each service is served.
    fn check(&self) {
        let services = self.services.values();
        let troubled = services.filter_map(|one| Some(format!("{}: {}", one.id(), one.trouble()?)));
        let unserved: Vec<_> = troubled.chain(self.unserved_in_words()).collect();
        if unserved.is_empty() {
            log::info!("Consistency check passed");
        }
        for service in unserved {
            log::warn!("service {service}");
        }
    }

    /// The services that are switched on and not served, each with the reason.
    fn unserved_in_words(&self) -> impl Iterator<Item = String> {
        let Unserved { hindered, dropped } = &self.unserved;
        let hindered = hindered
            .iter()
            .map(|one| format!("{}: not served: {}", one.planned.id().to_text(), one.why));
        let dropped = dropped.iter().map(|id| {
            format!("{id}: not served: it has errors in the files; `xinetdctl check` shows them")
        });
        hindered.chain(dropped)
    }
}
