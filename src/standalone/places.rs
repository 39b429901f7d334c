//! The directories and sockets of the supervisor.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::socket::{Backlog, setsockopt, sockopt};
use nix::unistd::{Uid, mkdtemp};
use xinetd_core::translate::runtime_directory;

use crate::installed::is_systemd;
use crate::sys::file::remove_stale;
use crate::sys::socket::listen_for_packets;

/// The directory of root's supervisor: that of the helpers under systemd.
const USUAL: &str = "/run/xinetd-bridge";

/// Where other ones make a directory of their own, in this order.
const OTHERS: [&str; 3] = ["/run", "/tmp", "/dev/shm"];

/// How the name of such a directory begins.
const OTHER: &str = "xinetd-bridge-";

/// No service has a name that begins with a dot.
const LOCK: &str = ".lock";
const NOTIFY: &str = ".notify";
const LOG: &str = ".log";
const CONTROL: &str = ".control";
const MUX: &str = ".mux";

/// A directory that is this process's alone, and the sockets in it.
#[derive(Debug)]
pub(super) struct Places {
    base: PathBuf,
    /// Whether it goes with this process.
    is_temporary: bool,
    /// Held for as long as the directory is used.
    _lock: Option<Flock<File>>,
}

impl Places {
    /// The usual directory; where that can't be had, or is a supervisor's with another main file, one of its own.
    ///
    /// # Errors
    /// In words, if a supervisor with this main file runs already, or if there is no directory that can be written.
    pub(super) fn find(main: &Path) -> Result<Self, String> {
        // Under systemd helpers of its units may use that directory.
        if Uid::effective().is_root() && !is_systemd() {
            match take(Path::new(USUAL), main) {
                Ok(lock) => {
                    return Ok(Self {
                        base: USUAL.into(),
                        is_temporary: false,
                        _lock: Some(lock),
                    });
                }
                Err(Untaken::Runs(pid)) => {
                    return Err(format!(
                        "xinetd runs already, as process {pid}, and serves {}; stop it first, or name another file by -f",
                        main.display()
                    ));
                }
                Err(Untaken::Unusable) => {}
            }
        }
        let made = OTHERS.iter().find_map(|place| {
            let base = mkdtemp(&Path::new(place).join(format!("{OTHER}XXXXXX"))).ok()?;
            // Helpers reach their own directories in it as the users of their services.
            let opened = fs::set_permissions(&base, Permissions::from_mode(0o711));
            if opened.is_err() {
                // It is empty.
                let _ = fs::remove_dir(&base);
            }
            opened.ok().map(|()| base)
        });
        let base = made.ok_or_else(|| {
            let places = OTHERS.join(", ");
            format!("there is no directory for its sockets: make one of {places} writable, as by a tmpfs")
        })?;
        Ok(Self {
            base,
            is_temporary: true,
            _lock: None,
        })
    }

    /// Whether it is the usual directory, in which a predecessor has left its helpers.
    pub(super) fn is_usual(&self) -> bool {
        !self.is_temporary
    }

    /// The directories of all services that ever had one.
    pub(super) fn all_runtimes(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.base).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// The directory of a service's helper, which is made where it is missing.
    ///
    /// # Errors
    /// As mkdir(2), and if something else is there.
    pub(super) fn runtime(&self, unit: &str) -> io::Result<PathBuf> {
        let path = self.runtime_path(unit);
        directory(&path)?;
        Ok(path)
    }

    /// Its path.
    pub(super) fn runtime_path(&self, unit: &str) -> PathBuf {
        let usual = runtime_directory(unit);
        self.base.join(usual.file_name().unwrap_or_default())
    }

