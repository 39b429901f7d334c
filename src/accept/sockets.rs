//! The sockets on which clients come. They are systemd's: it listens on when the helper goes.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;

use super::reactor::{Owner, Reactor};

/// The sockets of a service.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    streams: Vec<TcpListener>,
    /// Those for datagrams, and their ports.
    datagrams: Vec<(UdpSocket, u16)>,
    /// Where tcpmux passes connections, for a service that it leads to.
    mux: Vec<UnixListener>,
}

impl Sockets {
    /// These sockets.
    ///
    /// # Errors
    /// As getsockname(2).
    pub(super) fn new(
        streams: Vec<TcpListener>,
        datagrams: Vec<UdpSocket>,
        mux: Vec<UnixListener>,
    ) -> io::Result<Self> {
        let with_port = |socket: UdpSocket| {
            let port = socket.local_addr()?.port();
            Ok((socket, port))
        };
        Ok(Self {
            streams,
            datagrams: datagrams
                .into_iter()
                .map(with_port)
                .collect::<io::Result<_>>()?,
            mux,
        })
    }

    /// The listening sockets for streams.
    pub(super) fn streams(&self) -> &[TcpListener] {
        &self.streams
    }

    /// The listening socket for streams of an event.
    pub(super) fn stream(&self, index: u32) -> Option<&TcpListener> {
        self.streams.get(index as usize)
    }

    /// The socket for datagrams of an event.
    pub(super) fn datagram(&self, index: u32) -> Option<&UdpSocket> {
        self.datagrams.get(index as usize).map(|(socket, _)| socket)
    }

    /// The port of that one.
    pub(super) fn datagram_port(&self, index: u32) -> Option<u16> {
        self.datagrams.get(index as usize).map(|&(_, port)| port)
    }

    /// The sockets for datagrams.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = &UdpSocket> {
        self.datagrams.iter().map(|(socket, _)| socket)
    }

    /// Whether clients send datagrams.
    pub(super) fn has_datagrams(&self) -> bool {
        !self.datagrams.is_empty()
    }

    /// The socket of tcpmux of an event.
    pub(super) fn mux(&self, index: u32) -> Option<&UnixListener> {
        self.mux.get(index as usize)
    }

    /// All but those of tcpmux.
    pub(super) fn of_clients(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let streams = self.streams.iter().map(AsFd::as_fd);
        streams.chain(self.datagrams().map(AsFd::as_fd))
    }

    /// Has the loop tell of clients.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub(super) fn watch(&self, reactor: &Reactor) -> Result<(), Errno> {
        let events = EpollFlags::EPOLLIN;
        for (listener, index) in self.streams.iter().zip(0..) {
            reactor.add(listener, Owner::Listener.at(index), events)?;
        }
        for (socket, index) in self.datagrams().zip(0..) {
            reactor.add(socket, Owner::Datagrams.at(index), events)?;
        }
        for (listener, index) in self.mux.iter().zip(0..) {
            reactor.add(listener, Owner::MuxListener.at(index), events)?;
        }
        Ok(())
    }

    /// Has the loop tell of clients no more.
    pub(super) fn unwatch(&self, reactor: &Reactor) {
        for socket in self.of_clients() {
            reactor.remove(socket);
        }
        for listener in &self.mux {
            reactor.remove(listener);
        }
    }
}
