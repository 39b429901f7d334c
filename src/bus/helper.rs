//! Helpers, asked over their control sockets.
//!
//! What lies in a unit's RuntimeDirectory may have been put there by its servers, which have the
//! same user: nothing is followed, and nothing that is said there is believed of another service.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::status::{Counters, MAX_STATUS, control_socket, counters_file};

/// How long all helpers together may take for their answers: none is ever busy for that long.
const PATIENCE: Duration = Duration::from_millis(500);

/// A question that has been asked.
struct StatusQuery {
    stream: UnixStream,
    answer: Vec<u8>,
    complete: bool,
}

/// Asks the helpers of the units with these runtime directories, all at once. None for a helper that is
/// not there or does not answer.
pub(super) fn ask<'a>(
    directories: impl Iterator<Item = &'a Path>,
    request: &str,
) -> Vec<Option<String>> {
    let mut asked: Vec<_> = directories
        .map(|directory| begin(directory, request).ok())
        .collect();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut waiting: Vec<_> = asked
            .iter_mut()
            .flatten()
            .filter(|one| !one.complete)
            .collect();
        let left = deadline.saturating_duration_since(Instant::now());
        if waiting.is_empty() || left.is_zero() {
            break;
        }
        let mut fds: Vec<_> = waiting
            .iter()
            .map(|one| PollFd::new(one.stream.as_fd(), PollFlags::POLLIN))
            .collect();
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        if !matches!(poll(&mut fds, timeout), Ok(_) | Err(Errno::EINTR)) {
            break;
        }
        let ready: Vec<_> = fds.iter().map(|fd| fd.any().unwrap_or(true)).collect();
        drop(fds);
        for (one, ready) in waiting.iter_mut().zip(ready) {
            if ready {
                one.read();
            }
        }
    }
    asked.into_iter().map(|one| one?.text()).collect()
}

/// What the last helper of a unit has left.
pub(super) fn counters(directory: &Path) -> Option<Counters> {
    // No link.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW)
        .open(counters_file(directory))
        .ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    file.take(MAX_STATUS).read_to_string(&mut text).ok()?;
    toml::from_str(&text).ok()
}

fn begin(directory: &Path, request: &str) -> io::Result<StatusQuery> {
    // A link could lead to any other socket of the machine, and root would speak to it.
    // Not by std, which takes O_PATH away where the C library is musl.
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let socket = nix::fcntl::open(&control_socket(directory), flags, Mode::empty())?;
    let socket = File::from(socket);
    if !socket.metadata()?.file_type().is_socket() {
        return Err(ErrorKind::InvalidInput.into());
    }
    let stream = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A full queue must not hold us up.
    stream.set_nonblocking(true)?;
    let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
    stream.connect(&SockAddr::unix(path)?)?;
    let mut stream = UnixStream::from(std::os::fd::OwnedFd::from(stream));
    stream.write_all(request.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    Ok(StatusQuery {
        stream,
        answer: Vec::new(),
        complete: false,
    })
}

impl StatusQuery {
    /// Takes what has come.
    fn read(&mut self) {
        let room = MAX_STATUS.saturating_sub(self.answer.len() as u64);
        let mut from = Read::by_ref(&mut self.stream).take(room);
        self.complete = match from.read_to_end(&mut self.answer) {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(_) => {
                self.answer.clear();
                true
            }
        };
    }

    fn text(self) -> Option<String> {
        (self.complete && !self.answer.is_empty())
            .then(|| String::from_utf8(self.answer).ok())
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;
    use std::thread;

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("asked-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn only(directory: &Path) -> Option<String> {
        ask([directory].into_iter(), "status\n").remove(0)
    }

    #[test]
    fn a_helper_answers_beside_those_who_do_not() {
        let (good, silent, none) = (scratch("good"), scratch("silent"), scratch("none"));
        let helper = UnixListener::bind(control_socket(&good)).unwrap();
        let _silent = UnixListener::bind(control_socket(&silent)).unwrap();
        let answer = thread::spawn(move || {
            let (mut stream, _) = helper.accept().unwrap();
            let mut request = String::new();
            stream.read_to_string(&mut request).unwrap();
            stream
                .write_all(format!("to {request}").as_bytes())
                .unwrap();
        });
        let directories = [&silent, &good, &none];
        let answers = ask(directories.into_iter().map(PathBuf::as_path), "status\n");
        assert_eq!(answers, [None, Some("to status\n".to_owned()), None]);
        answer.join().unwrap();
        for directory in directories {
            fs::remove_dir_all(directory).unwrap();
        }
    }

    #[test]
    fn links_are_not_followed() {
        let folder = scratch("links");
        let victim = UnixListener::bind(folder.join("victim")).unwrap();
        symlink(folder.join("victim"), control_socket(&folder)).unwrap();
        assert_eq!(only(&folder), None);
        victim.set_nonblocking(true).unwrap();
        assert!(victim.accept().is_err(), "nobody has come");
        fs::write(folder.join("text"), "served = 1\n").unwrap();
        symlink(folder.join("text"), counters_file(&folder)).unwrap();
        assert_eq!(counters(&folder), None);
        fs::remove_dir_all(folder).unwrap();
    }
}
