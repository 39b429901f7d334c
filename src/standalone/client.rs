//! The supervisor as `xinetdctl` sees it.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use xinetd_core::problem::printable;
use xinetd_core::translate::{Plan, PlannedService};

use super::bind::raise_limit;
use super::load::without_log_file;
use super::places::control_sockets;
use crate::bus::client::{Bans, Failed, ServiceRow, SessionInfo, Sessions};
use crate::bus::services::{
    Active, BridgeService, Managed, ask_helpers, find, kick as kick_session, not_reopened,
    reopen_logs as reopen_logs_of,
};
use crate::protocol::administration::{
    ANSWER, AdminCommand, Answer, Supervised, SupervisedService,
};
use crate::reconcile::Done;
use crate::status::BOUNDS;
use crate::sys::handover::receive_message;
use crate::sys::socket::send_now;

/// How long the supervisor may take for a reload: it reads all files, and asks helpers.
const RELOAD: Duration = Duration::from_secs(60);

/// How long it may take for anything else; it may be at a reload.
const PATIENCE: Duration = Duration::from_secs(10);

/// The size of an answer at most, in bytes: that about 100,000 services have.
const LARGEST: u64 = 64 * 1024 * 1024;

/// What is said where no supervisor listens.
const NONE: &str =
    "neither systemd nor xinetd runs here; start xinetd, as by `/etc/init.d/xinetd start`";

/// Whether a supervisor runs here, also one that this user may not ask.
pub(crate) fn is_there() -> bool {
    control_sockets()
        .iter()
        .any(|path| !matches!(reach(path), Reached::Nothing))
}

/// What the supervisor serves.
///
/// # Errors
/// In words, as of all calls here: the supervisor's, or why it can't be asked.
pub(crate) fn supervised() -> Result<Supervised, String> {
    match ask(&AdminCommand::Services)? {
        Answer::Serves(supervised) => Ok(supervised),
        other => Err(unexpected(other)),
    }
}

/// What it would serve after a reload, of what the files say now.
pub(crate) fn planned(plan: Plan, supervised: &Supervised) -> Vec<PlannedService> {
    let services = plan.services.into_iter();
    match supervised.has_coordinator {
        true => services.collect(),
        false => services.map(without_log_file).collect(),
    }
}

/// Has the supervisor read the files again, if need be although restrictions may get lost by what can't be read; what
/// was done, and whether it ends as no service is left.
///
/// # Errors
/// As [`supervised`].
pub(crate) fn reload(is_forced: bool) -> Result<(Vec<Done>, bool), String> {
    match ask(&AdminCommand::Reload { is_forced })? {
        Answer::Reloaded { done, ends } => Ok((done, ends)),
        other => Err(unexpected(other)),
    }
}

/// All services, and the upper bounds of the classes of durations, in milliseconds.
///
/// # Errors
/// As [`supervised`].
pub(crate) fn list_services() -> Result<(Vec<ServiceRow>, Vec<u64>), String> {
    let supervised = supervised()?;
    let rows = active(&supervised.services).into_iter();
    Ok((rows.map(|active| active.row).collect(), BOUNDS.to_vec()))
}

/// The unit of the service with this id or unit, and its sessions.
///
/// # Errors
/// As [`supervised`], and if there is no such service.
pub(crate) fn list_sessions(name: &str) -> Result<(String, Sessions), Failed> {
    let service = named(name)?;
    let sessions = active(std::slice::from_ref(&service)).pop();
    let sessions = sessions.map_or_else(Vec::new, |active| active.sessions);
    let sessions = sessions.iter().map(SessionInfo::from).collect();
    Ok((service.unit, Ok(sessions)))
}

/// Ends a session of the service with this id or unit: by the server's process, or by the client's address and port.
///
/// # Errors
/// As [`list_sessions`].
pub(crate) fn kick(name: &str, whom: &str) -> Result<(), Failed> {
    let service = named(name)?;
    kick_session(&service.runtime, whom).map_err(Failed::Said)?;
    let (id, whom) = (service.id, whom.to_owned());
    match ask(&AdminCommand::Kicked { id, whom }).map_err(Failed::Said)? {
        Answer::Noted => Ok(()),
        other => Err(Failed::Said(unexpected(other))),
    }
}

/// Has the supervisor and all services that run open their log files anew.
///
/// # Errors
/// As [`supervised`].
pub(crate) fn reopen_logs() -> Result<(), String> {
    let supervised = supervised()?;
    match ask(&AdminCommand::ReopenLog)? {
        Answer::Noted => {}
        other => return Err(unexpected(other)),
    }
    let running = supervised.services.iter().filter(|service| service.runs);
    let running: Vec<_> = running.map(bridge_service).collect();
    let silent = reopen_logs_of(&running.iter().collect::<Vec<_>>());
    match silent.is_empty() {
        true => Ok(()),
        false => Err(not_reopened(&silent)),
    }
}

/// All bans.
///
/// # Errors
/// As [`supervised`].
pub(crate) fn list_bans() -> Result<Bans, String> {
    match ask(&AdminCommand::ListBans)? {
        Answer::Bans(bans) => Ok(bans),
        other => Err(unexpected(other)),
    }
}

/// Bans a peer for so many seconds, 0 for ever; what the ban hits.
///
/// # Errors
/// As [`supervised`].
pub(crate) fn add_ban(peer: &str, seconds: u64) -> Result<String, String> {
    let peer = peer.to_owned();
    match ask(&AdminCommand::AddBan { peer, seconds })? {
        Answer::Banned(subject) => Ok(subject),
        other => Err(unexpected(other)),
    }
}

