//! Who the peer's own machine says that the peer is (`USERID`; docs/xinetd-behaviour.md, section 5.6).

mod reply;

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Socket, Type};

pub(super) use reply::{MAX_REPLY, Ports};
use xinetd_core::admission::{NoUser, UserAnswer};

use crate::sys::socket::send_now;

/// The port of ident servers.
const PORT: u16 = 113;

/// A question that is on its way.
#[derive(Debug)]
pub(super) struct Query {
    stream: TcpStream,
    ports: Ports,
    asked: bool,
    reply: Vec<u8>,
}

impl Query {
    /// Begins to ask the peer of `client` for its user, without waiting.
    ///
    /// # Errors
    /// If no ident server can be asked.
    pub(super) fn new(client: &super::socket::Socket) -> Result<Self, NoUser> {
        let begin = || -> io::Result<_> {
            let client = client.stream().ok_or(ErrorKind::NotConnected)?;
            let (mut remote, mut local) = (client.peer_addr()?, client.local_addr()?);
            let ports = Ports {
                remote: remote.port(),
                local: local.port(),
            };
            let socket = Socket::new(Domain::for_address(remote), Type::STREAM, None)?;
            socket.set_nonblocking(true)?;
            // The peer knows the connection by both addresses.
            local.set_port(0);
            socket.bind(&local.into())?;
            remote.set_port(PORT);
            let stream = connect(socket, remote)?;
            Ok(Self {
                stream,
                ports,
                asked: false,
                reply: Vec::new(),
            })
        };
        begin().map_err(|error| failure(&error))
    }

    /// Has events when there is something to do, when watched for reading and writing.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Goes on as far as it can; the answer when there is one.
    pub(super) fn advance(&mut self) -> Option<UserAnswer> {
        if !self.asked {
            match self.ask() {
                Ok(()) => self.asked = true,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => return Some(Err(failure(&error))),
            }
        }
        self.read()
    }

    fn ask(&self) -> io::Result<()> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        let question = self.ports.question();
        let sent = send_now(self.stream.as_fd(), question.as_bytes()).map_err(|error| {
            // Not connected yet.
            match error.kind() {
                ErrorKind::NotConnected => ErrorKind::WouldBlock.into(),
                _ => error,
            }
        })?;
        // A new connection has room for a dozen bytes.
        match sent == question.len() {
            true => Ok(()),
            false => Err(ErrorKind::WriteZero.into()),
        }
    }

    fn read(&mut self) -> Option<UserAnswer> {
        let mut chunk = [0; 256];
        loop {
            match (&self.stream).read(&mut chunk) {
                Ok(0) => return Some(Err(NoUser::BadResponse)),
                Ok(count) => self.reply.extend_from_slice(&chunk[..count]),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return None,
                    ErrorKind::Interrupted => continue,
                    _ => return Some(Err(NoUser::Receiving)),
                },
            }
            if let Some(end) = self.reply.iter().position(|&byte| byte == b'\n') {
                // RFC 1413 ends a line with CR LF, and xinetd takes no other end.
                let line = self.reply[..end].strip_suffix(b"\r");
                return Some(line.map_or(Err(NoUser::BadResponse), |line| self.ports.user(line)));
            }
            if self.reply.len() > MAX_REPLY {
                return Some(Err(NoUser::BadResponse));
            }
        }
    }
}

fn connect(socket: Socket, to: SocketAddr) -> io::Result<TcpStream> {
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(socket.into()),
    }
}

/// Whether there is no ident server to answer, or we can't ask.
fn failure(error: &io::Error) -> NoUser {
    match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable => NoUser::NoServer,
        ErrorKind::TimedOut => NoUser::Timeout,
        _ => NoUser::System,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    /// A query to a server that gives `reply` to whatever it is asked.
    fn answer(reply: &'static [u8]) -> (String, UserAnswer) {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut query = Query {
            stream: connect(socket, server.local_addr().unwrap()).unwrap(),
            ports: Ports {
                remote: 6193,
                local: 23,
            },
            asked: false,
            reply: Vec::new(),
        };
        let thread = std::thread::spawn(move || {
            let (mut client, _) = server.accept().unwrap();
            let mut question = [0; 9];
            client.read_exact(&mut question).unwrap();
            client.write_all(reply).unwrap();
            String::from_utf8_lossy(&question).into_owned()
        });
        loop {
            if let Some(answer) = query.advance() {
                return (thread.join().unwrap(), answer);
            }
            let events = match query.asked {
                true => PollFlags::POLLIN,
                false => PollFlags::POLLOUT,
            };
            let mut set = [PollFd::new(query.descriptor(), events)];
            poll(&mut set, PollTimeout::NONE).unwrap();
        }
    }

    #[test]
    fn the_answer_is_one_line() {
        let (question, user) = answer(b"6193,23 : USERID : UNIX : joe\r\nmore");
        assert_eq!(question, "6193,23\r\n");
        assert_eq!(user.unwrap(), "UNIX : joe");
    }

    #[test]
    fn an_answer_that_never_ends_is_none() {
        assert_eq!(answer(&[b'x'; 4096]).1, Err(NoUser::BadResponse));
        assert_eq!(answer(b"6193,23 : USERID : ").1, Err(NoUser::BadResponse));
        assert_eq!(answer(b"").1, Err(NoUser::BadResponse));
        let bare = answer(b"6193,23 : USERID : UNIX : joe\n").1;
        assert_eq!(bare, Err(NoUser::BadResponse), "as in xinetd");
    }

    #[test]
    fn nobody_listens() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(closed.local_addr().unwrap()).unwrap();
        // No ident server listens on the loopback in a test.
        let answer = Query::new(&client.into()).map(|mut query| query.advance());
        assert!(
            matches!(
                answer,
                Err(NoUser::NoServer) | Ok(Some(Err(NoUser::NoServer)))
            ),
            "{answer:?}"
        );
    }
}
