//! Clients: what one hears, and how the connection ends.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::{Result, context};

/// How long a client waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How a connection ended, as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The server closed it in good order.
    Fin,
    /// It was reset.
    Reset,
    /// No socket listened.
    Refused,
}

/// What a client heard until the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The end.
    pub close: Close,
}

impl Heard {
    /// The bytes as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// A connected client.
#[derive(Debug)]
pub struct Peer(Socket);

impl Peer {
    /// Connects, from `source` if one is given; or how that ended.
    ///
    /// # Errors
    /// What else kept it from connecting.
    pub fn connect(
        to: SocketAddr,
        source: Option<SocketAddr>,
    ) -> Result<std::result::Result<Self, Close>> {
        let socket = context(
            Socket::new(Domain::for_address(to), Type::STREAM, None),
            "socket",
        )?;
        if let Some(source) = source {
            context(
                socket.bind(&source.into()),
                format_args!("bind to {source}"),
            )?;
        }
        match socket.connect_timeout(&to.into(), PATIENCE) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                return Ok(Err(Close::Refused));
            }
            // The reset can be here before connect has returned.
            Err(error) if is_reset(&error) => return Ok(Err(Close::Reset)),
            Err(error) => return Err(format!("connect to {to}: {error}")),
        }
        context(socket.set_read_timeout(Some(PATIENCE)), "time limit")?;
        context(socket.set_write_timeout(Some(PATIENCE)), "time limit")?;
        Ok(Ok(Self(socket)))
    }

    /// Connects with as small a receive buffer as there is, so that a peer that writes soon waits.
    ///
    /// # Errors
    /// What kept it from connecting.
    pub fn connect_lazily(to: SocketAddr) -> Result<Self> {
        let socket = context(
            Socket::new(Domain::for_address(to), Type::STREAM, None),
            "socket",
        )?;
        context(socket.set_recv_buffer_size(1), "receive buffer")?;
        context(
            socket.connect_timeout(&to.into(), PATIENCE),
            format_args!("connect to {to}"),
        )?;
        Ok(Self(socket))
    }

    /// The other end: a connection that a test itself has accepted.
    pub(crate) fn accepted(socket: Socket) -> Result<Self> {
        context(socket.set_read_timeout(Some(PATIENCE)), "time limit")?;
        context(socket.set_write_timeout(Some(PATIENCE)), "time limit")?;
        Ok(Self(socket))
    }

    /// Connects and reads to the end.
    ///
    /// # Errors
    /// If it ends in none of the ways of [`Close`].
    pub fn hear(to: SocketAddr, source: Option<SocketAddr>) -> Result<Heard> {
        match Self::connect(to, source)? {
            Ok(peer) => peer.read_to_end(),
            Err(close) => Ok(Heard {
                bytes: Vec::new(),
                close,
            }),
        }
    }

    /// The port of this end.
    ///
    /// # Errors
    /// If the socket has none.
    pub fn port(&self) -> Result<u16> {
        let own = context(self.0.local_addr(), "own address")?;
        own.as_socket()
            .map(|own| own.port())
            .ok_or_else(|| "no port".to_owned())
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// If they can't be sent.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        context(self.0.write_all(bytes), "send")
    }

    /// What has come by now, without waiting for more; how the connection ended does not matter.
    ///
    /// # Errors
    /// If the kernel does not let it look.
    pub fn so_far(&mut self) -> Result<Vec<u8>> {
        context(self.0.set_nonblocking(true), "O_NONBLOCK")?;
        let mut bytes = Vec::new();
        // What was read before the error stays.
        let _ = self.0.read_to_end(&mut bytes);
        context(self.0.set_nonblocking(false), "O_NONBLOCK")?;
        Ok(bytes)
    }

    /// Sends as many of the bytes as go without waiting for the other end to read; how many.
    ///
    /// # Errors
    /// If the connection ends.
    pub fn send_what_goes(&self, bytes: &[u8]) -> Result<usize> {
        context(
            self.0.set_write_timeout(Some(Duration::from_secs(1))),
            "time limit",
        )?;
        let mut sent = 0;
        while sent < bytes.len() {
            match self.0.send(&bytes[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(format!("send: {error}")),
            }
        }
        Ok(sent)
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn finish(&self) -> Result<()> {
        context(self.0.shutdown(Shutdown::Write), "shutdown")
    }

    /// Waits until the other end, in the same network, has read all that was sent.
    ///
    /// # Errors
    /// If it does not.
    pub fn await_read(&self) -> Result<()> {
        let address = context(self.0.local_addr(), "the client's address")?;
        let port = address.as_socket().map_or(0, |address| address.port());
        let begin = Instant::now();
        while has_unread(port)? {
            if begin.elapsed() >= PATIENCE {
                return Err("what was sent is not read".into());
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Reads exactly so many bytes.
    ///
    /// # Errors
    /// If fewer come.
    pub fn read(&mut self, count: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        context(self.0.read_exact(&mut bytes), "read")?;
        Ok(bytes)
    }

    /// Reads what comes next; nothing at the end.
    ///
    /// # Errors
    /// If the connection ends otherwise.
    pub fn read_some(&mut self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; 4096];
        let count = context(self.0.read(&mut bytes), "read")?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// Sends bytes and reads as many back: a server that echoes is alive.
    ///
    /// # Errors
    /// If something else comes back.
    pub fn echo(&mut self, bytes: &[u8]) -> Result<()> {
        self.send(bytes)?;
        let heard = self.read(bytes.len())?;
        if heard == bytes {
            Ok(())
        } else {
            Err(format!("sent {bytes:?}, heard {heard:?}"))
        }
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// If it ends in none of the ways of [`Close`].
    pub fn read_to_end(mut self) -> Result<Heard> {
        let mut bytes = Vec::new();
        let close = match self.0.read_to_end(&mut bytes) {
            Ok(_) => Close::Fin,
            Err(error) if is_reset(&error) => Close::Reset,
            Err(error) => return Err(format!("read: {error}, after {bytes:?}")),
        };
        Ok(Heard { bytes, close })
    }
}

/// Whether the socket whose peer has this port holds bytes that no process has read (proc(5),
/// /proc/net/tcp).
fn has_unread(port: u16) -> Result<bool> {
    let mut unread = false;
    for table in ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"] {
        let text = context(fs::read_to_string(table), table)?;
        unread |= text.lines().any(|line| {
            let mut fields = line.split_ascii_whitespace().skip(2);
            let peer = fields.next().and_then(|peer| peer.rsplit(':').next());
            let queue = fields.nth(1).and_then(|queue| queue.rsplit(':').next());
            peer == Some(&format!("{port:04X}")) && queue != Some("00000000")
        });
    }
    Ok(unread)
}

fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}
