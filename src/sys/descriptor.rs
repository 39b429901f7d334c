//! Descriptors that come to us as numbers.

use std::env;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use listenfd::ListenFd;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// What to do where the service manager has passed nothing.
pub(crate) const BY_HAND: &str = "start the .socket unit instead: it starts this program";

/// More descriptors than that are no unit of ours.
const MOST: usize = 64;

/// A descriptor that the service manager passed.
#[derive(Debug)]
pub(crate) struct Passed {
    /// Its name (`FileDescriptorName=`), or nothing.
    pub(crate) name: String,
    /// The descriptor, close-on-exec.
    pub(crate) descriptor: OwnedFd,
}

/// Takes the descriptors that the service manager passed (sd_listen_fds(3)); none where it passed
/// none. A second call finds none: the first one removes the variables.
///
/// # Errors
/// In words, if they are meant for another process or are not open.
pub(crate) fn take_passed() -> Result<Vec<Passed>, String> {
    let variable = |name| env::var(name).ok();
    let names = announced(
        variable("LISTEN_PID").as_deref(),
        variable("LISTEN_FDS").as_deref(),
        variable("LISTEN_FDNAMES").as_deref(),
        std::process::id(),
    )?;
    let mut numbers = ListenFd::from_env();
    let mut passed = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let number = numbers.take_raw_fd(index);
        if let Some(number) = number.map_err(|error| error.to_string())? {
            let descriptor =
                adopt(number).map_err(|error| format!("descriptor {name}: {error}"))?;
            passed.push(Passed { name, descriptor });
        }
    }
    Ok(passed)
}

/// Owns a descriptor from now on, and makes it close-on-exec.
fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: borrowed for this one call, which fails with EBADF if it is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(borrowed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: it is open, and the service manager passed it to this very process, which the only
    // caller has made sure of. listenfd gives each number once, so that nothing else here owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// The names of the descriptors, if they are meant for the process `own`: listenfd takes
/// descriptors also where LISTEN_PID is missing.
fn announced(
    pid: Option<&str>,
    count: Option<&str>,
    names: Option<&str>,
    own: u32,
) -> Result<Vec<String>, String> {
    let Some(count) = count else {
        return Ok(Vec::new());
    };
    let pid = pid.ok_or_else(|| format!("LISTEN_PID is not set; {BY_HAND}"))?;
    if pid.parse() != Ok(own) {
        return Err(format!(
            "LISTEN_PID is {pid}, which is another process; {BY_HAND}"
        ));
    }
    let count = count.parse().unwrap_or(0);
    if count == 0 || count > MOST {
        return Err(format!(
            "LISTEN_FDS tells of {count} descriptors; {BY_HAND}"
        ));
    }
    let mut names: Vec<String> = names
        .map(|names| names.split(':').map(str::to_owned).collect())
        .unwrap_or_default();
    names.resize(count, String::new());
    Ok(names)
}

/// Makes all descriptors but 0, 1 and 2 close-on-exec, those included that we do not know of: no
/// server gets them.
///
/// # Errors
/// On kernels before 5.11, where only what we know of is.
pub(crate) fn keep_from_servers() -> io::Result<()> {
    const CLOSE_RANGE_CLOEXEC: u32 = 1 << 2;
    // SAFETY: no pointers; with this flag nothing is closed.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, CLOSE_RANGE_CLOEXEC) };
    Errno::result(result)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_for_another_process_are_not_taken() {
        assert!(announced(None, Some("1"), None, 7).is_err());
        assert!(announced(Some("8"), Some("1"), None, 7).is_err());
        assert!(announced(Some("7"), Some("0"), None, 7).is_err());
        assert!(announced(Some("7"), Some("1000000000000"), None, 7).is_err());
        assert_eq!(announced(None, None, None, 7), Ok(Vec::new()));
    }

    #[test]
    fn names_may_be_missing() {
        let names = announced(Some("7"), Some("2"), Some("telnet:state"), 7).unwrap();
        assert_eq!(names, ["telnet", "state"]);
        assert_eq!(
            announced(Some("7"), Some("2"), Some("telnet"), 7).unwrap(),
            ["telnet", ""]
        );
    }
}
