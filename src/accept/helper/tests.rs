//! A helper as a whole, with real sockets and servers; its turns are made by the test.

mod bans;
mod clients;
mod commands;
mod ends;
mod identify;
mod internal;
mod leave;
mod mux;
mod redirect;
mod redirect_ends;
mod reload;
mod requests;
mod sensor;
mod single;
mod waits;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::journal::Journal;
use crate::status::Status;

use super::super::ban_table::Bans;
use super::super::clock::Moment;
use super::super::common_limit::CommonLimit;
use super::super::kinds::Sessions;
use super::super::log::StoredCounters;
use super::super::reactor::Events;
use super::super::settings::tests::MINIMAL;
use super::super::settings::{Inherited, Settings, parse};
use super::super::sockets::Sockets;
use super::super::state::StateFile;
use super::{Helper, Start};

/// All words of `log_on_success` that a line can show.
const LOGGED: (&str, &str) = (
    "success = {}",
    "success = { pid = true, host = true, exit = true, duration = true }",
);

/// Where lines go that find no journal.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How long a test waits for what never comes if there is a fault.
const PATIENCE: Duration = Duration::from_secs(10);

struct Scene {
    helper: Helper,
    address: SocketAddr,
    lines: Lines,
    state: StateFile,
}

fn spec(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(MINIMAL.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

fn shell(script: &str) -> String {
    format!(r#"{{ path = "/bin/sh", argv = ["sh", "-c", '''{script}'''] }}"#)
}

const CAT: &str = r#"{ path = "/bin/cat", argv = ["cat"] }"#;

/// What a spec says that is to be done, in [`MINIMAL`].
const TASK: &str = r#"execute = { path = "/bin/cat", argv = ["cat"] }"#;

impl Scene {
    fn new(changes: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("[::]:0").unwrap();
        Self::with(listener, StateFile::create().unwrap(), changes)
    }

    fn with(listener: TcpListener, state: StateFile, changes: &[(&str, &str)]) -> Self {
        Self::with_sockets(listener, Vec::new(), Vec::new(), state, changes)
    }

    fn with_sockets(
        listener: TcpListener,
        datagrams: Vec<UdpSocket>,
        mux: Vec<UnixListener>,
        state: StateFile,
        changes: &[(&str, &str)],
    ) -> Self {
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let lines = Lines::default();
        let journal = Journal::at("/nonexistent".into(), Box::new(lines.clone())).unwrap();
        let inherited = Inherited {
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
            files: 1024,
            user: None,
        };
        let kept = StateFile::open(state.file().try_clone().unwrap().into()).unwrap();
        let start = Start {
            sockets: Sockets::new(vec![listener], datagrams, mux).unwrap(),
            journal: Box::leak(Box::new(journal)),
            settings: Settings::new(parse(spec(changes).as_bytes()).unwrap(), &inherited).unwrap(),
            inherited,
            sessions: Sessions::new(kept),
            control: None,
            counters: StoredCounters::default(),
            idle: super::super::IDLE,
            scheduling: None,
            common_limit: CommonLimit::default(),
            bans: Bans::of_helper(scratch("bans", port), scratch("coordinator", port)),
            coordinator: scratch("coordinator", port),
        };
        Self {
            helper: Helper::new(start, Moment::now().unwrap()).unwrap(),
            address: (Ipv4Addr::LOCALHOST, port).into(),
            lines,
            state,
        }
    }

    /// Lets the helper make turns until something has happened.
    fn until<T>(&mut self, mut happened: impl FnMut(&mut Helper) -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            assert!(begin.elapsed() < PATIENCE, "it does not happen");
            if let Some(it) = happened(&mut self.helper) {
                return it;
            }
            // So that the wait ends where only the test knows what it waits for.
            let most = Some(Duration::from_millis(5));
            assert_eq!(self.helper.turn(&mut Events::new(), most).unwrap(), None);
        }
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).unwrap();
        client.set_nonblocking(true).unwrap();
        client
    }

    /// What a client gets up to the end of its connection.
    fn receive(&mut self, mut client: TcpStream) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        self.until(|_| match client.read_to_end(&mut text) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => Some(Err(error)),
            Ok(_) => Some(Ok(())),
        })?;
        Ok(text)
    }

    /// What a client gets that sends nothing.
    fn text(&mut self) -> String {
        let client = self.connect();
        client.shutdown(Shutdown::Write).unwrap();
        String::from_utf8(self.receive(client).unwrap()).unwrap()
    }

    /// A client whose server runs.
    fn session(&mut self) -> TcpStream {
        let running = self.status().running;
        let client = self.connect();
        self.until(|helper| (status(helper).running > running).then_some(()));
        client
    }

    fn status(&self) -> Status {
        status(&self.helper)
    }

    fn until_idle(&mut self) {
        self.until(|helper| (helper.state.running() == 0).then_some(()));
    }

    /// The lines of the log, with `#` for each number.
    fn log(&self) -> Vec<String> {
        let text = String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| {
                let (_, message) = line.split_once("]: ").unwrap();
                let mut words = message.split(' ').map(|word| match word.split_once('=') {
                    Some((name @ ("pid" | "duration"), _)) => format!("{name}=#"),
                    _ => word.to_owned(),
                });
                let first = words.next().unwrap_or_default();
                words.fold(first, |line, word| line + " " + &word)
            })
            .collect()
    }
}

/// What root is told of the service.
fn status(helper: &Helper) -> Status {
    helper.status(Moment::now().unwrap())
}

/// Where a scene's table or the coordinator's socket is, if its test makes one.
fn scratch(name: &str, port: u16) -> PathBuf {
    std::env::temp_dir().join(format!("helper-{}-{port}-{name}", std::process::id()))
}

fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("helper-{}-{name}", std::process::id()));
    std::fs::write(&path, content).unwrap();
    path
}
