//! Clients whose user is asked for before they get a server, or after they were refused
//! (semantics, section 5.6).

use std::ops::ControlFlow;

use nix::sys::epoll::EpollFlags;

use crate::journal::Event;
use crate::policy::Slot;
use crate::status::Cause;

use super::clock::Moment;
use super::helper::Helper;
use super::ident::{Answer, Failure, Query};
use super::intake::Served;
use super::pending::{Connection, Next, Place, Wait};
use super::reactor::Owner;
use super::slab::Key;

impl Helper {
    /// What comes after all checks: the client's user, where he is asked for, and the server.
    pub(super) fn admit(&mut self, mut connection: Connection, slot: Slot, now: Moment) -> Served {
        if !self.settings.spec.logging.success.userid {
            connection.next = Next::Serve(slot, 0);
            return self.advance(connection, now);
        }
        // A rule may have asked already.
        if let Some(answer) = connection.known.answer.take() {
            return self.identified(connection, slot, answer, now);
        }
        match Query::new(&connection.socket) {
            Ok(query) => {
                connection.next = Next::Ident(slot, query);
                self.advance(connection, now)
            }
            Err(failure) => self.identified(connection, slot, Err(failure), now),
        }
    }

    /// What comes after a refusal: its user, where he is asked for, and the end.
    pub(super) fn dismiss(&mut self, mut connection: Connection, now: Moment) -> Served {
        // For a line of the log alone no other client has to give its place up.
        let peer = connection.remote.ip();
        let asks = self.settings.spec.logging.failure.userid
            && self.pending.place(Wait::Ident, peer) == Place::Free;
        connection.next = match asks {
            true => Query::new(&connection.socket).map_or(Next::Close, Next::CloseIdentified),
            false => Next::Close,
        };
        self.advance(connection, now)
    }

    /// Has the loop tell of the answer; it waits already.
    pub(super) fn watch_query(&mut self, key: Key) {
        let Some((connection, _)) = self.pending.get_mut(key) else {
            return;
        };
        if let Next::Ident(_, query) | Next::CloseIdentified(query) = &connection.next {
            // Once for each change: it is written to once, and then read.
            let events = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
            let token = Owner::Ident.of(key);
            // Where it can't be watched its time runs out.
            let _ = self.reactor.add(query.descriptor(), token, events);
        }
    }

    /// The ident server of a waiting client has something to say.
    pub(super) fn ident_ready(&mut self, key: Key, now: Moment) {
        let Some((connection, _)) = self.pending.get_mut(key) else {
            return;
        };
        let answer = match &mut connection.next {
            Next::Ident(_, query) | Next::CloseIdentified(query) => query.advance(),
            Next::Name(_) | Next::Serve(..) | Next::Close => None,
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
    pub(super) fn not_identified(
        &mut self,
        connection: Connection,
        why: Failure,
        now: Moment,
    ) -> Served {
        self.take_answer(connection, Err(why), now)
    }

    fn take_answer(&mut self, mut connection: Connection, answer: Answer, now: Moment) -> Served {
        match std::mem::replace(&mut connection.next, Next::Close) {
            Next::Ident(slot, _) => match self.take_user(connection, slot, answer, now) {
                ControlFlow::Continue((connection, slot, answer)) => {
                    self.identified(connection, slot, answer, now)
                }
                ControlFlow::Break(served) => served,
            },
            Next::CloseIdentified(_) => {
                self.report.user(&connection.remote, &answer, now);
                self.advance(connection, now)
            }
            next => {
                connection.next = next;
                self.advance(connection, now)
            }
        }
    }

    fn identified(
        &mut self,
        mut connection: Connection,
        slot: Slot,
        answer: Answer,
        now: Moment,
    ) -> Served {
        match answer {
            Err(failure) if self.settings.spec.idonly => {
                self.state.leave(slot);
                self.report.turned_away(Cause::Ident, 1);
                let failure = failure.to_string();
                self.report.record(&Event::NoId {
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
        self.advance(connection, now)
    }
}
