//! What services share, in the coordinator's place: log files and bans, for the helpers of this supervisor alone.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, socket,
};
use xinetd_core::bans::{BootId, TABLE};
use xinetd_core::options;
use xinetd_core::spec::{Spec, Task};

use super::saver::Saver;
use crate::bus::answers::pass_table;
use crate::bus::ban_store::{BanStore, Paths};
use crate::bus::log_files;
use crate::protocol::SOCKET;
use crate::protocol::bans::{PACKET, ReportReply, SensorReport, TABLE_REQUEST};
use crate::protocol::log_file::{LogFileReply, LogFileRequest};
use crate::sys::random::random_bytes;
use crate::sys::socket::{accept, listen_for_packets, peer, send_now};

/// The event of a helper that connects; numbers above are helpers.
const LISTENER: u64 = 0;

/// Helpers that are connected at once.
const MOST: usize = 1024;

/// The coordinator's place.
pub(super) struct Coordinator {
    listener: OwnedFd,
    epoll: Epoll,
    /// Each with the process that has connected.
    clients: BTreeMap<u64, (OwnedFd, i32)>,
    next: u64,
    bans: BanStore,
    saver: Option<Saver>,
}

impl Coordinator {
    /// Takes the place. Bans are kept in `bans_file` beyond the life of this process and its directory, where it is
    /// given.
    ///
    /// # Errors
    /// In words, if another program has it, or its directory can't be written.
    pub(super) fn open(bans_file: Option<&Path>) -> Result<Self, String> {
        let path = Path::new(SOCKET);
        let directory = path.parent().unwrap_or(Path::new("/"));
        let wrong = |error: io::Error| format!("{}: {error}", directory.display());
        match DirBuilder::new().mode(0o755).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(wrong(error)),
            _ => {}
        }
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let address = UnixAddr::new(path).map_err(|errno| wrong(errno.into()))?;
        let probe = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None);
        let probe = probe.map_err(|errno| wrong(errno.into()))?;
        if let Ok(()) | Err(Errno::EAGAIN) = connect(probe.as_raw_fd(), &address) {
            return Err(format!(
                "another xinetd listens at {SOCKET}, or the coordinator of a bridge that systemd runs: stop that xinetd, or \
                 run `systemctl stop xinetd-coordinator.socket`"
            ));
        }
        let bans = bans(directory, bans_file)?;
        let listening = || -> io::Result<(OwnedFd, Epoll)> {
            // Helpers run as any user; which process a helper is the kernel tells.
            let listener = listen_for_packets(path, 0o666, Backlog::MAXCONN)?;
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
            epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
            Ok((listener, epoll))
        };
        let (listener, epoll) = listening().map_err(wrong)?;
        Ok(Self {
            listener,
            epoll,
            clients: BTreeMap::new(),
            next: LISTENER + 1,
            bans,
            saver: bans_file.map(|path| Saver::new(path.to_owned())),
        })
    }

    /// Answers what helpers ask for. `spec_of` knows the spec of the service whose helper a process is: no other
    /// process is heard.
    pub(super) fn serve<'a>(&mut self, spec_of: impl Fn(i32) -> Option<&'a Spec>) {
        let mut events = [EpollEvent::empty(); 64];
        let Ok(count) = self.epoll.wait(&mut events, EpollTimeout::ZERO) else {
            return;
        };
        for event in events.iter().take(count) {
            match event.data() {
                LISTENER => self.enter(&spec_of),
                key => {
                    let client = self.clients.get(&key);
                    let gone = client.is_none_or(|(socket, pid)| {
                        let spec = spec_of(*pid);
                        spec.is_none_or(|spec| answer(socket, spec, &mut self.bans).is_err())
                    });
                    if gone {
                        self.clients.remove(&key);
                    }
                }
            }
        }
    }

    fn enter<'a>(&mut self, spec_of: &impl Fn(i32) -> Option<&'a Spec>) {
        while let Ok(socket) = accept(self.listener.as_fd()) {
            let Ok((pid, _)) = peer(&socket) else {
                continue;
            };
            if spec_of(pid).is_none() || self.clients.len() >= MOST {
                continue;
            }
            let key = self.next;
            self.next += 1;
            let event = EpollEvent::new(EpollFlags::EPOLLIN, key);
            if self.epoll.add(&socket, event).is_ok() {
                self.clients.insert(key, (socket, pid));
            }
        }
    }

    /// The bans.
    pub(super) fn bans(&mut self) -> &mut BanStore {
        &mut self.bans
    }

    /// Does what is due for bans: those that have changed are saved, where they are kept in a file, and a table that
    /// could not be written is tried again.
    pub(super) fn expire(&mut self, now: Instant) {
        if let Some(saver) = &mut self.saver {
            saver.turn(&mut self.bans, now);
        }
        if self.bans.retry_due().is_some_and(|due| now >= due) {
            self.bans.tidy();
        }
    }

    /// When there is something to do for them, or to see what has come of it.
    pub(super) fn due(&self) -> Option<Instant> {
        let saver = self.saver.as_ref();
        let saving = saver.and_then(|saver| saver.due(&self.bans));
        saving.into_iter().chain(self.bans.retry_due()).min()
    }

    /// Saves them for the last time.
    pub(super) fn save_last(&mut self) {
        if let Some(saver) = &mut self.saver {
            saver.finish(&mut self.bans);
        }
    }

    /// Clears away bans that are over, and has the table mended where it has to be.
    pub(super) fn tidy(&mut self) {
        self.bans.tidy();
    }
}

