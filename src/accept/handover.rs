//! Connections on their way from the helper of tcpmux to that of the service that they want.
//!
//! They come over a unix socket that everybody may connect to, so that its user does not matter.
//! Only a process of the tcpmux unit is heard: what others hand over could be a connection to a
//! host that never asked for one.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::sys::handover::{receive, send};
use crate::sys::socket::peer;

use super::clock::Moment;
use super::helper::Helper;
use super::intake::Served;
use super::membership::is_of;
use super::peer::Peer;
use super::pending::Connection;
use super::reactor::Owner;
use super::slab::Key;

/// Said of a connection whose peer is what the socket shows.
const PLAIN: u8 = b'p';
/// Said of one that came from a v4-mapped address, and is an AF_INET one since.
const UNMAPPED: u8 = b'u';

/// More than there ever are: tcpmux sends at once what it connects for.
const MAX_ON_THE_WAY: usize = 64;

/// What clients of TCPMUXPLUS are told (RFC 1078).
pub(super) const GO: &[u8] = b"+Go\r\n";

/// Hands a client to the helper that takes connections at `socket`, without waiting for it.
///
/// # Errors
/// As connect(2): there is no such socket, or nobody listens on it; or what else is wrong.
pub(super) fn hand(socket: &Path, connection: &Connection) -> io::Result<()> {
    let Connection {
        socket: client,
        remote,
        ..
    } = connection;
    let what = match remote.is_mapped() && client.local_addr()?.is_ipv4() {
        true => UNMAPPED,
        false => PLAIN,
    };
    let door = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    door.set_nonblocking(true)?;
    door.connect(&SockAddr::unix(socket)?)?;
    send(door.as_fd(), what, client.as_fd())
}

impl Helper {
    /// A process has connected to pass a connection.
    pub(super) fn open_handover(&mut self, door: UnixStream, now: Moment) -> Served {
        if let Err(stranger) = self.is_tcpmux(&door) {
            if self.report.admits_remark(now) {
                let id = self.settings.spec.id.to_text();
                log::warn!("{id}: a connection was not taken from {stranger}, which is not tcpmux");
            }
            return Served::Done;
        }
        match self.take_handover(door, now) {
            Ok(served) => served,
            Err(door) => {
                self.await_handover(door);
                Served::Held
            }
        }
    }

    /// Has the loop tell when tcpmux has sent the connection.
    fn await_handover(&mut self, door: UnixStream) {
        if self.handovers.len() < MAX_ON_THE_WAY
            && let Ok(key) = self.handovers.insert(door)
            && let Some(door) = self.handovers.get_mut(key)
        {
            let token = Owner::Handover.of(key);
            let watched = self.reactor.add(&*door, token, EpollFlags::EPOLLIN);
            if watched.is_err() {
                self.handovers.remove(key);
            }
        }
    }

    /// Whether tcpmux is at the other end; else who is.
    fn is_tcpmux(&self, door: &UnixStream) -> Result<(), String> {
        let (pid, uid) = peer(door).map_err(|error| error.to_string())?;
        let units = self.settings.spec.mux.as_ref().map(|mux| &mux.from[..]);
        match is_of(pid, uid, units.unwrap_or_default()) {
            true => Ok(()),
            false => Err(format!("process {pid} of user {uid}")),
        }
    }

    /// tcpmux has sent what it has connected for.
    pub(super) fn handover_ready(&mut self, key: Key, now: Moment) {
        // What it has not sent by now it never will.
        if let Some(door) = self.handovers.remove(key)
            && !self.stopping
        {
            let _ = self.take_handover(door, now);
        }
    }

    /// Takes a connection.
    ///
    /// # Errors
    /// Gives `door` back if the connection has not come yet.
    pub(super) fn take_handover(
        &mut self,
        door: UnixStream,
        now: Moment,
    ) -> Result<Served, UnixStream> {
        match receive(door.as_fd()).and_then(|(what, stream)| client(what, stream)) {
            Ok((stream, address)) => {
                self.set_options(&stream);
                Ok(self.meet(stream.into(), Peer::Known(address), now))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(door),
            Err(error) => {
                // The client has gone, or tcpmux has, or there is no descriptor for it.
                if self.report.admits_remark(now) {
                    let id = self.settings.spec.id.to_text();
                    log::info!("{id}: nothing came from tcpmux: {error}");
                }
                Ok(Served::Done)
            }
        }
    }

    /// The flags NODELAY and KEEPALIVE. A connection that is gone has no options.
    fn set_options(&self, stream: &TcpStream) {
        let Some(mux) = &self.settings.spec.mux else {
            return;
        };
        if mux.nodelay {
            let _ = stream.set_nodelay(true);
        }
        if mux.keepalive {
            let _ = setsockopt(stream, sockopt::KeepAlive, &true);
        }
    }

    /// What a client is told before all else.
    pub(super) fn greeting(&self) -> Option<Arc<[u8]>> {
        let mux = self.settings.spec.mux.as_ref()?;
        mux.plus.then(|| Arc::from(GO))
    }
}

/// A connection that was received, and where it came from.
fn client(what: u8, stream: TcpStream) -> io::Result<(TcpStream, SocketAddr)> {
    let mut address = stream.peer_addr()?;
    match (what, address.ip()) {
        (PLAIN, _) => {}
        (UNMAPPED, IpAddr::V4(v4)) => address.set_ip(v4.to_ipv6_mapped().into()),
        _ => return Err(ErrorKind::InvalidData.into()),
    }
    Ok((stream, address))
}
