//! The control socket, for `--reload`, `--stop` and the coordinator: one request for each
//! connection.
//!
//! A request is a word and what belongs to it, up to the end of the stream: a new spec, or whose
//! session is to end. The answer is `ok` or an error in words; to `status` it is a
//! [`Status`](crate::status::Status). Only root is heard, and the user of a supervisor that is not root: all its
//! helpers and servers have that user too. Every process can connect to the socket, as the coordinator has no rights
//! over the files of others: a client of another user is sent away at once, and the helper waits for none.

use std::fs::{self, Permissions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use xinetd_core::spec::MAX_SPEC;

use crate::status::{KICK, RELOAD, REOPEN, STATUS, STOP, short_control_socket};
use crate::sys::file::remove_stale;
use crate::sys::socket::{peer, send_now};

use super::clock::Moment;
use super::slab::{Key, Slab};

/// How long a request may take.
const TIME: Duration = Duration::from_secs(5);

/// How many clients are heard at once.
const CLIENTS: usize = 16;

/// What is wanted of the helper.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// This spec from now on.
    Reload(Vec<u8>),
    /// No more connections.
    Stop,
    /// What the service is doing.
    Status,
    /// The log file anew, as it was put aside.
    Reopen,
    /// The end of a session: the process of its server, or the address of its client.
    Kick(String),
}

/// The socket, and the clients that are heard.
#[derive(Debug)]
pub(super) struct Control {
    listener: UnixListener,
    /// The user that is heard beside root.
    owner: u32,
    clients: Slab<ControlClient>,
}

#[derive(Debug)]
struct ControlClient {
    stream: UnixStream,
    text: Vec<u8>,
    deadline: Moment,
}

/// How far a client's request is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More is to come.
    Incomplete,
    /// It is complete; the client waits for the answer.
    Complete(Request),
    /// The client is gone, or was sent away.
    Gone,
}

impl Control {
    /// Listens in a `directory`, in place of a predecessor; `owner` is heard as root is.
    ///
    /// # Errors
    /// If there can't be a socket.
    pub(super) fn listen(directory: &Path, owner: u32) -> io::Result<Self> {
        let (_open, path) = short_control_socket(directory)?;
        remove_stale(&path)?;
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o666))?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            owner,
            clients: Slab::default(),
        })
    }

    /// Readable when a client connects.
    pub(super) fn listener(&self) -> &UnixListener {
        &self.listener
    }

    /// Takes a client; if it is one that is heard, it is to be watched for reading.
    pub(super) fn accept(&mut self, now: Moment) -> Option<(Key, &UnixStream)> {
        let (stream, _) = self.listener.accept().ok()?;
        let (_, user) = peer(&stream).ok()?;
        let is_known = user == 0 || user == self.owner;
        let is_heard = is_known && self.clients.len() < CLIENTS;
        if !is_heard || stream.set_nonblocking(true).is_err() {
            return None;
        }
        let client = ControlClient {
            stream,
            text: Vec::new(),
            deadline: now.plus(TIME),
        };
        let key = self.clients.insert(client).ok()?;
        let client = self.clients.get_mut(key)?;
        Some((key, &client.stream))
    }

    /// Reads what a client has sent.
    pub(super) fn read(&mut self, key: Key) -> Progress {
        let Some(client) = self.clients.get_mut(key) else {
            return Progress::Gone;
        };
        let room = MAX_SPEC + RELOAD.len() as u64 + 1 - client.text.len() as u64;
        match Read::by_ref(&mut client.stream)
            .take(room)
            .read_to_end(&mut client.text)
        {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Progress::Incomplete,
            Err(_) => {
                self.clients.remove(key);
                return Progress::Gone;
            }
        }
        match parse(&client.text) {
            Ok(request) => Progress::Complete(request),
            Err(error) => {
                self.answer(key, error);
                Progress::Gone
            }
        }
    }

    /// Answers a client, and is done with it. Closing ends the loop's watch.
    pub(super) fn answer(&mut self, key: Key, text: &str) {
        if let Some(client) = self.clients.remove(key) {
            // One that has gone, or does not read, gets no answer.
            let _ = send_now(client.stream.as_fd(), text.as_bytes());
        }
    }

    /// When the time of the first client is over.
    pub(super) fn due(&self) -> Option<Moment> {
        self.clients.iter().map(|(_, client)| client.deadline).min()
    }

    /// Sends those away whose time is over.
    pub(super) fn expire(&mut self, now: Moment) {
        let late = self
            .clients
            .iter()
            .filter(|(_, client)| now >= client.deadline);
        let late: Vec<_> = late.map(|(key, _)| key).collect();
        for key in late {
            self.answer(key, "the request took too long");
        }
    }
}

