//! Going to the background (daemon(7)).

use std::fs::{File, OpenOptions};
use std::io::{self, PipeWriter, Read, Write};
use std::process;

use nix::sys::signal::SigSet;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid};

/// A process in the background whose parent still waits to hear how its start goes.
#[derive(Debug)]
#[must_use = "the parent ends with 1 where it is not told of a start"]
pub(crate) struct Starting {
    parent: PipeWriter,
    nothing: File,
}

/// Goes on in a child that leads a session of its own. This process waits until that [is ready](Starting::ready), and
/// exits with 0 then, and with 1 if the child ends before.
///
/// To be called before there is another thread.
///
/// # Errors
/// As pipe(2) and fork(2), where the child goes on nowhere; and if /dev/null can't be opened.
pub(crate) fn go_to_background() -> io::Result<Starting> {
    let nothing = OpenOptions::new().read(true).write(true).open("/dev/null");
    let nothing = nothing.map_err(|error| {
        io::Error::other(format!(
            "/dev/null: {error}; make it, or start with -dontfork"
        ))
    })?;
    let (mut child, parent) = io::pipe()?;
    // SAFETY: there is one thread alone, so that no lock is held in the child which no thread of it gives back.
    match unsafe { fork() }? {
        ForkResult::Parent { child: started } => {
            drop(parent);
            // The administrator may interrupt it.
            let _ = SigSet::empty().thread_set_mask();
            let is_ready = child.read_exact(&mut [0]).is_ok();
            if !is_ready {
                // It still says why.
                let _ = waitpid(started, None);
            }
            process::exit(i32::from(!is_ready));
        }
        ForkResult::Child => {}
    }
    setsid()?;
    Ok(Starting { parent, nothing })
}

impl Starting {
    /// The start is over: descriptors 0 to 2 are /dev/null from now on, and the parent exits.
    ///
    /// # Errors
    /// As dup(2).
    pub(crate) fn ready(mut self) -> io::Result<()> {
        dup2_stdin(&self.nothing)?;
        dup2_stdout(&self.nothing)?;
        dup2_stderr(&self.nothing)?;
        // A parent that was killed hears nothing any more.
        let _ = self.parent.write_all(&[0]);
        Ok(())
    }
}
