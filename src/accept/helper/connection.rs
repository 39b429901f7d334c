//! The way of a connection: accepted, led through its admission, and served or refused
//! (docs/xinetd-behaviour.md, section 4.2). A client that is refused costs no
//! process.

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::os::fd::AsFd;

use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{setsockopt, sockopt};
use xinetd_core::admission::{self, Admitted, Candidate, Effects, Question, Source, Step};
use xinetd_core::policy::{NameAnswer, Reason, Refusal};

use crate::journal::{Event, PauseCause};
use crate::status::Cause;
use crate::sys::socket::to_ipv4;

use super::super::banner::Banner;
use super::super::clock::Moment;
use super::super::ident::Query;
use super::super::kinds::Served;
use super::super::names::{Lookup, Names};
use super::super::peer::Peer;
use super::super::pending::{Awaiting, Connection};
use super::super::reactor::Owner;
use super::super::settings::{Settings, Work};
use super::super::socket::Socket;
use super::Helper;
use super::world::ClientWorld;

/// One of the banners of a service.
type WhichBanner = fn(&mut Settings) -> Option<&mut Banner>;

impl Helper {
    /// Takes a client that has come.
    pub(super) fn meet(&mut self, socket: Socket, peer: Peer, now: Moment) -> Served {
        if self.is_full() {
            self.out_of_descriptors(now);
        }
        if self.pause.is_on() {
            self.turn_away(1);
            socket.reset();
            return Served::Done;
        }
        let mut connection = Connection::new(socket, peer);
        if let Some(greeting) = self.greeting() {
            connection.outbox.push(greeting);
        }
        let source = match peer {
            Peer::Known(address) => Source::Peer(address.ip()),
            Peer::Unknown => Source::Backlog,
        };
        self.count_arrival(now);
        self.admit(connection, Candidate::new(source), now)
    }

    /// A client has come: the helper is not idle, and `cps` has counted it.
    pub(super) fn count_arrival(&mut self, now: Moment) {
        self.idle.interrupt();
        self.kinds.program.rate_changed(now);
    }

    /// Leads a client through the checks that it has not passed yet, until it is served or refused or has
    /// to wait.
    pub(super) fn admit(
        &mut self,
        mut connection: Connection,
        mut candidate: Candidate,
        now: Moment,
    ) -> Served {
        loop {
            let step = {
                let Connection { socket, remote, .. } = &connection;
                let local = || socket.local_addr().ok();
                let (settings, state, mut machine) = ClientWorld::around(self, remote, &local, now);
                settings.admission.next(candidate, state, &mut machine)
            };
            candidate = match step {
                Step::Say(candidate, banner) => {
                    let which: WhichBanner = match banner {
                        admission::Banner::Always => |settings| settings.always.as_mut(),
                        admission::Banner::Success => |settings| settings.success.as_mut(),
                    };
                    self.add_banner(&mut connection, which, now);
                    candidate
                }
                Step::Do(candidate, effects) => {
                    self.unmap(&mut connection);
                    self.carry_out(&mut connection, *effects, now);
                    candidate
                }
                Step::Ask(candidate, question) => {
                    self.unmap(&mut connection);
                    match self.ask(connection, candidate, question, now) {
                        ControlFlow::Continue((same, candidate)) => {
                            connection = same;
                            candidate
                        }
                        ControlFlow::Break(served) => return served,
                    }
                }
                Step::Admit(admitted) => {
                    self.unmap(&mut connection);
                    return self.serve_when_drained(connection, admitted, now);
                }
                Step::Refuse(refusal) => return self.refuse(connection, &refusal, now),
                Step::Pause(refusal) => {
                    self.begin_pause(PauseCause::Rate, now);
                    return self.refuse(connection, &refusal, now);
                }
                Step::Sense => return self.sense(connection, now),
                Step::Unidentified(failure) => {
                    self.report.turned_away(Cause::Ident, 1);
                    let failure = failure.to_string();
                    self.report.record(&Event::NoId {
                        peer: connection.remote.as_peer(),
                        failure: &failure,
                    });
                    return self.close_when_drained(connection, now);
                }
            };
        }
    }

    /// Finds something out about a client, which goes on where that is known at once; else it waits.
    fn ask(
        &mut self,
        connection: Connection,
        mut candidate: Candidate,
        question: Question,
        now: Moment,
    ) -> ControlFlow<Served, (Connection, Candidate)> {
        match question {
            Question::Name(address) => match self.ask_name(address, now) {
                Lookup::Known(answer) => candidate.named(answer),
                // The name is found out all the same: one that sends again does not wait for it.
                Lookup::Later if !self.kinds.wait.waits_for_names(now) => candidate.give_up(),
                Lookup::Later => {
                    let blocks = self.is_wait();
                    let awaiting = Awaiting::Name {
                        candidate,
                        address,
                        blocks,
                    };
                    return ControlFlow::Break(self.wait(connection, awaiting, now));
                }
            },
            Question::User => match Query::new(&connection.socket) {
                Ok(query) => {
                    let awaiting = Awaiting::User(candidate, query);
                    return ControlFlow::Break(self.wait(connection, awaiting, now));
                }
                Err(failure) => candidate.identified(Err(failure)),
            },
        }
        ControlFlow::Continue((connection, candidate))
    }

