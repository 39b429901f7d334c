//! Files that stand for a running process.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Removes what a predecessor has left at a path, such as its socket or its pid file; nothing may be there.
///
/// # Errors
/// As unlink(2).
pub(crate) fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
