//! How the kernel schedules the helper.
//!
//! setpriority(2), sched_setscheduler(2) and sched_setaffinity(2) look at the target's *effective*
//! uid, so that a server may have its helper wait for all other processes. It can't be kept from
//! that, but the helper can put back what it had.

use std::io;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::Pid;

/// The policy, the nice value and the processors of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scheduling {
    policy: libc::c_int,
    nice: libc::c_int,
    cpus: CpuSet,
}

impl Scheduling {
    /// What this process has now.
    ///
    /// # Errors
    /// As sched_getaffinity(2), on machines with more processors than a mask has bits.
    pub(crate) fn now() -> io::Result<Self> {
        // SAFETY: no pointers.
        let policy = Errno::result(unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) })?;
        let policy = libc::c_int::try_from(policy).map_err(io::Error::other)?;
        let policy = policy & !libc::SCHED_RESET_ON_FORK;
        // SAFETY: no pointers; only arguments that are not ours could fail.
        let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
        let cpus = sched_getaffinity(Pid::from_raw(0))?;
        Ok(Self { policy, nice, cpus })
    }

    /// Has the right to put the nice value and the policy back when the process is not root any
    /// more (getrlimit(2), `RLIMIT_NICE`). Servers have the same right.
    ///
    /// # Errors
    /// If the process is not root.
    pub(crate) fn reserve(&self) -> io::Result<()> {
        // The kernel counts from 40, the most, down to 1.
        let right = u64::try_from(20 - self.nice).unwrap_or_default();
        Ok(setrlimit(Resource::RLIMIT_NICE, right, right)?)
    }

    /// Puts back what another process has changed; whether there was anything.
    ///
    /// # Errors
    /// If the policy or the nice value can't be put back: it is taken as given from now on, so that
    /// the next call tells of the next change.
    pub(crate) fn restore(&mut self) -> io::Result<bool> {
        let now = Self::now()?;
        if now == *self {
            return Ok(false);
        }
        sched_setaffinity(Pid::from_raw(0), &self.cpus)?;
        let put_back = self.restore_priority(now.policy);
        if put_back.is_err() {
            (self.policy, self.nice) = (now.policy, now.nice);
        }
        put_back.map(|()| true)
    }

    fn restore_priority(&self, now: libc::c_int) -> io::Result<()> {
        if now != self.policy {
            // Of the other policies, which only root sets, each has a priority that is not ours.
            // Any process of the user can set this flag, and root alone can take it back. It does no
            // harm: children are scheduled as if the policy had never been changed.
            set_policy(self.policy | libc::SCHED_RESET_ON_FORK)?;
        }
        // SAFETY: no pointers.
        Errno::result(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, self.nice) })?;
        Ok(())
    }
}

/// Has the kernel schedule this process by a policy that knows no priorities.
fn set_policy(policy: libc::c_int) -> io::Result<()> {
    let none: libc::c_int = 0;
    // SAFETY: the kernel reads one number there, and `none` outlives the call. musl has no function for it.
    let set = unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, policy, &raw const none) };
    Errno::result(set)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a thread of its own: the kernel schedules threads.
    #[test]
    #[ignore = "needs root, to lower the nice value again"]
    fn what_another_process_has_changed_is_put_back() {
        let before = Scheduling::now().unwrap();
        let mut own = before;
        assert!(!own.restore().unwrap());
        // SAFETY: no pointers.
        Errno::result(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) }).unwrap();
        set_policy(libc::SCHED_IDLE).unwrap();
        assert!(own.restore().unwrap());
        assert_eq!(Scheduling::now().unwrap(), before);
    }
}