    /// Makes an IPv4 client's socket an AF_INET one, before anything that may wait: the kernel does it
    /// for whole connections only, not where the client has sent its last byte.
    fn unmap(&self, connection: &mut Connection) {
        if std::mem::replace(&mut connection.is_unmapped, true) {
            return;
        }
        if self.settings.spec.unmap && connection.remote.is_mapped() {
            // Where it fails the client is served all the same, as by xinetd.
            let _ = to_ipv4(connection.socket.as_fd());
        }
    }

    pub(super) fn ask_name(&mut self, address: IpAddr, now: Moment) -> Lookup {
        if self.names.is_none() {
            self.names = Names::new().ok();
            let (token, events) = (Owner::Names.only(), EpollFlags::EPOLLIN);
            let watched = self
                .names
                .as_ref()
                .map(|names| self.reactor.add(names.descriptor(), token, events));
            if !matches!(watched, Some(Ok(()))) {
                self.names = None;
            }
        }
        let names = self.names.as_mut();
        names.map_or(Lookup::Known(NameAnswer::Undetermined), |names| {
            names.ask(address, now)
        })
    }

    fn add_banner(&mut self, connection: &mut Connection, which: WhichBanner, now: Moment) {
        let Some(banner) = which(&mut self.settings) else {
            return;
        };
        match banner.content() {
            Ok(content) => connection.outbox.push(content),
            Err(errno) => {
                let file = banner.file().clone();
                let errno = errno as i32;
                if self.report.admits_remark(now) {
                    self.report
                        .record(&Event::BannerUnreadable { file: &file, errno });
                }
            }
        }
    }

    /// Does what a rule of hosts.allow or hosts.deny does besides admitting and refusing.
    fn carry_out(&mut self, connection: &mut Connection, effects: Effects, now: Moment) {
        if let Some(fault) = effects.fault {
            self.remark_fault(&fault, now);
        }
        for banner in effects.banners {
            connection.outbox.push(banner);
        }
        for command in &effects.commands {
            self.remark_sandbox(now);
            self.run_command(command, now);
        }
        if effects.keepalive {
            // A connection that is gone already needs none.
            let _ = setsockopt(&connection.socket, sockopt::KeepAlive, &true);
        }
        if let Some((command, severity)) = effects.twist {
            self.remark_sandbox(now);
            if self.report.admits_remark(now) {
                self.report.record(&Event::LibwrapTwist {
                    peer: connection.remote.as_peer(),
                    command: &command,
                    severity,
                });
            }
        }
    }

    /// What is wrong with hosts.allow or hosts.deny, or was not to be found out.
    pub(super) fn remark_fault(&mut self, fault: &str, now: Moment) {
        if self.report.admits_remark(now) {
            log::error!("{}: {fault}", self.settings.spec.id.to_text());
        }
    }

    /// Refuses a client, which does not count any more.
    pub(super) fn refuse(
        &mut self,
        mut connection: Connection,
        refusal: &Refusal,
        now: Moment,
    ) -> Served {
        self.report.refused(refusal, &connection.remote, now);
        self.turn_away_waiting(&connection, now);
        self.add_banner(&mut connection, |settings| settings.failure.as_mut(), now);
        self.dismiss(connection, now)
    }

    /// A client that no process could be made for, and whose place another one needs: it gets no banner
    /// and is not asked for its user, as it would take a place elsewhere.
    pub(super) fn refuse_shortly(
        &mut self,
        connection: &Connection,
        admitted: Admitted,
        now: Moment,
    ) {
        self.state.leave(admitted.into_slot());
        let refusal = Refusal::by(Reason::Fork);
        self.report.refused(&refusal, &connection.remote, now);
    }

    /// Serves a client as soon as it has taken its banners.
    pub(super) fn serve_when_drained(
        &mut self,
        mut connection: Connection,
        admitted: Admitted,
        now: Moment,
    ) -> Served {
        match connection.outbox.flush(&connection.socket) {
            true => self.serve(connection, admitted, 0, now),
            false => self.wait(connection, Awaiting::Drain(admitted), now),
        }
    }

    /// Closes a connection as soon as its client has taken what it was sent.
    pub(super) fn close_when_drained(&mut self, mut connection: Connection, now: Moment) -> Served {
        match connection.outbox.flush(&connection.socket) {
            true => Served::Done,
            false => self.wait(connection, Awaiting::Farewell, now),
        }
    }

    /// Whether the service bans its clients.
    pub(super) fn is_sensor(&self) -> bool {
        matches!(self.settings.work, Work::Sensor(_))
    }
}
