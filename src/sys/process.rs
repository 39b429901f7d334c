//! Processes by pidfd: a number alone may mean another process by now.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::str::FromStr;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::wait::WaitPidFlag;
use nix::unistd::{Pid, getsid};

/// A process that can't be mistaken for another one.
#[derive(Debug)]
pub(crate) struct Process {
    pid: i32,
    pidfd: OwnedFd,
}

/// How a process came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With this exit status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// It can't be told: it was not our child.
    Unknown,
}

impl Process {
    pub(super) fn new(pid: i32, pidfd: OwnedFd) -> Self {
        Self { pid, pidfd }
    }

    /// The process that has the number `pid` now.
    pub(crate) fn open(pid: i32) -> io::Result<Self> {
        // SAFETY: no pointers; returns a new descriptor, close-on-exec, or an error.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let fd = RawFd::try_from(Errno::result(fd)?).map_err(io::Error::other)?;
        // SAFETY: the kernel has just made this descriptor for us; nothing else owns it.
        let pidfd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { pid, pidfd })
    }

    /// Its number.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Becomes readable when the process ends.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Sends `signal` to this process and no other.
    pub(crate) fn kill(&self, signal: Signal) -> io::Result<()> {
        let pidfd = self.pidfd.as_raw_fd();
        // SAFETY: no pointers but a null one, which is allowed.
        let result = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                pidfd,
                signal as i32,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
        Errno::result(result)?;
        Ok(())
    }

    /// Has it end by this signal. SIGCONT follows SIGTERM, which a process does not hear that was stopped
    /// (systemd.kill(5)).
    pub(crate) fn end_by(&self, signal: Signal) -> io::Result<()> {
        self.kill(signal)?;
        match signal {
            Signal::SIGTERM => self.kill(Signal::SIGCONT),
            _ => Ok(()),
        }
    }

    /// Whether it has ended; a child that has is not reaped.
    ///
    /// # Errors
    /// As poll(2).
    pub(crate) fn has_ended(&self) -> io::Result<bool> {
        self.await_end(Duration::ZERO)
    }

    /// Waits until it has ended, for `limit` at most; whether it has. A child is not reaped.
    ///
    /// # Errors
    /// As poll(2).
    pub(crate) fn await_end(&self, limit: Duration) -> io::Result<bool> {
        let timeout = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        let mut descriptors = [PollFd::new(self.pidfd(), PollFlags::POLLIN)];
        Ok(poll(&mut descriptors, timeout)? > 0)
    }

    /// Waits until it has ended, and reaps it. Only for a child.
    #[cfg(test)]
    pub(crate) fn wait(&self) -> io::Result<Option<Ended>> {
        self.reap(WaitPidFlag::WEXITED)
    }

    /// How it ended, none while it runs; for a process whose pidfd is readable if it is not a
    /// child. A child is reaped.
    pub(crate) fn ended(&self) -> io::Result<Option<Ended>> {
        self.reap(WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG)
    }

    fn reap(&self, flags: WaitPidFlag) -> io::Result<Option<Ended>> {
        let pidfd = self.pidfd.as_raw_fd().unsigned_abs();
        match wait_id(libc::P_PIDFD, pidfd, flags) {
            Ok(ended) => Ok(ended.map(|(_, how)| how)),
            Err(Errno::ECHILD) => Ok(Some(Ended::Unknown)),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// The children of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Children {
    /// It has none.
    Absent,
    /// None has ended.
    Running,
    /// This one has ended, and is not reaped.
    Ended(i32),
}

impl Children {
    /// As they are now.
    pub(crate) fn now() -> Self {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match wait_id(libc::P_ALL, 0, flags) {
            Ok(Some((pid, _))) => Self::Ended(pid),
            Ok(None) => Self::Running,
            Err(_) => Self::Absent,
        }
    }
}

/// Reaps a child that has ended.
pub(crate) fn reap_child(pid: i32) {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
    // One that is no child is reaped by its own parent.
    let _ = wait_id(libc::P_PID, pid.unsigned_abs(), flags);
}

/// waitid(2): the child that has ended, and how; none while those that are meant run. Not by nix, which knows no real-time
/// signals.
fn wait_id(
    kind: libc::idtype_t,
    id: libc::id_t,
    flags: WaitPidFlag,
) -> Result<Option<(i32, Ended)>, Errno> {
    // SAFETY: an all-zero siginfo_t is a valid one.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is where the kernel writes.
    let result = unsafe { libc::waitid(kind, id, &raw mut info, flags.bits()) };
    Errno::result(result)?;
    // SAFETY: waitid fills these fields, or leaves the zeros where the processes still run.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    let how = match info.si_code {
        libc::CLD_EXITED => Ended::Exited(status),
        _ => Ended::Killed(status),
    };
    Ok((pid != 0).then_some((pid, how)))
}

