//! Clients whose user is asked for: before they are served, or after they were refused
//! (docs/xinetd-behaviour.md, section 5.6 of docs/xinetd-behaviour.md).

use nix::sys::epoll::EpollFlags;

use super::super::clock::Moment;
use super::super::ident::Query;
use super::super::kinds::Served;
use super::super::pending::{Awaiting, Connection, Vacancy, WaitsFor};
use super::super::reactor::Owner;
use super::super::slab::Key;
use super::Helper;

impl Helper {
    /// What comes after a refusal: the client's user, where it is asked for, and the end.
    pub(super) fn dismiss(&mut self, connection: Connection, now: Moment) -> Served {
        // For a line of the log alone no other client has to give its place up.
        let peer = connection.remote.ip();
        let asks = self.settings.spec.logging.failure.userid
            && self.pending.place(WaitsFor::Ident, peer) == Vacancy::Free;
        match asks.then(|| Query::new(&connection.socket)) {
            Some(Ok(query)) => self.wait(connection, Awaiting::RefusedUser(query), now),
            Some(Err(_)) | None => self.close_when_drained(connection, now),
        }
    }

    /// Has the loop tell of the answer; the connection waits already.
    pub(super) fn watch_query(&mut self, key: Key) {
        let Some((_, awaiting)) = self.pending.get_mut(key) else {
            return;
        };
        if let Some(query) = awaiting.query() {
            // Once for each change: it is written to once, and then read.
            let events = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
            // Where it can't be watched its time runs out.
            let _ = self
                .reactor
                .add(query.descriptor(), Owner::Ident.of(key), events);
        }
    }

    /// The ident server of a waiting client has something to say.
    pub(super) fn ident_ready(&mut self, key: Key, now: Moment) {
        let waiting = self.pending.get_mut(key);
        let query = waiting.and_then(|(_, awaiting)| awaiting.query());
        let Some(answer) = query.and_then(Query::advance) else {
            return;
        };
        let Some((connection, awaiting)) = self.release(key) else {
            return;
        };
        match awaiting {
            Awaiting::User(mut candidate, _) => {
                candidate.identified(answer);
                self.admit(connection, candidate, now);
            }
            Awaiting::RefusedUser(_) => {
                self.report.user(&connection.remote, &answer, now);
                self.close_when_drained(connection, now);
            }
            // They have no query.
            other => self.abandon(connection, other),
        }
    }
}
