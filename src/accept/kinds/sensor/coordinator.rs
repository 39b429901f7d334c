//! The way of a sensor's reports to the coordinator.
//!
//! A report is kept until it is answered, and said again to the coordinator's successor if it was
//! not. Nothing here waits: what can't be sent now is sent when the loop comes back.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, socket,
};

use super::super::super::clock::Moment;
use crate::protocol::bans::{PACKET, ReportReply, SensorReport};

/// Reports that wait for an answer; a flood of more is not held up for.
const ROOM: usize = 1024;
/// Connections that are kept open: descriptors that are left for such things.
const HELD: usize = 16;
/// Reports under way at once.
const WINDOW: usize = 64;
/// When a coordinator that can't be reached is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// When its socket is tried again, at which more wait than have room: it takes them as fast as it can.
const BUSY: Duration = Duration::from_millis(5);
/// How long it is tried.
const PATIENCE: Duration = Duration::from_secs(60);

/// A report, and the connection of the client, who sees its end when the ban is in force.
#[derive(Debug)]
struct Waiting {
    peer: IpAddr,
    /// Its socket.
    socket: Option<OwnedFd>,
}

/// The coordinator, by its socket.
#[derive(Debug)]
pub(super) struct Coordinator {
    path: PathBuf,
    socket: Option<OwnedFd>,
    /// Whether something was answered on it.
    answered: bool,
    /// The first `sent` are under way.
    reports: VecDeque<Waiting>,
    sent: usize,
    retry: Option<Moment>,
    failing_since: Option<Moment>,
    lost: u64,
}

impl Coordinator {
    /// The one at `path`, which is not connected to before there is something to say.
    pub(super) fn at(path: PathBuf) -> Self {
        Self {
            path,
            socket: None,
            answered: false,
            reports: VecDeque::new(),
            sent: 0,
            retry: None,
            failing_since: None,
            lost: 0,
        }
    }

    /// Has `peer` reported, and keeps its connection open meanwhile, unless too many wait; what does
    /// not find room is counted.
    pub(super) fn report(&mut self, peer: IpAddr, socket: Option<OwnedFd>) {
        // One that is under way may be answered before this hit.
        let mut unsaid = self.reports.iter().skip(self.sent);
        if unsaid.any(|other| other.peer == peer) {
            return;
        }
        let socket = socket.filter(|_| self.reports.len() < HELD && self.failing_since.is_none());
        match self.reports.len() < ROOM {
            true => self.reports.push_back(Waiting { peer, socket }),
            false => self.lost += 1,
        }
    }

    /// Whether all has been said and answered.
    pub(super) fn is_idle(&self) -> bool {
        self.reports.is_empty()
    }

    /// When to call [`Self::advance`] again, if nothing happens before.
    pub(super) fn due(&self) -> Option<Moment> {
        self.retry
    }

    /// The connection, for the loop.
    pub(super) fn socket(&self) -> Option<&OwnedFd> {
        self.socket.as_ref()
    }

    /// Does what can be done now; true if there is a new connection to watch.
    pub(super) fn advance(&mut self, now: Moment) -> bool {
        if self.socket.is_some()
            && let Err(errno) = self.exchange()
        {
            // It was killed. systemd keeps its socket, so that the successor hears what is said now;
            // one that never answers is not run after.
            match self.answered {
                true => self.hang_up(),
                false => self.fail(errno, now),
            }
        }
        if self.socket.is_some() || self.reports.is_empty() || self.retry.is_some_and(|at| now < at)
        {
            return false;
        }
        self.retry = None;
        let connected = self.connect().and_then(|socket| {
            self.socket = Some(socket);
            self.exchange()
        });
        if let Err(errno) = connected {
            self.fail(errno, now);
        }
        self.socket.is_some()
    }

