//! The helper of one service: all that it holds, and what it does with it.
//!
//! Its parts know nothing of it. Each file here leads one kind of event through them.

mod commands;
mod connection;
mod datagrams;
mod identify;
mod intake;
mod passed;
mod pauses;
mod queue;
mod reload;
mod requests;
mod run;
mod serve;
#[cfg(test)]
mod tests;
mod world;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::epoll::EpollFlags;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use xinetd_core::policy::{Reason, Refusal, State};

use crate::journal::Journal;
use crate::sys::scheduling::Scheduling;

use super::ban_table::Bans;
use super::clock::{LocalClock, Moment};
use super::common_limit::CommonLimit;
use super::control::Control;
use super::fd_passing::FdPassing;
use super::idle::Idle;
use super::kinds::{Cx, Kinds, Sessions};
use super::libwrap::Wrap;
use super::load::LoadAverage;
use super::log::{Activity, Log, Phase, Report, StoredCounters};
use super::names::Names;
use super::packet_filter::refuse_queued;
use super::parked::Parked;
use super::pause::Pause;
use super::peer::Remote;
use super::pending::Pending;
use super::reactor::{Owner, Reactor};
use super::settings::{Inherited, Settings, Work};
use super::sockets::Sockets;

pub(super) use run::End;

/// The helper of one service.
pub(super) struct Helper {
    reactor: Reactor,
    sockets: Sockets,
    parked: Parked,
    /// Connections that tcpmux is about to pass.
    fd_passing: FdPassing,
    signals: SignalFd,
    report: Report,
    inherited: Inherited,
    settings: Settings,
    state: State,
    pending: Pending,
    kinds: Kinds,
    names: Option<Names>,
    /// Who is kept out of all services.
    bans: Bans,
    wrap: Wrap,
    control: Option<Control>,
    pause: Pause,
    load: LoadAverage,
    common_limit: CommonLimit,
    clock: LocalClock,
    /// How it was scheduled when it started; none where that can't be known.
    scheduling: Option<Scheduling>,
    idle: Idle,
    course: Course,
}

/// What the helper does with clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// It takes them.
    Serving,
    /// It takes no more of them: a successor will. Sessions go on.
    Leaving,
    /// It takes no more of them, as `systemctl stop` goes on, which ends the sessions.
    Stopping,
}

/// Parts of a helper that may be used at once.
struct Parts<'a> {
    kinds: &'a mut Kinds,
    fd_passing: &'a mut FdPassing,
    work: &'a mut Work,
    bans: &'a mut Bans,
    cx: Cx<'a>,
}

/// What a new helper begins with.
pub(super) struct Start {
    pub(super) sockets: Sockets,
    pub(super) journal: &'static Journal,
    pub(super) inherited: Inherited,
    pub(super) settings: Settings,
    pub(super) sessions: Sessions,
    pub(super) control: Option<Control>,
    pub(super) counters: StoredCounters,
    /// How long the helper stays that has nothing to do.
    pub(super) idle: Duration,
    pub(super) scheduling: Option<Scheduling>,
    /// The peers that are kept out of all services.
    pub(super) bans: Bans,
    pub(super) common_limit: CommonLimit,
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
        let has_datagrams = start.sockets.has_datagrams();
        let (spec, coordinator) = (&start.settings.spec, start.coordinator.clone());
        let log = Log::new(start.journal, spec, coordinator, has_datagrams, now);
        let mut this = Self {
            reactor: Reactor::new()?,
            sockets: start.sockets,
            parked: Parked::default(),
            fd_passing: FdPassing::default(),
            signals: SignalFd::with_flags(&mask, flags)?,
            report: Report::new(log, start.counters),
            inherited: start.inherited,
            settings: start.settings,
            state: State::default(),
            pending: Pending::default(),
            kinds: Kinds::new(start.sessions, start.coordinator),
            names: None,
            bans: start.bans,
            wrap: Wrap::default(),
            control: start.control,
            pause: Pause::default(),
            load: LoadAverage::default(),
            common_limit: start.common_limit,
            clock: LocalClock::default(),
            scheduling: start.scheduling,
            idle: Idle::new(start.idle),
            course: Course::Serving,
        };
        let events = EpollFlags::EPOLLIN;
        this.reactor
            .add(&this.signals, Owner::Signals.only(), events)?;
        if let Some(control) = &this.control {
            this.reactor
                .add(control.listener(), Owner::Control.only(), events)?;
        }
        let Parts { kinds, mut cx, .. } = this.parts(now);
        kinds.program.adopt(&mut cx);
        let queued = refuse_queued(&this.settings.spec, this.sockets.streams())?;
        for peer in queued {
            this.report
                .refused(&Refusal::by(Reason::Address), &Remote::at(peer), now);
        }
        this.restore_pause(now)?;
        Ok(this)
    }

    /// Has the loop tell of clients, where it is not to tell of one at a time.
    fn watch_listeners(&self) -> io::Result<()> {
        match self.is_wait() {
            true => Ok(()),
            false => Ok(self.sockets.watch(&self.reactor)?),
        }
    }

    fn unwatch_listeners(&self) {
        self.sockets.unwatch(&self.reactor);
    }

    /// Whether clients are taken.
    fn takes_clients(&self) -> bool {
        self.course == Course::Serving
    }

    /// Whether servers get the service's own socket.
    fn is_wait(&self) -> bool {
        matches!(self.settings.work, Work::Wait(_))
    }

    /// Puts back how it is scheduled, which any process of the service's user can change.
    fn restore_scheduling(&mut self, now: Moment) {
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
    fn parts(&mut self, now: Moment) -> Parts<'_> {
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
    fn activity(&self) -> Activity {
        Activity {
            running: self.kinds.running(),
            phase: match (self.course, self.pause.is_on()) {
                (Course::Leaving | Course::Stopping, _) => Phase::Stopping,
                (Course::Serving, true) => Phase::Paused,
                (Course::Serving, false) => Phase::Open,
            },
        }
    }
}
