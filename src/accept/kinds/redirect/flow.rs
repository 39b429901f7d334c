//! One direction of a session: bytes from one socket to another.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{SpliceFFlags, splice};
use nix::sys::socket::{setsockopt, sockopt};

use crate::sys::socket::{peek_now, send_now, skip_now};

use super::pipes::{Pipe, Pipes, SIZE};

/// Steps that are made before it is the next session's turn.
const ROUNDS: usize = 8;
/// Bytes that are copied at once where no pipe can be had.
const CHUNK: usize = 16 * 1024;

/// splice(2) does not wait.
const NOW: SpliceFFlags = SpliceFFlags::SPLICE_F_NONBLOCK;

/// What a direction waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// Bytes.
    Source,
    /// Room for them.
    Sink,
    /// It has ended.
    Nothing,
}

/// One direction. It reads only when all that it has read is written, so that a reader who is slow
/// slows the writer down.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) wants: Wants,
    /// Bytes that have been passed on.
    pub(super) moved: u64,
    held: Option<(Pipe, usize)>,
}

impl Flow {
    pub(super) fn new() -> Self {
        Self {
            wants: Wants::Source,
            moved: 0,
            held: None,
        }
    }

    /// Goes on as far as it can, or as is fair to others. The end of the source is passed on to the
    /// sink; a sink that takes nothing more ends the direction.
    ///
    /// # Errors
    /// If the source is gone other than in good order. All that came from it is passed on by then.
    pub(super) fn advance(
        &mut self,
        source: &TcpStream,
        sink: &TcpStream,
        pipes: &mut Pipes,
    ) -> io::Result<()> {
        for _ in 0..ROUNDS {
            let goes_on = match self.wants {
                Wants::Nothing => false,
                Wants::Source => self.read(source, sink, pipes)?,
                Wants::Sink => self.write(sink, pipes),
            };
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    fn read(
        &mut self,
        source: &TcpStream,
        sink: &TcpStream,
        pipes: &mut Pipes,
    ) -> io::Result<bool> {
        let Some(pipe) = pipes.take() else {
            return self.copy(source, sink);
        };
        match splice(source, None, &pipe.writer, None, SIZE, NOW) {
            Ok(0) => {
                pipes.put(pipe);
                self.source_ended(sink);
                Ok(false)
            }
            Ok(count) => {
                self.held = Some((pipe, count));
                self.wants = Wants::Sink;
                Ok(true)
            }
            Err(errno) => {
                pipes.put(pipe);
                match errno {
                    Errno::EAGAIN | Errno::EINTR => Ok(false),
                    _ => Err(errno.into()),
                }
            }
        }
    }

    fn write(&mut self, sink: &TcpStream, pipes: &mut Pipes) -> bool {
        let Some((pipe, left)) = self.held.take() else {
            // It was copying, and nothing is held then.
            self.wants = Wants::Source;
            return true;
        };
        match splice(&pipe.reader, None, sink, None, left, NOW) {
            Ok(count @ 1..) => {
                self.moved += count as u64;
                if count < left {
                    self.held = Some((pipe, left - count));
                } else {
                    pipes.put(pipe);
                    self.wants = Wants::Source;
                }
                true
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {
                self.held = Some((pipe, left));
                false
            }
            Ok(0) | Err(_) => {
                pipes.discard(pipe);
                self.wants = Wants::Nothing;
                false
            }
        }
    }

    /// As the two above, but without a pipe: what does not go stays where it is.
    fn copy(&mut self, source: &TcpStream, sink: &TcpStream) -> io::Result<bool> {
        let mut chunk = [0; CHUNK];
        let count = match peek_now(source.as_fd(), &mut chunk) {
            Ok(0) => {
                self.source_ended(sink);
                return Ok(false);
            }
            Ok(count) => count,
            Err(error) => return not_now(error).map(|()| false),
        };
        let mut sent = match send_now(sink.as_fd(), &chunk[..count]) {
            Ok(sent) => sent,
            Err(error) => {
                self.wants = match not_now(error) {
                    Ok(()) => Wants::Sink,
                    Err(_) => Wants::Nothing,
                };
                return Ok(false);
            }
        };
        self.moved += sent as u64;
        while sent > 0 {
            match skip_now(source.as_fd(), &mut chunk[..sent])? {
                // They were there.
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => sent -= count.min(sent),
            }
        }
        Ok(true)
    }

    fn source_ended(&mut self, sink: &TcpStream) {
        self.wants = Wants::Nothing;
        // Where it fails the sink is gone, which its own direction finds.
        let _ = sink.shutdown(Shutdown::Write);
    }

    /// The descriptors of the pipe that holds bytes.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let pipes = self.held.iter();
        pipes.flat_map(|(pipe, _)| [pipe.reader.as_raw_fd(), pipe.writer.as_raw_fd()])
    }

    /// Gives up what has not been passed on.
    pub(super) fn end(&mut self, pipes: &mut Pipes) {
        self.wants = Wants::Nothing;
        if let Some((pipe, _)) = self.held.take() {
            pipes.discard(pipe);
        }
    }
}

/// Has the kernel ask a side that has sent its last byte, while the other one goes on.
///
/// One that has gone for good looks the same as one that listens: a machine that is asked whether it
/// still knows the connection tells them apart. Where it can't be asked the session lasts until the
/// other side ends it.
pub(super) fn ask_whether_there(source: &TcpStream) {
    let _ = setsockopt(source, sockopt::KeepAlive, &true);
    let _ = setsockopt(source, sockopt::TcpKeepIdle, &60);
    let _ = setsockopt(source, sockopt::TcpKeepInterval, &15);
    let _ = setsockopt(source, sockopt::TcpKeepCount, &4);
}

fn not_now(error: io::Error) -> io::Result<()> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}
