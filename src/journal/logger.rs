//! The `log` crate's way into the journal.

use log::{Level as LogLevel, LevelFilter, Log, Metadata, Record, SetLoggerError};

use crate::service::{Facility, Level};

use super::sink::Journal;

impl Journal {
    /// Takes the messages of the `log` crate, of `level` and more urgent ones, from now on.
    ///
    /// # Errors
    /// If there is a logger already.
    pub fn install(&'static self, level: LevelFilter) -> Result<(), SetLoggerError> {
        log::set_logger(self)?;
        log::set_max_level(level);
        Ok(())
    }
}

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.submit(|entry| {
                let urgency = (Facility::Daemon, urgency(record.level()));
                entry.begin(*record.args(), urgency, self.pid);
            });
        }
    }

    fn flush(&self) {
        Self::flush(self);
    }
}

fn urgency(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::Err,
        LogLevel::Warn => Level::Warning,
        LogLevel::Info => Level::Info,
        LogLevel::Debug | LogLevel::Trace => Level::Debug,
    }
}
