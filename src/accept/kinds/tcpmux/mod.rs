//! The internal service tcpmux (RFC 1078; docs/xinetd-behaviour.md, section 4.13).
//!
//! A client sends the name of a service and CRLF. It is passed to the helper of that service, with
//! all that it has sent after the line still in its socket. It counts until then.

mod line;

use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::epoll::EpollFlags;
use xinetd_core::admission::Admitted;
use xinetd_core::policy::Slot;
use xinetd_core::spec::MuxTarget;

use super::super::clock::{Moment, earliest};
use super::super::fd_passing::pass;
use super::super::pending::Connection;
use super::super::reactor::Owner;
use super::super::room::Room;
use super::super::slab::Key;
use super::{Cx, Ended, NO_PROCESS};

#[cfg(any(test, fuzzing))]
pub(in crate::accept) use line::MAX_LINE;
pub(in crate::accept) use line::{Progress, RequestLine};

/// What clients can ask for besides names of services (RFC 1078).
const HELP: &[u8] = b"help";

const NOT_FOUND: &[u8] = b"-Service name not found\r\n";
const NOT_AVAILABLE: &[u8] = b"-Service not available\r\n";

/// How many clients may be about to name a service, and for how long (docs/xinetd-behaviour.md, section 4.2).
const NAMING: (usize, Duration) = (1024, Duration::from_secs(30));
/// How many clients may wait for a helper that has no room for them, and for how long until the next
/// attempt: that helper takes a batch in less.
const KNOCKING: (usize, Duration) = (256, Duration::from_millis(20));
/// How long attempts go on: local users may fill the queue of a helper.
const PATIENCE: Duration = Duration::from_secs(10);

/// The services that clients may name; none after a reload that has made the service another one.
type Targets<'a> = Option<&'a [MuxTarget]>;

/// The clients of tcpmux.
#[derive(Debug)]
pub(in crate::accept) struct Tcpmux {
    /// Those that have not named a service yet.
    naming: Room<Naming>,
    /// Those that wait for the helper of the service that they have named.
    knocking: Room<Knocking>,
}

/// A client that counts.
#[derive(Debug)]
struct MuxClient {
    connection: Connection,
    slot: Slot,
    started: Moment,
}

#[derive(Debug)]
struct Naming {
    session: MuxClient,
    line: RequestLine,
}

#[derive(Debug)]
struct Knocking {
    session: MuxClient,
    /// The service that the client has named, and when.
    name: Vec<u8>,
    since: Moment,
}

/// What has come of passing a client on.
enum Passed {
    /// Its service has it.
    On,
    /// Its service has no room for it at the moment.
    Later,
    /// It can't be passed on, and is told this.
    Not(Arc<[u8]>),
}

impl Default for Tcpmux {
    fn default() -> Self {
        Self {
            naming: Room::new(NAMING.0, NAMING.1),
            knocking: Room::new(KNOCKING.0, KNOCKING.1),
        }
    }
}

impl Tcpmux {
    /// Hears which of the `targets` a client wants that counts already. Returns a client that is to be
    /// told something before its connection is closed.
    pub(in crate::accept) fn serve(
        &mut self,
        targets: &[MuxTarget],
        connection: Connection,
        admitted: Admitted,
        cx: &mut Cx<'_>,
    ) -> Option<Connection> {
        let (slot, user) = admitted.into_parts();
        cx.started(NO_PROCESS, &connection.remote, user.as_ref());
        let mut line = RequestLine::default();
        let progress = line.read(&connection.socket);
        let session = MuxClient {
            connection,
            slot,
            started: cx.now,
        };
        match progress {
            Progress::Incomplete => {
                self.await_name(Naming { session, line }, cx);
                None
            }
            progress => self.named(Some(targets), session, progress, cx),
        }
    }

    fn await_name(&mut self, naming: Naming, cx: &mut Cx<'_>) {
        let address = naming.session.connection.remote.ip();
        if let Some(displaced) = self.naming.displaced(address) {
            displaced.session.end(cx);
        }
        match self.naming.insert(naming, address, cx.now) {
            Ok(key) => {
                if let Some(naming) = self.naming.get_mut(key) {
                    let socket = &naming.session.connection.socket;
                    // Where it can't be watched the session ends when its time is over.
                    let _ = cx
                        .reactor
                        .add(socket, Owner::Tcpmux.of(key), EpollFlags::EPOLLIN);
                }
            }
            Err(naming) => drop(naming.session.end(cx)),
        }
    }

    /// A client that is to name a service has sent something. Returns as [`Self::serve`].
    pub(in crate::accept) fn ready(
        &mut self,
        targets: Targets<'_>,
        key: Key,
        cx: &mut Cx<'_>,
    ) -> Option<Connection> {
        let Naming { session, line } = self.naming.get_mut(key)?;
        let progress = line.read(&session.connection.socket);
        if progress == Progress::Incomplete {
            return None;
        }
        let Naming { session, .. } = self.naming.remove(key)?;
        // It may have to be watched for writing.
        cx.reactor.remove(&session.connection.socket);
        self.named(targets, session, progress, cx)
    }

