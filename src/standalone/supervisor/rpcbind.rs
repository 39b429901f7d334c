//! A new rpcbind, which knows nothing of what the last one was told.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use nix::sys::epoll::{EpollEvent, EpollFlags};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::{RPCBIND, Supervisor};

/// The directory in which rpcbind makes its socket, and the name of that.
const SOCKET: (&str, &str) = ("/run", "rpcbind.sock");

/// Tells when there is a new rpcbind.
pub(super) struct RpcbindWatch(Inotify);

impl RpcbindWatch {
    fn open() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        inotify.add_watch(
            SOCKET.0,
            AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO,
        )?;
        Ok(Self(inotify))
    }

    /// Whether one has been started since this was asked last, as far as can be told.
    fn has_started(&self) -> bool {
        let mut has_started = false;
        while let Ok(events) = self.0.read_events() {
            has_started |= events.iter().any(|event| {
                let is_lost = event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
                is_lost || event.name.as_deref().is_some_and(|name| name == SOCKET.1)
            });
        }
        has_started
    }
}

impl AsFd for RpcbindWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Supervisor {
    /// Watches for a new rpcbind from the first RPC service on.
    pub(super) fn watch_rpcbind(&mut self) {
        let mut services = self.services.values();
        let is_wanted = services.any(|service| service.planned().rpc.is_some());
        if !is_wanted || self.rpcbind.is_some() {
            return;
        }
        let opened = RpcbindWatch::open().and_then(|watch| {
            let readable = EpollEvent::new(EpollFlags::EPOLLIN, RPCBIND);
            self.epoll.add(&watch, readable)?;
            Ok(watch)
        });
        match opened {
            Ok(watch) => self.rpcbind = Some(watch),
            Err(error) => log::warn!(
                "inotify: {error}; an rpcbind that is started anew knows the RPC services after the next SIGHUP"
            ),
        }
    }

    /// Has a new rpcbind know all RPC services.
    pub(super) fn tell_rpcbind(&mut self, now: Instant) {
        let watch = self.rpcbind.as_ref();
        if self.ending.is_none() && watch.is_some_and(RpcbindWatch::has_started) {
            log::info!("rpcbind was started: it is told of the RPC services");
            for service in self.services.values_mut() {
                service.register(now);
            }
        }
    }
}
