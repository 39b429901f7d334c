//! Datagrams that wait for the names of their senders.

use std::net::IpAddr;

use xinetd_core::admission::Candidate;

use super::peer::Remote;

/// Datagrams that may wait; more are lost, as datagrams may be. The names are found out all the same: a
/// sender that sends again is answered then.
const MOST: usize = 256;

/// A datagram, and how far its sender has come.
#[derive(Debug)]
pub(super) struct ParkedDatagram {
    /// Its socket, by its index.
    pub(super) index: u32,
    /// What was sent.
    pub(super) content: Vec<u8>,
    /// Its sender.
    pub(super) remote: Remote,
    /// The checks that the sender has passed.
    pub(super) candidate: Candidate,
}

/// The datagrams that wait.
#[derive(Debug, Default)]
pub(super) struct Parked(Vec<ParkedDatagram>);

impl Parked {
    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// One more, which is lost where there are too many.
    pub(super) fn park(&mut self, datagram: ParkedDatagram) {
        if self.0.len() < MOST {
            self.0.push(datagram);
        }
    }

    /// Those of a sender, in the order in which they came.
    pub(super) fn take(&mut self, address: IpAddr) -> Vec<ParkedDatagram> {
        let is_from = |parked: &mut ParkedDatagram| parked.remote.ip().to_canonical() == address;
        self.0.extract_if(.., is_from).collect()
    }
}
