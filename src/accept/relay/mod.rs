//! Sessions of `redirect` (docs/xinetd-behaviour.md, section 4.12): a client and its backend.
//!
//! Bytes go from socket to pipe to socket inside the kernel. A session has a pipe only while bytes
//! are on their way: an idle one costs two descriptors and some hundred bytes.

mod flow;
mod hosts;
mod pipes;
mod proxy;

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::epoll::EpollFlags;
use socket2::{Domain, Socket, Type};

use crate::policy::Slot;
use crate::spec::{ProxyProtocol, Target};
use crate::sys::socket::send_now;

use super::clock::Moment;
use super::peer::Remote;
use super::slab::{Key, Slab};

use flow::{Flow, Wants, ask_whether_there};
use hosts::Found;
pub(super) use hosts::Hosts;
pub(super) use pipes::Pipes;

/// How long a look-up, or an attempt to connect, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a service's clients are passed on to.
#[derive(Clone, Debug)]
pub(super) struct Route {
    /// The backends, the preferred one first; at least one.
    pub(super) targets: Arc<[Target]>,
    /// The kernel asks a silent backend whether it is there (KEEPALIVE).
    pub(super) keepalive: bool,
    /// How a backend is told who its client is.
    pub(super) proxy_protocol: Option<ProxyProtocol>,
}

/// A client, and the backend that it has or will have.
#[derive(Debug)]
pub(super) struct Relay {
    /// The client's socket.
    pub(super) client: TcpStream,
    /// Its address.
    pub(super) remote: Remote,
    /// Its place in the counts.
    pub(super) slot: Slot,
    /// When it came.
    pub(super) started: Moment,
    /// How far it is.
    pub(super) stage: Stage,
    /// Counts the waits: a time limit is for one of them.
    wait: u32,
}

/// How far a session is.
#[derive(Debug)]
pub(super) enum Stage {
    /// A backend is searched for.
    Searching(Box<Search>),
    /// Bytes are passed on.
    Open(Link),
}

/// The search for a backend that takes a connection.
#[derive(Debug)]
pub(super) struct Search {
    route: Route,
    /// The backends that have not been tried, the next one first.
    order: VecDeque<usize>,
    /// The addresses of the first one that have not been tried.
    addresses: VecDeque<SocketAddr>,
    /// Whether that one's addresses are known.
    found: bool,
    /// The attempt that goes on.
    attempt: Option<(TcpStream, SocketAddr)>,
}

/// A client's connection to its backend.
#[derive(Debug)]
pub(super) struct Link {
    backend: TcpStream,
    up: Flow,
    down: Flow,
    client: Watch,
    server: Watch,
}

/// What the loop watches a socket for.
#[derive(Clone, Copy, Debug, Default)]
struct Watch {
    /// None while it is not watched.
    events: Option<EpollFlags>,
    /// Its end was told: it would be told again and again.
    gone: bool,
}

/// What the loop is to watch a side for, before and from now on.
pub(super) type Change = (Side, Option<EpollFlags>, Option<EpollFlags>);

/// A side of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Backend,
}

/// What comes next in a search.
#[derive(Debug)]
pub(super) enum Next {
    /// It has to wait for the resolver.
    Wait,
    /// It has to wait for this connection.
    Connect,
    /// This host can't be reached, in words.
    Unreachable(String, Failure),
    /// There is no other backend.
    Exhausted,
}

/// Why a backend can't be reached.
#[derive(Debug)]
pub(super) enum Failure {
    /// As the kernel says.
    Io(io::Error),
    /// As the resolver says.
    Resolver(String),
}

/// All sessions.
#[derive(Default)]
pub(super) struct Relays {
    pub(super) slab: Slab<Relay>,
    pub(super) pipes: Pipes,
    /// Time limits in their order; those of waits that are over are skipped.
    limits: VecDeque<(Moment, Key, u32)>,
}

impl Relays {
    /// Notes that the search of a session waits from `now` on.
    pub(super) fn limit(&mut self, key: Key, now: Moment) {
        if let Some(relay) = self.slab.get_mut(key) {
            relay.wait = relay.wait.wrapping_add(1);
            self.limits.push_back((now.plus(PATIENCE), key, relay.wait));
        }
    }

