//! A session of `redirect`.

use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use nix::unistd::Uid;
use xinetd_core::policy::Slot;

use crate::sys::fork::go_on_in_child;
use crate::sys::process::Process;

use super::super::super::clock::Moment;
use super::super::super::peer::Remote;
use super::super::super::slab::Key;
use super::super::detach::OwnSession;
use super::link::Link;
use super::search::Search;

/// A client, and the backend that it has or will have.
#[derive(Debug)]
pub(super) struct Relay {
    /// The client's socket.
    pub(super) client: TcpStream,
    /// The client.
    pub(super) remote: Remote,
    /// Its place in the counts.
    pub(super) slot: Slot,
    /// When the session began.
    pub(super) started: Moment,
    /// How far it is.
    pub(super) stage: RelayStage,
    /// Counts the waits: a time limit is for one of them.
    pub(super) wait: u32,
}

/// How far a session is.
#[derive(Debug)]
pub(super) enum RelayStage {
    /// A backend is searched for.
    Searching(Box<Search>),
    /// Bytes are passed on.
    Open(Link),
}

impl OwnSession for Relay {
    fn fork(&mut self, key: Key, user: Option<Uid>) -> io::Result<Process> {
        let RelayStage::Open(link) = &mut self.stage else {
            return Err(io::Error::other("no backend has been found yet"));
        };
        let client = &self.client;
        let kept: Vec<_> = link.descriptors().chain([client.as_raw_fd()]).collect();
        go_on_in_child(&kept, user, || {
            let _ = link.carry_on(client, key);
        })
    }

    fn into_parts(self) -> (Remote, Slot, Moment) {
        (self.remote, self.slot, self.started)
    }
}
