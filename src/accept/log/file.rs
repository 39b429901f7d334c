//! The log file of a service (docs/xinetd-behaviour.md, sections 5.3 and 5.4).
//!
//! A line waits in memory until the coordinator has passed the file, or while that can't be
//! written; nothing else waits for it. At most once a second it is looked whether the file still
//! has its name: where the helper can't see that itself it asks the coordinator.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use xinetd_core::service::LogTarget;
use xinetd_core::spec::Spec;

use crate::journal::{Event, ServiceLog};
use crate::protocol::log_file::{LogFileReply, LogFileRequest};
use crate::sys::socket::send_now;

use super::super::clock::Moment;
use super::lines::{Held, LineOutcome, LogLines, Target};

/// How long the coordinator may take.
const ANSWER: Duration = Duration::from_secs(5);
/// When a file that can't be written is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// And a coordinator that has none to give, up to this.
const LONGEST_RETRY: Duration = Duration::from_secs(32);
/// How long coordinators may end before they answer: one that gets other rights is started anew, more
/// than once where units are made anew in a row.
const STARTS: Duration = Duration::from_secs(10);
/// How long a helper stays for lines that can't be written.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the last lines may take.
const LAST_LINES: Duration = Duration::from_secs(2);
/// When a coordinator is asked again meanwhile that has ended.
const LAST_RETRY: Duration = Duration::from_millis(50);

/// The log file of a service, if it has one.
#[derive(Debug)]
pub(super) struct LogFile {
    /// The coordinator's socket.
    coordinator: PathBuf,
    target: Option<Target>,
    lines: LogLines,
    held: Option<Held>,
    /// A question under way, and when it has taken too long.
    asked: Option<(OwnedFd, Moment)>,
    retry: Option<Moment>,
    backoff: Duration,
    /// When the first of the coordinators ended that have not answered.
    ended_since: Option<Moment>,
    failing_since: Option<Moment>,
}

impl LogFile {
    /// The one of a spec, which the coordinator at the socket `coordinator` opens.
    pub(super) fn new(coordinator: PathBuf, spec: &Spec) -> Self {
        Self {
            coordinator,
            target: target(spec),
            lines: LogLines::default(),
            held: None,
            asked: None,
            retry: None,
            backoff: RETRY,
            ended_since: None,
            failing_since: None,
        }
    }

    /// Has the line of an event wait, if there is a log file.
    pub(super) fn note(&mut self, service: &ServiceLog, event: &Event<'_>) {
        if self.target.is_some() {
            self.lines.note(service, event);
        }
    }

    /// Goes by a new spec; the file is opened anew for the next line.
    pub(super) fn follow(&mut self, spec: &Spec) {
        self.reopen();
        self.target = target(spec);
        if self.target.is_none() {
            self.lines.give_up();
        }
    }

    /// Lets go of the file: the next line goes to the one that has its name then.
    pub(super) fn reopen(&mut self) {
        self.held = None;
        // The answer may be for the file of before.
        self.asked = None;
        self.retry = None;
    }

    /// Whether nothing waits, or has waited for too long.
    pub(super) fn is_idle(&self, now: Moment) -> bool {
        let hopeless = self.failing_since;
        self.lines.is_empty() || hopeless.is_some_and(|at| now.since(at) >= PATIENCE)
    }

    /// When to call [`Self::advance`] again, if nothing happens before.
    pub(super) fn due(&self) -> Option<Moment> {
        let deadline = self.asked.as_ref().map(|(_, deadline)| *deadline);
        deadline.or_else(|| self.retry.filter(|_| !self.lines.is_empty()))
    }