    /// When the next search has waited long enough.
    pub(super) fn due(&mut self) -> Option<Moment> {
        loop {
            let &(due, key, wait) = self.limits.front()?;
            let relay = self.slab.get_mut(key);
            if relay.is_some_and(|relay| {
                relay.wait == wait && matches!(relay.stage, Stage::Searching(_))
            }) {
                return Some(due);
            }
            self.limits.pop_front();
        }
    }

    /// The next session whose search has waited long enough.
    pub(super) fn expired(&mut self, now: Moment) -> Option<Key> {
        if self.due()? > now {
            return None;
        }
        self.limits.pop_front().map(|(_, key, _)| key)
    }

    /// How many descriptors they take.
    pub(super) fn descriptors(&self) -> usize {
        2 * self.slab.len() + self.pipes.descriptors()
    }
}

impl Relay {
    /// A client for which a backend is to be searched.
    pub(super) fn new(
        client: TcpStream,
        remote: Remote,
        slot: Slot,
        search: Search,
        now: Moment,
    ) -> Self {
        Self {
            client,
            remote,
            slot,
            started: now,
            stage: Stage::Searching(Box::new(search)),
            wait: 0,
        }
    }
}

impl Search {
    /// Begins one.
    pub(super) fn new(route: Route, hosts: &Hosts, now: Moment) -> Self {
        Self {
            order: hosts.order(&route.targets, now).into(),
            route,
            addresses: VecDeque::new(),
            found: false,
            attempt: None,
        }
    }

    /// The next step, for the session `key`.
    pub(super) fn advance(&mut self, hosts: &mut Hosts, key: Key, now: Moment) -> Next {
        loop {
            let Some(target) = self.target().cloned() else {
                return Next::Exhausted;
            };
            if !self.found {
                match hosts.find(&target, key, now) {
                    Found::Known(addresses) => self.addresses = addresses.into(),
                    Found::Later => return Next::Wait,
                    Found::Failed(words) => {
                        self.give_up(hosts, &target, now);
                        return Next::Unreachable(target.host, Failure::Resolver(words));
                    }
                }
                self.found = true;
            }
            let Some(address) = self.addresses.pop_front() else {
                self.give_up(hosts, &target, now);
                continue;
            };
            match connect(address, self.route.keepalive) {
                Ok(stream) => {
                    self.attempt = Some((stream, address));
                    return Next::Connect;
                }
                Err(error) => {
                    return Next::Unreachable(address.ip().to_string(), Failure::Io(error));
                }
            }
        }
    }

    fn target(&self) -> Option<&Target> {
        self.route.targets.get(*self.order.front()?)
    }

    fn give_up(&mut self, hosts: &mut Hosts, target: &Target, now: Moment) {
        hosts.failed(target, now);
        self.order.pop_front();
        self.found = false;
    }

    /// The connection that is waited for.
    pub(super) fn attempt(&self) -> Option<&TcpStream> {
        self.attempt.as_ref().map(|(stream, _)| stream)
    }

    /// The attempt has come to an end: the connection, or the host that can't be reached. The backend
    /// has been told who the `client` is, where it is to know.
    pub(super) fn conclude(
        &mut self,
        client: &TcpStream,
        remote: &Remote,
        hosts: &mut Hosts,
    ) -> Option<Result<TcpStream, (String, io::Error)>> {
        let (stream, address) = self.attempt.take()?;
        let host = || address.ip().to_string();
        let error = match stream.take_error() {
            Ok(None) => stream.peer_addr().err(),
            Ok(error) => error,
            Err(error) => Some(error),
        };
        let introduced = match error {
            None => self.introduce(client, remote, &stream),
            Some(error) => Err(error),
        };
        if let Err(error) = introduced {
            return Some(Err((host(), error)));
        }
        if let Some(target) = self.target() {
            hosts.works(target);
        }
        Some(Ok(stream))
    }

