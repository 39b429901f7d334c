//! The way to journald.

use std::collections::VecDeque;
use std::env;
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::entry::{self, Entry, Sender};
use super::fields;
use super::service::ServiceLog;
use super::table::Event;

/// The journal, as something to write to. It never blocks on journald.
///
/// What journald does not take at once waits in a queue of bounded size: the owner watches the
/// descriptor for writing while [`pending`](Self::pending) and then calls [`flush`](Self::flush).
/// What the queue has no room for is lost, and that is said in the journal once it flows again.
/// Where there is no journald, the lines go to standard error. A journald that was restarted is
/// found again; the descriptor stays the same.
pub(crate) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
    pub(super) sender: Sender,
    state: Mutex<SinkState>,
}

struct SinkState {
    entry: Entry,
    queue: VecDeque<Box<[u8]>>,
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
    pub(crate) const SOCKET: &str = "/run/systemd/journal/socket";

    /// The variable with the path of another socket of that protocol: where there is no systemd the supervisor
    /// takes the entries.
    pub(crate) const VARIABLE: &str = "XINETD_BRIDGE_LOG";

    /// Whether a supervisor takes the entries: there is no systemd that has started this process.
    pub(crate) fn is_supervisors() -> bool {
        env::var_os(Self::VARIABLE).is_some()
    }

    /// How many bytes wait at most.
    pub(crate) const QUEUE: usize = 256 * 1024;

    /// The machine's journal, or what the process was started with in its place.
    ///
    /// # Errors
    /// If there is no descriptor for a socket. It is no error if there is no journald.
    pub(crate) fn open() -> io::Result<Self> {
        let path = env::var_os(Self::VARIABLE).map_or_else(|| Self::SOCKET.into(), PathBuf::from);
        Self::at(path, Box::new(io::stderr()))
    }

    /// The journal behind the socket `path`; without it lines go to `fallback`.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub(crate) fn at(path: PathBuf, fallback: Box<dyn Write + Send>) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        // A failure shows again when there is something to send.
        let _ = socket.connect(&path);
        Ok(Self {
            socket,
            path,
            sender: Sender::new(process::id()),
            state: Mutex::new(SinkState {
                entry: Entry::default(),
                queue: VecDeque::new(),
                queued_bytes: 0,
                lost: 0,
                fallback,
            }),
        })
    }

    /// Logs an event of a service, if the service [wants](ServiceLog::wants) it.
    pub(crate) fn write(&self, service: &ServiceLog, event: &Event<'_>) {
        if service.wants(event.kind()) {
            self.submit(|entry| fields::encode(entry, service, event, &self.sender));
        }
    }

    /// Logs what `fill` puts into an entry.
    pub(super) fn submit(&self, fill: impl FnOnce(&mut Entry)) {
        let mut state = self.lock();
        self.drain(&mut state);
        let mut entry = std::mem::take(&mut state.entry);
        fill(&mut entry);
        // What waits already goes first.
        let fate = if state.queue.is_empty() {
            self.send(&mut state, entry.as_bytes())
        } else {
            Fate::Wait
        };
        match fate {
            Fate::Sent => {}
            Fate::Wait => state.enqueue(entry.as_bytes()),
            Fate::Lost => state.lost += 1,
        }
        state.entry = entry;
    }

    /// Whether something waits for journald.
    pub(crate) fn pending(&self) -> bool {
        let state = self.lock();
        !state.queue.is_empty() || state.lost > 0
    }

    /// Sends what waits, as far as journald takes it.
    pub(crate) fn flush(&self) {
        self.drain(&mut self.lock());
    }

    fn drain(&self, state: &mut SinkState) {
        while let Some(datagram) = state.queue.pop_front() {
            match self.send(state, &datagram) {
                Fate::Sent => {}
                Fate::Wait => {
                    state.queue.push_front(datagram);
                    return;
                }
                Fate::Lost => state.lost += 1,
            }
            state.queued_bytes -= datagram.len();
        }
        if let Some(count) = NonZeroU64::new(state.lost) {
            let mut entry = std::mem::take(&mut state.entry);
            let event = Event::LinesLost { count };
            fields::encode(&mut entry, &ServiceLog::of_none(), &event, &self.sender);
            // A report that can't be sent at all must not be tried for ever.
            if !matches!(self.send(state, entry.as_bytes()), Fate::Wait) {
                state.lost = 0;
            }
            state.entry = entry;
        }
    }

    fn send(&self, state: &mut SinkState, datagram: &[u8]) -> Fate {
        let mut result = self.socket.send(datagram);
        if result.as_ref().is_err_and(is_gone) {
            // There is none, or it is another one than before.
            result = match self.socket.connect(&self.path) {
                Ok(()) => self.socket.send(datagram),
                Err(error) => Err(error),
            };
        }
        match result {
            Ok(_) => Fate::Sent,
            Err(error) if is_gone(&error) => state.fall_back(entry::message(datagram)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => Fate::Wait,
                _ => Fate::Lost,
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, SinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SinkState {
    fn enqueue(&mut self, datagram: &[u8]) {
        if self.queued_bytes + datagram.len() > Journal::QUEUE {
            self.lost += 1;
            return;
        }
        self.queued_bytes += datagram.len();
        self.queue.push_back(datagram.into());
    }

    fn fall_back(&mut self, message: &[u8]) -> Fate {
        let name = format!("xinetd[{}]: ", process::id());
        let line = [name.as_bytes(), message, b"\n"].concat();
        match self.fallback.write_all(&line) {
            Ok(()) => Fate::Sent,
            Err(_) => Fate::Lost,
        }
    }
}

/// Whether no process listens at the other end.
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
