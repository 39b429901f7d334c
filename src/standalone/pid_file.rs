//! The file with the number of the process (`-pidfile`).

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;

use crate::sys::file::remove_stale;

/// The file, which goes with this value as long as it names this process.
#[derive(Debug)]
pub(super) struct PidFile(PathBuf);

impl PidFile {
    /// Makes the file anew, as xinetd does: a file that stands there is removed, and so is a link to one or to nothing.
    /// A device, such as /dev/null, is written to and stays, and so is what a link to one leads to.
    ///
    /// # Errors
    /// In words, if it can't be written.
    pub(super) fn write(path: PathBuf) -> Result<Self, String> {
        match write(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) => Err(format!("the pid file {}: {error}", path.display())),
        }
    }

    /// Looks whether the file is another xinetd's. To be asked before this process goes to the background: a file that
    /// a container has kept may have the number of either of its processes.
    ///
    /// # Errors
    /// In words, if it names one that runs.
    pub(super) fn check(path: &Path) -> Result<(), String> {
        match running(path) {
            None => Ok(()),
            Some(pid) => Err(format!(
                "the pid file {} names a xinetd that runs, process {pid}; stop it first, or name another file",
                path.display()
            )),
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if named(&self.0) == Some(process::id()) {
            // What is left behind names a process that has ended.
            let _ = fs::remove_file(&self.0);
        }
    }
}

fn write(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o644);
    // A FIFO without a reader must not wait.
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let is_own = match fs::metadata(path).map(|found| found.file_type()) {
        Ok(found) if found.is_char_device() => false,
        Ok(found) if found.is_file() => true,
        Ok(_) => return Err(io::Error::other("it is there, and no file")),
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) => return Err(error),
    };
    if is_own {
        remove_stale(path)?;
        options.create_new(true);
    }
    let written = options
        .open(path)
        .and_then(|mut file| writeln!(file, "{}", process::id()));
    if is_own && written.is_err() {
        // It is empty, or was never made.
        let _ = remove_stale(path);
    }
    written
}

/// The process that a file names.
fn named(path: &Path) -> Option<u32> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    let text = is_file.then(|| fs::read_to_string(path).ok()).flatten()?;
    text.trim().parse().ok()
}

/// The process that a file names, if that is another one with the program of this one.
fn running(path: &Path) -> Option<u32> {
    let pid = named(path).filter(|pid| *pid != process::id())?;
    let program = |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).ok();
    (program(pid)? == program(process::id())?).then_some(pid)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("pid-file-{}-{name}", process::id()))
    }

    #[test]
    fn it_goes_with_its_process_and_nothing_else_does() {
        let path = scratch("own");
        symlink("/nonexistent/victim", &path).unwrap();
        let file = PidFile::write(path.clone()).unwrap();
        assert_eq!(named(&path), Some(process::id()));
        drop(file);
        assert!(!path.exists());
        let file = PidFile::write(path.clone()).unwrap();
        fs::write(&path, "1\n").unwrap();
        drop(file);
        assert!(path.exists(), "it is another process's by now");
        fs::remove_file(&path).unwrap();
        symlink("/dev/null", &path).unwrap();
        for device in ["/dev/null".into(), path.clone()] {
            drop(PidFile::write(device).unwrap());
        }
        assert!(PidFile::write("/dev/full".into()).is_err());
        assert!(path.is_symlink() && Path::new("/dev/full").exists());
        fs::remove_file(&path).unwrap();
        assert!(PidFile::write(std::env::temp_dir()).is_err());
    }

    #[test]
    fn one_of_a_process_of_this_program_is_left_alone() {
        let path = scratch("other");
        fs::write(&path, "4294967295\n").unwrap();
        assert_eq!(running(&path), None, "it has ended");
        let mut other = Command::new("sleep").arg("60").spawn().unwrap();
        fs::write(&path, other.id().to_string()).unwrap();
        assert_eq!(running(&path), None, "it is another program");
        other.kill().unwrap();
        other.wait().unwrap();
        fs::remove_file(path).unwrap();
    }
}
