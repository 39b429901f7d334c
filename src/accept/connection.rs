//! The way of a connection: accept, banner, limits, access lists, banner, server (docs/xinetd-behaviour.md,
//! section 4.2). Whoever is refused costs no process.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;

use crate::journal::{Event, PauseCause};
use crate::policy::{Access, Facts, NameAnswer, Reason, Refusal, Slot, Verdict};
use crate::service::MinuteOfDay;
use crate::sys::socket::{reset, to_ipv4};

use super::banner::Banner;
use super::clock::Moment;
use super::helper::{Helper, Token};
use super::ident::Failure;
use super::names::{Asked, Names};
use super::pending::{Connection, Next, Place, Released, Wait};
use super::settings::Work;
use super::slab::Key;

/// Connections that are refused or wait before the loop looks at other events again.
pub(super) const BATCH: usize = 32;

/// Why a connection waits no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// It has waited long enough.
    Late,
    /// Another one has its place.
    Displaced,
}

impl Helper {
    /// Takes what clients the listener `index` has, up to the first that gets a process.
    pub(super) fn accept(&mut self, index: u32, now: Moment) {
        for _ in 0..BATCH {
            let Some(listener) = self.listeners.get(index as usize) else {
                return;
            };
            let served = self.tally.counters.served;
            match listener.accept() {
                Ok((stream, address)) => self.meet(stream, address, now),
                Err(error) => {
                    if self.accept_failed(&error, now).is_break() {
                        return;
                    }
                }
            }
            let forked = self.tally.counters.served != served && self.settings.work.forks();
            if forked || self.stopping {
                return;
            }
        }
    }

