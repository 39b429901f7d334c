//! Servers: their start, their end, and what happens where one can't be started.

use std::ffi::CString;
use std::os::fd::AsFd;

use nix::errno::Errno;

use crate::journal::{Ending, Event};
use crate::policy::{Reason, Refusal, Slot};
use crate::status::Cause;
use crate::sys::process::{self, Process};
use crate::sys::spawn::{Launcher, SpawnError};

use super::clock::Moment;
use super::environment;
use super::helper::{Helper, Parts};
use super::intake::Served;
use super::kinds::Ended;
use super::peer::Remote;
use super::pending::{Connection, Next, Wait};
use super::sessions::Session;
use super::settings::Work;
use super::slab::Key;
use super::socket::Socket;

/// Attempts to make a process for a server (semantics, section 4.8).
const FORK_ATTEMPTS: u32 = 5;

impl Helper {
    /// Does for `connection`, which counts already, what the service does.
    pub(super) fn serve(
        &mut self,
        connection: Connection,
        slot: Slot,
        failures: u32,
        now: Moment,
    ) -> Served {
        let Connection { socket, remote, .. } = &connection;
        let started = Moment::now().unwrap_or(now);
        let changes = connection.changes.as_ref();
        let changed = changes.and_then(|changes| self.launcher(changes));
        let Parts {
            kinds,
            work,
            mut cx,
            ..
        } = self.parts(now);
        let spawned = match (changed, work) {
            (Some(mut changed), _) => spawn(&mut changed, socket, remote),
            (None, Work::Execute(launcher) | Work::Wait(launcher)) => {
                spawn(launcher, socket, remote)
            }
            (None, &mut Work::Internal(builtin)) => {
                return kinds.internal.serve(builtin, connection, slot, &mut cx);
            }
            (None, Work::Tcpmux(targets)) => {
                let closing = kinds.tcpmux.serve(targets, connection, slot, &mut cx);
                return self.advance_closing(closing, now);
            }
            (None, Work::Redirect(route)) => {
                return kinds.redirect.serve(route, connection, slot, &mut cx);
            }
            // Its clients have left already.
            (None, Work::Sensor(_)) => {
                cx.cancel(slot);
                return Served::Done;
            }
        };
        match spawned {
            Ok(process) => {
                let Connection {
                    socket,
                    remote,
                    known,
                    ..
                } = connection;
                // First of all: the client sees the end only when nobody has the socket any more.
                drop(socket);
                let user = known.answer.map(|answer| (remote.clone(), answer));
                let session = Session {
                    process,
                    remote,
                    slot,
                    started,
                };
                self.started(session);
                if let Some((remote, answer)) = user {
                    self.report.served_user(&remote, Some(&answer), now);
                }
                Served::Forked
            }
            Err(SpawnError::Exec(errno)) => {
                self.parts(now).cx.cancel(slot);
                if let Some(program) = self.settings.spec.task.program() {
                    self.report.not_executed(&program.path, errno);
                }
                self.report.turned_away(Cause::Exec, 1);
                if self.hands_over() {
                    self.rest(now);
                }
                Served::Done
            }
            Err(SpawnError::Fork(errno)) => {
                self.fork_failed(connection, slot, failures + 1, errno, now)
            }
        }
    }

    /// Goes on with clients of tcpmux that wait for the helper of the service that they want.
    pub(super) fn expire_tcpmux(&mut self, now: Moment) {
        let Parts {
            kinds,
            work,
            mut cx,
            ..
        } = self.parts(now);
        for closing in kinds.tcpmux.expire(work.targets(), &mut cx) {
            self.advance(closing, now);
        }
    }

    /// A client of tcpmux has sent something.
    pub(super) fn tcpmux_ready(&mut self, key: Key, now: Moment) {
        let Parts {
            kinds,
            work,
            mut cx,
            ..
        } = self.parts(now);
        let closing = kinds.tcpmux.ready(work.targets(), key, &mut cx);
        self.advance_closing(closing, now);
    }

    /// Sends a client what it is to be told at last, if there is one.
    fn advance_closing(&mut self, closing: Option<Connection>, now: Moment) -> Served {
        closing.map_or(Served::Held, |closing| self.advance(closing, now))
    }

    /// The end of a client whose connection has passed the limits of a sensor.
    pub(super) fn sense(&mut self, connection: Connection, now: Moment) -> Served {
        let Parts {
            kinds,
            work,
            bans,
            mut cx,
            ..
        } = self.parts(now);
        if let Work::Sensor(sensor) = work {
            kinds.sensor.hit(sensor, &connection, bans, &mut cx);
        }
        self.refuse(connection, &Refusal::by(Reason::Address), now)
    }

    fn started(&mut self, session: Session) {
        let running = Moment::now().unwrap_or(session.started);
        let pid = session.process.pid();
        match self.sessions.insert(session, running) {
            Ok(key) => {
                if let Some(session) = self.sessions.get_mut(key) {
                    self.report.started(pid, &session.remote);
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
    ) -> Served {
        let errno = errno as i32;
        self.report.record(&Event::ForkFailed { errno });
        let last = failures >= FORK_ATTEMPTS || self.settings.spec.noretry;
        if !last {
            connection.next = Next::Serve(slot, failures);
            return self.wait(connection, Wait::Retry, false, now);
        }
        if failures >= FORK_ATTEMPTS {
            let id = self.settings.spec.id.to_text();
            log::error!("service {id}: too many consecutive fork failures");
        }
        self.parts(now).cx.cancel(slot);
        self.refuse(connection, &Refusal::by(Reason::Fork), now)
    }

    /// The server of a session has ended, perhaps.
    pub(super) fn ended(&mut self, key: Key, now: Moment) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let ending = match session.process.ended() {
            Ok(Some(process::Ended::Exited(status))) => Some(Ending::Exited(status)),
            Ok(Some(process::Ended::Killed(signal))) => Some(Ending::Signaled(signal)),
            Ok(Some(process::Ended::Unknown)) | Err(_) => None,
            Ok(None) => return,
        };
        let Some(session) = self.sessions.remove(key) else {
            return;
        };
        let duration = now.since(session.started);
        self.parts(now).cx.ended(Ended {
            pid: session.process.pid(),
            remote: &session.remote,
            slot: session.slot,
            ending,
            duration,
        });
        self.take_back(duration, now);
    }
}

fn spawn(launcher: &mut Launcher, socket: &Socket, remote: &Remote) -> Result<Process, SpawnError> {
    let variables = environment::remote(remote);
    let variables: Vec<_> = variables.iter().map(CString::as_c_str).collect();
    launcher.spawn(socket.as_fd(), &variables)
}
