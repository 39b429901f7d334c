//! Servers: their start, their end, and what happens where one can't be started.

use std::ffi::CString;
use std::net::TcpStream;
use std::os::fd::AsFd;

use nix::errno::Errno;

use crate::journal::{Ending, Event};
use crate::policy::{Reason, Refusal, Slot};
use crate::status::Cause;
use crate::sys::process::{Ended, Process};
use crate::sys::spawn::{Launcher, SpawnError};

use super::clock::Moment;
use super::environment;
use super::helper::Helper;
use super::peer::Remote;
use super::pending::{Connection, Next, Wait};
use super::sessions::Session;
use super::settings::Work;
use super::slab::Key;

/// Attempts to make a process for a server (docs/xinetd-behaviour.md, section 4.8).
const FORK_ATTEMPTS: u32 = 5;

impl Helper {
    /// Does for `connection`, which counts already, what the service does.
    pub(super) fn serve(&mut self, connection: Connection, slot: Slot, failures: u32, now: Moment) {
        let Connection { stream, remote, .. } = &connection;
        let started = Moment::now().unwrap_or(now);
        let changes = connection.changes.as_ref();
        let changed = changes.and_then(|changes| self.launcher(changes));
        let spawned = match (changed, &mut self.settings.work) {
            (Some(mut changed), _) => spawn(&mut changed, stream, remote),
            (None, Work::Execute(launcher)) => spawn(launcher, stream, remote),
            (None, Work::Wait(launcher)) => {
                // What a pause, or the last server, has made of it.
                let _ = stream.set_nonblocking(false);
                spawn(launcher, stream, remote)
            }
            (None, &mut Work::Internal(builtin)) => {
                return self.receive(connection, slot, builtin, now);
            }
            (None, Work::Tcpmux(_)) => return self.ask_service(connection, slot, now),
            (None, Work::Redirect(route)) => {
                let route = route.clone();
                return self.redirect(connection, slot, route, now);
            }
            // Its clients have left already.
            (None, Work::Sensor(_)) => return self.state.leave(slot),
        };
        match spawned {
            Ok(process) => {
                let Connection {
                    stream,
                    remote,
                    known,
                    ..
                } = connection;
                // First of all: the client sees the end only when nobody has the socket any more.
                drop(stream);
                let user = known.answer.map(|answer| (remote.clone(), answer));
                let session = Session {
                    process,
                    remote,
                    slot,
                    started,
                };
                self.started(session);
                if let Some((remote, answer)) = user {
                    self.log_user(&remote, Some(answer), now);
                }
            }
            Err(SpawnError::Exec(errno)) => {
                self.state.leave(slot);
                if let Some(program) = self.settings.spec.task.program() {
                    let (server, number) = (&program.path, errno as i32);
                    self.log(&Event::ExecFailed {
                        server,
                        errno: number,
                    });
                    let (server, error) = (server.to_text(), errno.desc());
                    self.exec_failure = Some(format!("{server} can't be executed: {error}"));
                }
                self.tally.counters.refuse(Cause::Exec, 1);
                self.notifier.status_changed();
                if self.hands_over() {
                    self.rest(now);
                }
            }
            Err(SpawnError::Fork(errno)) => {
                self.fork_failed(connection, slot, failures + 1, errno, now);
            }
        }
    }

    fn started(&mut self, session: Session) {
        let running = Moment::now().unwrap_or(session.started);
        let pid = session.process.pid();
        self.tally.counters.serve();
        self.exec_failure = None;
        self.notifier.status_changed();
        match self.sessions.insert(session, running) {
            Ok(key) => {
                if let Some(session) = self.sessions.get_mut(key) {
                    let peer = session.remote.as_peer();
                    let event = Event::Start { pid, peer };
                    self.log_file
                        .record(self.journal, &self.settings.log, &event);
                }
                self.watch_session(key);
            }
            Err(session) => self.state.leave(session.slot),
        }
    }

    fn fork_failed(
        &mut self,
        mut connection: Connection,
        slot: Slot,
        failures: u32,
        errno: Errno,
        now: Moment,
    ) {
        let errno = errno as i32;
        self.log(&Event::ForkFailed { errno });
        let last = failures >= FORK_ATTEMPTS || self.settings.spec.noretry;
        if !last {
            connection.next = Next::Serve(slot, failures);
            self.wait(connection, Wait::Retry, false, now);
            return;
        }
        if failures >= FORK_ATTEMPTS {
            let id = self.settings.spec.id.to_text();
            log::error!("service {id}: too many consecutive fork failures");
        }
        self.state.leave(slot);
        self.refuse(connection, &Refusal::by(Reason::Fork), now);
    }

    /// The server of a session has ended, perhaps.
    pub(super) fn ended(&mut self, key: Key, now: Moment) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let ending = match session.process.ended() {
            Ok(Some(Ended::Exited(status))) => Some(Ending::Exited(status)),
            Ok(Some(Ended::Killed(signal))) => Some(Ending::Signaled(signal)),
            Ok(Some(Ended::Unknown)) | Err(_) => None,
            Ok(None) => return,
        };
        let Some(session) = self.sessions.remove(key) else {
            return;
        };
        let (pid, peer) = (session.process.pid(), session.remote.as_peer());
        let duration = now.since(session.started);
        self.tally.counters.end(duration);
        self.log(&Event::Exit {
            pid,
            peer,
            ending,
            duration,
        });
        self.state.leave(session.slot);
        self.take_back(duration, now);
        self.notifier.status_changed();
    }
}

fn spawn(
    launcher: &mut Launcher,
    stream: &TcpStream,
    remote: &Remote,
) -> Result<Process, SpawnError> {
    let variables = environment::remote(remote);
    let variables: Vec<_> = variables.iter().map(CString::as_c_str).collect();
    launcher.spawn(stream.as_fd(), &variables)
}
