//! Connections on their way from the helper of tcpmux to that of the service that they want.
//!
//! They come over a unix socket that every process may connect to, so that the user of tcpmux does not matter.
//! Only a process of the tcpmux unit is heard: what another process passes could be a connection to a
//! host that never asked for one.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, SockAddr, Socket, Type};
use xinetd_core::spec::Spec;

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

/// Passes a client to the helper that takes connections at `socket`, without waiting for it.
///
/// # Errors
/// As connect(2): ENOENT or ECONNREFUSED where the socket unit of that service is not started; or as sendmsg(2).
pub(super) fn pass(socket: &Path, connection: &Connection) -> io::Result<()> {
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
    endpoint.connect(&SockAddr::unix(socket)?)?;
    send(endpoint.as_fd(), what, client.as_fd())
}

/// The senders that have connected and not sent anything yet.
#[derive(Debug, Default)]
pub(super) struct FdPassing(Slab<UnixStream>);

impl FdPassing {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The connection that a sender passes; it is waited for where it has not come yet.
    pub(super) fn take(
        &mut self,
        sender: UnixStream,
        cx: &mut Cx<'_>,
    ) -> Option<(TcpStream, SocketAddr)> {
        match client(&sender, cx.spec) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.wait(sender, cx);
                None
            }
            received => take(received, cx),
        }
    }

    fn wait(&mut self, sender: UnixStream, cx: &Cx<'_>) {
        if self.0.len() < MAX_ON_THE_WAY
            && let Ok(key) = self.0.insert(sender)
            && let Some(sender) = self.0.get_mut(key)
        {
            let token = Owner::FdPassing.of(key);
            let watched = cx.reactor.add(&*sender, token, EpollFlags::EPOLLIN);
            if watched.is_err() {
                self.0.remove(key);
            }
        }
    }

    /// The connection that a sender has passed that was waited for.
    pub(super) fn ready(&mut self, key: Key, cx: &mut Cx<'_>) -> Option<(TcpStream, SocketAddr)> {
        // What has not been sent by now never will be.
        let sender = self.0.remove(key)?;
        take(client(&sender, cx.spec), cx)
    }
}

/// Whether tcpmux is at the other end; else which process is.
pub(super) fn is_tcpmux(sender: &UnixStream, spec: &Spec) -> Result<(), String> {
    let (pid, uid) = peer(sender).map_err(|error| error.to_string())?;
    let units = spec.mux.as_ref().map(|mux| &mux.from[..]);
    match is_of(pid, uid, units.unwrap_or_default()) {
        true => Ok(()),
        false => Err(format!("process {pid} of user {uid}")),
    }
}

fn take(
    received: io::Result<(TcpStream, SocketAddr)>,
    cx: &mut Cx<'_>,
) -> Option<(TcpStream, SocketAddr)> {
    received
        .inspect_err(|error| {
            // The client has gone, or tcpmux has, or there is no descriptor for it.
            if cx.report.admits_remark(cx.now) {
                let id = cx.spec.id.to_text();
                log::info!("{id}: nothing came from tcpmux: {error}");
            }
        })
        .ok()
}

/// A connection that was passed, with the options that the service wants, and where it came from.
fn client(sender: &UnixStream, spec: &Spec) -> io::Result<(TcpStream, SocketAddr)> {
    let (what, stream) = receive(sender.as_fd())?;
    let mut address = stream.peer_addr()?;
    match (what, address.ip()) {
        (PLAIN, _) => {}
        (UNMAPPED, IpAddr::V4(v4)) => address.set_ip(v4.to_ipv6_mapped().into()),
        _ => return Err(ErrorKind::InvalidData.into()),
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
