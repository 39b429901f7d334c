//! What the loop waits for: epoll(7), and to which part of the helper an event belongs.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::slab::Key;

/// Events that one wait takes at most.
const EVENTS: usize = 64;

/// Makes the enum of owners and the list of all of them, so that none can be missing there: its events would
/// be dropped, and come again at once.
macro_rules! owners {
    ($($(#[$meaning:meta])* $owner:ident,)*) => {
        /// The part of the helper that a watched file descriptor belongs to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Owner {
            $($(#[$meaning])* $owner,)*
        }

        impl Owner {
            /// All of them, each at the place of its number.
            const ALL: &[Self] = &[$(Self::$owner),*];
        }
    };
}

owners! {
    /// A listening socket for streams.
    Listener,
    /// A socket for datagrams.
    Datagrams,
    /// A socket on which tcpmux passes connections.
    MuxListener,
    /// SIGTERM and SIGINT.
    Signals,
    /// The journal, which takes lines again.
    Journal,
    /// The look-ups of clients' names.
    Names,
    /// The look-ups of backends.
    RedirectHosts,
    /// The coordinator, to which a sensor reports.
    Coordinator,
    /// The coordinator, asked for the log file.
    LogFile,
    /// The control socket.
    Control,
    /// A client of the control socket.
    ControlClient,
    /// The server of a session.
    Program,
    /// A connection that waits.
    Pending,
    /// The ident query of a connection that waits.
    Ident,
    /// A command that a rule of hosts.allow or hosts.deny runs.
    Command,
    /// The client of an internal service.
    Internal,
    /// A client of tcpmux that is to name a service.
    Tcpmux,
    /// tcpmux, which passes a connection.
    FdPassing,
    /// The client of a session of `redirect`.
    RedirectClient,
    /// The backend of such a session.
    RedirectBackend,
}

impl Owner {
    /// The token of the only file descriptor that this part has.
    pub(super) fn only(self) -> Token {
        self.at(0)
    }

    /// The token of the file descriptor at `index`, where the part never closes one.
    pub(super) fn at(self, index: u32) -> Token {
        let key = Key {
            index,
            generation: 0,
        };
        self.of(key)
    }

    /// The token of what the part keeps under `key`.
    pub(super) fn of(self, key: Key) -> Token {
        Token { owner: self, key }
    }
}

/// What an event says of its origin. An event that is older than the tenant of its place in a slab is
/// told by the generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// The part that is to handle the event.
    pub(super) owner: Owner,
    /// Which of the part's file descriptors it is.
    pub(super) key: Key,
}

impl Token {
    /// The 64 bits that epoll keeps: 8 for the owner, 24 for the generation, 32 for the index.
    fn encode(self) -> u64 {
        let [_, g2, g1, g0] = self.key.generation.to_be_bytes();
        let [i3, i2, i1, i0] = self.key.index.to_be_bytes();
        u64::from_be_bytes([self.owner as u8, g2, g1, g0, i3, i2, i1, i0])
    }

    fn decode(data: u64) -> Option<Self> {
        let [owner, g2, g1, g0, i3, i2, i1, i0] = data.to_be_bytes();
        Some(Self {
            owner: *Owner::ALL.get(usize::from(owner))?,
            key: Key {
                index: u32::from_be_bytes([i3, i2, i1, i0]),
                generation: u32::from_be_bytes([0, g2, g1, g0]),
            },
        })
    }
}

/// The events of one wait.
pub(super) struct Events {
    buffer: [EpollEvent; EVENTS],
    count: usize,
}

impl Events {
    /// Room for the events of a wait.
    pub(super) fn new() -> Self {
        Self {
            buffer: [EpollEvent::empty(); EVENTS],
            count: 0,
        }
    }

    /// Whether the wait has ended without an event.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The origin of each event, and what has happened there.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Token, EpollFlags)> {
        let events = self.buffer.iter().take(self.count);
        events.filter_map(|event| Some((Token::decode(event.data())?, event.events())))
    }
}

/// All that the loop waits for.
#[derive(Debug)]
pub(super) struct Reactor {
    epoll: Epoll,
}

impl Reactor {
    /// Waits for nothing yet.
    ///
    /// # Errors
    /// As epoll_create1(2).
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
        })
    }

    /// Waits for `events` of a file descriptor from now on.
    ///
    /// # Errors
    /// As epoll_ctl(2): mostly that the kernel has no memory for it, or allows this user no more.
    pub(super) fn add(&self, fd: impl AsFd, token: Token, events: EpollFlags) -> Result<(), Errno> {
        self.epoll.add(fd, EpollEvent::new(events, token.encode()))
    }

    /// Waits for other `events` of a file descriptor that was added.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub(super) fn modify(
        &self,
        fd: impl AsFd,
        token: Token,
        events: EpollFlags,
    ) -> Result<(), Errno> {
        let mut event = EpollEvent::new(events, token.encode());
        self.epoll.modify(fd, &mut event)
    }

    /// Waits for a file descriptor no more; harmless where it was not added.
    pub(super) fn remove(&self, fd: impl AsFd) {
        let _ = self.epoll.delete(fd);
    }

    /// Waits for events, for `limit` at most where there is one. A signal ends the wait without an
    /// event.
    ///
    /// # Errors
    /// As epoll_wait(2).
    pub(super) fn wait(&self, events: &mut Events, limit: Option<Duration>) -> io::Result<()> {
        let timeout = match limit {
            None => EpollTimeout::NONE,
            // Rounded up to milliseconds: a little too early would be once more for nothing.
            Some(limit) => EpollTimeout::try_from(limit + Duration::from_micros(999))
                .unwrap_or(EpollTimeout::MAX),
        };
        events.count = match self.epoll.wait(&mut events.buffer, timeout) {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(errno) => return Err(errno.into()),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_token_survives_its_way_through_the_kernel(index: u32, generation in 0..1_u32 << 24) {
            for owner in Owner::ALL {
                let token = owner.of(Key { index, generation });
                prop_assert_eq!(Token::decode(token.encode()), Some(token));
            }
        }
    }

    /// What is told of a socket whose peer has sent something.
    fn told(reactor: &Reactor) -> Vec<(Token, EpollFlags)> {
        let mut events = Events::new();
        reactor.wait(&mut events, Some(Duration::ZERO)).unwrap();
        assert_eq!(events.is_empty(), events.iter().count() == 0);
        events.iter().collect()
    }

    #[test]
    fn a_socket_is_told_of_as_long_as_it_is_watched() {
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        io::Write::write_all(&mut &far, b"x").unwrap();
        let reactor = Reactor::new().unwrap();
        let token = Owner::Internal.at(7);
        let (readable, writable) = (EpollFlags::EPOLLIN, EpollFlags::EPOLLOUT);
        reactor.add(&near, token, readable).unwrap();
        assert_eq!(told(&reactor), [(token, readable)]);
        let other = Owner::Tcpmux.at(8);
        reactor.modify(&near, other, writable).unwrap();
        assert_eq!(told(&reactor), [(other, writable)]);
        reactor.remove(&near);
        assert_eq!(told(&reactor), []);
        assert!(reactor.modify(&near, token, readable).is_err());
        reactor.remove(&near);
    }

    #[test]
    fn a_wait_lasts_as_long_as_it_may() {
        let reactor = Reactor::new().unwrap();
        let begin = std::time::Instant::now();
        let limit = Duration::from_micros(20_400);
        let mut events = Events::new();
        reactor.wait(&mut events, Some(limit)).unwrap();
        assert!(begin.elapsed() >= limit, "a little too early");
        assert!(events.is_empty());
    }
}
