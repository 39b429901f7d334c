//! Descriptors that come to us as numbers.

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// Takes the descriptors `first..first + count` that the service manager passed, close-on-exec.
///
/// # Errors
/// If one of them is not open; none is taken then.
pub fn adopt(first: RawFd, count: usize) -> io::Result<Vec<OwnedFd>> {
    let numbers: Vec<RawFd> = (first..).take(count).collect();
    for &number in &numbers {
        // SAFETY: borrowed for this one call, which fails with EBADF if it is not open.
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        fcntl(borrowed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    // SAFETY: each is open, and sd_listen_fds(3) makes them ours alone.
    let owned = numbers
        .iter()
        .map(|&number| unsafe { OwnedFd::from_raw_fd(number) });
    Ok(owned.collect())
}
