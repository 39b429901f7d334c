//! Servers: their sessions, from the start of a process to its end.

mod sessions;

use std::ffi::CString;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::epoll::EpollFlags;
use nix::sys::signal::Signal;
use xinetd_core::admission::Admitted;
use xinetd_core::policy::{Slot, State};

use crate::journal::{Ending, Event};
use crate::sys::process::{self, Process};
use crate::sys::spawn::{Launcher, SpawnError};

use super::super::clock::{Moment, earliest};
use super::super::environment;
use super::super::peer::Remote;
use super::super::pending::Connection;
use super::super::reactor::Owner;
use super::super::slab::Key;
use super::{Cx, Ended};

use sessions::Session;
pub(in crate::accept) use sessions::Sessions;

/// How long the state of `cps` may change before it is noted for a successor: a helper that is killed
/// forgets no more than that.
const RATE_INTERVAL: Duration = Duration::from_secs(1);

/// How often what could not be watched is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// The servers that run.
#[derive(Debug)]
pub(in crate::accept) struct Servers {
    sessions: Sessions,
    /// Sessions whose end is not told, because the kernel could not watch them, and when that is tried
    /// again.
    unwatched: Vec<Key>,
    retry: Option<Moment>,
    /// When the state of `cps` is noted for a successor.
    save: Option<Moment>,
}

impl Servers {
    /// With the sessions of a predecessor, once they are [adopted](Self::adopt).
    pub(in crate::accept) fn new(sessions: Sessions) -> Self {
        Self {
            sessions,
            unwatched: Vec::new(),
            retry: None,
            save: None,
        }
    }

    /// Takes over what a predecessor left.
    pub(in crate::accept) fn adopt(&mut self, cx: &mut Cx<'_>) {
        cx.state.restore_rate(self.sessions.saved_rate());
        let keys = self.sessions.adopt(cx.state);
        for &key in &keys {
            self.watch(key, cx);
        }
        if let Ok(sessions @ 1..) = u32::try_from(keys.len()) {
            cx.report.record(&Event::Adopted { sessions });
        }
    }

    /// Begins the session of a server that has been started for `connection`, which counts already.
    pub(in crate::accept) fn begin(
        &mut self,
        process: Process,
        started: Moment,
        connection: Connection,
        admitted: Admitted,
        cx: &mut Cx<'_>,
    ) {
        let Connection { socket, remote, .. } = connection;
        let (slot, user) = admitted.into_parts();
        // First of all: the client sees the end only when the server alone has the socket.
        drop(socket);
        let running = Moment::now().unwrap_or(started);
        let pid = process.pid();
        let session = Session {
            process,
            remote,
            slot,
            started,
        };
        match self.sessions.insert(session, running) {
            Ok(key) => {
                if let Some(session) = self.sessions.get_mut(key) {
                    cx.started(pid, &session.remote, user.as_ref());
                }
                self.watch(key, cx);
            }
            Err(session) => cx.cancel(session.slot),
        }
    }

    /// Goes on with a session that was the helper's own until now, and that `process` goes on with.
    pub(in crate::accept) fn take_over(
        &mut self,
        process: Process,
        remote: Remote,
        slot: Slot,
        started: Moment,
        cx: &mut Cx<'_>,
    ) {
        let session = Session {
            process,
            remote,
            slot,
            started,
        };
        // Read now: a process that was started after that is another one.
        let running = Moment::now().unwrap_or(cx.now);
        match self.sessions.insert(session, running) {
            Ok(key) => self.watch(key, cx),
            Err(session) => cx.cancel(session.slot),
        }
    }

    /// Makes sure that the end of a session is noticed; tried again later where it can't be.
    fn watch(&mut self, key: Key, cx: &mut Cx<'_>) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let (pidfd, token) = (session.process.pidfd(), Owner::Program.of(key));
        if let Err(error) = cx.reactor.add(pidfd, token, EpollFlags::EPOLLIN) {
            log::warn!(
                "server {} can't be watched yet: {error}",
                session.process.pid()
            );
            self.unwatched.push(key);
            self.retry.get_or_insert(cx.now.plus(RETRY));
        }
    }

    /// The server of a session has ended, perhaps; how long the session took, if it has.
    pub(in crate::accept) fn ready(&mut self, key: Key, cx: &mut Cx<'_>) -> Option<Duration> {
        let session = self.sessions.get_mut(key)?;
        let ending = match session.process.ended() {
            Ok(Some(process::Ended::Exited(status))) => Some(Ending::Exited(status)),
            Ok(Some(process::Ended::Killed(signal))) => Some(Ending::Signaled(signal)),
            Ok(Some(process::Ended::Unknown)) | Err(_) => None,
            Ok(None) => return None,
        };
        let session = self.sessions.remove(key)?;
        let duration = cx.now.since(session.started);
        cx.ended(Ended {
            pid: session.process.pid(),
            remote: &session.remote,
            slot: session.slot,
            ending,
            duration,
        });
        Some(duration)
    }

    /// The state of `cps` has changed.
    pub(in crate::accept) fn rate_changed(&mut self, now: Moment) {
        self.save.get_or_insert(now.plus(RATE_INTERVAL));
    }

    /// Notes the state of `cps` for a successor.
    pub(in crate::accept) fn save_rate(&mut self, state: &State) {
        self.sessions.save_rate(state);
    }

    /// When to call [`Self::expire`], if nothing happens before.
    pub(in crate::accept) fn due(&self) -> Option<Moment> {
        earliest([self.save, self.retry])
    }

    /// Notes what has changed, and tries again to watch sessions.
    pub(in crate::accept) fn expire(&mut self, cx: &mut Cx<'_>) {
        if self.save.take_if(|due| cx.now >= *due).is_some() {
            self.sessions.save_rate(cx.state);
        }
        if self.retry.take_if(|due| cx.now >= *due).is_some() {
            for key in std::mem::take(&mut self.unwatched) {
                self.watch(key, cx);
            }
        }
    }

    /// How many servers run.
    pub(in crate::accept) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// The sessions: their processes, their clients, and when they began.
    pub(in crate::accept) fn sessions(&self) -> impl Iterator<Item = (Key, i32, &Remote, Moment)> {
        let sessions = self.sessions.iter();
        sessions.map(|(key, one)| (key, one.process.pid(), &one.remote, one.started))
    }

    /// Has a server end.
    ///
    /// # Errors
    /// In words, as pidfd_send_signal(2).
    pub(in crate::accept) fn kick(&mut self, key: Key) -> Result<(), String> {
        let session = self.sessions.get_mut(key);
        let ended = session.map_or(Ok(()), |one| one.process.kill(Signal::SIGTERM));
        ended.map_err(|error| format!("the server can't be ended: {error}"))
    }

    /// Waits until a server has ended, of those that are ending all, for `limit` at most.
    pub(in crate::accept) fn await_end(&self, limit: Duration) {
        if let Some((_, session)) = self.sessions.iter().next() {
            let _ = session.process.await_end(limit);
        }
    }
}

/// Starts a server for the client of `connection`.
///
/// # Errors
/// If there is no process for it, or it can't be executed.
pub(in crate::accept) fn spawn(
    launcher: &mut Launcher,
    connection: &Connection,
) -> Result<Process, SpawnError> {
    let variables = environment::remote(&connection.remote);
    let variables: Vec<_> = variables.iter().map(CString::as_c_str).collect();
    launcher.spawn(connection.socket.as_fd(), &variables)
}
