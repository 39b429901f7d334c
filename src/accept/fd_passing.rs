//! Connections on their way from the helper of tcpmux to that of the service that they want.
//!
//! They come over a unix socket that every process may connect to, so that the user of tcpmux does not matter.
//! Only tcpmux is heard: what another process passes could be a connection to a host that never asked for one.
//! Under systemd it is known by its control group. Without, the supervisor has told both sides a secret, which
//! comes with each connection: no process could tell of another one whether it is tcpmux's helper, as numbers of
//! processes come to mean others.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, SockAddr, Socket, Type};
use xinetd_core::spec::{MuxSecret, MuxSender, MuxTarget, Spec};

use crate::sys::handover::{receive, send};
use crate::sys::socket::peer;

use super::kinds::Cx;
use super::membership::is_of;
use super::pending::Connection;
use super::reactor::Owner;
use super::slab::{Key, Slab};

/// Said of a connection whose peer is what the socket shows.
const PLAIN: u8 = b'p';
/// Said of one that came from a v4-mapped address, and is an AF_INET one since.
const UNMAPPED: u8 = b'u';

/// More than there ever are: tcpmux sends at once what it connects for.
const MAX_ON_THE_WAY: usize = 64;

/// What clients of TCPMUXPLUS are told (RFC 1078).
pub(super) const GO: &[u8] = b"+Go\r\n";

/// Passes a client to the helper of `target`, without waiting for it.
///
/// # Errors
/// As connect(2): ENOENT or ECONNREFUSED where no socket of that service listens; or as sendmsg(2).
pub(super) fn pass(target: &MuxTarget, connection: &Connection) -> io::Result<()> {
    let Connection {
        socket: client,
        remote,
        ..
    } = connection;
    let what = match remote.is_mapped() && client.local_addr()?.is_ipv4() {
        true => UNMAPPED,
        false => PLAIN,
    };
    let endpoint = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    endpoint.set_nonblocking(true)?;
    endpoint.connect(&SockAddr::unix(&target.socket)?)?;
    let mut message = vec![what];
    message.extend(target.secret.iter().flat_map(MuxSecret::proof));
    send(endpoint.as_fd(), &message, client.as_fd())
}

/// The senders that have connected and not sent anything yet.
#[derive(Debug, Default)]
pub(super) struct FdPassing {
    senders: Slab<UnixStream>,
    /// In the order in which they came.
    order: VecDeque<Key>,
}

/// Why a connection is not taken.
#[derive(Debug)]
enum Untaken {
    /// It did not come.
    Failed(io::Error),
    /// This process has sent it, which is not tcpmux.
    Stranger(String),
}

impl From<io::Error> for Untaken {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl FdPassing {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.senders.is_empty()
    }

    /// The connection that a sender passes; it is waited for where it has not come yet.
    pub(super) fn take(
        &mut self,
        sender: UnixStream,
        cx: &mut Cx<'_>,
    ) -> Option<(TcpStream, SocketAddr)> {
        match client(&sender, cx.spec) {
            Err(Untaken::Failed(error)) if error.kind() == ErrorKind::WouldBlock => {
                self.wait(sender, cx);
                None
            }
            received => take(received, cx),
        }
    }

    /// The one that has been silent for the longest time makes room: tcpmux sends at once, a stranger may not.
    fn wait(&mut self, sender: UnixStream, cx: &Cx<'_>) {
        if self.senders.len() >= MAX_ON_THE_WAY
            && let Some(&first) = self.order.front()
        {
            self.remove(first);
        }
        if let Ok(key) = self.senders.insert(sender)
            && let Some(sender) = self.senders.get_mut(key)
        {
            self.order.push_back(key);
            let token = Owner::FdPassing.of(key);
            let watched = cx.reactor.add(&*sender, token, EpollFlags::EPOLLIN);
            if watched.is_err() {
                self.remove(key);
            }
        }
    }

