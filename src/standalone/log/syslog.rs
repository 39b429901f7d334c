//! The way to syslog, and what has the lines while no syslog daemon runs.

use std::fs::File;
use std::io;
use std::os::unix::net::UnixDatagram;

use jiff::Zoned;
use xinetd_core::options::LogFormat;
use xinetd_core::service::Facility;

use super::format::Line;
use super::sink::{copy, write_to_stream};

/// Where syslog listens (syslog(3)).
const SYSLOG: &str = "/dev/log";

/// A syslog daemon may be started later than this program, end, and be started anew: with each line it is tried again
/// where there was none, as syslog(3) does.
#[derive(Debug)]
pub(super) struct Syslog {
    socket: UnixDatagram,
    /// The facility of what has no other.
    usual: Facility,
    /// Whether it has listened when it was tried last.
    listens: bool,
    /// Standard error, which has the lines while there is none; nothing in the background.
    otherwise: Option<File>,
}

impl Syslog {
    /// Tries it for the first time.
    ///
    /// # Errors
    /// If the kernel refuses a descriptor.
    pub(super) fn open(usual: Facility) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        let listens = socket.connect(SYSLOG).is_ok();
        Ok(Self {
            socket,
            usual,
            listens,
            otherwise: Some(copy(&io::stderr())?),
        })
    }

    /// Whether it has listened when it was tried last.
    pub(super) fn listens(&self) -> bool {
        self.listens
    }

    /// Has standard error get no lines any more.
    pub(super) fn leave_standard_error(&mut self) {
        self.otherwise = None;
    }

    /// Writes a line there, or else on standard error, and says where the log goes on when that changes.
    ///
    /// # Errors
    /// If neither takes it at once. What a daemon that runs does not take is lost: it does not go to standard error.
    pub(super) fn write(&mut self, line: &Line<'_>, format: LogFormat) -> io::Result<()> {
        let gone = match self.send(line, format) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => error,
            sent => return sent,
        };
        let has_left = std::mem::take(&mut self.listens);
        let Some(stream) = &mut self.otherwise else {
            return Err(gone);
        };
        if has_left {
            let text = format!("{SYSLOG}: {gone}; the log goes on here until syslog is back");
            write_to_stream(stream, &Line::own(4, text.as_bytes()), format)?;
        }
        write_to_stream(stream, line, format)
    }

    fn send(&mut self, line: &Line<'_>, format: LogFormat) -> io::Result<()> {
        let datagram = |line: &Line<'_>| line.datagram(self.usual, &Zoned::now());
        if !self.listens {
            self.socket.connect(SYSLOG)?;
            if let Some(stream) = &mut self.otherwise {
                let back = b"the log goes to syslog from now on, and no more to standard error";
                let back = Line::own(5, back);
                self.socket.send(&datagram(&back))?;
                // A reader that stalls hears nothing of it.
                let _ = write_to_stream(stream, &back, format);
            }
            self.listens = true;
        }
        let datagram = datagram(line);
        match self.socket.send(&datagram) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                // It was started anew.
                self.socket.connect(SYSLOG)?;
                self.socket.send(&datagram).map(drop)
            }
            sent => sent.map(drop),
        }
    }
}
