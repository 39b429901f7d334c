//! Sessions that the helper has itself go on without it.

use std::io;

use nix::unistd::Uid;
use xinetd_core::policy::Slot;

use crate::sys::process::Process;

use super::super::clock::Moment;
use super::super::peer::Remote;
use super::super::slab::{Key, Slab};
use super::context::Cx;
use super::program::Servers;

/// A session without a process.
pub(super) trait OwnSession {
    /// Has a child go on with it, as `user` where one is given.
    ///
    /// # Errors
    /// As fork(2), or if it is not so far that it could.
    fn fork(&mut self, key: Key, user: Option<Uid>) -> io::Result<Process>;

    /// Its client, the client's place in the counts, and when it began.
    fn into_parts(self) -> (Remote, Slot, Moment);
}

/// Has each session go on in a process of its own, which is one of the `servers` from now on. Those that can't are
/// left; they are returned.
pub(super) fn detach<T: OwnSession>(
    sessions: &mut Slab<T>,
    servers: &mut Servers,
    user: Option<Uid>,
    cx: &mut Cx<'_>,
) -> Vec<Key> {
    let mut left = Vec::new();
    for key in sessions.keys() {
        match sessions.get_mut(key).map(|session| session.fork(key, user)) {
            Some(Ok(process)) => {
                if let Some(session) = sessions.remove(key) {
                    let (remote, slot, started) = session.into_parts();
                    servers.take_over(process, remote, slot, started, cx);
                }
            }
            Some(Err(error)) => {
                log::warn!("a session ends with this helper, as it has no process: {error}");
                left.push(key);
            }
            None => {}
        }
    }
    left
}
