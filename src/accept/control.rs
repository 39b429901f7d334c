//! The control socket, for `--reload` and `--stop`: one request for each connection.
//!
//! A request is a word and a newline, and for `reload` the new spec up to the end of the stream;
//! the answer is `ok` or an error in words. Only root is heard. The socket lies where servers,
//! which have the same user, can reach it: others are sent away at once, and no one is waited for.

use std::fs;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sys::socket::{peer, send_now};

use super::clock::Moment;
use super::settings::MAX_SPEC;

/// How long a request may take.
const TIME: Duration = Duration::from_secs(5);

/// The word that goes before a new spec.
pub(super) const RELOAD: &str = "reload\n";
/// The word that ends the accepting of connections.
pub(super) const STOP: &str = "stop\n";
/// The answer to a request that was carried out.
pub(super) const OK: &str = "ok";

/// Where a unit's socket is; `runtime_directory` is the variable that systemd sets.
pub(super) fn path(runtime_directory: Option<PathBuf>, unit: &str) -> PathBuf {
    runtime_directory
        .unwrap_or_else(|| Path::new("/run/xinetd-bridge").join(unit))
        .join("control")
}

/// What root wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// This spec from now on.
    Reload(Vec<u8>),
    /// No more connections.
    Stop,
}

/// The socket, and the one client that is heard.
#[derive(Debug)]
pub(super) struct Control {
    listener: UnixListener,
    client: Option<Client>,
}

#[derive(Debug)]
struct Client {
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
    /// Listens at `path`, in place of a predecessor.
    ///
    /// # Errors
    /// If there can't be a socket.
    pub(super) fn listen(path: &Path) -> io::Result<Self> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            client: None,
        })
    }

    /// Readable when someone connects.
    pub(super) fn listener(&self) -> &UnixListener {
        &self.listener
    }

    /// Takes a client; if it is root's, and the only one, it is to be watched for reading.
    pub(super) fn accept(&mut self, now: Moment) -> Option<&UnixStream> {
        let (stream, _) = self.listener.accept().ok()?;
        let (_, user) = peer(&stream).ok()?;
        if user != 0 || self.client.is_some() || stream.set_nonblocking(true).is_err() {
            return None;
        }
        let client = self.client.insert(Client {
            stream,
            text: Vec::new(),
            deadline: now.plus(TIME),
        });
        Some(&client.stream)
    }

    /// Reads what the client has sent.
    pub(super) fn read(&mut self) -> Progress {
        let Some(client) = &mut self.client else {
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
                self.client = None;
                return Progress::Gone;
            }
        }
        match parse(&client.text) {
            Ok(request) => Progress::Complete(request),
            Err(error) => {
                self.answer(error);
                Progress::Gone
            }
        }
    }

    /// Answers the client, and is done with it. Closing ends the loop's watch.
    pub(super) fn answer(&mut self, text: &str) {
        if let Some(client) = self.client.take() {
            // A client that has gone gets no answer.
            let _ = send_now(client.stream.as_fd(), text.as_bytes());
        }
    }

    /// When the client's time is over.
    pub(super) fn due(&self) -> Option<Moment> {
        self.client.as_ref().map(|client| client.deadline)
    }

    /// Sends a client away whose time is over.
    pub(super) fn expire(&mut self, now: Moment) {
        if self.due().is_some_and(|due| now >= due) {
            self.answer("the request took too long");
        }
    }
}

fn parse(text: &[u8]) -> Result<Request, &'static str> {
    if let Some(spec) = text.strip_prefix(RELOAD.as_bytes()) {
        if spec.len() as u64 > MAX_SPEC {
            return Err("the spec is too large");
        }
        Ok(Request::Reload(spec.to_vec()))
    } else if text == STOP.as_bytes() {
        Ok(Request::Stop)
    } else {
        Err("unknown request")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::Shutdown;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    fn control(name: &str) -> (Control, PathBuf) {
        let path = std::env::temp_dir().join(format!("control-{}-{name}", std::process::id()));
        fs::write(&path, "of a predecessor").unwrap();
        (Control::listen(&path).unwrap(), path)
    }

    #[test]
    fn a_request_may_come_in_parts() {
        let (mut control, path) = control("parts");
        let mut client = UnixStream::connect(&path).unwrap();
        if control.accept(at(0)).is_none() {
            // Not run by root: nobody is heard.
            return;
        }
        assert_eq!(control.read(), Progress::Incomplete);
        client.write_all(b"reload\nformat").unwrap();
        assert_eq!(control.read(), Progress::Incomplete);
        client.write_all(b" = 1\n").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let request = Request::Reload(b"format = 1\n".to_vec());
        assert_eq!(control.read(), Progress::Complete(request));
        control.answer(OK);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "ok");
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_silent_client_is_sent_away_and_a_second_one_not_heard() {
        let (mut control, path) = control("silent");
        let mut client = UnixStream::connect(&path).unwrap();
        if control.accept(at(0)).is_none() {
            return;
        }
        let mut second = UnixStream::connect(&path).unwrap();
        assert!(control.accept(at(1)).is_none());
        assert_eq!(second.read_to_end(&mut Vec::new()).unwrap(), 0);
        control.expire(at(4));
        assert_eq!(control.due(), Some(at(5)));
        control.expire(at(5));
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "the request took too long");
        assert_eq!(control.due(), None);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn rubbish_is_refused() {
        assert!(parse(b"").is_err());
        assert!(parse(b"stop\nstop\n").is_err());
        assert!(parse(&[RELOAD.as_bytes(), &vec![0; 5 << 20]].concat()).is_err());
        assert_eq!(parse(b"stop\n"), Ok(Request::Stop));
    }
}
