//! What is done with a client that is let in, by the kind of the service.

use nix::errno::Errno;
use xinetd_core::admission::Admitted;
use xinetd_core::policy::{Reason, Refusal};

use crate::journal::Event;
use crate::status::Cause;
use crate::sys::spawn::SpawnError;

use super::super::clock::Moment;
use super::super::kinds::Served;
use super::super::kinds::spawn;
use super::super::pending::{Awaiting, Connection};
use super::super::settings::Work;
use super::super::slab::Key;
use super::{Helper, Parts};

/// Attempts to make a process for a server (docs/xinetd-behaviour.md, section 4.8).
const FORK_ATTEMPTS: u32 = 5;

impl Helper {
    /// Does for `connection`, which counts already, what the service does.
    pub(super) fn serve(
        &mut self,
        connection: Connection,
        admitted: Admitted,
        failures: u32,
        now: Moment,
    ) -> Served {
        let started = Moment::now().unwrap_or(now);
        let changes = admitted.changes();
        let changed = changes.and_then(|changes| self.launcher(changes));
        let Parts {
            kinds,
            work,
            mut cx,
            ..
        } = self.parts(now);
        let spawned = match (changed, work) {
            (Some(mut changed), _) => spawn(&mut changed, &connection),
            (None, Work::Execute(launcher) | Work::Wait(launcher)) => spawn(launcher, &connection),
            (None, &mut Work::Internal(builtin)) => {
                return kinds.internal.serve(builtin, connection, admitted, &mut cx);
            }
            (None, Work::Tcpmux(targets)) => {
                let closing = kinds.tcpmux.serve(targets, connection, admitted, &mut cx);
                return closing.map_or(Served::Held, |closing| {
                    self.close_when_drained(closing, now)
                });
            }
            (None, Work::Redirect(route)) => {
                return kinds.redirect.serve(route, connection, admitted, &mut cx);
            }
            // A reload has made the service a sensor while this client waited.
            (None, Work::Sensor(_)) => {
                cx.cancel(admitted.into_slot());
                return Served::Done;
            }
        };
        match spawned {
            Ok(process) => {
                kinds
                    .program
                    .begin(process, started, connection, admitted, &mut cx);
                Served::Forked
            }
            Err(SpawnError::Exec(errno)) => {
                cx.cancel(admitted.into_slot());
                if let Some(program) = cx.spec.task.program() {
                    cx.report.not_executed(&program.path, errno);
                }
                cx.report.turned_away(Cause::Exec, 1);
                if self.is_wait() {
                    self.kinds.wait.back_off(now);
                }
                Served::Done
            }
            Err(SpawnError::Fork(errno)) => {
                self.fork_failed(connection, admitted, failures + 1, errno, now)
            }
        }
    }

    /// There is no process for a client, after so many failures: it waits for another attempt, or is refused.
    pub(super) fn fork_failed(
        &mut self,
        connection: Connection,
        admitted: Admitted,
        failures: u32,
        errno: Errno,
        now: Moment,
    ) -> Served {
        let errno = errno as i32;
        self.report.record(&Event::ForkFailed { errno });
        let last = failures >= FORK_ATTEMPTS || self.settings.spec.noretry;
        if !last {
            return self.wait(connection, Awaiting::Retry(admitted, failures), now);
        }
        if failures >= FORK_ATTEMPTS {
            let id = self.settings.spec.id.to_text();
            log::error!("service {id}: too many consecutive fork failures");
        }
        self.parts(now).cx.cancel(admitted.into_slot());
        self.refuse(connection, &Refusal::by(Reason::Fork), now)
    }

    /// The server of a session has ended, perhaps.
    pub(super) fn server_ready(&mut self, key: Key, now: Moment) {
        let Parts { kinds, mut cx, .. } = self.parts(now);
        let ended = kinds.program.ready(key, &mut cx);
        if let Some(duration) = ended
            && self.is_wait()
        {
            let (sockets, spec) = (&self.sockets, &self.settings.spec);
            self.kinds.wait.server_exited(duration, sockets, spec, now);
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
        if let Some(closing) = kinds.tcpmux.ready(work.targets(), key, &mut cx) {
            self.close_when_drained(closing, now);
        }
    }

    /// Does what is due for sessions.
    pub(super) fn expire_kinds(&mut self, now: Moment) {
        let Parts {
            kinds,
            work,
            mut cx,
            ..
        } = self.parts(now);
        for closing in kinds.expire(work, &mut cx) {
            self.close_when_drained(closing, now);
        }
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
}
