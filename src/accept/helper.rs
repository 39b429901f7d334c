//! The helper of one service: all that it holds.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::epoll::EpollFlags;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::journal::{Event, Journal};
use crate::policy::State;
use crate::sys::scheduling::Scheduling;

use super::ban_table::Bans;
use super::clock::{LocalClock, Moment};
use super::control::Control;
use super::datagrams::Parked;
use super::fd_passing::FdPassing;
use super::kinds::{Cx, Kinds};
use super::libwrap::Wrap;
use super::load::LoadAverage;
use super::log::{Activity, Log, Phase, Report, StoredCounters};
use super::names::Names;
use super::pause::Pause;
use super::pending::Pending;
use super::reactor::{Owner, Reactor};
use super::sessions::Sessions;
use super::settings::{Inherited, Settings, Work};
use super::slab::Key;
use super::waiting::Waiting;

/// The helper of one service.
pub(super) struct Helper {
    pub(super) reactor: Reactor,
    pub(super) listeners: Vec<TcpListener>,
    /// The sockets for datagrams.
    pub(super) datagrams: Vec<UdpSocket>,
    /// The ports of those, in the same order.
    pub(super) datagram_ports: Vec<u16>,
    pub(super) parked: Vec<Parked>,
    /// Where tcpmux hands connections over, for a service that it leads to.
    pub(super) mux_listeners: Vec<UnixListener>,
    pub(super) waiting: Waiting,
    /// Connections that tcpmux is about to pass.
    pub(super) fd_passing: FdPassing,
    pub(super) signals: SignalFd,
    pub(super) report: Report,
    pub(super) inherited: Inherited,
    pub(super) settings: Settings,
    pub(super) state: State,
    pub(super) sessions: Sessions,
    /// Sessions whose end nobody tells, because the kernel could not watch them.
    pub(super) unwatched: Vec<Key>,
    pub(super) pending: Pending,
    pub(super) kinds: Kinds,
    pub(super) names: Option<Names>,
    /// Who is kept out of all services.
    pub(super) bans: Bans,
    pub(super) wrap: Wrap,
    pub(super) control: Option<Control>,
    pub(super) pause: Option<Pause>,
    pub(super) load: LoadAverage,
    pub(super) clock: LocalClock,
    /// How it was scheduled when it started; none where that can't be known.
    pub(super) scheduling: Option<Scheduling>,
    /// When the state of `cps` is noted for a successor, and the unwatched are tried again.
    pub(super) rate_due: Option<Moment>,
    /// How long it stays that has nothing to do.
    pub(super) idle: Duration,
    pub(super) idle_since: Option<Moment>,
    /// `systemctl stop` goes on: no more connections.
    pub(super) stopping: bool,
}

/// Parts of a helper that may be used at once.
pub(super) struct Parts<'a> {
    pub(super) kinds: &'a mut Kinds,
    pub(super) fd_passing: &'a mut FdPassing,
    pub(super) work: &'a mut Work,
    pub(super) bans: &'a mut Bans,
    pub(super) cx: Cx<'a>,
}

/// What a new helper begins with.
pub(super) struct Start {
    pub(super) listeners: Vec<TcpListener>,
    pub(super) datagrams: Vec<UdpSocket>,
    pub(super) mux_listeners: Vec<UnixListener>,
    pub(super) journal: &'static Journal,
    pub(super) inherited: Inherited,
    pub(super) settings: Settings,
    pub(super) sessions: Sessions,
    pub(super) control: Option<Control>,
    pub(super) counters: StoredCounters,
    pub(super) idle: Duration,
    pub(super) scheduling: Option<Scheduling>,
    /// The peers that are kept out of all services.
    pub(super) bans: Bans,
    /// The socket of the coordinator.
    pub(super) coordinator: PathBuf,
}

