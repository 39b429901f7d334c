//! The internal service tcpmux (RFC 1078; docs/xinetd-behaviour.md, section 4.13).
//!
//! A client sends the name of a service and CRLF. It is handed to the helper of that service, with
//! all that it has sent after the line still in its socket. It counts until then.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Duration;

use crate::policy::Slot;
use crate::spec::MuxTarget;
use crate::sys::socket::{peek_now, skip_now};

use super::clock::Moment;
use super::handover;
use super::helper::Helper;
use super::pending::{Connection, Next, Wait};
use super::settings::Work;
use super::slab::Key;

/// The size of a line at most; xinetd reads so much.
pub(super) const MAX_LINE: usize = 1024;

/// What clients can ask for besides names of services (RFC 1078).
const HELP: &[u8] = b"help";

const NOT_FOUND: &[u8] = b"-Service name not found\r\n";
const NOT_AVAILABLE: &[u8] = b"-Service not available\r\n";

/// How long a client waits for the helper of its service to have room: local users may fill its queue.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client that has named a service.
#[derive(Debug)]
pub(super) struct Knock {
    name: Vec<u8>,
    since: Moment,
}

/// What has come of handing a client on.
enum Handed {
    /// Its service has it.
    On,
    /// Its service has no room for it at the moment.
    Later,
    /// It can't be handed on, and is told this.
    Not(Arc<[u8]>),
}

/// The beginning of what a client has sent.
#[derive(Debug, Default)]
pub(super) struct Line(Vec<u8>);

/// How far a client is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More is to come.
    Incomplete,
    /// It has sent this, and CRLF.
    Complete(Vec<u8>),
    /// It has gone, or sent something else.
    Wrong,
}

impl Line {
    /// Reads on, and nothing of what comes after the line: that is for the server.
    pub(super) fn read(&mut self, stream: &impl AsFd) -> Progress {
        let mut chunk = [0; MAX_LINE];
        loop {
            let room = MAX_LINE - self.0.len();
            let count = match peek_now(stream.as_fd(), &mut chunk[..room]) {
                Ok(0) => return Progress::Wrong,
                Ok(count) => count,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Progress::Incomplete,
                    ErrorKind::Interrupted => continue,
                    _ => return Progress::Wrong,
                },
            };
            let end = chunk[..count].iter().position(|&byte| byte == b'\n');
            let wanted = end.map_or(count, |end| end + 1);
            self.0.extend_from_slice(&chunk[..wanted]);
            if skip_now(stream.as_fd(), &mut chunk[..wanted]).ok() != Some(wanted) {
                return Progress::Wrong;
            }
            if end.is_some() {
                return match self.0.strip_suffix(b"\r\n") {
                    Some(name @ [_, ..]) => Progress::Complete(name.to_vec()),
                    Some([]) | None => Progress::Wrong,
                };
            }
            if self.0.len() == MAX_LINE {
                return Progress::Wrong;
            }
        }
    }
}

impl Helper {
    /// Hears which service `connection`, which counts already, wants.
    pub(super) fn ask_service(&mut self, mut connection: Connection, slot: Slot, now: Moment) {
        self.log_start(&connection.remote);
        let user = connection.known.answer.take();
        self.log_user(&connection.remote, user, now);
        let mut line = Line::default();
        let progress = line.read(&connection.stream);
        connection.next = Next::Line(slot, line, now);
        match progress {
            Progress::Incomplete => self.wait(connection, Wait::Line, true, now),
            progress => self.lead(connection, progress, now),
        }
    }

    /// A client that is to name a service has sent something.
    pub(super) fn line_ready(&mut self, key: Key, now: Moment) {
        let Some((connection, _)) = self.pending.get_mut(key) else {
            return;
        };
        let progress = match &mut connection.next {
            Next::Line(_, line, _) => line.read(&connection.stream),
            _ => Progress::Incomplete,
        };
        if progress != Progress::Incomplete
            && let Some((connection, _)) = self.release(key)
        {
            self.lead(connection, progress, now);
        }
    }

    /// Leads a client to its service, or to its end.
    fn lead(&mut self, mut connection: Connection, progress: Progress, now: Moment) {
        match (progress, connection.next) {
            (Progress::Complete(name), Next::Line(slot, _, started)) => {
                let knock = Knock { name, since: now };
                connection.next = Next::Door(slot, knock, started);
                self.knock(connection, now);
            }
            (_, next) => {
                connection.next = next;
                self.end_line(&mut connection, now);
            }
        }
    }

