//! The `log` crate's way into the journal.

use log::{Level as LogLevel, LevelFilter, Log, Metadata, Record};
use xinetd_core::service::{Facility, Level};

use super::sink::Journal;

impl Journal {
    /// The machine's journal for the rest of the program, which takes the messages of the `log` crate
    /// from now on.
    ///
    /// None if it can't be had: there is nowhere to say it, so the exit status alone has to.
    pub(crate) fn start() -> Option<&'static Self> {
        let journal: &'static Self = Box::leak(Box::new(Self::open().ok()?));
        // Only a second one would fail, and the first is as good.
        let _ = log::set_logger(journal);
        log::set_max_level(LevelFilter::Info);
        Some(journal)
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
                entry.begin(*record.args(), urgency, &self.sender);
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
