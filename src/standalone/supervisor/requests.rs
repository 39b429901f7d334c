//! What helpers are asked to do, over their control sockets.

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::accept::reload::request;
use crate::status::OK;

/// How many are asked at once.
const AT_ONCE: usize = 64;

/// A request to a helper.
#[derive(Debug)]
pub(super) struct HelperRequest {
    /// The key of its service.
    pub(super) key: u64,
    /// Its process.
    pub(super) helper: i32,
    /// The directory with its control socket.
    pub(super) directory: io::Result<PathBuf>,
    /// What is asked.
    pub(super) what: Vec<u8>,
}

/// Asks helpers, many at once, so that those that stand still are waited for together, and for so long. The keys of
/// those that have not done it, and why.
pub(super) fn ask_all(requests: &[HelperRequest], patience: Duration) -> Vec<(u64, String)> {
    let mut failed = Vec::new();
    for some in requests.chunks(AT_ONCE) {
        thread::scope(|scope| {
            let asked = some.iter().map(|request| {
                let thread =
                    thread::Builder::new().spawn_scoped(scope, move || request.ask(patience));
                (request, thread)
            });
            for (request, thread) in asked.collect::<Vec<_>>() {
                let answer = match thread.map(thread::ScopedJoinHandle::join) {
                    Ok(Ok(answer)) => answer,
                    Ok(Err(panic)) => std::panic::resume_unwind(panic),
                    // There is no thread for it.
                    Err(_) => request.ask(patience),
                };
                failed.extend(answer.err().map(|error| (request.key, error)));
            }
        });
    }
    failed
}

impl HelperRequest {
    fn ask(&self, patience: Duration) -> Result<(), String> {
        let directory = self.directory.as_ref().map_err(ToString::to_string)?;
        match request(directory, self.helper, &self.what, patience) {
            Ok(answer) if answer == OK => Ok(()),
            Ok(answer) => Err(answer),
            Err(error) => Err(error.to_string()),
        }
    }
}
