//! What systemd passes: the listening sockets, and what it kept of a predecessor.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;

use crate::protocol::process_limit::Share;
use crate::sys::descriptor::{self, BY_HAND, Passed};
use crate::sys::socket::{is_tcp_listener, is_udp_socket, is_unix_listener};

/// The name under which systemd keeps our [state](super::state).
pub(super) const STATE_NAME: &str = "state";

/// The descriptors that came with the start (sd_listen_fds(3)).
#[derive(Debug)]
pub(super) struct Activation {
    /// The listening sockets, not blocking.
    pub(super) listeners: Vec<TcpListener>,
    /// Those on which tcpmux hands connections over, not blocking. All are of one kind.
    pub(super) mux_listeners: Vec<UnixListener>,
    /// The sockets for datagrams, not blocking.
    pub(super) datagrams: Vec<UdpSocket>,
    /// What a predecessor left.
    pub(super) state: Option<OwnedFd>,
    /// The part in a limit that services have in common.
    pub(super) share: Option<Share>,
}

impl Activation {
    /// Takes them. Only once, and before any thread is started: the variables are removed.
    ///
    /// # Errors
    /// What is wrong, in words, if there is no listener or something else among them.
    pub(super) fn take() -> Result<Self, String> {
        let mut this = Self {
            listeners: Vec::new(),
            mux_listeners: Vec::new(),
            datagrams: Vec::new(),
            state: None,
            share: None,
        };
        for Passed { name, descriptor } in descriptor::take_passed()? {
            if name == STATE_NAME {
                this.state = Some(descriptor);
                continue;
            }
            match Share::of(&name, descriptor) {
                Ok(share) => this.share = Some(share),
                Err(socket) => this.add(socket).map_err(|error| error.to_string())?,
            }
        }
        if this.listeners.is_empty() && this.mux_listeners.is_empty() && this.datagrams.is_empty() {
            return Err(format!("systemd passed no socket; {BY_HAND}"));
        }
        Ok(this)
    }

    /// Another process may be faster: waiting in accept would stop everything.
    fn add(&mut self, socket: OwnedFd) -> io::Result<()> {
        if is_tcp_listener(socket.as_fd()) {
            let listener = TcpListener::from(socket);
            listener.set_nonblocking(true)?;
            self.listeners.push(listener);
        } else if is_unix_listener(socket.as_fd()) {
            let listener = UnixListener::from(socket);
            listener.set_nonblocking(true)?;
            self.mux_listeners.push(listener);
        } else if is_udp_socket(socket.as_fd()) {
            let socket = UdpSocket::from(socket);
            socket.set_nonblocking(true)?;
            self.datagrams.push(socket);
        } else {
            return Err(io::Error::other(
                "a descriptor is no socket that listens; the socket unit must have Accept=no",
            ));
        }
        Ok(())
    }
}
