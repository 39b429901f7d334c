//! The door for helpers: a socket that systemd holds, so that nothing said is lost while nobody is
//! here.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{MsgFlags, recv, send};

use crate::bans::door::{Answer, PACKET, Report};
use crate::log_file::Question;
use crate::sys::socket::accept;

use super::Shared;
use super::caller::{self, Caller};

/// How long it stays when nobody wants anything.
const IDLE: Duration = Duration::from_secs(30);
/// Helpers at once: more sensors than a machine has, and the others stay for one answer; whoever comes
/// then is turned away, and comes again.
const CLIENTS: usize = 512;
/// Processes of one service at once; a helper needs two at most.
const CROWD: usize = 4;
/// Packets of one helper before the others have their turn.
const BATCH: usize = 64;

/// A helper.
struct Client {
    socket: OwnedFd,
    caller: Arc<Caller>,
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
    let mut clients: Vec<Client> = Vec::new();
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
        if let Some(listener) = listener
            && ready.last() == Some(&true)
        {
            enter(listener, &mut clients);
        }
        let mut flags = ready.iter().skip(1);
        // One that has just come is looked at in the next turn.
        clients.retain(|client| match flags.next() {
            Some(true) => hear(client, shared).is_ok(),
            _ => true,
        });
    }
}

fn enter(listener: &OwnedFd, clients: &mut Vec<Client>) {
    let Ok(socket) = accept(listener.as_fd()) else {
        return;
    };
    if clients.len() >= CLIENTS {
        return;
    }
    match caller::caller(socket.as_fd()) {
        // The servers of a service with a log file may knock too: they must not take all places.
        Ok(caller) if crowd(clients, &caller) >= CROWD => {}
        Ok(caller) => clients.push(Client {
            socket,
            caller: Arc::new(caller),
        }),
        // Anyone may knock: what is said of it must not fill the journal.
        Err(why) => {
            log::debug!("a caller was turned away: {why}");
            let _ = answer(&socket, &Answer::Refused(why));
        }
    }
}

/// How many of a caller's service are here.
fn crowd(clients: &[Client], caller: &Caller) -> usize {
    let same = clients
        .iter()
        .filter(|client| client.caller.unit == caller.unit);
    same.count()
}

/// Takes what a helper says; an error where it has gone, or does not take its answers.
fn hear(client: &Client, shared: &Shared) -> Result<(), Errno> {
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
        if let Some(question) = Question::decode(packet) {
            // Files and systemd may be slow: who asks for them is answered by another thread.
            let socket = client.socket.try_clone().map_err(|_| Errno::EMFILE)?;
            shared.log_files.ask(&client.caller, question, socket);
            // One question is all that it may ask: it is done with here.
            return Err(Errno::ESHUTDOWN);
        }
        let (Some(Report(peer)), Some(deny_time)) = (Report::decode(packet), *deny_time) else {
            return Err(Errno::EBADMSG);
        };
        let answered = match shared.change(|keeper| keeper.hit(peer, deny_time, id)) {
            Ok(()) => Answer::Done,
            Err(why) => Answer::Refused(why.to_string()),
        };
        answer(&client.socket, &answered)?;
    }
    Ok(())
}

fn answer(socket: &OwnedFd, answer: &Answer) -> Result<(), Errno> {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    send(socket.as_raw_fd(), &answer.encode(), flags).map(drop)
}
