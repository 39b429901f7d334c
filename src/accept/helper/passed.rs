//! Connections that tcpmux passes to this service.

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::super::clock::Moment;
use super::super::fd_passing::{GO, may_be_tcpmux, warn_of};
use super::super::kinds::Served;
use super::super::peer::Peer;
use super::super::slab::Key;
use super::{Helper, Parts};

impl Helper {
    /// A process has connected to pass a connection.
    pub(super) fn accept_passed(&mut self, sender: UnixStream, now: Moment) -> Served {
        if let Err(stranger) = may_be_tcpmux(&sender, &self.settings.spec) {
            warn_of(&stranger, &mut self.parts(now).cx);
            return Served::Done;
        }
        self.take_passed(sender, now)
    }

    /// Takes the connection that `sender` passes, when it comes.
    pub(super) fn take_passed(&mut self, sender: UnixStream, now: Moment) -> Served {
        let Parts {
            fd_passing, mut cx, ..
        } = self.parts(now);
        match fd_passing.take(sender, &mut cx) {
            Some((stream, address)) => self.meet(stream.into(), Peer::Known(address), now),
            None => Served::Held,
        }
    }

    /// tcpmux has sent what it has connected for, or has gone.
    pub(super) fn passed_ready(&mut self, key: Key, now: Moment) {
        let Parts {
            fd_passing, mut cx, ..
        } = self.parts(now);
        if let Some((stream, address)) = fd_passing.ready(key, &mut cx)
            && self.takes_clients()
        {
            self.meet(stream.into(), Peer::Known(address), now);
        }
    }

    /// What a client is told before all else.
    pub(super) fn greeting(&self) -> Option<Arc<[u8]>> {
        let mux = self.settings.spec.mux.as_ref()?;
        mux.plus.then(|| Arc::from(GO))
    }
}
