//! Whether a client is served: all checks of a service, in their order, once (section 4.2 of
//! docs/xinetd-behaviour.md).
//!
//! An [`Admission`] leads a [`Candidate`] from check to check. It reads no socket, no clock and no file:
//! a [`World`] brings what a check looks at, and a [`Step`] tells what has to be done before the next one.
//! Streams, datagrams and `xinetdctl explain` differ in their worlds alone. An [`Admitted`] client can be
//! made nowhere else, so that no client is served that was not admitted.

mod candidate;
mod order;
mod rules;
#[cfg(test)]
mod tests;
mod user;
mod world;

pub use candidate::{Admitted, Candidate, Source};
pub use order::{Admission, Step};
pub use rules::{Changes, Effects};
pub use user::{NoUser, UserAnswer};
pub use world::{Ends, Finding, RuleFiles, World};

/// One of the texts that clients are sent (`banner` and the like).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Banner {
    /// `banner`: to each client.
    Always,
    /// `banner_success`: to one that is admitted.
    Success,
}

/// What has to be found out about a client before the next check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The name of this address, which is not v4-mapped: the client's, or the one that it has connected
    /// to.
    Name(std::net::IpAddr),
    /// The client's user, whom the ident server of its machine knows.
    User,
}

/// A client that counts in `state`, as if a service without rules had admitted it.
#[cfg(feature = "testing")]
pub fn admitted(state: &mut crate::policy::State, peer: std::net::IpAddr) -> Admitted {
    Admitted::new(
        candidate::Seat::Uncounted,
        Source::Peer(peer),
        None,
        None,
        state,
    )
}
