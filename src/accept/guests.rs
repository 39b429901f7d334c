//! The clients of internal services, from their admission to their end.
//!
//! They have no process: their START and EXIT have pid=0, as xinetd writes it for what it does
//! itself. Those of time and daytime have no EXIT, as in xinetd.

use nix::sys::epoll::EpollFlags;

use crate::journal::Ending;
use crate::policy::Slot;
use crate::service::Builtin;

use super::clock::Moment;
use super::helper::Helper;
use super::internal::{Guest, Talk};
use super::peer::Remote;
use super::pending::Connection;
use super::reactor::Owner;
use super::slab::Key;

/// In the place of a process.
pub(super) const NO_PROCESS: i32 = 0;

impl Helper {
    /// Serves `connection`, which counts already.
    pub(super) fn receive(
        &mut self,
        connection: Connection,
        slot: Slot,
        builtin: Builtin,
        now: Moment,
    ) {
        let Connection {
            stream,
            remote,
            known,
            ..
        } = connection;
        self.log_start(&remote);
        self.log_user(&remote, known.answer, now);
        let mut talk = Talk::new(builtin, &stream);
        let Some(events) = talk.advance(&stream) else {
            drop(stream);
            if !matches!(talk, Talk::Tell(..)) {
                self.log_exit(&remote, now, now);
            }
            return self.state.leave(slot);
        };
        let guest = Guest {
            stream,
            remote,
            slot,
            started: now,
            watched: events,
            talk,
        };
        match self.guests.insert(guest) {
            Ok(key) => self.watch_guest(key, events, now),
            Err(guest) => self.state.leave(guest.slot),
        }
    }

    fn watch_guest(&mut self, key: Key, events: EpollFlags, now: Moment) {
        let Some(guest) = self.guests.get_mut(key) else {
            return;
        };
        let token = Owner::Guest.of(key);
        if let Err(error) = self.reactor.add(&guest.stream, token, events) {
            log::warn!("a client can't be watched: {error}");
            self.end_guest(key, now);
        }
    }

    /// A client can go on.
    pub(super) fn guest_ready(&mut self, key: Key, now: Moment) {
        let Some(guest) = self.guests.get_mut(key) else {
            return;
        };
        match guest.talk.advance(&guest.stream) {
            Some(events) if events == guest.watched => {}
            Some(events) => {
                guest.watched = events;
                let token = Owner::Guest.of(key);
                if self.reactor.modify(&guest.stream, token, events).is_err() {
                    self.end_guest(key, now);
                }
            }
            None => self.end_guest(key, now),
        }
    }

    /// A client's session is over.
    pub(super) fn end_guest(&mut self, key: Key, now: Moment) {
        let Some(guest) = self.guests.remove(key) else {
            return;
        };
        // First of all: who counts the end of a session has seen the end of the connection.
        drop(guest.stream);
        if !matches!(guest.talk, Talk::Tell(..)) {
            self.log_exit(&guest.remote, guest.started, now);
        }
        self.state.leave(guest.slot);
        self.report.status_changed();
    }

    /// The service stops: all of them have to go.
    pub(super) fn end_guests(&mut self, now: Moment) {
        for key in self.guests.keys() {
            self.end_guest(key, now);
        }
    }

    /// A client is served without a process.
    pub(super) fn log_start(&mut self, remote: &Remote) {
        self.report.started(NO_PROCESS, remote);
    }

    /// A client that was served without a process has gone.
    pub(super) fn log_exit(&mut self, remote: &Remote, started: Moment, now: Moment) {
        let ending = Some(Ending::Exited(0));
        self.report
            .ended(NO_PROCESS, remote, ending, now.since(started));
    }
}
