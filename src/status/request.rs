//! Where a helper can be asked, and in which words.

use std::path::{Path, PathBuf};

/// Goes before a new spec.
pub const RELOAD: &str = "reload\n";
/// Ends the accepting of connections.
pub const STOP: &str = "stop\n";
/// Asks for the [`Status`](super::Status).
pub const STATUS: &str = "status\n";
/// Has the log file opened anew.
pub const REOPEN: &str = "reopen\n";
/// Goes before the process of a server, or the address and port of a client, whose session is to
/// end.
pub const KICK: &str = "kick\n";
/// The answer to a request that was carried out.
pub const OK: &str = "ok";

/// The socket of a unit's helper, in the unit's RuntimeDirectory.
pub fn control_socket(directory: &Path) -> PathBuf {
    directory.join("control")
}

/// The file in which a helper leaves its [`Counters`](super::Counters) for the next one.
pub fn counters_file(directory: &Path) -> PathBuf {
    directory.join("counters")
}
