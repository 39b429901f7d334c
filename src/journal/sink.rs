//! The way to journald.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::service::{Facility, Level};

use super::datagram::{Datagram, Sender};
use super::event::Event;
use super::fields;
use super::kind::Kind;
use super::service::ServiceLog;

/// The journal, as something to write to. It never blocks on journald.
///
/// Events are gathered until the owner [flushes](Self::flush) them: journald takes half as long for
/// entries that come in one datagram as for those that come alone (docs/performance.md).
///
/// What journald does not take at once waits in a queue of bounded size: the owner watches the
/// descriptor for writing while [`pending`](Self::pending) and then calls [`flush`](Self::flush).
/// What the queue has no room for is lost, and that is said in the journal once it flows again.
/// Where there is no journald, the lines go to standard error. A journald that was restarted is
/// found again; the descriptor stays the same.
pub struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
    pid: u32,
    pub(super) sender: Sender,
    state: Mutex<State>,
}

struct State {
    /// What has not been tried to send yet.
    gathered: Datagram,
    queue: VecDeque<Datagram>,
    queued_bytes: usize,
    lost: u64,
    fallback: Box<dyn Write + Send>,
}

/// What became of a datagram.
enum Fate {
    Sent,
    /// Not now.
    Wait,
    /// It can't be sent at all.
    Lost,
}

impl Journal {
    /// The socket of journald's native protocol.
    pub const SOCKET: &str = "/run/systemd/journal/socket";

    /// How many bytes wait at most.
    pub const QUEUE: usize = 256 * 1024;

    /// How many bytes are gathered before they are sent unasked. An entry has some 400.
    const GATHERED: usize = 16 * 1024;

    /// The machine's journal.
    ///
    /// # Errors
    /// If there is no descriptor for a socket. It is no error if there is no journald.
    pub fn open() -> io::Result<Self> {
        Self::at(Self::SOCKET.into(), Box::new(io::stderr()))
    }

    /// The journal behind the socket `path`; without it lines go to `fallback`.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn at(path: PathBuf, fallback: Box<dyn Write + Send>) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        // A failure shows again when there is something to send.
        let _ = socket.connect(&path);
        let pid = std::process::id();
        Ok(Self {
            socket,
            path,
            pid,
            sender: Sender::new(pid),
            state: Mutex::new(State {
                gathered: Datagram::default(),
                queue: VecDeque::new(),
                queued_bytes: 0,
                lost: 0,
                fallback,
            }),
        })
    }

    /// Logs an event of a service, if the service [wants](ServiceLog::wants) it, with the next
    /// [`flush`](Self::flush).
    pub fn write(&self, service: &ServiceLog, event: &Event<'_>) {
        if service.wants(event) {
            let mut state = self.lock();
            fields::encode(&mut state.gathered, service, event, &self.sender);
            if state.gathered.as_bytes().len() >= Self::GATHERED {
                self.drain(&mut state);
            }
        }
    }

    /// Logs what `fill` puts into a datagram, at once.
    pub(super) fn submit(&self, fill: impl FnOnce(&mut Datagram)) {
        let mut state = self.lock();
        fill(&mut state.gathered);
        self.drain(&mut state);
    }

    /// Whether there are events that were not flushed.
    pub fn has_gathered(&self) -> bool {
        !self.lock().gathered.is_empty()
    }

    /// Whether something waits for journald.
    pub fn pending(&self) -> bool {
        let state = self.lock();
        !state.queue.is_empty() || state.lost > 0
    }

    /// Sends what was gathered and what waits, as far as journald takes it.
    pub fn flush(&self) {
        self.drain(&mut self.lock());
    }

    /// In order: what waits, what was lost after it, what was gathered since.
    fn drain(&self, state: &mut State) {
        self.send_queue(state);
        if state.lost > 0 && state.queue.is_empty() {
            let mut report = Datagram::default();
            self.report_lost(&mut report, state.lost);
            // A report that can't be sent at all must not be tried for ever.
            if !matches!(self.send(state, &report), Fate::Wait) {
                state.lost = 0;
            }
        }
        if state.gathered.is_empty() {
            return;
        }
        let mut gathered = std::mem::take(&mut state.gathered);
        let fate = match state.queue.is_empty() {
            true => self.send(state, &gathered),
            false => Fate::Wait,
        };
        match fate {
            Fate::Sent => {}
            Fate::Wait => return state.enqueue(gathered),
            Fate::Lost => state.lose(&gathered),
        }
        gathered.clear();
        state.gathered = gathered;
    }

    fn send_queue(&self, state: &mut State) {
        while let Some(datagram) = state.queue.pop_front() {
            match self.send(state, &datagram) {
                Fate::Sent => {}
                Fate::Wait => {
                    state.queue.push_front(datagram);
                    return;
                }
                Fate::Lost => state.lose(&datagram),
            }
            state.queued_bytes -= datagram.as_bytes().len();
        }
    }

    fn report_lost(&self, report: &mut Datagram, lost: u64) {
        report.begin(
            format_args!("{lost} log lines were lost because the journal did not take them"),
            (Facility::Daemon, Level::Warning),
            &self.sender,
        );
        report.text("MESSAGE_ID", Kind::LinesLost.message_id());
        report.text("XINETD_EVENT", Kind::LinesLost.name());
        report.text("XINETD_COUNT", lost);
    }

    fn send(&self, state: &mut State, datagram: &Datagram) -> Fate {
        let bytes = datagram.as_bytes();
        let mut result = self.socket.send(bytes);
        if result.as_ref().is_err_and(is_gone) {
            // There is none, or it is another one than before.
            result = match self.socket.connect(&self.path) {
                Ok(()) => self.socket.send(bytes),
                Err(error) => Err(error),
            };
        }
        match result {
            Ok(_) => Fate::Sent,
            Err(error) if is_gone(&error) => state.fall_back(self.pid, datagram),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => Fate::Wait,
                _ => Fate::Lost,
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enqueue(&mut self, datagram: Datagram) {
        let length = datagram.as_bytes().len();
        if self.queued_bytes + length > Journal::QUEUE {
            self.lose(&datagram);
            return;
        }
        self.queued_bytes += length;
        self.queue.push_back(datagram);
    }

    fn lose(&mut self, datagram: &Datagram) {
        self.lost += datagram.len() as u64;
    }

    fn fall_back(&mut self, pid: u32, datagram: &Datagram) -> Fate {
        let name = format!("xinetd[{pid}]: ");
        let lines = datagram
            .messages()
            .map(|message| [name.as_bytes(), message, b"\n"].concat());
        match self.fallback.write_all(&lines.collect::<Vec<_>>().concat()) {
            Ok(()) => Fate::Sent,
            Err(_) => Fate::Lost,
        }
    }
}

/// Whether no one is at the other end.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::NotConnected
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::BrokenPipe
            | ErrorKind::PermissionDenied
    )
}

impl AsFd for Journal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
