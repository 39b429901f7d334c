//! The bans of the machine, as a helper sees them: it looks each client up in the coordinator's
//! table, by one read of 2 KiB.
//!
//! The table is root's alone, as it names the peers of all services. A helper that may not open it is
//! given it by the coordinator, once: then it needs no coordinator to read it. Where there is no table there are
//! no bans. A table that is there and can't be read keeps all clients out, as it can't be told then which
//! of them is banned.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use xinetd_core::bans::table::{self, BUCKET, Header};
use xinetd_core::bans::{Subject, Until};

use crate::protocol::bans::{NO_TABLE, PACKET, TABLE_PASSED, TABLE_REQUEST};
use crate::sys::handover::receive_any;
use crate::sys::socket::send_now;

use super::clock::Moment;

/// How long the coordinator may take while clients are served: it runs, as it has just made the table.
const PATIENCE: Duration = Duration::from_millis(500);
/// And at the start, where it may have to be started, too.
const START: Duration = Duration::from_secs(5);
/// When it is asked again; meanwhile clients are kept out.
const RETRY: Duration = Duration::from_secs(1);
/// When its socket is tried again, at which too many wait or which it has left.
const BUSY: Duration = Duration::from_millis(2);

/// The table, once there is one.
#[derive(Debug)]
pub(crate) struct Bans {
    path: PathBuf,
    /// The coordinator's socket, for a helper.
    coordinator: Option<PathBuf>,
    open: Option<(File, Header)>,
    /// Why the coordinator has given none, and when it is asked again.
    refused: Option<(String, Moment)>,
    /// Whether it was said that the table can't be read.
    said: bool,
}

impl Bans {
    /// Those in the table at `path`, which may come later, for a program that reads it where it may.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self {
            path,
            coordinator: None,
            open: None,
            refused: None,
            said: false,
        }
    }

    /// The same for a helper, which may ask the coordinator at this socket for it.
    pub(super) fn of_helper(path: PathBuf, coordinator: PathBuf) -> Self {
        Self {
            coordinator: Some(coordinator),
            ..Self::at(path)
        }
    }

    /// Has the table ready for the first client; waits for the coordinator where it has to.
    ///
    /// # Errors
    /// If there is one that can't be read.
    pub(super) fn prepare(&mut self, now: Moment) -> io::Result<()> {
        let acquired = self.acquire(START, now);
        self.open = acquired.map_err(|error| self.explain(&error))?;
        Ok(())
    }

    /// When the ban of `peer` ends, if it is banned now, or soon if that can't be known.
    pub(super) fn until(&mut self, peer: IpAddr, now: Moment) -> Option<Until> {
        let found = self.find(peer, now);
        if let Err(error) = &found
            && !self.said
        {
            let error = self.explain(error);
            log::error!("{error}; all clients are kept out until they can be read");
        }
        self.said = found.is_err();
        found.unwrap_or(Some(Until::At(now.plus(RETRY).0)))
    }

    /// When the ban of `peer` ends, if it is banned now.
    ///
    /// # Errors
    /// If there is a table that can't be read.
    pub(crate) fn find(&mut self, peer: IpAddr, now: Moment) -> io::Result<Option<Until>> {
        // One that was deleted has been replaced, or is to count no more.
        let stale = |file: &File| file.metadata().map_or(0, |file| file.nlink()) == 0;
        if self.open.as_ref().is_none_or(|(file, _)| stale(file)) {
            self.open = None;
            self.open = self.acquire(PATIENCE, now)?;
        }
        let found = self.look_up(peer, now);
        if found.is_ok() {
            return found;
        }
        // The coordinator, which has all bans, writes it anew where it has been spoilt.
        self.open = None;
        self.open = self.acquire(PATIENCE, now)?;
        self.look_up(peer, now)
    }

    fn look_up(&self, peer: IpAddr, now: Moment) -> io::Result<Option<Until>> {
        let Some((file, header)) = &self.open else {
            return Ok(None);
        };
        let subject = Subject::of(peer, header.prefix);
        let mut bucket = [0; BUCKET];
        let read = file.read_exact_at(&mut bucket, header.bucket(subject));
        read.map_err(cut_off)?;
        Ok(table::until(&bucket, subject, now.0))
    }

    /// The table, if there is one.
    fn acquire(&mut self, patience: Duration, now: Moment) -> io::Result<Option<(File, Header)>> {
        let error = match File::open(&self.path).and_then(with_header) {
            Ok(table) => return Ok(Some(table)),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => error,
        };
        let Some(coordinator) = &self.coordinator else {
            return Err(error);
        };
        if let Some((why, retry)) = &self.refused
            && now < *retry
        {
            return Err(io::Error::other(why.clone()));
        }
        let given = ask(coordinator, patience).and_then(|file| file.map(with_header).transpose());
        self.refused = match &given {
            Ok(_) => None,
            Err(error) => Some((error.to_string(), now.plus(RETRY))),
        };
        given
    }

    fn explain(&self, error: &io::Error) -> io::Error {
        let (path, unit) = (self.path.display(), "xinetd-coordinator.socket");
        io::Error::other(format!(
            "the bans in {path} can't be read: {error}; start {unit}, or remove the file to serve \
             without bans"
        ))
    }
}

fn with_header(file: File) -> io::Result<(File, Header)> {
    if file.metadata()?.len() < table::SIZE {
        return Err(cut_off(ErrorKind::UnexpectedEof.into()));
    }
    let mut header = [0; Header::SIZE];
    file.read_exact_at(&mut header, 0)?;
    let header = Header::decode(&header);
    let header = header.ok_or_else(|| io::Error::other("it is of another version"))?;
    Ok((file, header))
}

fn cut_off(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => io::Error::other("it is cut off"),
        _ => error,
    }
}

/// Asks the coordinator at `path` for the table, and its successor if it ends meanwhile; none if nobody
/// is banned.
fn ask(path: &Path, patience: Duration) -> io::Result<Option<File>> {
    let deadline = Instant::now() + patience;
    loop {
        let asked = ask_once(path, deadline);
        // As many wait there as have room, or it has ended.
        let passes = |error: &io::Error| {
            matches!(
                error.kind(),
                ErrorKind::WouldBlock | ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
            )
        };
        if !asked.as_ref().is_err_and(passes) || Instant::now() >= deadline {
            return asked;
        }
        thread::sleep(BUSY);
    }
}

fn ask_once(path: &Path, deadline: Instant) -> io::Result<Option<File>> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    match send_now(socket.as_fd(), TABLE_REQUEST.as_bytes()) {
        // It has closed the connection already; its answer says why.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        sent => drop(sent?),
    }
    await_answer(&socket, deadline)?;
    let mut packet = [0; PACKET];
    let received = match receive_any(socket.as_fd(), &mut packet) {
        // It has not read the request; its answer comes behind that.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {
            receive_any(socket.as_fd(), &mut packet)
        }
        received => received,
    };
    let (length, mut descriptors) = received?;
    match (&packet[..length], descriptors.pop()) {
        ([TABLE_PASSED], Some(table)) => Ok(Some(File::from(table))),
        (packet, None) if packet == NO_TABLE.as_bytes() => Ok(None),
        (b"", _) => Err(ErrorKind::UnexpectedEof.into()),
        (packet, _) => {
            let text = String::from_utf8_lossy(packet);
            let why = text.strip_prefix("no ").unwrap_or(&text);
            Err(io::Error::other(format!("the coordinator: {why}")))
        }
    }
}

fn await_answer(socket: &OwnedFd, deadline: Instant) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::other("the coordinator does not answer"));
        }
        let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, timeout) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}
