//! A service whose account can't be had: each client is turned away at once.
//!
//! xinetd leaves such a service out when it loads it. Here the socket is systemd's already: without
//! an answer clients would wait, and systemd would start helpers again and again.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use xinetd_core::problem::Place;

use crate::status::TURNED_AWAY;
use crate::sys::credentials::Account;
use crate::sys::socket::reset;

use super::account::Unknown;
use super::activation::Activation;
use super::clock::Moment;
use super::log::Notifier;

/// How often the name services are asked again, where clients come.
const RETRY: Duration = Duration::from_secs(2);

/// Clients that are turned away before anything else is looked at.
const BATCH: usize = 1024;

/// Turns clients away until `find` knows the account, which is then returned; none if no client
/// has come for `idle`, or if the helper is to end.
///
/// # Errors
/// In words, if the kernel can't tell of clients.
pub(super) fn until_known(
    activation: &Activation,
    place: &Place,
    unknown: &Unknown,
    idle: Duration,
    find: impl Fn() -> Result<Account, Unknown>,
) -> Result<Option<Account>, String> {
    let help = unknown.help();
    log::error!("{place}: {unknown}, and each client is turned away; {help}");
    let words = |errno: Errno| format!("no account, and no events: {errno}");
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTERM);
    mask.add(Signal::SIGINT);
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC).map_err(words)?;
    let clock = || Moment::now().map_err(|error| format!("CLOCK_BOOTTIME: {error}"));
    let mut now = clock()?;
    let (mut last_client, mut next_try) = (now, now.plus(RETRY));
    let status = format!("{TURNED_AWAY}{unknown}");
    let mut notifier = Notifier::new();
    notifier.ready(now, &status);
    let mut count = turn_away(activation);
    let account = loop {
        let idle_due = last_client.plus(idle);
        if now >= idle_due {
            break None;
        }
        let due = notifier.due().into_iter().chain([idle_due]).min();
        let timeout = due.map_or(Duration::ZERO, |due| due.since(now)) + Duration::from_millis(1);
        if wait(activation, &signals, timeout).map_err(words)? {
            break None;
        }
        now = clock()?;
        notifier.tell(now, || status.clone());
        let come = turn_away(activation);
        if come == 0 {
            continue;
        }
        count += come;
        last_client = now;
        if now >= next_try {
            // Its client has gone; the next one is served.
            if let Ok(account) = find() {
                break Some(account);
            }
            next_try = now.plus(RETRY);
        }
    };
    match account {
        Some(_) => log::info!("the account is known now; {count} clients were turned away before"),
        None => {
            log::info!("{count} clients were turned away: {unknown}");
            notifier.stopping();
        }
    }
    Ok(account)
}

/// Waits for clients; true if a signal came instead.
fn wait(activation: &Activation, signals: &SignalFd, timeout: Duration) -> Result<bool, Errno> {
    let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
    let mut descriptors = vec![readable(signals.as_fd())];
    descriptors.extend(
        activation
            .listeners
            .iter()
            .map(|socket| readable(socket.as_fd())),
    );
    descriptors.extend(
        activation
            .mux_listeners
            .iter()
            .map(|socket| readable(socket.as_fd())),
    );
    descriptors.extend(
        activation
            .datagrams
            .iter()
            .map(|socket| readable(socket.as_fd())),
    );
    let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
    match poll(&mut descriptors, timeout) {
        Ok(_) => Ok(descriptors[0].any() == Some(true)),
        Err(Errno::EINTR) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Turns away the clients that are there; how many they were.
fn turn_away(activation: &Activation) -> usize {
    let streams = |listener: &TcpListener| {
        let clients = std::iter::from_fn(|| listener.accept().ok()).take(BATCH);
        clients.map(|(stream, _)| reset(stream)).count()
    };
    let handed_over = |listener: &UnixListener| {
        std::iter::from_fn(|| listener.accept().ok())
            .take(BATCH)
            .count()
    };
    let datagrams = |socket: &UdpSocket| {
        std::iter::from_fn(|| socket.recv(&mut [0]).ok())
            .take(BATCH)
            .count()
    };
    let listeners = activation.listeners.iter().map(streams);
    let mux_listeners = activation.mux_listeners.iter().map(handed_over);
    let datagrams = activation.datagrams.iter().map(datagrams);
    listeners.chain(mux_listeners).chain(datagrams).sum()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::{ErrorKind, Read};
    use std::net::TcpStream;
    use std::path::Path;
    use std::thread;

    use nix::unistd::{Gid, Uid};

    use super::*;

    fn place() -> Place {
        Place {
            file: Path::new("/etc/xinetd.d/x").into(),
            line: 3,
            column: 1,
            length: 4,
        }
    }

    fn activation() -> (Activation, std::net::SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let activation = Activation {
            listeners: vec![listener],
            mux_listeners: Vec::new(),
            datagrams: Vec::new(),
            state: None,
            share: None,
        };
        (activation, address)
    }

    #[test]
    fn clients_are_reset_at_once_and_name_services_are_not_asked_for_each() {
        let (activation, address) = activation();
        let clients = thread::spawn(move || {
            for _ in 0..5 {
                let mut client = TcpStream::connect(address).unwrap();
                let error = client.read(&mut [0]).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            }
        });
        let asked = Cell::new(0);
        let unknown = Unknown::User("nosuch".into());
        let find = || {
            asked.set(asked.get() + 1);
            Ok(Account {
                uid: Uid::from_raw(1),
                gid: Gid::from_raw(1),
                groups: Vec::new(),
            })
        };
        let idle = Duration::from_millis(300);
        let account = until_known(&activation, &place(), &unknown, idle, find).unwrap();
        clients.join().unwrap();
        assert_eq!((account, asked.get()), (None, 0));
    }
}