/// Ends the ban of a peer.
///
/// # Errors
/// As [`supervised`].
pub(crate) fn remove_ban(peer: &str) -> Result<(), String> {
    let peer = peer.to_owned();
    match ask(&AdminCommand::RemoveBan { peer })? {
        Answer::Removed(_) => Ok(()),
        other => Err(unexpected(other)),
    }
}

/// Ends all bans; how many there were.
///
/// # Errors
/// As [`supervised`].
pub(crate) fn flush_bans() -> Result<u32, String> {
    match ask(&AdminCommand::FlushBans)? {
        Answer::Removed(count) => Ok(count),
        other => Err(unexpected(other)),
    }
}

/// What another answer than the one that belongs to the request says; root may have asked the supervisor of any user.
fn unexpected(answer: Answer) -> String {
    match answer {
        Answer::Refused(why) => printable(&why),
        _ => "xinetd gives an answer to another question".to_owned(),
    }
}

/// What these services are doing, by the word of their helpers.
fn active(services: &[SupervisedService]) -> Vec<Active> {
    // A connection to each helper at once.
    raise_limit();
    let known: Vec<_> = services.iter().map(bridge_service).collect();
    let managed = known.iter().zip(services).map(|(known, service)| Managed {
        service: known,
        socket: match (service.listens, &service.trouble) {
            (true, _) => Some("active"),
            (false, Some(_)) => Some("failed"),
            (false, None) => None,
        },
        runs: service.runs,
    });
    ask_helpers(&managed.collect::<Vec<_>>())
}

fn bridge_service(service: &SupervisedService) -> BridgeService {
    BridgeService {
        id: service.id.clone(),
        unit: service.unit.clone(),
        source: service.source.clone(),
        runtime: service.runtime.clone(),
    }
}

/// The service with this id or unit.
fn named(name: &str) -> Result<SupervisedService, Failed> {
    let services = supervised().map_err(Failed::Said)?.services;
    let known: Vec<_> = services.iter().map(bridge_service).collect();
    let unit = find(&known, name).map(|service| service.unit.clone());
    let unit = unit.map_err(|_| Failed::NoService)?;
    let mut services = services.into_iter();
    services
        .find(|service| service.unit == unit)
        .ok_or(Failed::NoService)
}

/// What came of connecting to a socket.
enum Reached {
    /// No supervisor listens there.
    Nothing,
    /// One does, and this user may not ask it.
    Denied,
    /// One does, and is too busy.
    Busy,
    /// It listens.
    Supervisor(OwnedFd),
}

fn reach(path: &Path) -> Reached {
    let connecting = || -> nix::Result<OwnedFd> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let client = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
        // connect(2) waits in a full queue for as long as a send may.
        setsockopt(&client, sockopt::SendTimeout, &TimeVal::new(5, 0))?;
        connect(client.as_raw_fd(), &UnixAddr::new(path)?)?;
        Ok(client)
    };
    match connecting() {
        Ok(client) => Reached::Supervisor(client),
        Err(Errno::EACCES | Errno::EPERM) => Reached::Denied,
        Err(Errno::EAGAIN) => Reached::Busy,
        Err(_) => Reached::Nothing,
    }
}

/// Asks the first supervisor that there is.
fn ask(request: &AdminCommand) -> Result<Answer, String> {
    for path in control_sockets() {
        return match reach(&path) {
            Reached::Nothing => continue,
            Reached::Denied => Err(
                "root and the user that xinetd runs as alone may ask it; run the command as root"
                    .to_owned(),
            ),
            Reached::Busy => Err("xinetd has no time for requests; try again".to_owned()),
            Reached::Supervisor(client) => exchange(&client, request),
        };
    }
    Err(NONE.to_owned())
}

/// Sends a request and waits for the answer.
fn exchange(client: &OwnedFd, request: &AdminCommand) -> Result<Answer, String> {
    let wrong = |error: io::Error| format!("xinetd can't be asked: {error}");
    let text = serde_json::to_vec(request).map_err(|error| wrong(error.into()))?;
    // One that is refused at once has its answer already.
    match send_now(client.as_fd(), &text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(wrong(error)),
        _ => {}
    }
    let mut fds = [PollFd::new(client.as_fd(), PollFlags::POLLIN)];
    let patience = match request {
        AdminCommand::Reload { .. } => RELOAD,
        _ => PATIENCE,
    };
    let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
    if poll(&mut fds, timeout).map_err(|errno| wrong(errno.into()))? == 0 {
        let seconds = patience.as_secs();
        return Err(format!(
            "xinetd does not answer within {seconds} s; its log may say why"
        ));
    }
    let mut bytes = [0; 1024];
    let received = match receive_message(client.as_fd(), &mut bytes) {
        // It has not read the request; what it has said comes behind the error.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
            receive_message(client.as_fd(), &mut bytes)
        }
        received => received,
    };
    let mut message = received.map_err(wrong)?;
    let said = &bytes[..message.length];
    let answer = message.descriptors.pop().filter(|_| said == ANSWER);
    let Some(answer) = answer else {
        return Err(match said.is_empty() {
            true => "xinetd has closed the connection; its log may say why".to_owned(),
            false => printable(&String::from_utf8_lossy(said)),
        });
    };
    let mut text = Vec::new();
    let file = std::fs::File::from(answer);
    file.take(LARGEST).read_to_end(&mut text).map_err(wrong)?;
    serde_json::from_slice(&text).map_err(|error| {
        format!("xinetd gives an answer that can't be understood ({error}); start it again if it is of another version")
    })
}
