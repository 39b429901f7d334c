//! What a helper writes to the journal and to the log file of its service.
//!
//! Lines that a client can cause without being let in have a budget, so that a flood of clients is no
//! flood of lines; how many lines were left out is said once a minute.

mod counters;
mod file;
mod lines;
mod notifier;
mod report;

use std::os::fd::AsFd;
use std::path::PathBuf;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::EpollFlags;
use xinetd_core::policy::{LineBudget, Refusal};
use xinetd_core::spec::Spec;

use crate::journal::{Event, Journal, Kind, ServiceLog};

use super::clock::{Moment, earliest};
use super::peer::Remote;
use super::reactor::{Owner, Reactor};

pub(super) use counters::StoredCounters;
use file::LogFile;
pub(super) use notifier::{Notifier, connect as connect_to_supervisor};
pub(super) use report::{Activity, Phase, Report};

/// How often the helper waits for the journal to take its last lines, and for how many milliseconds each
/// time.
const LAST_WAITS: usize = 10;
const LAST_WAIT: u16 = 100;

/// The journal, the log file, and the budgets of lines.
pub(super) struct Log {
    journal: &'static Journal,
    journal_watched: bool,
    service: ServiceLog,
    file: LogFile,
    /// Whether clients send datagrams, whose senders can be made up.
    has_datagrams: bool,
    /// For refusals.
    refusals: LineBudget,
    /// For all else that clients cause.
    remarks: LineBudget,
}

impl Log {
    /// The log of a service, whose log file the coordinator at the socket `coordinator` opens.
    pub(super) fn new(
        journal: &'static Journal,
        spec: &Spec,
        coordinator: PathBuf,
        has_datagrams: bool,
        now: Moment,
    ) -> Self {
        Self {
            journal,
            journal_watched: false,
            service: ServiceLog::new(spec),
            file: LogFile::new(coordinator, spec),
            has_datagrams,
            refusals: LineBudget::new(now.seconds()),
            remarks: LineBudget::new(now.seconds()),
        }
    }

    /// Logs as a new spec says.
    pub(super) fn follow(&mut self, spec: &Spec) {
        self.service = ServiceLog::new(spec);
        self.file.follow(spec);
    }

    /// Whether events of this kind have a line: where they have none, the client's address need not become text.
    fn wants(&self, kind: Kind) -> bool {
        self.service.wants(kind)
    }

    /// Writes an event to the journal, and has its line wait for the log file.
    pub(super) fn record(&mut self, event: &Event<'_>) {
        self.journal.write(&self.service, event);
        self.file.note(&self.service, event);
    }

    /// Whether a line that a client has caused may be written; else it is counted.
    pub(super) fn admits_remark(&mut self, now: Moment) -> bool {
        self.remarks.admits(now.seconds())
    }

    /// Logs a refusal, unless the configuration does not ask for such lines, or a datagram may have
    /// caused it, and there were too many of them.
    fn refusal(&mut self, refusal: &Refusal, remote: &Remote, now: Moment) {
        let bounded = self.service.refusals_unasked() || self.has_datagrams;
        if bounded && !self.refusals.admits(now.seconds()) {
            return;
        }
        let peer = remote.as_peer();
        if let Some(companion) = Event::companion(refusal, peer) {
            self.record(&companion);
        }
        self.record(&Event::Fail { refusal, peer });
    }

    /// Opens the log file anew for the next line, as it was put aside.
    pub(super) fn reopen(&mut self) {
        self.file.reopen();
    }

    /// Takes up what the coordinator has answered to the question for the log file.
    pub(super) fn file_ready(&mut self, now: Moment, reactor: &Reactor) {
        if let Some(question) = self.file.advance(now) {
            let events = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
            // Where it can't be watched, it is looked at again when its time is over.
            let _ = reactor.add(question, Owner::LogFile.only(), events);
        }
    }

    /// Writes the lines that wait for the journal, as it takes lines again.
    pub(super) fn journal_ready(&self) {
        self.journal.flush();
    }

    /// When to call [`Self::expire`], if nothing happens before.
    pub(super) fn due(&self) -> Option<Moment> {
        earliest([self.summary_due(), self.file.due()])
    }

    /// Writes what is due: summaries, and lines of the log file. Watches the journal while lines wait.
    pub(super) fn expire(&mut self, now: Moment, reactor: &Reactor) {
        self.summaries(|due| now >= due);
        self.file_ready(now, reactor);
        self.watch_journal(reactor);
    }

    /// Whether nothing waits, or has waited for too long.
    pub(super) fn is_idle(&self, now: Moment) -> bool {
        self.summary_due().is_none() && self.file.is_idle(now)
    }

    /// Writes what waits as far as that is possible soon: the helper ends.
    pub(super) fn finish(&mut self, now: Moment) {
        self.summaries(|_| true);
        self.file.finish(now);
        self.flush();
    }

    fn summary_due(&self) -> Option<Moment> {
        let due = |budget: &LineBudget| budget.summary_due().map(Moment::from);
        earliest([due(&self.refusals), due(&self.remarks)])
    }

    /// Logs how many lines were left out, for each budget whose summary `is_due`.
    fn summaries(&mut self, is_due: impl Fn(Moment) -> bool) {
        let take = |budget: &mut LineBudget| {
            let due = budget.summary_due().map(Moment::from);
            due.is_some_and(&is_due)
                .then(|| budget.take_summary())
                .flatten()
        };
        let (refusals, remarks) = (take(&mut self.refusals), take(&mut self.remarks));
        if let Some(count) = refusals {
            self.record(&Event::RefusalsWithheld { count });
        }
        if let Some(count) = remarks {
            self.record(&Event::RemarksWithheld { count });
        }
    }

    /// The journal is watched only while lines wait: it would tell of each line that it takes.
    fn watch_journal(&mut self, reactor: &Reactor) {
        let pending = self.journal.pending();
        if pending == self.journal_watched {
            return;
        }
        if pending {
            // Once for each change: a journal that does not come back would keep the loop busy.
            let events = EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
            let watched = reactor.add(self.journal, Owner::Journal.only(), events);
            self.journal_watched = watched.is_ok();
        } else {
            reactor.remove(self.journal);
            self.journal_watched = false;
        }
    }

    fn flush(&self) {
        for _ in 0..LAST_WAITS {
            self.journal.flush();
            if !self.journal.pending() {
                return;
            }
            let mut descriptors = [PollFd::new(self.journal.as_fd(), PollFlags::POLLOUT)];
            let _ = poll(&mut descriptors, PollTimeout::from(LAST_WAIT));
        }
    }
}
