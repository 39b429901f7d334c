//! Descriptors that come to us as numbers.

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// Takes a descriptor that the service manager passed, and makes it close-on-exec.
///
/// The caller has it from sd_listen_fds(3), which makes it this process's own.
///
/// # Errors
/// If it is not open.
pub fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: borrowed for this one call, which fails with EBADF if it is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(borrowed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: it is open, and nobody else in this process owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Makes all descriptors but 0, 1 and 2 close-on-exec, those included that we do not know of: no
/// server gets them.
///
/// # Errors
/// On kernels before 5.11, where only what we know of is.
pub fn keep_from_servers() -> io::Result<()> {
    const CLOSE_RANGE_CLOEXEC: u32 = 1 << 2;
    // SAFETY: no pointers; with this flag nothing is closed.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, CLOSE_RANGE_CLOEXEC) };
    Errno::result(result)?;
    Ok(())
}
