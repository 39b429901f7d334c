//! What programs say through the `log` crate, for tests: each hears what its own thread has said.

use std::cell::RefCell;

use log::{LevelFilter, Log, Metadata, Record};

thread_local! {
    static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Ear;

impl Log for Ear {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        SAID.with_borrow_mut(|said| said.push(record.args().to_string()));
    }

    fn flush(&self) {}
}

/// The lines since this was asked the last time; from the first time on they are heard.
pub(crate) fn heard() -> Vec<String> {
    // Another thread may have been the first.
    let _ = log::set_logger(&Ear);
    log::set_max_level(LevelFilter::Info);
    SAID.take()
}
