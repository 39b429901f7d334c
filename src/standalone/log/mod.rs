//! Where the lines of the supervisor and of its helpers go.

mod format;
mod sink;
mod syslog;

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{Level, LevelFilter, Log, Metadata, Record};
use xinetd_core::options::LogFormat;
use xinetd_core::problem::printable;

use super::options::LogTo;
use sink::Sink;

pub(super) use format::Line;

/// The log of the whole program, which the `log` crate writes to as well.
#[derive(Debug)]
pub(super) struct Logs(Mutex<Sink>);

impl Logs {
    /// Opens it; from now on messages of the `log` crate go there.
    ///
    /// # Errors
    /// If its file can't be opened.
    pub(super) fn start(to: &LogTo, is_debugging: bool) -> io::Result<&'static Self> {
        let logs: &'static Self = Box::leak(Box::new(Self(Mutex::new(Sink::open(to)?))));
        // Only a second one would fail, and the first is as good.
        let _ = log::set_logger(logs);
        log::set_max_level(match is_debugging {
            true => LevelFilter::Debug,
            false => LevelFilter::Info,
        });
        Ok(logs)
    }

    /// Writes a line. What can't be written at once is lost, and counted.
    pub(super) fn write(&self, line: &Line<'_>) {
        self.lock().write(line);
    }

    /// Has lines in a file or a stream look like this.
    pub(super) fn set_format(&self, format: LogFormat) {
        self.lock().set_format(format);
    }

    /// Opens a log file anew, as it may have been put aside.
    ///
    /// # Errors
    /// If it can't be opened; the log goes on in the file of before, and says so.
    pub(super) fn reopen(&self) -> io::Result<()> {
        let reopened = self.lock().reopen();
        reopened.inspect_err(|error| log::error!("{error}; the log goes on in the file of before"))
    }

    /// What becomes of its lines in the background, where they would be lost, and what to do.
    pub(super) fn lost_in_background(&self) -> Option<&'static str> {
        self.lock().lost_in_background()
    }

    /// Leaves the standard output and standard error of before, which are those of another process now.
    ///
    /// # Errors
    /// As dup(2).
    pub(super) fn leave_streams(&self) -> io::Result<()> {
        self.lock().leave_streams()
    }

    fn lock(&self) -> MutexGuard<'_, Sink> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for Logs {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // It may have names of others in it, and must not end the line.
            let text = printable(&record.args().to_string());
            self.write(&Line::own(number(record.level()), text.as_bytes()));
        }
    }

    fn flush(&self) {}
}

/// The level of syslog(3): xinetd tells what it does as notices.
fn number(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 5,
        Level::Debug | Level::Trace => 7,
    }
}
