//! The file with the number of the process (`-pidfile`).

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process;

use crate::sys::file::remove_stale;

/// The file, which goes with this value.
#[derive(Debug)]
pub(super) struct PidFile(PathBuf);

impl PidFile {
    /// Makes the file anew, as xinetd does: what stands there is removed, also where it is a link.
    ///
    /// # Errors
    /// In words, if it can't be written.
    pub(super) fn write(path: PathBuf) -> Result<Self, String> {
        let write = || -> io::Result<()> {
            remove_stale(&path)?;
            let mut options = OpenOptions::new();
            let mut file = options
                .write(true)
                .create_new(true)
                .mode(0o644)
                .open(&path)?;
            writeln!(file, "{}", process::id())
        };
        match write() {
            Ok(()) => Ok(Self(path)),
            Err(error) => Err(format!("the pid file {}: {error}", path.display())),
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // What is left behind names a process that has ended.
        let _ = fs::remove_file(&self.0);
    }
}
