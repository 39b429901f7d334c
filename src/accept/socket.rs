//! What a service has of a client: its connection, or the socket on which it waits for a server.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use socket2::SockRef;

use crate::sys::socket::reset;

/// A socket for a server.
#[derive(Debug)]
pub(super) enum Socket {
    /// The connection of one client.
    Stream(TcpStream),
    /// The service's own socket, from which the server takes its clients (`wait = yes`).
    Listening(OwnedFd),
}

impl Socket {
    /// The connection of the client, where it has been accepted.
    pub(super) fn stream(&self) -> Option<&TcpStream> {
        match self {
            Self::Stream(stream) => Some(stream),
            Self::Listening(_) => None,
        }
    }

    /// The address that clients know it by.
    ///
    /// # Errors
    /// As getsockname(2).
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Stream(stream) => stream.local_addr(),
            Self::Listening(socket) => {
                let address = SockRef::from(socket).local_addr()?;
                address
                    .as_socket()
                    .ok_or_else(|| io::ErrorKind::Unsupported.into())
            }
        }
    }

    /// Closes the connection without an orderly end. A client that has not been accepted is left alone.
    pub(super) fn reset(self) {
        match self {
            Self::Stream(stream) => reset(stream),
            Self::Listening(_) => {}
        }
    }
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self::Stream(stream)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Stream(stream) => stream.as_fd(),
            Self::Listening(socket) => socket.as_fd(),
        }
    }
}
