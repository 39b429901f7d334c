//! A process that goes on with a part of this program's work.

use std::io;
use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{ForkResult, Uid, fork, setresuid};

use super::process::Process;

/// Has a child do `work`, as `user` where one is given, and end then. Of the descriptors it has 0, 1, 2 and those
/// with the numbers `kept`. SIGTERM ends it.
///
/// # Errors
/// As fork(2) and pidfd_open(2).
pub(crate) fn go_on_in_child(
    kept: &[RawFd],
    user: Option<Uid>,
    work: impl FnOnce(),
) -> io::Result<Process> {
    // SAFETY: other threads of this process are resolvers, which hold no lock that `work` takes but the
    // allocator's, and that one the C library brings into order for the child. The child does not return.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Process::open(child.as_raw()),
        ForkResult::Child => {
            if prepare(kept, user).is_ok() {
                work();
            }
            // SAFETY: no pointers; nothing of the parent's is flushed or dropped.
            unsafe { libc::_exit(0) }
        }
    }
}

/// Leaves the child what it needs, and no more.
fn prepare(kept: &[RawFd], user: Option<Uid>) -> io::Result<()> {
    let mut numbers: Vec<u32> = kept.iter().map(|number| number.unsigned_abs()).collect();
    numbers.sort_unstable();
    let mut first = 3;
    for number in numbers {
        if number > first {
            close_range(first, number - 1)?;
        }
        first = first.max(number + 1);
    }
    close_range(first, u32::MAX)?;
    if let Some(user) = user {
        setresuid(user, user, user)?;
    }
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGTERM);
    ends.thread_unblock()?;
    Ok(())
}

fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: only for the child, which ends without dropping what owned these descriptors.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    Errno::result(result)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_child_has_what_is_kept_and_nothing_else() {
        let (mut kept, child) = UnixStream::pair().unwrap();
        let (mut other, lost) = UnixStream::pair().unwrap();
        let process = go_on_in_child(&[child.as_raw_fd()], None, || {
            let mut byte = [0];
            let _ = (&child).read(&mut byte);
            let _ = (&child).write(&byte);
        })
        .unwrap();
        drop(lost);
        // Not the child, which still runs, but this process had the other end.
        assert_eq!(other.read(&mut [0]).unwrap(), 0);
        kept.write_all(b"x").unwrap();
        let mut byte = [0];
        kept.read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"x");
        assert!(process.await_end(Duration::from_secs(60)).unwrap());
        assert!(process.wait().is_ok());
    }

    #[test]
    fn a_child_can_be_ended() {
        let (kept, child) = UnixStream::pair().unwrap();
        let process = go_on_in_child(&[child.as_raw_fd()], None, || {
            let _ = (&child).read(&mut [0]);
        })
        .unwrap();
        process.kill(Signal::SIGTERM).unwrap();
        assert!(process.await_end(Duration::from_secs(60)).unwrap());
        assert!(process.wait().is_ok());
        drop(kept);
    }
}
