//! Helpers whose supervisor was killed: they go on serving, and hold the ports that the next one wants.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use xinetd_core::translate::helper;

use super::places::Places;
use crate::status::short_control_socket;
use crate::sys::process::Process;
use crate::sys::socket::peer_process;

/// How long they may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Has them end; their sessions go on, as those of a killed xinetd do.
pub(super) fn take_over(places: &Places) {
    if !places.is_usual() {
        return;
    }
    let runtimes = places.all_runtimes();
    let left: Vec<Process> = runtimes
        .iter()
        .filter_map(|runtime| helper_of(runtime))
        .collect();
    for process in &left {
        // It may have ended just now.
        let _ = process.end_by(Signal::SIGTERM);
    }
    let deadline = Instant::now() + PATIENCE;
    for process in &left {
        let ended = process.await_end(deadline.saturating_duration_since(Instant::now()));
        if !ended.unwrap_or(true) {
            let _ = process.kill(Signal::SIGKILL);
        }
    }
    if !left.is_empty() {
        log::warn!(
            "the last supervisor was killed: its {} helpers have ended, and their sessions go on without being counted",
            left.len()
        );
    }
}

/// The helper that listens for requests in this directory, if one does.
fn helper_of(runtime: &Path) -> Option<Process> {
    let (_open, path) = short_control_socket(runtime).ok()?;
    let stream = UnixStream::connect(path).ok()?;
    let process = peer_process(stream.as_fd()).ok()?;
    let program = fs::read_link(format!("/proc/{}/exe", process.pid())).ok()?;
    let own = helper();
    (program.file_name() == own.file_name()).then_some(process)
}
