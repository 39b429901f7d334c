//! Going to the background (daemon(7)).

use std::fs::OpenOptions;
use std::io;
use std::process;

use nix::unistd::{ForkResult, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid};

/// Goes on in a child that leads a session of its own, with /dev/null as its descriptors 0 to 2; this
/// process exits with 0.
///
/// To be called before there is another thread.
///
/// # Errors
/// As fork(2), where the child goes on nowhere, and as open(2) in the child.
pub(crate) fn go_to_background() -> io::Result<()> {
    // SAFETY: there is one thread alone, so that no lock is held in the child which no thread of it gives back.
    match unsafe { fork() }? {
        ForkResult::Parent { .. } => process::exit(0),
        ForkResult::Child => {}
    }
    setsid()?;
    let nothing = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    dup2_stdin(&nothing)?;
    dup2_stdout(&nothing)?;
    dup2_stderr(&nothing)?;
    Ok(())
}
