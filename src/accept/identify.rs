//! Clients whose user is asked for before they get a server, or after they were refused
//! (docs/xinetd-behaviour.md, section 5.6).

use std::os::fd::AsFd;

use nix::sys::epoll::{EpollEvent, EpollFlags};

use crate::journal::Event;
use crate::policy::Slot;
use crate::status::Cause;

use super::clock::Moment;
use super::helper::{Helper, Token};
use super::ident::{Answer, Failure, Query};
use super::peer::Remote;
use super::pending::{Connection, Next, Place, Wait};
use super::slab::Key;

impl Helper {
    /// What comes after all checks: the client's user, where he is asked for, and the server.
    pub(super) fn admit(&mut self, mut connection: Connection, slot: Slot, now: Moment) {
        if !self.settings.spec.logging.success.userid {
            connection.next = Next::Serve(slot, 0);
            return self.advance(connection, now);
        }
        // A rule may have asked already.
        if let Some(answer) = connection.known.answer.take() {
            return self.identified(connection, slot, answer, now);
        }
        match Query::new(&connection.stream) {
            Ok(query) => {
                connection.next = Next::Ident(slot, query);
                self.advance(connection, now);
            }
            Err(failure) => self.identified(connection, slot, Err(failure), now),
        }
    }

    /// What comes after a refusal: its user, where he is asked for, and the end.
    pub(super) fn dismiss(&mut self, mut connection: Connection, now: Moment) {
        // For a line of the log alone no other client has to give its place up.
        let peer = connection.remote.address.ip();
        let asks = self.settings.spec.logging.failure.userid
            && self.pending.place(Wait::Ident, peer) == Place::Free;
        connection.next = match asks {
            true => Query::new(&connection.stream).map_or(Next::Close, Next::CloseIdentified),
            false => Next::Close,
        };
        self.advance(connection, now);
    }

    /// Has the loop tell of the answer; it waits already.
    pub(super) fn watch_query(&mut self, key: Key) {
        let Some((connection, _)) = self.pending.get_mut(key) else {
            return;
        };
        if let Next::Ident(_, query) | Next::CloseIdentified(query) = &connection.next {
            // Once for each change: it is written to once, and then read.
            let events = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
            let event = EpollEvent::new(events, Token::Ident(key).encode());
            // Where it can't be watched its time runs out.
            let _ = self.epoll.add(query.descriptor().as_fd(), event);
        }
    }

    /// The ident server of a waiting client has something to say.
    pub(super) fn ident_ready(&mut self, key: Key, now: Moment) {
        let Some((connection, _)) = self.pending.get_mut(key) else {
            return;
        };
        let answer = match &mut connection.next {
            Next::Ident(_, query) | Next::CloseIdentified(query) => query.advance(),
            Next::Name(_) | Next::Serve(..) | Next::Line(..) | Next::Door(..) | Next::Close => None,
        };
        if let Some(answer) = answer {
            self.ident_answer(key, answer, now);
        }
    }

    /// A client's ident server has answered, or failed to.
    fn ident_answer(&mut self, key: Key, answer: Answer, now: Moment) {
        if let Some((connection, _)) = self.release(key) {
            self.take_answer(connection, answer, now);
        }
    }

    /// A client does not wait for its ident server any longer.
    pub(super) fn not_identified(&mut self, connection: Connection, why: Failure, now: Moment) {
        self.take_answer(connection, Err(why), now);
    }

    fn take_answer(&mut self, mut connection: Connection, answer: Answer, now: Moment) {
        match std::mem::replace(&mut connection.next, Next::Close) {
            Next::Ident(slot, _) => {
                if let Some((connection, slot, answer)) =
                    self.take_user(connection, slot, answer, now)
                {
                    self.identified(connection, slot, answer, now);
                }
            }
            Next::CloseIdentified(_) => {
                self.log_answer(&connection.remote, &answer, now);
                self.advance(connection, now);
            }
            next => {
                connection.next = next;
                self.advance(connection, now);
            }
        }
    }

    fn identified(&mut self, mut connection: Connection, slot: Slot, answer: Answer, now: Moment) {
        match answer {
            Err(failure) if self.settings.spec.idonly => {
                self.state.leave(slot);
                self.tally.counters.refuse(Cause::Ident, 1);
                let failure = failure.to_string();
                self.log(&Event::NoId {
                    peer: connection.remote.as_peer(),
                    failure: &failure,
                });
                connection.next = Next::Close;
            }
            answer => {
                // It is logged behind START, as by xinetd.
                connection.known.answer = Some(answer);
                connection.next = Next::Serve(slot, 0);
            }
        }
        self.advance(connection, now);
    }

    /// Logs the user of a client whose session has started, where it was asked for.
    pub(super) fn log_user(&mut self, remote: &Remote, answer: Option<Answer>, now: Moment) {
        // A rule may have asked for one that is not to be logged.
        if self.settings.spec.logging.success.userid
            && let Some(answer) = answer
        {
            self.log_answer(remote, &answer, now);
        }
    }

    fn log_answer(&mut self, remote: &Remote, answer: &Answer, now: Moment) {
        let peer = remote.as_peer();
        match answer {
            Ok(user) => self.log(&Event::UserId { peer, user }),
            // Few machines have one: xinetd does not mention it either.
            Err(Failure::NoServer) => {}
            Err(failure) if self.remarks.admits(now.seconds()) => {
                let failure = failure.to_string();
                self.log(&Event::IdentFailed {
                    peer,
                    failure: &failure,
                });
            }
            Err(_) => {}
        }
    }
}