    /// Hands a client that has named a service to that, or lets it wait for another try.
    pub(super) fn knock(&mut self, mut connection: Connection, now: Moment) {
        let Next::Door(_, knock, _) = &connection.next else {
            return;
        };
        let is_patient = now.since(knock.since) < PATIENCE;
        let answer = match self.hand_on(&connection, &knock.name, now) {
            Handed::Later if is_patient => {
                return self.wait(connection, Wait::Door, false, now);
            }
            Handed::Later => {
                if self.remarks.admits(now.seconds()) {
                    let id = self.settings.spec.id.to_text();
                    let name = knock.name.escape_ascii();
                    log::error!("{id}: {name} can't be reached: its queue is full");
                }
                Some(Arc::from(NOT_AVAILABLE))
            }
            Handed::On => None,
            Handed::Not(answer) => Some(answer),
        };
        self.end_line(&mut connection, now);
        if let Some(answer) = answer {
            connection.outbox.push(answer);
            self.advance(connection, now);
        }
    }

    /// Hands a client to the first service of that name whose socket listens.
    fn hand_on(&mut self, connection: &Connection, name: &[u8], now: Moment) -> Handed {
        let Work::Tcpmux(targets) = &self.settings.work else {
            return Handed::Not(Arc::from(NOT_AVAILABLE));
        };
        let is_it = |target: &&MuxTarget| target.name.as_bytes().eq_ignore_ascii_case(name);
        for target in targets.iter().filter(is_it) {
            match handover::hand(&target.socket, connection) {
                Ok(()) => return Handed::On,
                Err(error) if is_stopped(&error) => {}
                // connect(2) of a socket of unix(7) whose queue is full.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Handed::Later,
                Err(error) => {
                    if self.remarks.admits(now.seconds()) {
                        let (id, name) = (self.settings.spec.id.to_text(), target.name.to_text());
                        log::error!("{id}: {name} can't be reached: {error}");
                    }
                    return Handed::Not(Arc::from(NOT_AVAILABLE));
                }
            }
        }
        Handed::Not(match name.eq_ignore_ascii_case(HELP) {
            true => help(targets),
            false => Arc::from(NOT_FOUND),
        })
    }

    /// A client is no longer one of this service.
    pub(super) fn end_line(&mut self, connection: &mut Connection, now: Moment) {
        let next = std::mem::replace(&mut connection.next, Next::Close);
        if let Next::Line(slot, _, started) | Next::Door(slot, _, started) = next {
            self.log_exit(&connection.remote, started, now);
            self.state.leave(slot);
            self.notifier.status_changed();
        }
    }
}

/// Whether the socket unit of a service is not started, as far as tcpmux can see.
fn is_stopped(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::ConnectionRefused
    )
}

/// The names of all services that listen, each on a line of its own.
fn help(targets: &[MuxTarget]) -> Arc<[u8]> {
    let mut text = Vec::new();
    for target in targets.iter().filter(|target| target.socket.exists()) {
        text.extend_from_slice(target.name.as_os_str().as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use proptest::prelude::*;

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_nodelay(true).unwrap();
        (client, listener.accept().unwrap().0)
    }

    /// What becomes of the parts, sent one after another, and what is left for a server.
    fn read(parts: &[&[u8]]) -> (Progress, Vec<u8>) {
        let (mut client, mut stream) = pair();
        let mut line = Line::default();
        let mut progress = Progress::Incomplete;
        let mut sent = 0;
        for part in parts {
            client.write_all(part).unwrap();
            sent += part.len();
            // Until it has arrived.
            while progress == Progress::Incomplete && line.0.len() < sent {
                progress = line.read(&stream);
            }
        }
        drop(client);
        let mut rest = Vec::new();
        // A client that has gone may leave a reset.
        let _ = stream.read_to_end(&mut rest);
        (progress, rest)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_name_is_the_same_however_it_is_cut(
            name in "[a-zA-Z0-9 \r]{1,40}",
            rest in proptest::collection::vec(any::<u8>(), 0..40),
            cuts in proptest::collection::vec(0..80_usize, 0..4),
        ) {
            let text = [name.as_bytes(), b"\r\n", &rest].concat();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            cuts.push(text.len());
            let mut parts = Vec::new();
            let mut from = 0;
            for to in cuts {
                parts.push(&text[from..to]);
                from = to;
            }
            let (progress, left) = read(&parts);
            prop_assert_eq!(progress, Progress::Complete(name.into_bytes()));
            prop_assert_eq!(left, rest);
        }
    }

    #[test]
    fn what_is_no_line_is_no_name() {
        assert_eq!(read(&[b"name\n"]).0, Progress::Wrong);
        assert_eq!(read(&[b"\r\n"]).0, Progress::Wrong);
        assert_eq!(
            read(&[b"na\r", b"\n"]).0,
            Progress::Complete(b"na".to_vec())
        );
        assert_eq!(read(&[b"name"]).0, Progress::Incomplete);
        assert_eq!(
            read(&[&[b'x'; MAX_LINE - 2], b"\r\n"]).0,
            Progress::Complete(vec![b'x'; MAX_LINE - 2])
        );
        assert_eq!(read(&[&[b'x'; MAX_LINE]]).0, Progress::Wrong);
        let (client, stream) = pair();
        drop(client);
        assert_eq!(Line::default().read(&stream), Progress::Wrong);
    }
}
