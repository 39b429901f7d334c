//! The place that the lines go to. Nothing here waits: a reader that stalls must not hold the services up.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Zoned;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use xinetd_core::options::LogFormat;
use xinetd_core::service::Facility;

use super::super::options::LogTo;
use super::format::Line;
use super::syslog::Syslog;

/// The place, and what was lost on the way to it.
#[derive(Debug)]
pub(super) struct Sink {
    place: Place,
    format: LogFormat,
    lost: u64,
}

#[derive(Debug)]
enum Place {
    /// Standard output or standard error.
    Stream(File, Stream),
    File(PathBuf, File),
    Syslog(Syslog),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Output,
    Error,
}

impl Sink {
    /// Opens the place.
    ///
    /// # Errors
    /// If a file can't be opened.
    pub(super) fn open(to: &LogTo) -> io::Result<Self> {
        let place = match to {
            LogTo::Usual => Place::Syslog(Syslog::open(Facility::Daemon)?),
            LogTo::Syslog(facility) => Place::Syslog(Syslog::open(*facility)?),
            LogTo::Output => Place::Stream(copy(&io::stdout())?, Stream::Output),
            LogTo::Error => Place::Stream(copy(&io::stderr())?, Stream::Error),
            LogTo::File(path) => Place::File(path.clone(), append(path)?),
        };
        Ok(Self {
            place,
            format: LogFormat::Text,
            lost: 0,
        })
    }

    /// Has lines in a file or a stream look like this; those of syslog have its own form.
    pub(super) fn set_format(&mut self, format: LogFormat) {
        self.format = format;
    }

    /// What becomes of its lines in the background, where they would be lost, and what to do.
    pub(super) fn lost_in_background(&self) -> Option<&'static str> {
        match &self.place {
            Place::File(..) => None,
            Place::Stream(..) => Some(
                "in the background nothing can be written here: the messages after this are lost; write -filelog FILE, \
                 or -dontfork to stay",
            ),
            Place::Syslog(syslog) => (!syslog.listens()).then_some(
                "no syslog daemon listens at /dev/log: in the background the messages after this are lost until one \
                 does; write -filelog FILE, or -dontfork to stay",
            ),
        }
    }

    /// Goes on with the standard output or standard error that this process has now: in the background that is
    /// /dev/null, which takes nothing in place of syslog.
    ///
    /// # Errors
    /// As dup(2).
    pub(super) fn leave_streams(&mut self) -> io::Result<()> {
        match &mut self.place {
            Place::File(..) => {}
            Place::Stream(file, Stream::Output) => *file = copy(&io::stdout())?,
            Place::Stream(file, Stream::Error) => *file = copy(&io::stderr())?,
            Place::Syslog(syslog) => syslog.leave_standard_error(),
        }
        Ok(())
    }

    /// Opens a file anew.
    ///
    /// # Errors
    /// If it can't be opened.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let Place::File(path, file) = &mut self.place {
            *file = append(path)?;
        }
        Ok(())
    }

    /// Writes a line, and before it how many were lost.
    pub(super) fn write(&mut self, line: &Line<'_>) {
        if self.lost > 0 {
            let lost = match self.lost {
                1 => "1 line was".to_owned(),
                count => format!("{count} lines were"),
            };
            let text = format!("{lost} lost, as the log could not be written");
            let report = Line::own(4, text.as_bytes());
            if self.place.write(&report, self.format).is_err() {
                self.lost += 1;
                return;
            }
            self.lost = 0;
        }
        if self.place.write(line, self.format).is_err() {
            self.lost += 1;
        }
    }
}

impl Place {
    fn write(&mut self, line: &Line<'_>, format: LogFormat) -> io::Result<()> {
        match self {
            Self::Stream(stream, _) => write_to_stream(stream, line, format),
            Self::File(_, file) => {
                let bytes = match format {
                    LogFormat::Json => line.json(&Zoned::now()),
                    LogFormat::Text => line.stamped(&Zoned::now()),
                };
                write_whole(file, &bytes)
            }
            Self::Syslog(syslog) => syslog.write(line, format),
        }
    }
}

/// Writes a line to a file, or nothing of it: the disk may have room for a part.
fn write_whole(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    let written = file.write(bytes)?;
    if written == bytes.len() {
        return Ok(());
    }
    let written = u64::try_from(written).map_err(io::Error::other)?;
    file.set_len(file.metadata()?.len().saturating_sub(written))?;
    Err(io::ErrorKind::StorageFull.into())
}

/// Writes a line to standard output or standard error.
///
/// # Errors
/// If it can't be written at once.
pub(super) fn write_to_stream(
    stream: &mut File,
    line: &Line<'_>,
    format: LogFormat,
) -> io::Result<()> {
    if !is_writable(stream) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    stream.write_all(&match format {
        LogFormat::Json => line.json(&Zoned::now()),
        LogFormat::Text => line.plain(),
    })
}

/// Another descriptor of a stream.
///
/// # Errors
/// As dup(2).
pub(super) fn copy(stream: &impl AsFd) -> io::Result<File> {
    let copy: OwnedFd = stream.as_fd().try_clone_to_owned()?;
    Ok(File::from(copy))
}

fn append(path: &Path) -> io::Result<File> {
    // The open of a FIFO without a reader must not wait.
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o644);
    let opened = options
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path);
    opened.map_err(|error| io::Error::other(format!("the log file {}: {error}", path.display())))
}

fn is_writable(stream: &File) -> bool {
    let mut fds = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
    let ready = poll(&mut fds, PollTimeout::ZERO).is_ok_and(|count| count > 0);
    ready
        && fds[0]
            .revents()
            .is_some_and(|events| events.contains(PollFlags::POLLOUT))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, pipe};

    use super::*;

    fn line(text: &'static [u8]) -> Line<'static> {
        Line {
            pid: 7,
            ..Line::own(5, text)
        }
    }

    #[test]
    fn a_reader_that_stalls_costs_lines_and_no_time() {
        let (mut read, write) = pipe().unwrap();
        let stream = File::from(OwnedFd::from(write));
        let mut sink = Sink {
            place: Place::Stream(stream, Stream::Error),
            format: LogFormat::Text,
            lost: 0,
        };
        let long = line(&[b'x'; 1000]);
        while sink.lost < 3 {
            sink.write(&long);
        }
        let mut taken = vec![0; 1 << 16];
        let count = read.read(&mut taken).unwrap();
        assert!(taken[..count].ends_with(b"x\n"), "whole lines");
        sink.write(&line(b"again"));
        drop(sink);
        let mut rest = String::new();
        read.read_to_string(&mut rest).unwrap();
        assert!(
            rest.contains("]: 3 lines were lost") && rest.ends_with("xinetd[7]: again\n"),
            "{rest}"
        );
    }

    #[test]
    fn a_file_that_was_put_aside_is_made_anew_at_a_reload() {
        let path = std::env::temp_dir().join(format!("standalone-log-{}", std::process::id()));
        let mut sink = Sink::open(&LogTo::File(path.clone())).unwrap();
        sink.write(&line(b"one"));
        let aside = path.with_extension("1");
        std::fs::rename(&path, &aside).unwrap();
        sink.write(&line(b"two"));
        sink.reopen().unwrap();
        sink.write(&line(b"three"));
        let text = |path: &Path| std::fs::read_to_string(path).unwrap();
        assert_eq!(text(&aside).lines().count(), 2);
        assert!(text(&path).ends_with("xinetd[7]: NOTICE: three\n"));
        std::fs::remove_file(path).unwrap();
        std::fs::remove_file(aside).unwrap();
    }
}
