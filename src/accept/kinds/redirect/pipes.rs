//! Pipes for splice(2), lent to a direction of a session while bytes are in them.

use std::io;
use std::os::fd::OwnedFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;

/// Pipes that may be lent at once: with more, bytes are copied. They hold 16 MiB in all.
const MOST: usize = 64;
/// Pipes that are kept for the next one that needs one.
const KEPT: usize = 8;
/// What a pipe is asked to hold. Where it can't have that it holds less.
pub(super) const SIZE: usize = 256 * 1024;

/// A pipe; empty whenever the pool has it.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) reader: OwnedFd,
    pub(super) writer: OwnedFd,
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let size = i32::try_from(SIZE).unwrap_or(i32::MAX);
        // A user who has many pages in pipes already gets the usual size, or less (pipe(7)).
        let _ = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(size));
        Ok(Self { reader, writer })
    }
}

/// All pipes.
#[derive(Debug, Default)]
pub(super) struct Pipes {
    idle: Vec<Pipe>,
    lent: usize,
}

impl Pipes {
    /// Lends a pipe, if one can be had.
    pub(super) fn take(&mut self) -> Option<Pipe> {
        if self.lent >= MOST {
            return None;
        }
        let pipe = self.idle.pop().or_else(|| Pipe::new().ok())?;
        self.lent += 1;
        Some(pipe)
    }

    /// Takes an empty pipe back.
    pub(super) fn put(&mut self, pipe: Pipe) {
        self.lent = self.lent.saturating_sub(1);
        if self.idle.len() < KEPT {
            self.idle.push(pipe);
        }
    }

    /// Closes a pipe with what is in it.
    pub(super) fn discard(&mut self, pipe: Pipe) {
        self.lent = self.lent.saturating_sub(1);
        drop(pipe);
    }

    /// Lends all that there are.
    #[cfg(test)]
    pub(super) fn take_all(&mut self) -> Vec<Pipe> {
        std::iter::from_fn(|| self.take()).collect()
    }

    /// How many descriptors they take.
    pub(super) fn descriptors(&self) -> usize {
        2 * (self.lent + self.idle.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_are_bounded_and_used_again() {
        let mut pipes = Pipes::default();
        let lent = pipes.take_all();
        assert_eq!((lent.len(), pipes.descriptors()), (MOST, 2 * MOST));
        for (number, pipe) in lent.into_iter().enumerate() {
            match number % 2 {
                0 => pipes.put(pipe),
                _ => pipes.discard(pipe),
            }
        }
        assert_eq!(pipes.descriptors(), 2 * KEPT);
        assert!(pipes.take().is_some());
        assert_eq!(pipes.descriptors(), 2 * KEPT);
    }
}