    fn remove(&mut self, key: Key) -> Option<UnixStream> {
        self.order.retain(|waiting| *waiting != key);
        self.senders.remove(key)
    }

    /// The connection that a sender has passed that was waited for.
    pub(super) fn ready(&mut self, key: Key, cx: &mut Cx<'_>) -> Option<(TcpStream, SocketAddr)> {
        // What has not been sent by now never will be.
        let sender = self.remove(key)?;
        take(client(&sender, cx.spec), cx)
    }
}

/// Whether tcpmux may be at the other end; else which process is. One that has to prove it does so by what it sends.
pub(super) fn may_be_tcpmux(sender: &UnixStream, spec: &Spec) -> Result<(), String> {
    let is_heard = match spec.mux.as_ref().map(|mux| &mux.from) {
        Some(MuxSender::Secret(_)) => true,
        Some(MuxSender::Units(units)) => {
            peer(sender).is_ok_and(|(pid, uid)| is_of(pid, uid, units))
        }
        None => false,
    };
    match is_heard {
        true => Ok(()),
        false => Err(process_of(sender)),
    }
}

/// Whether what came with a connection proves that tcpmux has sent it.
fn is_proof(said: &[u8], spec: &Spec) -> bool {
    match spec.mux.as_ref().map(|mux| &mux.from) {
        Some(MuxSender::Secret(secret)) => secret.is_proved_by(said),
        Some(MuxSender::Units(_)) => said.is_empty(),
        None => false,
    }
}

fn process_of(sender: &UnixStream) -> String {
    match peer(sender) {
        Ok((pid, uid)) => format!("process {pid} of user {uid}"),
        Err(error) => format!("an unknown process ({error})"),
    }
}

fn take(
    received: Result<(TcpStream, SocketAddr), Untaken>,
    cx: &mut Cx<'_>,
) -> Option<(TcpStream, SocketAddr)> {
    match received {
        Ok(taken) => Some(taken),
        Err(Untaken::Stranger(stranger)) => {
            warn_of(&stranger, cx);
            None
        }
        Err(Untaken::Failed(error)) => {
            // The client has gone, or tcpmux has, or there is no descriptor for it.
            if cx.report.admits_remark(cx.now) {
                let id = cx.spec.id.to_text();
                log::info!("{id}: nothing came from tcpmux: {error}");
            }
            None
        }
    }
}

/// Says which process is not heard.
pub(super) fn warn_of(stranger: &str, cx: &mut Cx<'_>) {
    if cx.report.admits_remark(cx.now) {
        let id = cx.spec.id.to_text();
        log::warn!("{id}: a connection was not taken from {stranger}, which is not tcpmux");
    }
}

/// A connection that was passed, with the options that the service wants, and where it came from.
fn client(sender: &UnixStream, spec: &Spec) -> Result<(TcpStream, SocketAddr), Untaken> {
    let mut message = [0; 1 + MuxSecret::LENGTH];
    let (length, stream) = receive(sender.as_fd(), &mut message)?;
    let Some((what, said)) = message[..length].split_first() else {
        return Err(io::Error::from(ErrorKind::InvalidData).into());
    };
    if !is_proof(said, spec) {
        return Err(Untaken::Stranger(process_of(sender)));
    }
    let mut address = stream.peer_addr()?;
    match (*what, address.ip()) {
        (PLAIN, _) => {}
        (UNMAPPED, IpAddr::V4(v4)) => address.set_ip(v4.to_ipv6_mapped().into()),
        _ => return Err(io::Error::from(ErrorKind::InvalidData).into()),
    }
    set_options(&stream, spec);
    Ok((stream, address))
}

/// The flags NODELAY and KEEPALIVE. A connection that is gone has no options.
fn set_options(stream: &TcpStream, spec: &Spec) {
    let Some(mux) = &spec.mux else {
        return;
    };
    if mux.nodelay {
        let _ = stream.set_nodelay(true);
    }
    if mux.keepalive {
        let _ = setsockopt(stream, sockopt::KeepAlive, &true);
    }
}