    fn introduce(
        &self,
        client: &TcpStream,
        remote: &Remote,
        backend: &TcpStream,
    ) -> io::Result<()> {
        let Some(version) = self.route.proxy_protocol else {
            return Ok(());
        };
        let header = proxy::header(version, remote.address, client.local_addr()?);
        // A new connection has room for some hundred bytes.
        match send_now(backend.as_fd(), &header)? == header.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    /// The wait has taken too long: what was waited for.
    pub(super) fn time_out(&mut self, hosts: &mut Hosts, now: Moment) -> Option<(String, Failure)> {
        if let Some((_, address)) = self.attempt.take() {
            let error = io::Error::from_raw_os_error(libc::ETIMEDOUT);
            return Some((address.ip().to_string(), Failure::Io(error)));
        }
        let target = self.target()?.clone();
        self.give_up(hosts, &target, now);
        let words = "the resolver does not answer".to_owned();
        Some((target.host, Failure::Resolver(words)))
    }
}

/// Begins to connect, without waiting.
fn connect(to: SocketAddr, keepalive: bool) -> io::Result<TcpStream> {
    let kind = Type::STREAM.nonblocking();
    let socket = Socket::new(Domain::for_address(to), kind, None)?;
    socket.set_tcp_nodelay(true)?;
    if keepalive {
        socket.set_keepalive(true)?;
    }
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(socket.into()),
    }
}

impl Link {
    /// Passes bytes on from now on; the backend has been watched for `events` so far.
    pub(super) fn new(backend: TcpStream, events: EpollFlags) -> Self {
        Self {
            backend,
            up: Flow::new(),
            down: Flow::new(),
            client: Watch::default(),
            server: Watch {
                events: Some(events),
                gone: false,
            },
        }
    }

    /// The backend's socket.
    pub(super) fn backend(&self) -> &TcpStream {
        &self.backend
    }

    /// Bytes that went to the backend, and those that came from it.
    pub(super) fn traffic(&self) -> (u64, u64) {
        (self.up.moved, self.down.moved)
    }

    /// Goes on after events of one side; false if the session is over.
    pub(super) fn advance(
        &mut self,
        side: Side,
        events: EpollFlags,
        client: &TcpStream,
        pipes: &mut Pipes,
    ) -> bool {
        let backend = &self.backend;
        let (from, to, watch, this, other) = match side {
            Side::Client => (
                &mut self.up,
                &mut self.down,
                &mut self.client,
                client,
                backend,
            ),
            Side::Backend => (
                &mut self.down,
                &mut self.up,
                &mut self.server,
                backend,
                client,
            ),
        };
        let were = [from.wants, to.wants];
        if from.wants == Wants::Source {
            // What it has sent last is read before its error is.
            if from.advance(this, other, pipes).is_err() {
                return false;
            }
        } else if events.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP) {
            // Gone, while what came from it has not all been passed on, or has ended before.
            watch.gone = true;
            to.end(pipes);
        }
        if to.wants == Wants::Sink && to.advance(other, this, pipes).is_err() {
            return false;
        }
        match [from.wants, to.wants] {
            [Wants::Nothing, Wants::Nothing] => return false,
            [Wants::Nothing, _] if were[0] != Wants::Nothing => ask_whether_there(this),
            [_, Wants::Nothing] if were[1] != Wants::Nothing => ask_whether_there(other),
            _ => {}
        }
        true
    }

    /// What each side is to be watched for, where that has changed. A side that nothing is expected
    /// of tells of its end all the same.
    pub(super) fn changes(&mut self) -> [Option<Change>; 2] {
        let change = |side, watch: &mut Watch, reading: &Flow, writing: &Flow| {
            let reads = reading.wants == Wants::Source;
            let mut events = EpollFlags::empty();
            events.set(EpollFlags::EPOLLIN, reads);
            events.set(EpollFlags::EPOLLOUT, writing.wants == Wants::Sink);
            let events = (reads || !watch.gone).then_some(events);
            let before = std::mem::replace(&mut watch.events, events);
            (before != events).then_some((side, before, events))
        };
        [
            change(Side::Client, &mut self.client, &self.up, &self.down),
            change(Side::Backend, &mut self.server, &self.down, &self.up),
        ]
    }

    /// Gives up what has not been passed on.
    pub(super) fn end(&mut self, pipes: &mut Pipes) {
        self.up.end(pipes);
        self.down.end(pipes);
    }
}
