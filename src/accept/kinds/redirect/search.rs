//! The search for a backend that takes a connection.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;

use socket2::{Domain, Socket, Type};
use xinetd_core::spec::{ProxyProtocol, Target};

use crate::sys::socket::send_now;

use super::super::super::clock::Moment;
use super::super::super::peer::Remote;
use super::super::super::slab::Key;
use super::hosts::{Hosts, Lookup};
use super::proxy;

/// Where a service's clients are passed on to.
#[derive(Clone, Debug)]
pub(in crate::accept) struct Route {
    /// The backends, the preferred one first; at least one.
    pub(in crate::accept) targets: Arc<[Target]>,
    /// The kernel asks a silent backend whether it is there (KEEPALIVE).
    pub(in crate::accept) keepalive: bool,
    /// How a backend is told who its client is.
    pub(in crate::accept) proxy_protocol: Option<ProxyProtocol>,
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
                    Lookup::Known(addresses) => self.addresses = addresses.into(),
                    Lookup::Later => return Next::Wait,
                    Lookup::Failed(words) => {
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
        let header = proxy::header(version, remote.address(), client.local_addr()?);
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
