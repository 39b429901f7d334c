//! The socket for requests of the administrator (src/protocol/administration.rs).
//!
//! The file's mode lets in root and the user of this process alone. A client that says nothing is sent away after a
//! while, and one that says too much, or what is no request, at once; no other client waits for it, nor does a service:
//! each turn of the supervisor's loop answers one request.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{MsgFlags, recv};
use nix::unistd::Uid;

use super::places::Places;
use crate::protocol::administration::{ANSWER, AdminCommand, Answer, REQUEST};
use crate::sys::handover;
use crate::sys::memory_file::with_bytes;
use crate::sys::socket::{accept, peer, send_now};

/// How many clients are heard at once.
const MOST: usize = 16;

/// How long a client may take until it has said what it wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// The event of a client that connects; numbers above are clients.
const LISTENER: u64 = 0;

/// The socket, and the clients whose requests have not come yet.
pub(super) struct Administration {
    listener: OwnedFd,
    epoll: Epoll,
    clients: BTreeMap<u64, AdminClient>,
    next: u64,
}

struct AdminClient {
    socket: OwnedFd,
    deadline: Instant,
}

impl Administration {
    /// Listens.
    ///
    /// # Errors
    /// As bind(2), or if the kernel refuses a descriptor.
    pub(super) fn open(places: &Places) -> io::Result<Self> {
        Self::on(places.open_control()?)
    }

    fn on(listener: OwnedFd) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        Ok(Self {
            listener,
            epoll,
            clients: BTreeMap::new(),
            next: LISTENER + 1,
        })
    }

    /// Lets clients in, and returns one whose request has come, if there is one; the others have their turns later.
    pub(super) fn take(&mut self, now: Instant) -> Option<(AdminRequest, AdminCommand)> {
        let mut events = [EpollEvent::empty(); MOST + 1];
        let count = self.epoll.wait(&mut events, EpollTimeout::ZERO).ok()?;
        for event in events.iter().take(count) {
            if event.data() == LISTENER {
                self.enter(now);
                continue;
            }
            let Some(AdminClient { socket, .. }) = self.clients.get(&event.data()) else {
                continue;
            };
            let read = read(socket);
            if let Err(Unheard::Incomplete) = read {
                continue;
            }
            let socket = self.clients.remove(&event.data())?.socket;
            match read {
                Ok(request) => return Some((AdminRequest(socket), request)),
                Err(Unheard::Nonsense(why)) => refuse(&socket, &why),
                Err(Unheard::Incomplete | Unheard::Gone) => {}
            }
        }
        None
    }

    fn enter(&mut self, now: Instant) {
        for _ in 0..MOST {
            let Ok(socket) = accept(self.listener.as_fd()) else {
                return;
            };
            // Where the file system has no modes the kernel has let all in.
            let user = peer(&socket).map(|(_, user)| user);
            if !user.is_ok_and(|user| user == 0 || user == Uid::effective().as_raw()) {
                refuse(&socket, "root and the user of xinetd alone may ask");
                continue;
            }
            if self.clients.len() >= MOST {
                refuse(&socket, "too many others ask; try again in some seconds");
                continue;
            }
            let key = self.next;
            self.next += 1;
            let event = EpollEvent::new(EpollFlags::EPOLLIN, key);
            if self.epoll.add(&socket, event).is_ok() {
                let deadline = now + PATIENCE;
                self.clients.insert(key, AdminClient { socket, deadline });
            }
        }
    }

    /// When the time of the first client is over.
    pub(super) fn due(&self) -> Option<Instant> {
        self.clients.values().map(|client| client.deadline).min()
    }

    /// Sends those away whose time is over.
    pub(super) fn expire(&mut self, now: Instant) {
        self.clients.retain(|_, client| now < client.deadline);
    }
}