impl AsFd for Coordinator {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        // What is left behind says that no process listens.
        let _ = fs::remove_file(SOCKET);
    }
}

/// The bans. Without a file for them they are kept for as long as the directory is: nothing is written to disks.
fn bans(directory: &Path, file: Option<&Path>) -> Result<BanStore, String> {
    const BOOT: &str = "/proc/sys/kernel/random/boot_id";
    let boot = match fs::read_to_string(BOOT) {
        Ok(text) => text.trim().replace('-', "").parse()?,
        // Without /proc each start counts as one.
        Err(_) => {
            BootId::from_bytes(random_bytes().map_err(|error| format!("getrandom: {error}"))?)
        }
    };
    let paths = Paths {
        table: TABLE.into(),
        saved: file.map_or_else(|| directory.join("bans.toml"), Path::to_owned),
        // The last thing that is saved has the clock.
        shutdown: directory.join("shutdown.toml"),
        options: options::FILE.into(),
    };
    BanStore::open(&paths, boot).map_err(|error| format!("{TABLE}: {error}"))
}

/// Answers one packet of a helper; an error where it has gone or makes no sense.
fn answer(socket: &OwnedFd, spec: &Spec, bans: &mut BanStore) -> io::Result<()> {
    let mut packet = [0; PACKET];
    let length = match recv(socket.as_raw_fd(), &mut packet, MsgFlags::MSG_DONTWAIT) {
        Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(length) => length,
        Err(Errno::EAGAIN | Errno::EINTR) => return Ok(()),
        Err(errno) => return Err(errno.into()),
    };
    let packet = &packet[..length];
    if packet == TABLE_REQUEST.as_bytes() {
        return pass_table(socket, bans.table());
    }
    if let Some(request) = LogFileRequest::decode(packet) {
        let reply = log_files::answer(spec, request).unwrap_or_else(LogFileReply::Refused);
        return reply.send(socket.as_fd());
    }
    let (Some(SensorReport(peer)), Task::Sensor(sensor)) =
        (SensorReport::decode(packet), &spec.task)
    else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let reply = match bans.hit(peer, sensor.deny_time, &spec.id.to_text()) {
        Ok(()) => ReportReply::Done,
        Err(why) => ReportReply::Refused(why.to_string()),
    };
    send_now(socket.as_fd(), &reply.encode()).map(drop)
}