    fn connect(&self) -> Result<OwnedFd, Errno> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
        connect(socket.as_raw_fd(), &UnixAddr::new(&self.path)?)?;
        Ok(socket)
    }

    fn exchange(&mut self) -> Result<(), Errno> {
        let Some(socket) = self.socket.as_ref().map(AsRawFd::as_raw_fd) else {
            return Ok(());
        };
        loop {
            let mut packet = [0; PACKET];
            match recv(socket, &mut packet, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => return Err(Errno::ECONNRESET),
                Ok(length) => self.take(&packet[..length]),
                Err(Errno::EAGAIN) => break,
                Err(errno) => return Err(errno),
            }
        }
        while self.sent < WINDOW
            && let Some(Waiting { peer, .. }) = self.reports.get(self.sent)
        {
            match send(
                socket,
                &SensorReport(*peer).encode(),
                MsgFlags::MSG_NOSIGNAL,
            ) {
                Ok(_) => self.sent += 1,
                Err(Errno::EAGAIN) => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    fn take(&mut self, packet: &[u8]) {
        if self.sent == 0 {
            return;
        }
        self.sent -= 1;
        self.answered = true;
        self.failing_since = None;
        if let Some(Waiting { peer, .. }) = self.reports.pop_front() {
            match ReportReply::decode(packet) {
                Some(ReportReply::Done) => {}
                Some(ReportReply::Refused(why)) => {
                    log::warn!("{peer} could not be banned: {why}");
                }
                None => {
                    let answer = String::from_utf8_lossy(packet);
                    log::warn!("{peer} could not be banned: the coordinator says {answer:?}");
                }
            }
        }
        if self.reports.is_empty() && self.lost > 0 {
            let lost = std::mem::take(&mut self.lost);
            log::warn!("{lost} hits came too fast to be reported");
        }
    }

    fn hang_up(&mut self) {
        self.socket = None;
        self.answered = false;
        self.sent = 0;
    }

    fn fail(&mut self, errno: Errno, now: Moment) {
        self.hang_up();
        self.retry = None;
        if self.reports.is_empty() {
            return;
        }
        let since = *self.failing_since.get_or_insert(now);
        let failing = now.since(since);
        // connect(2) of a unix socket that may not wait, where the backlog is full.
        let is_busy = errno == Errno::EAGAIN;
        if is_busy && failing < RETRY {
            self.retry = Some(now.plus(BUSY));
            return;
        }
        // The clients wait no longer.
        for waiting in &mut self.reports {
            waiting.socket = None;
        }
        if failing < PATIENCE {
            self.retry = Some(now.plus(if is_busy { BUSY } else { RETRY }));
            return;
        }
        let count = self.reports.len();
        let error = io::Error::from(errno);
        let path = self.path.display();
        log::error!(
            "{count} peers could not be banned: {path}: {error}; is xinetd-coordinator.socket started?"
        );
        self.reports.clear();
        self.failing_since = None;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use crate::journal::heard;

    use super::*;

    #[test]
    fn peers_that_are_not_banned_are_said() {
        let mut coordinator = Coordinator::at("/nonexistent".into());
        let mut said = |answer: &[u8], reports: u8, lost| {
            for number in 0..reports {
                coordinator.report(IpAddr::V4([192, 0, 2, number].into()), None);
            }
            coordinator.sent = coordinator.reports.len();
            coordinator.lost += lost;
            heard();
            coordinator.take(answer);
            heard()
        };
        let done = ReportReply::Done.encode();
        assert_eq!(said(&done, 1, 0), [""; 0]);
        let failed = "192.0.2.0 could not be banned: there is no room";
        assert_eq!(said(b"no there is no room", 1, 0), [failed]);
        // Of a flood, when it is over.
        assert_eq!(said(&done, 2, 3), [""; 0]);
        assert_eq!(said(&done, 0, 0), ["3 hits came too fast to be reported"]);
        assert_eq!(said(&done, 1, 0), [""; 0]);
    }

    #[test]
    fn a_flood_of_hits_is_bounded_and_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut coordinator = Coordinator::at("/nonexistent".into());
        let peer = |number| IpAddr::V4(Ipv4Addr::from_bits(number));
        for number in 0..1100 {
            let client = (number < 20).then(|| TcpStream::connect(address).unwrap().into());
            coordinator.report(peer(number), client);
            // The same one again is no other hit.
            coordinator.report(peer(number), None);
        }
        assert_eq!(
            (coordinator.reports.len(), coordinator.lost),
            (ROOM, 2 * (1100 - 1024))
        );
        let held = coordinator
            .reports
            .iter()
            .filter(|one| one.socket.is_some());
        assert_eq!(held.count(), HELD);
    }
}
