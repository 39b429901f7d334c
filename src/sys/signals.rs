//! Signals of the programs: all blocked, none ignored.

use std::io;

use nix::sys::signal::{SigSet, Signal};

/// Gives every signal its default disposition and blocks all that do not tell of a fault of our
/// own; what matters is read from a signalfd. Returns those that are blocked.
///
/// So a helper's server, which shares its user, can't stop it by any signal but SIGKILL and SIGSTOP, a
/// write to a broken connection returns an error, and a new server has nothing to reset but its
/// mask: exec keeps ignored signals ignored (docs/xinetd-behaviour.md, section 4.5).
///
/// Must be called before any thread is started: threads inherit the mask.
pub(crate) fn block_all() -> io::Result<SigSet> {
    for number in 1..=libc::SIGRTMAX() {
        // SAFETY: SIG_DFL runs no code of ours. Fails for SIGKILL, SIGSTOP and the two that libc
        // keeps for itself; those can't be ignored either.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
    let mut mask = SigSet::all();
    for fault in [
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGILL,
        Signal::SIGFPE,
        Signal::SIGTRAP,
        Signal::SIGSYS,
        Signal::SIGABRT,
    ] {
        mask.remove(fault);
    }
    mask.thread_set_mask()?;
    Ok(mask)
}
