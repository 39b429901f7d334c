//! For what connections wait, how long, and how many.

use std::time::Duration;

use super::super::slab::Key;

/// A queue: for what a connection waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::accept) enum WaitsFor {
    /// The name of its peer.
    Name,
    /// The name of the sender of a datagram; no other datagram of the socket is read meanwhile.
    Sender,
    /// The answer of its ident server.
    Ident,
    /// The client has to take what it is sent.
    Drain,
    /// Another attempt to make a process.
    Retry,
}

impl WaitsFor {
    pub(super) const COUNT: usize = 5;

    pub(super) const ALL: [Self; Self::COUNT] = [
        Self::Name,
        Self::Sender,
        Self::Ident,
        Self::Drain,
        Self::Retry,
    ];

    /// How long it lasts at most.
    pub(super) fn time(self) -> Duration {
        match self {
            // As long as a resolver's own usual limits: two servers, two attempts of 5 seconds.
            Self::Name => Duration::from_secs(20),
            // As long as a resolver that works. The sender may be made up, and then others wait for
            // nothing; one that is not sends again when the name is known.
            Self::Sender => Duration::from_secs(1),
            // docs/xinetd-behaviour.md, section 4.2.
            Self::Ident | Self::Drain => Duration::from_secs(30),
            // docs/xinetd-behaviour.md, section 4.8.
            Self::Retry => Duration::from_secs(5),
        }
    }

    /// How many may wait so at once.
    pub(super) fn room(self) -> usize {
        match self {
            Self::Name => 1024,
            Self::Ident | Self::Drain | Self::Retry => 256,
            // The socket is not looked at before that one has gone.
            Self::Sender => 1,
        }
    }
}

/// Whether there is a place for one more that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::accept) enum Vacancy {
    /// There is.
    Free,
    /// This one has to give it up.
    Of(Key),
    /// There is none: those that wait are nearer to their answer, and none of another network has to
    /// give way.
    Taken,
}