/// The real, effective, saved and file system's uid in the text of /proc/PID/status (proc(5)).
pub(crate) fn uids(status: &str) -> Option<[u32; 4]> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let words = line.split_ascii_whitespace().map(|word| word.parse().ok());
    words.collect::<Option<Vec<_>>>()?.try_into().ok()
}

/// When the process started, in clock ticks since boot: field 22 of /proc/PID/stat.
///
/// # Errors
/// If there is no such process, or its entry can't be read.
pub(crate) fn start_time(pid: i32) -> io::Result<u64> {
    number(&stat(pid)?, 22)
}

/// The process that has started it, or that it was left to: field 4 of /proc/PID/stat.
///
/// # Errors
/// As [`start_time`].
pub(crate) fn parent(pid: i32) -> io::Result<i32> {
    number(&stat(pid)?, 4)
}

/// The same of a process that has not ended as a whole; none of one that only waits for its parent to hear of its end.
/// Where its first thread alone has ended it looks like one of those, and goes on.
///
/// # Errors
/// As [`start_time`].
pub(crate) fn living_parent(pid: i32) -> io::Result<Option<i32>> {
    let stat = stat(pid)?;
    let has_ended = field(&stat, 3) == Some("Z") && field(&stat, 20) == Some("1");
    number(&stat, 4).map(|parent| (!has_ended).then_some(parent))
}

/// Whether the process is stopped, by a signal or a tracer: field 3 of /proc/PID/stat.
///
/// # Errors
/// As [`start_time`].
pub(crate) fn is_stopped(pid: i32) -> io::Result<bool> {
    Ok(matches!(field(&stat(pid)?, 3), Some("T" | "t")))
}

/// What /proc/PID/stat has (proc(5)).
fn stat(pid: i32) -> io::Result<Vec<u8>> {
    fs::read(format!("/proc/{pid}/stat"))
}

/// A [`field`] that is a number.
fn number<T: FromStr>(stat: &[u8], field_number: usize) -> io::Result<T> {
    let number = field(stat, field_number).and_then(|text| text.parse().ok());
    number.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Whether the process leads a session, as servers do (setsid(2)); no /proc is needed for it.
pub(crate) fn is_session_leader(pid: i32) -> bool {
    let pid = Pid::from_raw(pid);
    getsid(Some(pid)) == Ok(pid)
}

/// A field of /proc/PID/stat from the third one on, by its number in proc(5). The name in field 2 may hold
/// blanks and parentheses: the fields count from its last one.
fn field(stat: &[u8], number: usize) -> Option<&str> {
    let end_of_name = stat.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end_of_name + 2..)?).ok()?;
    rest.split_ascii_whitespace().nth(number.checked_sub(3)?)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_hides_nothing() {
        let stat = b"17 (a) S 1 (x) S 1 17 17 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 9 9\n";
        assert_eq!((field(stat, 22), field(stat, 3)), (Some("4711"), Some("S")));
        assert_eq!(field(b"17 (a) S 1", 22), None);
    }

    #[test]
    fn another_process_has_another_start() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(start_time(own).unwrap() > start_time(1).unwrap());
        assert!(start_time(i32::MAX).is_err());
    }

    #[test]
    fn one_that_has_ended_has_no_parent_any_more_unless_a_thread_goes_on() {
        let parent_of = |child: &std::process::Child| {
            living_parent(i32::try_from(child.id()).unwrap()).unwrap()
        };
        let await_end = |child: &std::process::Child| {
            let stat = format!("/proc/{}/stat", child.id());
            while field(&fs::read(&stat).unwrap(), 3) != Some("Z") {
                std::thread::yield_now();
            }
        };
        let own = i32::try_from(std::process::id()).unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        await_end(&child);
        assert_eq!(parent_of(&child), None);
        child.wait().unwrap();
        let script = "import ctypes, threading, time\n\
                      threading.Thread(target=time.sleep, args=(60,)).start()\n\
                      ctypes.CDLL(None).syscall(60, 0)";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .spawn()
            .unwrap();
        await_end(&child);
        assert_eq!(parent_of(&child), Some(own));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_real_time_signal_has_its_number() {
        let script = "kill -s 40 $$";
        let child = Command::new("bash").args(["-c", script]).spawn().unwrap();
        let process = Process::open(i32::try_from(child.id()).unwrap()).unwrap();
        assert_eq!(process.wait().unwrap(), Some(Ended::Killed(40)));
        drop(child);
    }

    #[test]
    fn a_killed_child_tells_its_signal() {
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        let process = Process::open(i32::try_from(child.id()).unwrap()).unwrap();
        assert_eq!(process.ended().unwrap(), None);
        process.kill(Signal::SIGTERM).unwrap();
        assert_eq!(process.wait().unwrap(), Some(Ended::Killed(15)));
        // It is reaped, so that no other process can tell any more.
        assert!(child.wait().is_err());
        assert_eq!(process.ended().unwrap(), Some(Ended::Unknown));
    }
}