    /// Leads a client to its service, or to its end.
    fn named(
        &mut self,
        targets: Targets<'_>,
        session: MuxClient,
        progress: Progress,
        cx: &mut Cx<'_>,
    ) -> Option<Connection> {
        let Progress::Complete(name) = progress else {
            drop(session.end(cx));
            return None;
        };
        let since = cx.now;
        let knocking = Knocking {
            session,
            name,
            since,
        };
        self.knock(targets, knocking, cx)
    }

    /// Passes a client that has named a service to that, or lets it wait for another attempt.
    fn knock(
        &mut self,
        targets: Targets<'_>,
        knocking: Knocking,
        cx: &mut Cx<'_>,
    ) -> Option<Connection> {
        let is_patient = cx.now.since(knocking.since) < PATIENCE;
        let answer = match pass_on(targets, &knocking, cx) {
            Passed::Later if is_patient => {
                self.await_room(knocking, cx);
                return None;
            }
            Passed::Later => {
                if cx.report.admits_remark(cx.now) {
                    let id = cx.spec.id.to_text();
                    let name = knocking.name.escape_ascii();
                    log::error!("{id}: {name} can't be reached: its queue is full");
                }
                Some(Arc::from(NOT_AVAILABLE))
            }
            Passed::On => None,
            Passed::Not(answer) => Some(answer),
        };
        let mut connection = knocking.session.end(cx);
        connection.outbox.push(answer?);
        Some(connection)
    }

    fn await_room(&mut self, knocking: Knocking, cx: &mut Cx<'_>) {
        let address = knocking.session.connection.remote.ip();
        if let Some(displaced) = self.knocking.displaced(address) {
            displaced.session.end(cx);
        }
        if let Err(knocking) = self.knocking.insert(knocking, address, cx.now) {
            knocking.session.end(cx);
        }
    }

    /// When to call [`Self::expire`], if nothing happens before.
    pub(in crate::accept) fn due(&mut self) -> Option<Moment> {
        earliest([self.naming.due(), self.knocking.due()])
    }

    /// Ends the sessions of clients that have taken too long to name a service, and makes the next
    /// attempt for others. Returns clients as [`Self::serve`] does.
    pub(in crate::accept) fn expire(
        &mut self,
        targets: Targets<'_>,
        cx: &mut Cx<'_>,
    ) -> Vec<Connection> {
        while let Some(naming) = self.naming.expired(cx.now) {
            naming.session.end(cx);
        }
        let mut closing = Vec::new();
        while let Some(knocking) = self.knocking.expired(cx.now) {
            closing.extend(self.knock(targets, knocking, cx));
        }
        closing
    }

    /// Ends all sessions: the service stops.
    pub(in crate::accept) fn stop(&mut self, cx: &mut Cx<'_>) {
        for naming in self.naming.take_all() {
            naming.session.end(cx);
        }
        for knocking in self.knocking.take_all() {
            knocking.session.end(cx);
        }
    }

    /// How many clients there are.
    pub(in crate::accept) fn len(&self) -> usize {
        self.naming.len() + self.knocking.len()
    }
}

impl MuxClient {
    /// The client is no longer one of this service.
    fn end(self, cx: &mut Cx<'_>) -> Connection {
        let duration = cx.now.since(self.started);
        let remote = &self.connection.remote;
        cx.ended(Ended::without_process(remote, self.slot, duration));
        self.connection
    }
}

/// Passes a client to the first service of that name whose socket listens.
fn pass_on(targets: Targets<'_>, knocking: &Knocking, cx: &mut Cx<'_>) -> Passed {
    let Some(targets) = targets else {
        return Passed::Not(Arc::from(NOT_AVAILABLE));
    };
    let name = &knocking.name;
    let is_it = |target: &&MuxTarget| target.name.as_bytes().eq_ignore_ascii_case(name);
    for target in targets.iter().filter(is_it) {
        match pass(target, &knocking.session.connection) {
            Ok(()) => return Passed::On,
            Err(error) if is_stopped(&error) => {}
            // connect(2) of a socket of unix(7) whose queue is full.
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Passed::Later,
            Err(error) => {
                if cx.report.admits_remark(cx.now) {
                    let (id, name) = (cx.spec.id.to_text(), target.name.to_text());
                    log::error!("{id}: {name} can't be reached: {error}");
                }
                return Passed::Not(Arc::from(NOT_AVAILABLE));
            }
        }
    }
    Passed::Not(match name.eq_ignore_ascii_case(HELP) {
        true => help(targets),
        false => Arc::from(NOT_FOUND),
    })
}

/// Whether no socket of a service listens, as far as tcpmux can see.
fn is_stopped(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::ConnectionRefused
    )
}

/// The names of all services that listen, each on a line of its own.
fn help(targets: &[MuxTarget]) -> Arc<[u8]> {
    let mut text = Vec::new();
    for target in targets.iter().filter(|target| target.socket.exists()) {
        text.extend_from_slice(target.name.as_os_str().as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.into()
}
