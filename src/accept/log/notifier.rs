//! What systemd is told (sd_notify(3)). Nothing here fails: without systemd it says nothing.

use std::env;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sd_notify::NotifyState;

use crate::journal::Journal;
use crate::sys::handover;
use crate::sys::socket::send_now;

use super::super::activation::STATE_NAME;
use super::super::clock::Moment;

/// Status lines come at most once in this time.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// The supervisor's socket, where one has started this process. It lets in no user but its own.
static SUPERVISOR: OnceLock<UnixDatagram> = OnceLock::new();

/// Connects to the supervisor, if one has started this process; to be called before it becomes another user.
pub(in crate::accept) fn connect() {
    let path = env::var_os("NOTIFY_SOCKET").filter(|_| Journal::is_supervisors());
    let connected = path.and_then(|path| {
        let socket = UnixDatagram::unbound().ok()?;
        socket.connect(path).ok()?;
        Some(socket)
    });
    if let Some(socket) = connected {
        // It is the first one.
        let _ = SUPERVISOR.set(socket);
    }
}

/// Tells systemd how it goes.
#[derive(Debug, Default)]
pub(in crate::accept) struct Notifier {
    watchdog: Option<Duration>,
    next_watchdog: Option<Moment>,
    /// The status has changed; when it may be told.
    status_due: Option<Moment>,
    last_status: Moment,
}

impl Notifier {
    /// For the watchdog of the unit, if it has one.
    pub(in crate::accept) fn new() -> Self {
        // Half the time, as sd_watchdog_enabled(3) recommends.
        let watchdog = sd_notify::watchdog_enabled().map(|timeout| timeout / 2);
        Self {
            watchdog,
            ..Self::default()
        }
    }

    /// The sockets are adopted, and this is the first status: one message, as each has systemd
    /// wake up.
    pub(in crate::accept) fn ready(&mut self, now: Moment, status: &str) {
        notify(&[NotifyState::Ready, NotifyState::Status(status)]);
        self.next_watchdog = self.watchdog.map(|interval| now.plus(interval));
        self.status_due = None;
        self.last_status = now;
    }

    /// We exit; from now on systemd queues starts behind that.
    pub(in crate::accept) fn stopping(&self) {
        notify(&[NotifyState::Stopping]);
    }

    /// Gives systemd the state for a successor.
    pub(in crate::accept) fn store(&self, state: &File) {
        let message = [
            NotifyState::FdStore,
            NotifyState::FdName(STATE_NAME),
            // It is no descriptor that could be polled.
            NotifyState::Custom("FDPOLL=0"),
        ];
        let stored = match SUPERVISOR.get() {
            Some(socket) => send_with(socket, &text_of(&message), state.as_fd()),
            None => sd_notify::notify_with_fds(&message, &[state.as_fd()]),
        };
        if let Err(error) = stored {
            log::warn!("sessions will not be counted after a restart: FDSTORE failed: {error}");
        }
    }

    /// The status has changed.
    pub(in crate::accept) fn status_changed(&mut self) {
        self.status_due
            .get_or_insert(self.last_status.plus(STATUS_INTERVAL));
    }

    /// When there is something to tell.
    pub(in crate::accept) fn due(&self) -> Option<Moment> {
        self.status_due.into_iter().chain(self.next_watchdog).min()
    }

    /// Tells what is due; called by the loop alone, so that systemd notices when that is stuck.
    pub(in crate::accept) fn tell(&mut self, now: Moment, status: impl FnOnce() -> String) {
        if let (Some(interval), Some(next)) = (self.watchdog, self.next_watchdog)
            && now >= next
        {
            notify_now(&[NotifyState::Watchdog]);
            self.next_watchdog = Some(now.plus(interval));
        }
        if self.status_due.is_some_and(|due| now >= due) {
            notify_now(&[NotifyState::Status(&status())]);
            self.status_due = None;
            self.last_status = now;
        }
    }
}

fn notify(message: &[NotifyState<'_>]) {
    // Without systemd there is no socket. Where there is one that fails, the watchdog of the unit notices.
    let _ = match SUPERVISOR.get() {
        Some(socket) => socket.send(text_of(message).as_bytes()).map(drop),
        None => sd_notify::notify(message),
    };
}

/// The same of what may get lost: where the service manager is stopped and its queue full, no client waits for it.
fn notify_now(message: &[NotifyState<'_>]) {
    if let Some(socket) = SUPERVISOR.get() {
        // As for notify.
        let _ = send_now(socket.as_fd(), text_of(message).as_bytes());
        return;
    }
    let Some(path) = env::var_os("NOTIFY_SOCKET").map(PathBuf::from) else {
        return;
    };
    // Of the other kinds of addresses the manager of a machine has none (sd_notify(3)).
    if !path.is_absolute() {
        return notify(message);
    }
    // As for notify.
    let _ = send_to(&path, text_of(message).as_bytes());
}

fn text_of(message: &[NotifyState<'_>]) -> String {
    message.iter().map(|line| format!("{line}\n")).collect()
}

/// Sends a message with a descriptor; waits until there is room for it.
fn send_with(socket: &UnixDatagram, message: &str, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    loop {
        match handover::send(socket.as_fd(), message.as_bytes(), descriptor) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
                poll(&mut fds, PollTimeout::NONE)?;
            }
            sent => return sent,
        }
    }
}

fn send_to(path: &Path, message: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    send_now(socket.as_fd(), message).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_manager_that_does_not_read_holds_nothing_up() {
        let path = env::temp_dir().join(format!("notify-{}", std::process::id()));
        let _manager = UnixDatagram::bind(&path).unwrap();
        let mut tries = 0..10_000;
        let full = tries.find_map(|_| send_to(&path, b"STATUS=x\n").err());
        let full = full.map(|error| error.kind());
        assert_eq!(full, Some(io::ErrorKind::WouldBlock));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn the_status_is_told_once_a_second_at_most() {
        let at = |tenths| Moment(Duration::from_millis(tenths * 100));
        let mut notifier = Notifier::default();
        let mut told = Vec::new();
        for tenth in 20..60_u64 {
            notifier.status_changed();
            notifier.tell(at(tenth), || {
                told.push(tenth);
                String::new()
            });
        }
        assert_eq!(told, [20, 30, 40, 50]);
        assert_eq!(notifier.due(), Some(at(60)));
    }
}
