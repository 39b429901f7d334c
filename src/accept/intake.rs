//! Where clients come in: the listening sockets, and the one loop that accepts from them.

use std::io;
use std::ops::ControlFlow;

use nix::errno::Errno;

use super::clock::Moment;
use super::helper::Helper;
use super::peer::Peer;

/// Clients that are refused or wait before the loop looks at other events again.
pub(super) const BATCH: usize = 32;

/// What has become of a client that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// It got a process, which takes time to make: the loop looks at other events first.
    Forked,
    /// It waits, or is served by the helper itself.
    Held,
    /// It has gone.
    Done,
}

impl Helper {
    /// Takes what clients the listener `index` has, up to the first that gets a process.
    pub(super) fn accept(&mut self, index: u32, now: Moment) {
        self.accept_each(now, |this| {
            let listener = this.listeners.get(index as usize)?;
            Some(listener.accept().map(|(stream, address)| {
                let peer = Peer::Known(address);
                this.meet(stream.into(), peer, now)
            }))
        });
    }

    /// Takes the connections that tcpmux has for this service at the listener `index`.
    pub(super) fn accept_from_mux(&mut self, index: u32, now: Moment) {
        self.accept_each(now, |this| {
            let listener = this.mux_listeners.get(index as usize)?;
            let accepted = listener.accept();
            Some(accepted.map(|(sender, _)| this.accept_passed(sender, now)))
        });
    }

    /// Accepts by `accept` until a client gets a process, there is none, or it is the turn of others.
    fn accept_each(
        &mut self,
        now: Moment,
        accept: impl Fn(&mut Self) -> Option<io::Result<Served>>,
    ) {
        for _ in 0..BATCH {
            let goes_on = match accept(self) {
                None | Some(Ok(Served::Forked)) => return,
                Some(Ok(Served::Held | Served::Done)) => ControlFlow::Continue(()),
                Some(Err(error)) => self.accept_failed(&error, now),
            };
            if goes_on.is_break() || self.stopping {
                return;
            }
        }
    }

    fn accept_failed(&mut self, error: &io::Error, now: Moment) -> ControlFlow<()> {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EAGAIN) => ControlFlow::Break(()),
            // This client has gone; the next one may be there.
            Some(Errno::ECONNABORTED | Errno::EPROTO) => ControlFlow::Continue(()),
            // The last two are no lack of descriptors, but as little helped by another attempt.
            Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => {
                self.go_deaf(now);
                ControlFlow::Break(())
            }
            _ => {
                // A fault of the network on the way to one client (accept(2)).
                if self.report.admits_remark(now) {
                    log::error!("accept failed: {error}");
                }
                ControlFlow::Break(())
            }
        }
    }
}
