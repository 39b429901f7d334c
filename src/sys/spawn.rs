//! One server process for one connection: `clone(CLONE_VM)` and `execve`.
//!
//! The child borrows the helper's memory until it executes the server, so nothing is copied and
//! its cost does not depend on the size of the helper. It shares the table of descriptors as well
//! until it takes a private copy of the few that stand below its socket: thousands of sessions,
//! each with a pidfd in the helper, cost a new one nothing.
//!
//! The helper waits meanwhile, as with `CLONE_VFORK`, but for a futex: between its change of user
//! and its execve the child can be stopped by any process of the service's user, and vfork(2)
//! would have the helper wait for as long. It has the child go on instead.

mod clone;
#[cfg(test)]
mod tests;

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::resource::Resource;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::time::TimeSpec;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Uid;

use super::process::Process;
use clone::{Written, clone};

/// The child needs a few hundred bytes of it; untouched pages cost nothing.
const STACK_SIZE: usize = 64 * 1024;

/// A child that has not executed its server by then may have been stopped.
const SUSPICIOUS: Duration = Duration::from_millis(50);

/// What the futex holds while a child uses the helper's memory; the kernel puts 0 there when the
/// child leaves it (`CLONE_CHILD_CLEARTID`).
const BORROWED: u32 = 1;

/// The soft and hard limit of one resource, as setrlimit(2) takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LimitOf {
    /// Which one.
    pub(crate) resource: Resource,
    /// Soft and hard limit alike.
    pub(crate) value: u64,
}

/// Why a server does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpawnError {
    /// There is no process (docs/xinetd-behaviour.md, section 4.8).
    Fork(Errno),
    /// There was one, but it could not execute the server; it is gone again.
    Exec(Errno),
}

/// Everything that is the same for all servers of a service, ready for execve(2).
pub(crate) struct Launcher {
    path: CString,
    argv: Pointers,
    environment: Pointers,
    limits: Vec<LimitOf>,
    change: Change,
    /// Whom the child has to become, if the helper itself is not wholly that user.
    user: Option<Uid>,
    stack: Vec<u8>,
}

/// What is changed in a process before it executes the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// The umask, where it is another than the helper's.
    pub(crate) umask: Option<u16>,
    /// What is added to the nice value.
    pub(crate) nice: i32,
}

/// An array of C strings that ends with a null pointer, together with what it points to.
struct Pointers {
    /// Owns the strings; their buffers stay where they are.
    strings: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl Pointers {
    fn new(strings: Vec<CString>) -> Self {
        let mut pointers: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
        pointers.push(ptr::null());
        Self { strings, pointers }
    }
}

/// What the child gets to know, and where it tells what went wrong.
struct Order {
    path: *const c_char,
    argv: *const *const c_char,
    environment: *const *const c_char,
    limits: *const [LimitOf],
    change: Change,
    user: Option<libc::uid_t>,
    no_signals: libc::sigset_t,
    socket: RawFd,
    errno: c_int,
}

impl Launcher {
    /// Prepares servers that run `path` with `argv` and `environment`, under `limits`, as `user`
    /// (see [`servers_user`](super::credentials::servers_user)).
    pub(crate) fn new(
        path: CString,
        argv: Vec<CString>,
        environment: Vec<CString>,
        limits: Vec<LimitOf>,
        user: Option<Uid>,
    ) -> Self {
        Self {
            path,
            argv: Pointers::new(argv),
            environment: Pointers::new(environment),
            limits,
            change: Change::default(),
            user,
            stack: vec![0; STACK_SIZE],
        }
    }

    /// One for the same program, with another environment.
    #[must_use]
    pub(crate) fn with(&self, environment: Vec<CString>, change: Change) -> Self {
        let argv = self.argv.strings.clone();
        self.another(self.path.clone(), argv, environment, change)
    }

    /// One for another program, under the same limits.
    #[must_use]
    pub(crate) fn another(
        &self,
        path: CString,
        argv: Vec<CString>,
        environment: Vec<CString>,
        change: Change,
    ) -> Self {
        let limits = self.limits.clone();
        Self {
            change,
            ..Self::new(path, argv, environment, limits, self.user)
        }
    }

