//! Instructions of the helper outside the kernel, counted one by one with ptrace(2): a virtual
//! machine may have no counter for them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use testbed::Result;

use crate::kind::Kind;
use crate::stage::{Crowd, Stage, text};

/// Connections that are counted. They cost the same, but for the first ones and an address that hashes
/// otherwise: the median counts.
const CONNECTIONS: usize = 7;

/// The instructions of one connection in a `crowd`.
pub(crate) fn count(kind: Kind, crowd: &Crowd, folder: &Path) -> Result<u64> {
    let stage = Stage::open(kind, crowd, &[], folder)?;
    let steps = Arc::new(AtomicU64::new(0));
    let pid = stage.helper();
    let tracer = {
        let steps = Arc::clone(&steps);
        thread::spawn(move || follow(pid, &steps))
    };
    let counted = measure(&stage, &steps);
    // Ends the helper, and the tracer with it.
    drop(stage);
    let followed = tracer.join().map_err(|_| "the tracer failed")?;
    followed.and(counted)
}

fn measure(stage: &Stage, steps: &AtomicU64) -> Result<u64> {
    // The first one may be served before the tracer is there.
    while steps.load(Ordering::Acquire) == 0 {
        stage.exchange()?;
    }
    stage.exchange()?;
    let mut counts = [0; CONNECTIONS];
    for count in &mut counts {
        let before = steps.load(Ordering::Acquire);
        stage.exchange()?;
        *count = steps.load(Ordering::Acquire) - before;
    }
    counts.sort_unstable();
    Ok(counts[CONNECTIONS / 2])
}

/// Has this thread and a process use one processor: each step waits for the other.
fn share_processor(pid: Pid) -> nix::Result<()> {
    let this = Pid::from_raw(0);
    let usable = sched_getaffinity(this)?;
    let mut one = CpuSet::new();
    for processor in 0..CpuSet::count() {
        if usable.is_set(processor)? {
            one.set(processor)?;
            break;
        }
    }
    sched_setaffinity(this, &one)?;
    sched_setaffinity(pid, &one)
}

/// Counts the steps of a process until it ends.
fn follow(pid: Pid, steps: &AtomicU64) -> Result<()> {
    share_processor(pid).map_err(text)?;
    ptrace::attach(pid).map_err(text)?;
    loop {
        let signal = match waitpid(pid, None) {
            // The process that started it may be the one that hears of its end.
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(Errno::ECHILD) => {
                return Ok(());
            }
            Ok(WaitStatus::Stopped(_, signal)) => {
                Some(signal).filter(|signal| !matches!(signal, Signal::SIGTRAP | Signal::SIGSTOP))
            }
            Ok(_) => None,
            Err(errno) => return Err(text(errno)),
        };
        steps.fetch_add(1, Ordering::Release);
        match ptrace::step(pid, signal) {
            // It was killed meanwhile: waitpid tells.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(text(errno)),
        }
    }
}