    /// The directory for the sockets of services that tcpmux leads to. What a predecessor has left in it is gone.
    ///
    /// # Errors
    /// In words, as mkdir(2), and if something else is there.
    pub(super) fn open_mux(&self) -> Result<PathBuf, String> {
        let path = self.base.join(MUX);
        directory(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let left = fs::read_dir(&path).into_iter().flatten().flatten();
        // One that stays refuses connections.
        left.for_each(|entry| drop(fs::remove_file(entry.path())));
        Ok(path)
    }

    /// Where helpers tell how they are (sd_notify(3)).
    pub(super) fn notify(&self) -> PathBuf {
        self.base.join(NOTIFY)
    }

    /// Where they send their log entries.
    pub(super) fn log(&self) -> PathBuf {
        self.base.join(LOG)
    }

    /// The socket for what helpers tell, to which they connect before they become another user; the kernel names the
    /// sender of each message.
    ///
    /// # Errors
    /// As bind(2).
    pub(super) fn open_notify(&self) -> io::Result<UnixDatagram> {
        open(&self.notify())
    }

    /// The socket for their log entries, to which they connect before they become another user.
    ///
    /// # Errors
    /// As bind(2).
    pub(super) fn open_log(&self) -> io::Result<UnixDatagram> {
        open(&self.log())
    }

    /// The socket for requests of the administrator: the kernel lets in none but root and the user of this process.
    ///
    /// # Errors
    /// As bind(2).
    pub(super) fn open_control(&self) -> io::Result<OwnedFd> {
        listen_for_packets(&self.base.join(CONTROL), 0o600, Backlog::new(QUEUE)?)
    }
}

/// How many administrators wait until the supervisor hears of them.
const QUEUE: i32 = 32;

/// Where supervisors listen for requests, as far as this user may believe that they are such: root's first, then those
/// of this user, and for root those of others too.
pub(super) fn control_sockets() -> Vec<PathBuf> {
    let own = Uid::effective().as_raw();
    let others = OTHERS.iter().flat_map(|place| {
        let entries = fs::read_dir(place).into_iter().flatten().flatten();
        entries.filter(|entry| {
            entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(OTHER.as_bytes())
        })
    });
    let directories = [PathBuf::from(USUAL)]
        .into_iter()
        .chain(others.map(|entry| entry.path()));
    let mut found: Vec<(u32, PathBuf)> = directories
        .filter_map(|base| {
            let directory = fs::symlink_metadata(&base).ok()?;
            let owner = directory.uid();
            let is_trusted = own == 0 || owner == 0 || owner == own;
            let is_its_own = directory.is_dir() && directory.mode() & 0o022 == 0;
            let path = base.join(CONTROL);
            let socket = fs::symlink_metadata(&path).ok()?;
            let is_socket = socket.file_type().is_socket() && socket.uid() == owner;
            (is_trusted && is_its_own && is_socket).then_some((owner, path))
        })
        .collect();
    // Stable: the usual directory stays before others of root.
    found.sort_by_key(|(owner, _)| (*owner != 0, *owner != own));
    found.into_iter().map(|(_, path)| path).collect()
}

impl Drop for Places {
    fn drop(&mut self) {
        // What fails here is left behind, and does no harm.
        let _ = fs::remove_file(self.notify());
        let _ = fs::remove_file(self.log());
        let _ = fs::remove_file(self.base.join(CONTROL));
        if self.is_temporary {
            let _ = fs::remove_dir_all(&self.base);
        }
    }
}

/// Why the usual directory can't be had.
#[derive(Debug, PartialEq, Eq)]
enum Untaken {
    /// A supervisor with the same main file has it: this process.
    Runs(String),
    /// It can't be made or written, or another supervisor has it.
    Unusable,
}

/// Makes the directory, and has it for this process alone, which serves the services of this main file.
fn take(base: &Path, main: &Path) -> Result<Flock<File>, Untaken> {
    let open = || -> io::Result<File> {
        directory(base)?;
        let path = base.join(LOCK);
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)?;
        // No other user may lock it.
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(file)
    };
    let file = open().map_err(|_| Untaken::Unusable)?;
    let mut lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|(file, _)| holder(file, main).map_or(Untaken::Unusable, Untaken::Runs))?;
    let text = format!("{}\n{}\n", std::process::id(), main.display());
    let written = lock
        .set_len(0)
        .and_then(|()| lock.write_all(text.as_bytes()));
    // What it says is for a second one alone.
    written.map(|()| lock).map_err(|_| Untaken::Unusable)
}

/// The process that holds the lock, if it serves the services of this main file.
fn holder(mut file: File, main: &Path) -> Option<String> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let (pid, path) = text.split_once('\n')?;
    (path.trim_end_matches('\n') == main.to_string_lossy()).then(|| pid.to_owned())
}

/// Makes a directory that no other user can change.
fn directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o711).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    let found = fs::symlink_metadata(path)?;
    let is_own = found.is_dir() && found.uid() == Uid::effective().as_raw();
    match is_own && found.mode() & 0o022 == 0 {
        true => Ok(()),
        false => Err(io::Error::other("another user can change it")),
    }
}

/// A socket to which root and the user of this process alone can connect: others could fill its queue.
fn open(path: &Path) -> io::Result<UnixDatagram> {
    remove_stale(path)?;
    let socket = UnixDatagram::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    socket.set_nonblocking(true)?;
    setsockopt(&socket, sockopt::PassCred, &true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_one_supervisors_alone_and_no_other_users() {
        let base = std::env::temp_dir().join(format!("places-{}", std::process::id()));
        let [main, other] = ["/etc/xinetd.conf", "/etc/other.conf"].map(Path::new);
        let first = take(&base, main).unwrap();
        let runs = Untaken::Runs(std::process::id().to_string());
        assert_eq!(take(&base, main).unwrap_err(), runs);
        assert_eq!(take(&base, other).unwrap_err(), Untaken::Unusable);
        let mode = fs::metadata(base.join(LOCK)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600, "no other user can lock it");
        drop(first);
        assert!(take(&base, other).is_ok());
        fs::set_permissions(&base, Permissions::from_mode(0o777)).unwrap();
        assert!(take(&base, main).is_err(), "others can change it");
        fs::remove_dir_all(base).unwrap();
    }
}