impl AsFd for Administration {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

/// A client whose request has come.
#[derive(Debug)]
pub(super) struct AdminRequest(OwnedFd);

impl AdminRequest {
    /// Answers it, and is done with it. One that has gone gets no answer.
    pub(super) fn answer(&self, answer: &Answer) {
        let send = || -> io::Result<()> {
            let file = with_bytes(c"answer", &serde_json::to_vec(answer)?)?;
            handover::send(self.0.as_fd(), ANSWER, file.as_fd())
        };
        if let Err(error) = send() {
            log::debug!("an answer to xinetdctl was not sent: {error}");
        }
    }
}

/// Why there is no request.
enum Unheard {
    /// It may come yet.
    Incomplete,
    /// The client has gone.
    Gone,
    /// It is none, for this reason.
    Nonsense(String),
}

fn read(socket: &OwnedFd) -> Result<AdminCommand, Unheard> {
    // A byte more: the kernel cuts off what has no room.
    let mut packet = [0; REQUEST + 1];
    let length = match recv(socket.as_raw_fd(), &mut packet, MsgFlags::MSG_DONTWAIT) {
        Ok(0) => return Err(Unheard::Gone),
        Ok(length) => length,
        Err(Errno::EAGAIN | Errno::EINTR) => return Err(Unheard::Incomplete),
        Err(_) => return Err(Unheard::Gone),
    };
    if length > REQUEST {
        return Err(Unheard::Nonsense("the request is too long".to_owned()));
    }
    serde_json::from_slice(&packet[..length]).map_err(|error| {
        let version = env!("CARGO_PKG_VERSION");
        Unheard::Nonsense(format!(
            "xinetd {version} does not know the request ({error}); start xinetd again if xinetdctl is newer"
        ))
    })
}

fn refuse(socket: &OwnedFd, why: &str) {
    // One that has gone needs no answer.
    let _ = send_now(socket.as_fd(), why.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use nix::sys::socket::{
        AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket,
    };

    use super::*;

    fn unconnected() -> OwnedFd {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).unwrap()
    }

    fn administration(name: &str) -> (Administration, PathBuf) {
        let name = format!("administration-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&path);
        let listener = unconnected();
        bind(listener.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        listen(&listener, Backlog::MAXCONN).unwrap();
        (Administration::on(listener).unwrap(), path)
    }

    fn client(path: &Path) -> OwnedFd {
        let client = unconnected();
        connect(client.as_raw_fd(), &UnixAddr::new(path).unwrap()).unwrap();
        client
    }

    fn said(client: &OwnedFd) -> Option<String> {
        let mut packet = [0; 512];
        let length = recv(client.as_raw_fd(), &mut packet, MsgFlags::MSG_DONTWAIT).ok()?;
        Some(String::from_utf8_lossy(&packet[..length]).into_owned())
    }

    #[test]
    fn each_turn_has_one_request_and_rubbish_is_refused() {
        let (mut administration, path) = administration("turns");
        let now = Instant::now();
        let wanted = [AdminCommand::Services, AdminCommand::FlushBans];
        let asking: Vec<_> = wanted.iter().map(|_| client(&path)).collect();
        let (rubbish, long) = (client(&path), client(&path));
        for (client, request) in asking.iter().zip(&wanted) {
            send_now(client.as_fd(), &serde_json::to_vec(request).unwrap()).unwrap();
        }
        send_now(rubbish.as_fd(), b"{\"services\"").unwrap();
        send_now(long.as_fd(), &[b' '; REQUEST + 1]).unwrap();
        let mut taken = Vec::new();
        for _ in 0..4 {
            let request = administration.take(now);
            taken.extend(request.map(|(_, request)| request));
        }
        assert_eq!(taken, wanted);
        assert!(said(&rubbish).is_some_and(|text| text.contains("does not know the request")));
        assert_eq!(said(&long).as_deref(), Some("the request is too long"));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn silent_clients_are_few_and_have_their_time() {
        let (mut administration, path) = administration("silent");
        let now = Instant::now();
        assert_eq!(administration.due(), None);
        let silent: Vec<_> = (0..MOST).map(|_| client(&path)).collect();
        assert!(administration.take(now).is_none());
        let refused = client(&path);
        assert!(administration.take(now).is_none());
        assert!(said(&refused).is_some_and(|text| text.starts_with("too many others")));
        assert_eq!(administration.due(), Some(now + PATIENCE));
        administration.expire(now + PATIENCE);
        assert_eq!(administration.due(), None);
        assert_eq!(said(&silent[0]).as_deref(), Some(""), "the end");
        let heard = client(&path);
        send_now(heard.as_fd(), b"\"services\"").unwrap();
        assert!(administration.take(now).is_none(), "it is let in");
        assert!(administration.take(now).is_some());
        std::fs::remove_file(path).unwrap();
    }
}
