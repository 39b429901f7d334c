//! Clients that wait: their places, and what becomes of those that do not get what they wait for.

use nix::sys::epoll::EpollFlags;
use xinetd_core::admission::NoUser;
use xinetd_core::policy::NameAnswer;

use super::super::clock::Moment;
use super::super::kinds::Served;
use super::super::pending::{Awaiting, Connection, Released, Vacancy, WaitsFor};
use super::super::reactor::Owner;
use super::super::slab::Key;
use super::Helper;

/// Why a connection waits no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// It has waited long enough.
    Late,
    /// Another one has its place.
    Displaced,
}

impl Helper {
    /// Lets a connection wait; what it is to be sent is sent meanwhile.
    pub(super) fn wait(
        &mut self,
        mut connection: Connection,
        awaiting: Awaiting,
        now: Moment,
    ) -> Served {
        let wait = awaiting.wait();
        let watched = match wait {
            WaitsFor::Name | WaitsFor::Sender | WaitsFor::Ident => {
                !connection.outbox.flush(&connection.socket)
            }
            WaitsFor::Drain => true,
            WaitsFor::Retry => false,
        };
        let peer = connection.remote.ip();
        match self.pending.place(wait, peer) {
            Vacancy::Free => {}
            Vacancy::Of(other) => self.displace(other, now),
            Vacancy::Taken => return self.go_on(connection, awaiting, Over::Displaced, now),
        }
        let key = match self.pending.insert(connection, awaiting, now) {
            Ok(key) => key,
            Err(refused) => {
                self.abandon(refused.0, refused.1);
                return Served::Done;
            }
        };
        if watched {
            let result = self.pending.get_mut(key).map(|(connection, _)| {
                let (token, events) = (Owner::Pending.of(key), EpollFlags::EPOLLOUT);
                self.reactor.add(&connection.socket, token, events)
            });
            // Where it can't be watched it ends when its time is over.
            self.pending
                .set_watched(key, matches!(result, Some(Ok(()))));
        }
        if wait == WaitsFor::Ident {
            self.watch_query(key);
        }
        Served::Held
    }

    /// Takes a connection out of its queue.
    pub(super) fn release(&mut self, key: Key) -> Option<(Connection, Awaiting)> {
        let Released {
            connection,
            awaiting,
            watched,
        } = self.pending.remove(key)?;
        if watched {
            // A server that gets the socket would keep it in the epoll set.
            self.reactor.remove(&connection.socket);
        }
        Some((connection, awaiting))
    }

    /// Closes a connection that gets no server after all.
    pub(super) fn abandon(&mut self, connection: Connection, awaiting: Awaiting) {
        match awaiting {
            Awaiting::Name { candidate, .. } | Awaiting::User(candidate, _) => {
                candidate.abandon(&mut self.state);
            }
            Awaiting::Drain(admitted) | Awaiting::Retry(admitted, _) => {
                self.state.leave(admitted.into_slot());
            }
            Awaiting::RefusedUser(_) | Awaiting::Farewell => {}
        }
        drop(connection);
    }

    /// The client of a waiting connection takes more, or has sent something.
    pub(super) fn ready(&mut self, key: Key, now: Moment) {
        let Some((connection, awaiting)) = self.pending.get_mut(key) else {
            return;
        };
        let wait = awaiting.wait();
        if !connection.outbox.flush(&connection.socket) {
            return;
        }
        if wait != WaitsFor::Drain {
            self.reactor.remove(&connection.socket);
            return self.pending.set_watched(key, false);
        }
        match self.release(key) {
            Some((connection, Awaiting::Drain(admitted))) => {
                self.serve(connection, admitted, 0, now);
            }
            Some((connection, other)) => self.abandon(connection, other),
            None => {}
        }
    }

    /// The resolver has answered.
    pub(super) fn named(&mut self, now: Moment) {
        let answers = self
            .names
            .as_mut()
            .map(|names| names.answers(now))
            .unwrap_or_default();
        for (address, answer) in answers {
            for key in self.pending.named(address) {
                self.answer(key, &answer, now);
            }
            self.judge_parked(address, &answer, now);
        }
    }

    fn answer(&mut self, key: Key, answer: &NameAnswer, now: Moment) {
        match self.release(key) {
            Some((connection, Awaiting::Name { mut candidate, .. })) => {
                candidate.named(answer.clone());
                self.admit(connection, candidate, now);
            }
            Some((connection, other)) => self.abandon(connection, other),
            None => {}
        }
    }

    /// Connections have waited long enough.
    pub(super) fn expire_pending(&mut self, now: Moment) {
        // Those that go on to wait for something else have another deadline.
        for _ in 0..self.pending.len() {
            let Some(key) = self.pending.expired(now) else {
                return;
            };
            self.end_wait(key, Over::Late, now);
        }
    }

    /// A connection gives its place up.
    pub(super) fn displace(&mut self, key: Key, now: Moment) {
        self.end_wait(key, Over::Displaced, now);
    }

    fn end_wait(&mut self, key: Key, over: Over, now: Moment) {
        if let Some((connection, awaiting)) = self.release(key) {
            self.go_on(connection, awaiting, over, now);
        }
    }

    /// Goes on with a connection that did not get what it waited for.
    ///
    /// One that is displaced waits for nothing more that rules look at: else each could displace the
    /// next one in a flood, as deep as there are places.
    fn go_on(
        &mut self,
        connection: Connection,
        awaiting: Awaiting,
        over: Over,
        now: Moment,
    ) -> Served {
        let failure = match over {
            Over::Late => NoUser::Timeout,
            Over::Displaced => NoUser::System,
        };
        match awaiting {
            Awaiting::Name {
                mut candidate,
                blocks,
                ..
            } => {
                if blocks {
                    self.kinds.wait.hurry_names(now);
                }
                match over {
                    Over::Late => candidate.named(NameAnswer::Undetermined),
                    Over::Displaced => candidate.give_up(),
                }
                self.admit(connection, candidate, now)
            }
            Awaiting::User(mut candidate, _) => {
                if over == Over::Displaced {
                    candidate.give_up();
                }
                candidate.identified(Err(failure));
                self.admit(connection, candidate, now)
            }
            Awaiting::RefusedUser(_) => {
                self.report.user(&connection.remote, &Err(failure), now);
                self.close_when_drained(connection, now)
            }
            Awaiting::Retry(admitted, _) if over == Over::Displaced => {
                self.refuse_shortly(&connection, admitted, now);
                Served::Done
            }
            Awaiting::Retry(admitted, failures) => self.serve(connection, admitted, failures, now),
            Awaiting::Drain(_) | Awaiting::Farewell => {
                if self.report.admits_remark(now) {
                    let id = self.settings.spec.id.to_text();
                    log::info!(
                        "{id}: {} does not read its banner",
                        connection.remote.host()
                    );
                }
                self.abandon(connection, awaiting);
                Served::Done
            }
        }
    }

    /// Those that wait get no server any more.
    pub(super) fn abandon_pending(&mut self) {
        for key in self.pending.keys() {
            if let Some((connection, awaiting)) = self.release(key) {
                self.abandon(connection, awaiting);
            }
        }
    }
}