    /// Runs a server with `socket`, which is above 2, as its descriptors 0, 1 and 2, and with the
    /// `variables` of this connection, each `NAME=VALUE`, after the common environment.
    ///
    /// Returns once the server's program has been executed. The process must have no signal
    /// handlers, which the child would run in this memory: the helper has none at all.
    pub(crate) fn spawn(
        &mut self,
        socket: BorrowedFd<'_>,
        variables: &[&CStr],
    ) -> Result<Process, SpawnError> {
        let common = self.environment.pointers.len() - 1;
        let environment = &mut self.environment.pointers;
        environment.truncate(common);
        environment.extend(variables.iter().map(|variable| variable.as_ptr()));
        environment.push(ptr::null());

        let mut order = Order {
            path: self.path.as_ptr(),
            argv: self.argv.pointers.as_ptr(),
            environment: environment.as_ptr(),
            limits: &raw const *self.limits,
            change: self.change,
            user: self.user.map(Uid::as_raw),
            no_signals: *SigSet::empty().as_ref(),
            socket: socket.as_raw_fd(),
            errno: 0,
        };
        let outcome = clone_into(&mut order, &mut self.stack);
        // The pointers to the variables end with this call.
        self.environment.pointers.truncate(common);
        self.environment.pointers.push(ptr::null());

        let process = outcome.map_err(SpawnError::Fork)?;
        match order.errno {
            0 => Ok(process),
            errno => {
                // It has exited already: this reaps it and does not wait.
                let _ = waitid(Id::PIDFd(process.pidfd()), WaitPidFlag::WEXITED);
                Err(SpawnError::Exec(Errno::from_raw(errno)))
            }
        }
    }
}

fn clone_into(order: &mut Order, stack: &mut [u8]) -> Result<Process, Errno> {
    let mut pidfd: c_int = -1;
    let memory = AtomicU32::new(BORROWED);
    let flags = libc::CLONE_VM
        | libc::CLONE_FILES
        | libc::CLONE_PIDFD
        | libc::CLONE_CHILD_CLEARTID
        | libc::SIGCHLD;
    // SAFETY: `top` stays inside `stack`, aligned to 16 bytes as the ABIs want it. The child runs
    // on that memory alone and reads `order` and what it points to; this function touches neither,
    // and returns only when the kernel has told by `memory` that the child has left the memory by
    // execve or by its end, so all of it outlives the child's use. `pidfd` is where CLONE_PIDFD
    // writes.
    let pid = unsafe {
        let end = stack.as_mut_ptr().add(stack.len());
        let top = end.sub(end as usize % 16);
        let written = Written {
            pidfd: &raw mut pidfd,
            child: memory.as_ptr(),
        };
        clone(run_child, top, flags, ptr::from_mut(order).cast(), written)
    }?;
    // SAFETY: the kernel has just made this descriptor for us; nothing else owns it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    let process = Process::new(pid, pidfd);
    while memory.load(Ordering::Acquire) == BORROWED {
        if wait_for_change(&memory) == Err(Errno::ETIMEDOUT) {
            // A kernel that dumps the core of a child leaves the futex as it was.
            if process.has_ended().is_ok_and(|ended| ended) {
                break;
            }
            // SIGSTOP can't be blocked. We may always send this: the child has our own real uid,
            // or our effective one.
            let _ = process.kill(Signal::SIGCONT);
        }
    }
    Ok(process)
}

/// Waits for a moment until the kernel has changed `memory` (futex(2)).
fn wait_for_change(memory: &AtomicU32) -> Result<(), Errno> {
    let timeout = TimeSpec::from(SUSPICIOUS);
    // SAFETY: the address is that of a living atomic, and `timeout` outlives the call. Not
    // FUTEX_PRIVATE_FLAG: the kernel wakes without it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex,
            memory.as_ptr(),
            libc::FUTEX_WAIT,
            BORROWED,
            timeout.as_ref(),
        )
    };
    Errno::result(result).map(drop)
}

/// The child, from clone to execve: system calls alone. It must not allocate, lock or unwind.
extern "C" fn run_child(order: *mut c_void) -> c_int {
    // SAFETY: `order` is the Order of `clone_into`, which waits for us and touches nothing of it.
    let order = unsafe { &mut *order.cast::<Order>() };
    // SAFETY: plain system calls; the pointers come from the Launcher and outlive us (see above).
    unsafe {
        if take_private_descriptors(order.socket).is_ok()
            && (0..=2).all(|target| libc::dup2(order.socket, target) >= 0)
        {
            for limit in &*order.limits {
                let value = libc::rlimit {
                    rlim_cur: limit.value,
                    rlim_max: limit.value,
                };
                // As in xinetd the server runs even if the limit can't be had: a user may not
                // raise one above the hard limit. It was logged when the service started.
                let _ = libc::setrlimit(limit.resource as _, &raw const value);
            }
            if let Some(mask) = order.change.umask {
                libc::umask(mask.into());
            }
            // Less than the helper has takes a privilege: as in xinetd the server runs without.
            if order.change.nice != 0 {
                libc::nice(order.change.nice);
            }
            libc::setsid();
            libc::sigprocmask(
                libc::SIG_SETMASK,
                &raw const order.no_signals,
                ptr::null_mut(),
            );
            // Last, as until then no process of the user can reach us.
            if become_user(order.user).is_ok() {
                libc::execve(order.path, order.argv, order.environment);
            }
        }
        order.errno = Errno::last_raw();
        libc::_exit(127)
    }
}

/// Becomes the servers' user wholly, without a privilege, as that is the effective one already.
///
/// # Safety
/// Only for the child: the C library's function would change all threads of this memory.
unsafe fn become_user(user: Option<libc::uid_t>) -> Result<(), Errno> {
    let Some(user) = user else { return Ok(()) };
    // SAFETY: no pointers.
    let result = unsafe { libc::syscall(libc::SYS_setresuid, user, user, user) };
    Errno::result(result).map(drop)
}

/// Leaves the helper's table of descriptors, with a copy of what is not above `socket`; the rest
/// of those, all close-on-exec, go at execve.
///
/// # Safety
/// Only for the child: the caller's other descriptors are gone afterwards.
unsafe fn take_private_descriptors(socket: RawFd) -> io::Result<()> {
    const CLOSE_RANGE_UNSHARE: c_uint = 1 << 1;
    let first = socket.unsigned_abs() + 1;
    // SAFETY: no pointers; the flag makes the table our own before anything is closed in it.
    let done = unsafe {
        libc::syscall(libc::SYS_close_range, first, c_uint::MAX, CLOSE_RANGE_UNSHARE) == 0
            // Where a filter forbids close_range(2): the whole table is copied.
            || libc::unshare(libc::CLONE_FILES) == 0
    };
    if done {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
