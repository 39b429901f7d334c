//! Where a helper can be asked, and in which words.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Goes before a new spec.
pub(crate) const RELOAD: &str = "reload\n";
/// Ends the accepting of connections.
pub(crate) const STOP: &str = "stop\n";
/// Asks for the [`Status`](super::Status).
pub(crate) const STATUS: &str = "status\n";
/// Has the log file opened anew.
pub(crate) const REOPEN: &str = "reopen\n";
/// Goes before the process of a server, or the address and port of a client, whose session is to
/// end.
pub(crate) const KICK: &str = "kick\n";
/// The answer to a request that was carried out.
pub(crate) const OK: &str = "ok";

/// The size of sun_path (unix(7)).
const LONGEST: usize = 108;

/// The socket of a unit's helper, in the unit's RuntimeDirectory.
pub(crate) fn control_socket(directory: &Path) -> PathBuf {
    directory.join("control")
}

/// The same socket under a path that an address can hold whatever the name of the unit is: sun_path has 108
/// bytes, and each byte of an id that systemd escapes makes four of them. It is good for as long as the
/// directory, which comes with it, is open. /proc is needed for long names alone.
///
/// # Errors
/// If the directory can't be opened.
pub(crate) fn short_control_socket(directory: &Path) -> io::Result<(File, PathBuf)> {
    let open = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
        .open(directory)?;
    let path = control_socket(directory);
    if path.as_os_str().len() < LONGEST {
        return Ok((open, path));
    }
    let folder = format!("/proc/self/fd/{}", open.as_raw_fd());
    Ok((open, control_socket(Path::new(&folder))))
}

/// The file in which a helper leaves its [`Counters`](super::Counters) for the next one.
pub(crate) fn counters_file(directory: &Path) -> PathBuf {
    directory.join("counters")
}
