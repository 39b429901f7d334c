//! The clients of internal services, from their admission to their end.
//!
//! They have no process: their START and EXIT have pid=0, as xinetd writes it for what it does
//! itself. Those of time and daytime have no EXIT, as in xinetd.

use std::time::Duration;

use nix::sys::epoll::EpollFlags;

use crate::policy::Slot;
use crate::service::Builtin;

use super::clock::Moment;
use super::helper::{Ended, Helper, NO_PROCESS};
use super::intake::Served;
use super::internal::{Guest, Talk};
use super::pending::Connection;
use super::reactor::Owner;
use super::slab::Key;
use super::socket::Socket;

impl Helper {
    /// Serves `connection`, which counts already.
    pub(super) fn receive(
        &mut self,
        connection: Connection,
        slot: Slot,
        builtin: Builtin,
        now: Moment,
    ) -> Served {
        let Connection {
            socket,
            remote,
            known,
            ..
        } = connection;
        let Socket::Stream(stream) = socket else {
            self.cancel(slot);
            return Served::Done;
        };
        self.report.started(NO_PROCESS, &remote);
        self.log_user(&remote, known.answer, now);
        let mut talk = Talk::new(builtin, &stream);
        let Some(events) = talk.advance(&stream) else {
            drop(stream);
            match talk.has_exit() {
                true => self.end_session(Ended::without_process(&remote, slot, Duration::ZERO)),
                false => self.cancel(slot),
            }
            return Served::Done;
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
            Err(guest) => self.cancel(guest.slot),
        }
        Served::Held
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
        let duration = now.since(guest.started);
        match guest.talk.has_exit() {
            true => self.end_session(Ended::without_process(&guest.remote, guest.slot, duration)),
            false => self.cancel(guest.slot),
        }
    }

    /// The service stops: all of them have to go.
    pub(super) fn end_guests(&mut self, now: Moment) {
        for key in self.guests.keys() {
            self.end_guest(key, now);
        }
    }
}
