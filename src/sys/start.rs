//! A program started as the service manager starts one: with descriptors from 3 on (sd_listen_fds(3)), in a
//! session of its own, with no signal blocked.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::SigSet;
use nix::unistd::{ForkResult, execve, fork, getpid, pipe2, setsid};

use super::process::Process;

/// The first descriptor that is passed on.
const FIRST: RawFd = 3;

/// What a program is started with.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    /// The program's path, and the words of its command line.
    pub(crate) program: CString,
    pub(crate) words: Vec<CString>,
    /// Its environment, each variable as `NAME=VALUE`, without those that name its own process.
    pub(crate) environment: Vec<CString>,
    /// Variables whose value is the number of the process.
    pub(crate) own_pid: &'a [&'a str],
    /// Its standard input. Its standard output is this process's standard error, as is that.
    pub(crate) input: BorrowedFd<'a>,
    /// Its descriptors from 3 on.
    pub(crate) passed: Vec<BorrowedFd<'a>>,
    /// Its umask.
    pub(crate) umask: u16,
    /// Its nice value, where it is to have another one than this process.
    pub(crate) nice: Option<i32>,
}

impl Start<'_> {
    /// Starts it; returns once its program has been executed.
    ///
    /// To be called where there is one thread alone.
    ///
    /// # Errors
    /// As fork(2) and execve(2).
    pub(crate) fn run(&self) -> io::Result<Process> {
        // The end for writing is closed by the execve that succeeds.
        let (failure, end) = pipe2(OFlag::O_CLOEXEC)?;
        let mut failure = File::from(failure);
        // Where it is in the way of none that is passed.
        let above = FcntlArg::F_DUPFD_CLOEXEC(self.above()?);
        let mut teller = own_copy(&end, above)?;
        drop(end);
        // SAFETY: there is one thread alone, so that no lock is held in the child which no thread of it gives
        // back. The child does not return.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                drop(teller);
                let process = Process::open(child.as_raw())?;
                let mut errno = [0; 4];
                match failure.read(&mut errno)? {
                    4 => Err(io::Error::from_raw_os_error(i32::from_ne_bytes(errno))),
                    _ => Ok(process),
                }
            }
            ForkResult::Child => {
                let errno = self.execute().err().unwrap_or(Errno::UnknownErrno);
                let _ = teller.write_all(&(errno as i32).to_ne_bytes());
                // SAFETY: no pointers; nothing of the parent's is flushed or dropped.
                unsafe { libc::_exit(127) }
            }
        }
    }

    /// The child: becomes the program.
    fn execute(&self) -> Result<(), Errno> {
        let own = |name: &&str| CString::new(format!("{name}={}", getpid()));
        let own: Result<Vec<_>, _> = self.own_pid.iter().map(own).collect();
        let own = own.map_err(|_| Errno::EINVAL)?;
        let environment: Vec<_> = self.environment.iter().chain(&own).collect();
        setsid()?;
        self.arrange()?;
        // SAFETY: no pointers. One that may not be had is no reason not to start.
        unsafe {
            libc::umask(self.umask.into());
            if let Some(nice) = self.nice {
                let _ = libc::setpriority(libc::PRIO_PROCESS, 0, nice);
            }
        }
        SigSet::empty().thread_set_mask()?;
        execve(&self.program, &self.words, &environment).map(drop)
    }

    /// The first descriptor behind those that are passed.
    fn above(&self) -> Result<RawFd, Errno> {
        let count = RawFd::try_from(self.passed.len()).map_err(|_| Errno::EMFILE)?;
        Ok(FIRST + count)
    }

    /// Puts the descriptors in their places. All others are close-on-exec.
    fn arrange(&self) -> Result<(), Errno> {
        let above = self.above()?;
        // First out of the way of each other.
        let aside = |descriptor: RawFd| -> Result<RawFd, Errno> {
            // SAFETY: no pointers; the copy is this child's alone.
            Errno::result(unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, above) })
        };
        let input = aside(self.input.as_raw_fd())?;
        let passed = self.passed.iter().map(|fd| aside(fd.as_raw_fd()));
        let passed: Vec<RawFd> = passed.collect::<Result<_, _>>()?;
        let to = |from: RawFd, to: RawFd| -> Result<(), Errno> {
            // SAFETY: no pointers; the child owns all of its descriptors.
            Errno::result(unsafe { libc::dup2(from, to) }).map(drop)
        };
        to(input, 0)?;
        to(2, 1)?;
        for (from, number) in passed.into_iter().zip(FIRST..) {
            to(from, number)?;
        }
        Ok(())
    }
}

/// A copy of a descriptor.
fn own_copy(descriptor: &OwnedFd, copy: FcntlArg<'_>) -> io::Result<File> {
    let number = fcntl(descriptor, copy)?;
    // SAFETY: the kernel has just made this descriptor for us; nothing else owns it.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(number) }))
}

#[cfg(test)]
mod tests {
    use std::io::Seek;
    use std::os::fd::AsFd;
    use std::time::Duration;

    use nix::sys::memfd::{MFdFlags, memfd_create};

    use super::*;
    use crate::sys::process::Ended;

    fn words(words: &[&str]) -> Vec<CString> {
        words
            .iter()
            .map(|word| CString::new(*word).unwrap())
            .collect()
    }

    fn memory(text: &str) -> File {
        let mut file = File::from(memfd_create(c"test", MFdFlags::MFD_CLOEXEC).unwrap());
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        file
    }

    fn start<'a>(script: &str, input: &'a File, passed: &'a [OwnedFd]) -> Start<'a> {
        Start {
            program: c"/bin/sh".to_owned(),
            words: words(&["sh", "-c", script]),
            environment: words(&["PATH=/bin:/usr/bin", "X=1"]),
            own_pid: &["LISTEN_PID"],
            input: input.as_fd(),
            passed: passed.iter().map(AsFd::as_fd).collect(),
            umask: 0o027,
            nice: None,
        }
    }

    fn ended(process: &Process) -> Ended {
        assert!(process.await_end(Duration::from_secs(60)).unwrap());
        process.ended().unwrap().unwrap()
    }

    #[test]
    fn a_program_has_its_descriptors_and_knows_its_number() {
        let input = memory("spec\n");
        let passed: Vec<OwnedFd> = (0..4)
            .map(|number| memory(&format!("{number}\n")).into())
            .collect();
        let script = r#"read a; read b <&3; read c <&6; test "$a $b $c" = "spec 0 3" &&
            test "$LISTEN_PID" = $$ && test $(umask) = 0027 && ! { true <&7; } 2>/dev/null"#;
        let process = start(script, &input, &passed).run().unwrap();
        assert_eq!(ended(&process), Ended::Exited(0));
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let input = memory("");
        let wrong = Start {
            program: c"/nonexistent".to_owned(),
            ..start("", &input, &[])
        };
        assert_eq!(wrong.run().unwrap_err().raw_os_error(), Some(libc::ENOENT));
    }
}
