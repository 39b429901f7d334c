//! New settings: the side of `systemctl reload`, and the helper's.

use std::env;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::status::{OK, RELOAD, short_control_socket};
use crate::sys::socket::peer;

use super::settings;

/// How long the helper may take for an answer: it is never busy for that long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// `--reload UNIT SPEC`: reads the spec in a file, and has the running helper take it.
///
/// # Errors
/// In words, if the spec is wrong or the helper does not take it.
pub(super) fn reload(unit: &str, file: &Path) -> Result<(), String> {
    await_file(file);
    let text = settings::read(file)?;
    settings::parse(&text)?;
    let directory = runtime_directory()
        .ok_or("RUNTIME_DIRECTORY is not set: systemd calls this for its units")?;
    let helper = main_pid().ok_or_else(|| format!("{unit} has no helper that runs"))?;
    let what = [RELOAD.as_bytes(), &text].concat();
    match request(&directory, helper, &what, PATIENCE) {
        Ok(answer) if answer == OK => Ok(()),
        Ok(answer) => Err(answer),
        Err(error) => Err(format!("{unit} can't be reloaded: {error}")),
    }
}

/// Waits until a file is there: a daemon-reload removes all specs before it makes them anew.
fn await_file(file: &Path) {
    let deadline = Instant::now() + PATIENCE;
    while !file.exists() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a request to a helper by the socket in its RuntimeDirectory, and returns its answer, which may take so long.
///
/// # Errors
/// If there is none, or if the socket belongs to another process than the `helper`: the unit's user
/// could have put it there.
pub(crate) fn request(
    directory: &Path,
    helper: i32,
    request: &[u8],
    patience: Duration,
) -> io::Result<String> {
    let (_open, path) = short_control_socket(directory)?;
    let mut stream = connect(&path, patience)?;
    let (pid, _) = peer(&stream)?;
    if pid != helper {
        return Err(io::Error::other(format!(
            "the control socket belongs to process {pid}, which is not the unit's main process"
        )));
    }
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(request)?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    Ok(answer)
}

/// Connects to a helper. Where its backlog is full connect(2) waits for as long as a send may.
fn connect(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(patience))?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(UnixStream::from(OwnedFd::from(socket)))
}

/// The RuntimeDirectory of the unit that systemd calls this for.
pub(super) fn runtime_directory() -> Option<PathBuf> {
    env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from)
}

/// The unit's main process; none where it has ended.
pub(super) fn main_pid() -> Option<i32> {
    env::var("MAINPID").ok()?.parse().ok()
}