impl Helper {
    /// Sets everything up to be watched, and takes over the sessions of a predecessor.
    ///
    /// # Errors
    /// If the kernel has no descriptors or memory for it.
    pub(super) fn new(start: Start, now: Moment) -> io::Result<Self> {
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGTERM);
        mask.add(Signal::SIGINT);
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let own_port = |socket: &UdpSocket| socket.local_addr().map(|own| own.port());
        let datagram_ports = start.datagrams.iter().map(own_port);
        let has_datagrams = !start.datagrams.is_empty();
        let (spec, coordinator) = (&start.settings.spec, start.coordinator.clone());
        let log = Log::new(start.journal, spec, coordinator, has_datagrams, now);
        let mut this = Self {
            datagram_ports: datagram_ports.collect::<io::Result<_>>()?,
            reactor: Reactor::new()?,
            listeners: start.listeners,
            datagrams: start.datagrams,
            parked: Vec::new(),
            mux_listeners: start.mux_listeners,
            waiting: Waiting::default(),
            fd_passing: FdPassing::default(),
            signals: SignalFd::with_flags(&mask, flags)?,
            report: Report::new(log, start.counters),
            inherited: start.inherited,
            settings: start.settings,
            state: State::default(),
            sessions: start.sessions,
            unwatched: Vec::new(),
            pending: Pending::default(),
            kinds: Kinds::new(start.coordinator),
            names: None,
            bans: start.bans,
            wrap: Wrap::default(),
            control: start.control,
            pause: None,
            load: LoadAverage::default(),
            clock: LocalClock::default(),
            scheduling: start.scheduling,
            rate_due: None,
            idle: start.idle,
            idle_since: None,
            stopping: false,
        };
        let events = EpollFlags::EPOLLIN;
        this.reactor
            .add(&this.signals, Owner::Signals.only(), events)?;
        if let Some(control) = &this.control {
            this.reactor
                .add(control.listener(), Owner::Control.only(), events)?;
        }
        this.adopt();
        this.refuse_queued(now)?;
        this.restore_pause(now)?;
        Ok(this)
    }

    fn adopt(&mut self) {
        self.state.restore_rate(self.sessions.saved_rate());
        let keys = self.sessions.adopt(&mut self.state);
        for &key in &keys {
            self.watch_session(key);
        }
        if let Ok(sessions @ 1..) = u32::try_from(keys.len()) {
            self.report.record(&Event::Adopted { sessions });
        }
    }

    /// Has the loop tell of clients, where it is not to tell of one at a time.
    pub(super) fn watch_listeners(&self) -> io::Result<()> {
        match self.hands_over() {
            true => Ok(()),
            false => self.watch_sockets(),
        }
    }

    pub(super) fn watch_sockets(&self) -> io::Result<()> {
        for (listener, index) in self.listeners.iter().zip(0..) {
            self.reactor
                .add(listener, Owner::Listener.at(index), EpollFlags::EPOLLIN)?;
        }
        for (socket, index) in self.datagrams.iter().zip(0..) {
            self.reactor
                .add(socket, Owner::Datagrams.at(index), EpollFlags::EPOLLIN)?;
        }
        for (listener, index) in self.mux_listeners.iter().zip(0..) {
            self.reactor
                .add(listener, Owner::MuxListener.at(index), EpollFlags::EPOLLIN)?;
        }
        Ok(())
    }

    pub(super) fn unwatch_listeners(&self) {
        for listener in &self.listeners {
            self.reactor.remove(listener);
        }
        for socket in &self.datagrams {
            self.reactor.remove(socket);
        }
        for listener in &self.mux_listeners {
            self.reactor.remove(listener);
        }
    }

    /// Makes sure that the end of a session is noticed; tried again later where it can't be.
    pub(super) fn watch_session(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let (pidfd, token) = (session.process.pidfd(), Owner::Session.of(key));
        if let Err(error) = self.reactor.add(pidfd, token, EpollFlags::EPOLLIN) {
            log::warn!(
                "server {} can't be watched yet: {error}",
                session.process.pid()
            );
            self.unwatched.push(key);
        }
    }

    /// Puts back how it is scheduled, which any process of the service's user can change.
    pub(super) fn restore_scheduling(&mut self, now: Moment) {
        let Some(scheduling) = &mut self.scheduling else {
            return;
        };
        let outcome = match scheduling.restore() {
            Ok(false) => return,
            Ok(true) => "it is put back".to_owned(),
            Err(error) => format!("it can't be put back: {error}"),
        };
        if self.report.admits_remark(now) {
            log::warn!(
                "a process has changed the priority or the processors of this helper; {outcome}"
            );
        }
    }

    /// The parts that serve clients.
    pub(super) fn parts(&mut self, now: Moment) -> Parts<'_> {
        let Settings { work, spec, .. } = &mut self.settings;
        Parts {
            kinds: &mut self.kinds,
            fd_passing: &mut self.fd_passing,
            work,
            bans: &mut self.bans,
            cx: Cx::new(&self.reactor, &mut self.report, &mut self.state, spec, now),
        }
    }

    /// What the service is doing, for the status line.
    pub(super) fn activity(&self) -> Activity {
        Activity {
            running: self.running(),
            phase: match (&self.pause, self.stopping) {
                (_, true) => Phase::Stopping,
                (Some(_), _) => Phase::Paused,
                (None, _) => Phase::Open,
            },
        }
    }

    /// How many sessions are open.
    pub(super) fn running(&self) -> usize {
        self.sessions.len() + self.kinds.internal.len() + self.kinds.redirect.len()
    }
}