pub(super) fn parse(text: &[u8]) -> Result<Request, &'static str> {
    if let Some(spec) = text.strip_prefix(RELOAD.as_bytes()) {
        if spec.len() as u64 > MAX_SPEC {
            return Err("the spec is too large");
        }
        Ok(Request::Reload(spec.to_vec()))
    } else if text == STOP.as_bytes() {
        Ok(Request::Stop)
    } else if text == REOPEN.as_bytes() {
        Ok(Request::Reopen)
    } else if text == STATUS.as_bytes() {
        Ok(Request::Status)
    } else if let Some(whom) = text.strip_prefix(KICK.as_bytes()) {
        let whom = str::from_utf8(whom).map_err(|_| "unknown request")?;
        Ok(Request::Kick(whom.to_owned()))
    } else {
        Err("unknown request")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::Shutdown;
    use std::path::PathBuf;

    use crate::status::OK;

    use super::*;
    use crate::status::control_socket;

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    fn control(name: &str) -> (Control, PathBuf) {
        // As long as that of a unit whose name is escaped from end to end.
        let name = format!("control-{}-{name}-{}", std::process::id(), "x".repeat(150));
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let path = control_socket(&directory);
        fs::write(&path, "of a predecessor").unwrap();
        (Control::listen(&directory, 0).unwrap(), path)
    }

    fn connect(path: &Path) -> UnixStream {
        let (_open, short) = short_control_socket(path.parent().unwrap()).unwrap();
        UnixStream::connect(short).unwrap()
    }

    #[test]
    #[ignore = "needs root, which alone is heard"]
    fn a_request_may_come_in_parts() {
        let (mut control, path) = control("parts");
        let mut client = connect(&path);
        let (key, _) = control.accept(at(0)).unwrap();
        assert_eq!(control.read(key), Progress::Incomplete);
        client.write_all(b"reload\nformat").unwrap();
        assert_eq!(control.read(key), Progress::Incomplete);
        client.write_all(b" = 1\n").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let request = Request::Reload(b"format = 1\n".to_vec());
        assert_eq!(control.read(key), Progress::Complete(request));
        control.answer(key, OK);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "ok");
        fs::remove_file(path).unwrap();
    }

    #[test]
    #[ignore = "needs root, which alone is heard"]
    fn silent_clients_are_sent_away_and_keep_nobody_from_being_heard() {
        let (mut control, path) = control("silent");
        let mut silent = connect(&path);
        assert!(control.accept(at(0)).is_some());
        let mut heard = connect(&path);
        let (key, _) = control.accept(at(1)).unwrap();
        heard.write_all(b"status\n").unwrap();
        heard.shutdown(Shutdown::Write).unwrap();
        assert_eq!(control.read(key), Progress::Complete(Request::Status));
        control.answer(key, "");
        let more: Vec<_> = (1..CLIENTS).map(|_| connect(&path)).collect();
        assert!(more.iter().all(|_| control.accept(at(2)).is_some()));
        let mut refused = connect(&path);
        assert!(control.accept(at(2)).is_none(), "there are too many");
        assert_eq!(refused.read_to_end(&mut Vec::new()).unwrap(), 0);
        control.expire(at(4));
        assert_eq!(control.due(), Some(at(5)));
        control.expire(at(5));
        let mut answer = String::new();
        silent.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "the request took too long");
        assert_eq!(control.due(), Some(at(7)));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn rubbish_is_refused() {
        assert!(parse(b"").is_err());
        assert!(parse(b"stop\nstop\n").is_err());
        assert!(parse(b"kick\n\xff").is_err());
        assert!(parse(&[RELOAD.as_bytes(), &vec![0; 5 << 20]].concat()).is_err());
        assert_eq!(parse(b"stop\n"), Ok(Request::Stop));
        assert_eq!(parse(b"reopen\n"), Ok(Request::Reopen));
        assert_eq!(parse(b"kick\n7"), Ok(Request::Kick("7".to_owned())));
    }
}