    /// Does what can be done now; returns a connection that is new, to be watched.
    pub(super) fn advance(&mut self, now: Moment) -> Option<BorrowedFd<'_>> {
        let target = self.target.clone()?;
        self.take_answer(&target, now);
        let mut asks = false;
        while self.asked.is_none()
            && !self.lines.is_empty()
            && self.retry.is_none_or(|at| now >= at)
        {
            let held = self.held.as_mut();
            let right = held.and_then(|held| held.is_right(&target.path, now).then_some(held));
            let Some(held) = right else {
                asks = self.ask(&target, now);
                continue;
            };
            match self.lines.write(held, &target) {
                Ok(LineOutcome::Line) => self.succeed(&target),
                Ok(LineOutcome::Withheld) => {}
                // It has no name any more.
                Ok(LineOutcome::Removed) => self.held = None,
                Err(error) => {
                    self.fail(&target, &error.to_string(), now);
                    self.retry = Some(now.plus(RETRY));
                }
            }
        }
        let asked = self.asked.as_ref().filter(|_| asks);
        asked.map(|(socket, _)| socket.as_fd())
    }

    /// Asks the coordinator for the file; true if the question is under way.
    fn ask(&mut self, target: &Target, now: Moment) -> bool {
        let held = self.held.as_ref().map(|held| held.identity);
        match send_question(&self.coordinator, LogFileRequest { held }) {
            Ok(socket) => self.asked = Some((socket, now.plus(ANSWER))),
            Err(error) => {
                let socket = self.coordinator.display();
                self.refused(target, &format!("the coordinator: {socket}: {error}"), now);
            }
        }
        self.asked.is_some()
    }

    fn take_answer(&mut self, target: &Target, now: Moment) {
        let Some((socket, deadline)) = &self.asked else {
            return;
        };
        let answer = match LogFileReply::receive(socket.as_fd()) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if now < *deadline {
                    return;
                }
                Err("it takes too long".to_owned())
            }
            // It has ended in the middle, and another one takes its place at once.
            Err(error)
                if error.kind() == ErrorKind::UnexpectedEof
                    && now.since(*self.ended_since.get_or_insert(now)) < STARTS =>
            {
                self.asked = None;
                self.put_off(now);
                return;
            }
            Err(error) => Err(error.to_string()),
            Ok(LogFileReply::Refused(why)) => Err(why),
            Ok(LogFileReply::Same) => Ok(None),
            Ok(LogFileReply::File(file)) => Held::new(file, now)
                .map(Some)
                .map_err(|error| error.to_string()),
        };
        self.asked = None;
        self.ended_since = None;
        match answer {
            Ok(Some(held)) => self.held = Some(held),
            Ok(None) => match &mut self.held {
                Some(held) => held.checked = now,
                None => self.refused(target, "the coordinator has sent none", now),
            },
            Err(why) => self.refused(target, &why, now),
        }
    }

    /// There is no other file: the one that is held, by whatever name, is better than none.
    fn refused(&mut self, target: &Target, why: &str, now: Moment) {
        if let Some(held) = &mut self.held {
            held.checked = now;
            return;
        }
        self.fail(target, why, now);
        self.put_off(now);
    }

    /// Asks again later, each time after twice as long.
    fn put_off(&mut self, now: Moment) {
        self.retry = Some(now.plus(self.backoff));
        self.backoff = (self.backoff * 2).min(LONGEST_RETRY);
    }

    /// Says once what is wrong.
    fn fail(&mut self, target: &Target, why: &str, now: Moment) {
        if self.failing_since.is_none() {
            let (id, path) = (&target.id, target.path.display());
            log::error!(
                "Service={id}: the log file {path} can't be written: {why}; its lines wait"
            );
            self.failing_since = Some(now);
        }
    }

    fn succeed(&mut self, target: &Target) {
        self.retry = None;
        self.backoff = RETRY;
        if self.failing_since.take().is_some() {
            let (id, path) = (&target.id, target.path.display());
            log::info!("Service={id}: the log file {path} can be written again");
            self.lines.report_lost(&target.id);
        }
    }

    /// Writes what waits as far as that is possible soon: the helper ends.
    pub(super) fn finish(&mut self, begun: Moment) {
        let mut now = begun;
        loop {
            let _ = self.advance(now);
            let left = LAST_LINES.saturating_sub(now.since(begun));
            if left.is_zero() {
                break;
            }
            match (&self.asked, self.retry) {
                (Some((socket, _)), _) => {
                    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
                    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
                    let _ = poll(&mut fds, timeout);
                }
                // It has ended in the middle, and another one takes its place as soon as that is asked.
                (None, Some(_)) if self.ended_since.is_some() && !self.lines.is_empty() => {
                    thread::sleep(LAST_RETRY);
                    self.retry = None;
                }
                _ => break,
            }
            now = Moment::now().unwrap_or(begun.plus(LAST_LINES));
        }
        if let Some(target) = &self.target {
            let lines = &mut self.lines;
            lines.give_up();
            lines.report_lost(&target.id);
            lines.report_withheld(target);
        }
    }
}

fn target(spec: &Spec) -> Option<Target> {
    match &spec.logging.target {
        LogTarget::File { path, limits } => Some(Target {
            id: spec.id.to_text(),
            path: crate::protocol::log_file::absolute(path),
            limits: *limits,
        }),
        LogTarget::Unset | LogTarget::Syslog { .. } => None,
    }
}

fn send_question(coordinator: &Path, question: LogFileRequest) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(coordinator)?)?;
    send_now(socket.as_fd(), question.encode().as_bytes())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nix::sys::socket::{Backlog, bind, listen};

    use super::super::super::settings::parse;
    use super::super::super::settings::tests::MINIMAL;
    use super::*;
    use crate::sys::socket::accept;

    #[test]
    fn coordinators_that_end_in_a_row_are_no_fault_of_the_file_for_a_while() {
        let path = std::env::temp_dir().join(format!("log-file-socket-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        let flags = SockFlag::SOCK_CLOEXEC;
        let listener = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).unwrap();
        bind(listener.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        listen(&listener, Backlog::new(1).unwrap()).unwrap();
        let spec = parse(MINIMAL.as_bytes()).unwrap();
        let mut log_file = LogFile::new(path.clone(), &spec);
        log_file.target = Some(Target {
            id: "x".to_owned(),
            path: "/var/log/x".into(),
            limits: None,
        });
        log_file.lines.push(b"a line".to_vec());
        let begin = Moment::default();
        let mut now = begin;
        let mut ended = 0;
        while log_file.failing_since.is_none() {
            assert!(now.since(begin) < 3 * STARTS, "it is never said");
            if log_file.advance(now).is_some() {
                ended += 1;
                drop(accept(listener.as_fd()).unwrap());
            }
            now = now.plus(RETRY);
        }
        assert!(ended > 2 && now.since(begin) >= STARTS, "{ended} ended");
        fs::remove_file(path).unwrap();
    }
}
