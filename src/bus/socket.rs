//! The socket for helpers: systemd holds it, so that nothing said is lost while no coordinator runs.
//!
//! All may connect, as helpers run as any user. What keeps a local user from holding helpers up:
//! connections that wait are taken in batches, a process that is no helper is found out once and then
//! closed unseen ([`Strangers`]), and the places are bounded ([`places`]).

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{MsgFlags, recv, send};

use crate::protocol::bans::{PACKET, ReportReply, SensorReport};
use crate::sys::socket::{accept, peer};

use super::caller::{self, Caller};
use super::mains::not_main;
use super::places::{self, ConnectionOwner, Room};
use super::questions::{PendingRequest, Request};
use super::shared::Shared;
use super::strangers::Strangers;

/// How long it stays when no program wants anything.
const IDLE: Duration = Duration::from_secs(30);
/// Packets of one helper before the others have their turn.
const BATCH: usize = 64;
/// Connections that are taken before the helpers that are there have their turn.
const ARRIVALS: usize = 256;
/// How long it waits where it may open no more descriptors, so that it does not turn in a circle.
const NO_DESCRIPTORS: Duration = Duration::from_millis(10);

/// A helper.
struct HelperConnection {
    socket: OwnedFd,
    caller: Arc<Caller>,
}

impl HelperConnection {
    fn place(&self) -> ConnectionOwner<'_> {
        ConnectionOwner {
            unit: &self.caller.unit,
            pid: self.caller.process.pid(),
            is_helper: self.caller.is_helper,
        }
    }
}

/// Serves helpers until there is nothing more to do, or SIGTERM comes.
///
/// # Errors
/// If the kernel refuses to tell of events.
pub(super) fn serve(listener: Option<&OwnedFd>, shared: &Shared) -> io::Result<()> {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTERM);
    mask.add(Signal::SIGINT);
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let mut clients: Vec<HelperConnection> = Vec::new();
    let mut strangers = Strangers::default();
    loop {
        let idle = shared.lock().last_use().elapsed();
        if idle >= IDLE {
            return Ok(());
        }
        let mut fds = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        let watched = clients.iter().map(|client| &client.socket).chain(listener);
        fds.extend(watched.map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)));
        let left = IDLE.saturating_sub(idle) + Duration::from_millis(1);
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(true)).collect();
        drop(fds);
        if ready.first() == Some(&true) {
            return Ok(());
        }
        let mut flags = ready.iter().skip(1);
        clients.retain(|client| match flags.next() {
            Some(true) => hear(client, shared, &mut strangers).is_ok(),
            _ => true,
        });
        if let Some(listener) = listener
            && ready.last() == Some(&true)
        {
            enter(listener, &mut clients, shared, &mut strangers);
        }
    }
}

/// Takes connections that wait.
fn enter(
    listener: &OwnedFd,
    clients: &mut Vec<HelperConnection>,
    shared: &Shared,
    strangers: &mut Strangers,
) {
    for _ in 0..ARRIVALS {
        let socket = match accept(listener.as_fd()) {
            Ok(socket) => socket,
            Err(error) if is_transient(&error) => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => {
                thread::sleep(NO_DESCRIPTORS);
                return;
            }
        };
        if let Some(client) = admit(socket, strangers)
            && make_room(clients, &client)
        {
            // Most have said by now what they want.
            if hear(&client, shared, strangers).is_ok() {
                clients.push(client);
            }
        }
    }
}

fn is_transient(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::Interrupted || kind == io::ErrorKind::ConnectionAborted
}

/// The client, if it is a process of one of our services.
fn admit(socket: OwnedFd, strangers: &mut Strangers) -> Option<HelperConnection> {
    let now = Instant::now();
    let (pid, _) = peer(&socket).ok()?;
    if strangers.has(pid, now) {
        return None;
    }
    match caller::caller(socket.as_fd()) {
        Ok(caller) => Some(HelperConnection {
            socket,
            caller: Arc::new(caller),
        }),
        // Any process may connect, so that a line for each refusal could fill the journal. The caller is told.
        Err(why) => {
            strangers.add(pid, now);
            // What is left unread would make the kernel say that the connection was reset.
            let _ = recv(socket.as_raw_fd(), &mut [0; PACKET], MsgFlags::MSG_DONTWAIT);
            let _ = answer(&socket, &ReportReply::Refused(why));
            None
        }
    }
}

/// Whether there is a place for a client, by the end of another one's connection where that is needed.
fn make_room(clients: &mut Vec<HelperConnection>, client: &HelperConnection) -> bool {
    let room = places::find(clients.iter().map(HelperConnection::place), &client.place());
    if let Room::After(first) = room {
        clients.remove(first);
    }
    room != Room::None
}

/// Takes what a helper says; an error where it has gone, does not take its answers, or is done with.
fn hear(
    client: &HelperConnection,
    shared: &Shared,
    strangers: &mut Strangers,
) -> Result<(), Errno> {
    for _ in 0..BATCH {
        let mut packet = [0; PACKET];
        let flags = MsgFlags::MSG_DONTWAIT;
        let length = match recv(client.socket.as_raw_fd(), &mut packet, flags) {
            Ok(0) => return Err(Errno::ECONNRESET),
            Ok(length) => length,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(()),
            Err(errno) => return Err(errno),
        };
        let packet = &packet[..length];
        let Caller { id, deny_time, .. } = client.caller.as_ref();
        if let Some(wants) = Request::decode(packet) {
            let socket = client.socket.try_clone().map_err(|_| Errno::EMFILE)?;
            let caller = Arc::clone(&client.caller);
            let pid = caller.process.pid();
            let asked = PendingRequest {
                caller,
                wants,
                socket,
            };
            if !shared.questions.ask(asked) {
                strangers.add(pid, Instant::now());
            }
            // One question is all that it may ask: it is done with here.
            return Err(Errno::ESHUTDOWN);
        }
        let (Some(SensorReport(peer)), Some(deny_time)) =
            (SensorReport::decode(packet), *deny_time)
        else {
            return Err(Errno::EBADMSG);
        };
        let answered = match shared.questions.is_helper(&client.caller) {
            false => ReportReply::Refused(not_main(&client.caller)),
            true => match shared.change(|store| store.hit(peer, deny_time, id)) {
                Ok(()) => ReportReply::Done,
                Err(why) => ReportReply::Refused(why.to_string()),
            },
        };
        answer(&client.socket, &answered)?;
    }
    Ok(())
}

fn answer(socket: &OwnedFd, answer: &ReportReply) -> Result<(), Errno> {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    send(socket.as_raw_fd(), &answer.encode(), flags).map(drop)
}