    pub(super) fn accept_failed(&mut self, error: &std::io::Error, now: Moment) -> ControlFlow<()> {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EAGAIN) => ControlFlow::Break(()),
            // This client has gone; the next one may be there.
            Some(Errno::ECONNABORTED | Errno::EPROTO) => ControlFlow::Continue(()),
            // The last two are no lack of descriptors, but as little helped by another attempt.
            Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => {
                self.go_deaf(now);
                ControlFlow::Break(())
            }
            _ => {
                // A fault of the network on the way to one client (accept(2)).
                if self.remarks.admits(now.seconds()) {
                    log::error!("accept failed: {error}");
                }
                ControlFlow::Break(())
            }
        }
    }

    pub(super) fn meet(&mut self, stream: TcpStream, address: SocketAddr, now: Moment) {
        if self.is_full() {
            self.out_of_descriptors(now);
        }
        if self.pause.is_some() {
            self.turn_away(1);
            reset(stream);
            return;
        }
        let mut connection = Connection::accepted(stream, address);
        if let Some(greeting) = self.greeting() {
            connection.outbox.push(greeting);
        }
        self.add_banner(&mut connection, |settings| &mut settings.always, now);
        match self.pass_limits(address, now) {
            Ok(slot) if matches!(self.settings.work, Work::Sensor(_)) => {
                self.state.leave(slot);
                self.sense(connection, now);
            }
            Ok(slot) => {
                self.unmap(&connection);
                self.check_access(connection, slot, now);
            }
            Err(refusal) => self.refuse(connection, &refusal, now),
        }
    }

    /// Counts a client, or tells which limit keeps it out; the service may pause from now on.
    pub(super) fn pass_limits(
        &mut self,
        address: SocketAddr,
        now: Moment,
    ) -> Result<Slot, Refusal> {
        self.idle_since = None;
        self.rate_due.get_or_insert(now.plus(super::RATE_INTERVAL));
        let facts = self.facts(address, now);
        match self.settings.policy.limits(&mut self.state, &facts) {
            Verdict::Admit(slot) => Ok(slot),
            Verdict::Refuse(refusal) => Err(refusal),
            Verdict::Pause { refusal, .. } => {
                self.begin_pause(PauseCause::Rate, now);
                Err(refusal)
            }
        }
    }

    /// Whether bans and the access lists let a peer in, with what is known of its name.
    pub(super) fn access(&mut self, peer: IpAddr, name: &NameAnswer, now: Moment) -> Access {
        match self.bans.until(peer, now) {
            Some(_) => Access::Deny(Refusal::by_ban()),
            None => self.settings.policy.access(peer, name),
        }
    }

    /// Before anything that may wait: the kernel does it for whole connections only, not where the
    /// client has sent its last byte.
    fn unmap(&self, connection: &Connection) {
        if self.settings.spec.unmap
            && connection.remote.is_mapped()
            && let Err(error) = to_ipv4(connection.stream.as_fd())
        {
            // It is served all the same, as by xinetd.
            log::debug!("{}: IPV6_ADDRFORM failed: {error}", connection.remote.host);
        }
    }

    fn facts(&mut self, address: SocketAddr, now: Moment) -> Facts {
        let policy = &self.settings.policy;
        Facts {
            peer: address.ip(),
            now: now.seconds(),
            minute: match policy.needs_minute() {
                true => self.clock.minute(),
                false => MinuteOfDay::MIDNIGHT,
            },
            load: policy
                .needs_load()
                .then(|| self.load.get(now.seconds()))
                .flatten(),
        }
    }

    fn check_access(&mut self, connection: Connection, slot: Slot, now: Moment) {
        if !connection.remote.is_known() {
            // Its packets have passed the lists (packet_filter.rs).
            return self.check_libwrap(connection, slot, now);
        }
        let peer = connection.remote.address.ip();
        match self.access(peer, &connection.known.client, now) {
            Access::Allow => self.check_libwrap(connection, slot, now),
            Access::Deny(refusal) => {
                self.state.leave(slot);
                self.refuse(connection, &refusal, now);
            }
            Access::NeedName => self.find_name(connection, slot, now),
        }
    }

    /// Goes on with a client whom nothing keeps out.
    pub(super) fn welcome(&mut self, mut connection: Connection, slot: Slot, now: Moment) {
        self.add_banner(&mut connection, |settings| &mut settings.success, now);
        self.admit(connection, slot, now);
    }

    /// Goes on with a client when the name of its address in question is known.
    pub(super) fn find_name(&mut self, mut connection: Connection, slot: Slot, now: Moment) {
        match self.ask_name(connection.address_in_question(), now) {
            Asked::Known(answer) => {
                connection.known.take(answer);
                self.check_access(connection, slot, now);
            }
            // The name is found out all the same: one that sends again does not wait for it.
            Asked::Later if !self.waits_for_names(now) => {
                connection.known.give_up();
                self.check_access(connection, slot, now);
            }
            Asked::Later => {
                connection.next = Next::Name(slot);
                self.advance(connection, now);
            }
        }
    }

    pub(super) fn ask_name(&mut self, address: IpAddr, now: Moment) -> Asked {
        if self.names.is_none() {
            self.names = Names::new().ok();
            let watched = self
                .names
                .as_ref()
                .map(|names| self.watch(names.descriptor(), Token::Names, EpollFlags::EPOLLIN));
            if !matches!(watched, Some(Ok(()))) {
                self.names = None;
            }
        }
        let names = self.names.as_mut();
        names.map_or(Asked::Known(NameAnswer::Undetermined), |names| {
            names.ask(address, now)
        })
    }

    fn add_banner(
        &mut self,
        connection: &mut Connection,
        which: impl FnOnce(&mut super::settings::Settings) -> &mut Option<Banner>,
        now: Moment,
    ) {
        let Some(banner) = which(&mut self.settings) else {
            return;
        };
        match banner.content() {
            Ok(content) => connection.outbox.push(content),
            Err(errno) => {
                let file = banner.file().clone();
                let errno = errno as i32;
                if self.remarks.admits(now.seconds()) {
                    self.log(&Event::BannerUnreadable { file: &file, errno });
                }
            }
        }
    }

    /// `connection` has given its slot back.
    pub(super) fn refuse(&mut self, mut connection: Connection, refusal: &Refusal, now: Moment) {
        self.log_refusal(refusal, &connection.remote, now);
        self.turn_away_waiting(&connection, now);
        self.add_banner(&mut connection, |settings| &mut settings.failure, now);
        self.dismiss(connection, now);
    }

    /// Sends what there is to send, and does what comes then; or lets the connection wait.
    pub(super) fn advance(&mut self, mut connection: Connection, now: Moment) {
        let drained = connection.outbox.flush(&connection.stream);
        match connection.next {
            Next::Name(_) if self.hands_over() => {
                self.wait(connection, Wait::Sender, !drained, now);
            }
            Next::Name(_) => self.wait(connection, Wait::Name, !drained, now),
            Next::Ident(..) | Next::CloseIdentified(_) => {
                self.wait(connection, Wait::Ident, !drained, now);
            }
            _ if !drained => self.wait(connection, Wait::Drain, true, now),
            Next::Serve(slot, failures) => {
                connection.next = Next::Close;
                self.serve(connection, slot, failures, now);
            }
            Next::Line(..) => self.wait(connection, Wait::Line, true, now),
            Next::Door(..) => self.knock(connection, now),
            Next::Close => drop(connection),
        }
    }

    pub(super) fn wait(&mut self, connection: Connection, wait: Wait, watched: bool, now: Moment) {
        let peer = connection.remote.address.ip();
        match self.pending.place(wait, peer) {
            Place::Free => {}
            Place::Of(other) => self.displace(other, now),
            Place::Taken => return self.go_on(connection, wait, Over::Displaced, now),
        }
        let key = match self.pending.insert(connection, wait, now) {
            Ok(key) => key,
            Err(connection) => return self.abandon(*connection),
        };
        if watched {
            let result = self.pending.get_mut(key).map(|(connection, _)| {
                let events = match wait {
                    Wait::Line => EpollFlags::EPOLLIN,
                    _ => EpollFlags::EPOLLOUT,
                };
                let token = Token::Pending(key);
                let event = nix::sys::epoll::EpollEvent::new(events, token.encode());
                self.epoll.add(&connection.stream, event)
            });
            // Where it can't be watched it ends when its time is over.
            self.pending
                .set_watched(key, matches!(result, Some(Ok(()))));
        }
        if wait == Wait::Ident {
            self.watch_query(key);
        }
    }

    pub(super) fn release(&mut self, key: Key) -> Option<(Connection, Wait)> {
        let Released {
            connection,
            wait,
            watched,
        } = self.pending.remove(key)?;
        if watched {
            // A server that gets the socket would keep it in the epoll set.
            self.unwatch(&connection.stream);
        }
        Some((connection, wait))
    }

    /// Closes a connection that gets no server after all.
    fn abandon(&mut self, mut connection: Connection) {
        match connection.next {
            Next::Name(slot) | Next::Ident(slot, _) | Next::Serve(slot, _) => {
                self.state.leave(slot);
            }
            Next::Line(_, _, started) | Next::Door(_, _, started) => {
                self.end_line(&mut connection, Moment::now().unwrap_or(started));
            }
            Next::CloseIdentified(_) | Next::Close => {}
        }
    }

    /// The client of a waiting connection takes more, or has sent something.
    pub(super) fn ready(&mut self, key: Key, now: Moment) {
        let Some((connection, wait)) = self.pending.get_mut(key) else {
            return;
        };
        if wait == Wait::Line {
            return self.line_ready(key, now);
        }
        if !connection.outbox.flush(&connection.stream) {
            return;
        }
        if matches!(wait, Wait::Name | Wait::Sender | Wait::Ident) {
            if let Some((connection, _)) = self.pending.get_mut(key) {
                let _ = self.epoll.delete(&connection.stream);
            }
            self.pending.set_watched(key, false);
        } else if let Some((connection, _)) = self.release(key) {
            self.advance(connection, now);
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
        if let Some((mut connection, _)) = self.release(key) {
            match std::mem::replace(&mut connection.next, Next::Close) {
                Next::Name(slot) => {
                    connection.known.take(answer.clone());
                    self.check_access(connection, slot, now);
                }
                other => {
                    connection.next = other;
                    self.advance(connection, now);
                }
            }
        }
    }

    /// Connections have waited long enough.
    pub(super) fn expire_pending(&mut self, now: Moment) {
        while let Some(key) = self.pending.expired(now) {
            self.end_wait(key, Over::Late, now);
        }
    }

    /// A connection gives its place up.
    pub(super) fn displace(&mut self, key: Key, now: Moment) {
        self.end_wait(key, Over::Displaced, now);
    }

    fn end_wait(&mut self, key: Key, over: Over, now: Moment) {
        if let Some((connection, wait)) = self.release(key) {
            self.go_on(connection, wait, over, now);
        }
    }

    /// Goes on with a connection that did not get what it waited for.
    ///
    /// One that is displaced waits for nothing more that rules look at: else each could displace the
    /// next one in a flood, as deep as there are places.
    fn go_on(&mut self, mut connection: Connection, wait: Wait, over: Over, now: Moment) {
        match (wait, std::mem::replace(&mut connection.next, Next::Close)) {
            (Wait::Name | Wait::Sender, Next::Name(slot)) => {
                if wait == Wait::Sender {
                    self.hurry_names(now);
                }
                match over {
                    Over::Late => connection.known.take(NameAnswer::Undetermined),
                    Over::Displaced => connection.known.give_up(),
                }
                self.check_access(connection, slot, now);
            }
            (Wait::Ident, next) => {
                let failure = match over {
                    Over::Late => Failure::Timeout,
                    Over::Displaced => Failure::System,
                };
                if over == Over::Displaced {
                    connection.known.give_up();
                }
                connection.next = next;
                self.not_identified(connection, failure, now);
            }
            (Wait::Retry, Next::Serve(slot, _)) if over == Over::Displaced => {
                self.state.leave(slot);
                // No banner and no ident query: it would take a place elsewhere.
                self.log_refusal(&Refusal::by(Reason::Fork), &connection.remote, now);
            }
            (Wait::Door, next) if over == Over::Displaced => {
                connection.next = next;
                self.abandon(connection);
            }
            (Wait::Retry | Wait::Door, next) => {
                connection.next = next;
                self.advance(connection, now);
            }
            (Wait::Drain, next) => {
                if self.remarks.admits(now.seconds()) {
                    let id = self.settings.spec.id.to_text();
                    log::info!("{id}: {} does not read its banner", connection.remote.host);
                }
                connection.next = next;
                self.abandon(connection);
            }
            (Wait::Name | Wait::Sender | Wait::Line, next) => {
                connection.next = next;
                self.abandon(connection);
            }
        }
    }

    /// Those that wait get no server any more.
    pub(super) fn abandon_pending(&mut self) {
        for key in self.pending.keys() {
            if let Some((connection, _)) = self.release(key) {
                self.abandon(connection);
            }
        }
    }
}
