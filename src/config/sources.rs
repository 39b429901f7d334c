//! The files of a configuration: where they come from, and their text for messages.

use std::io;
use std::path::{Path, PathBuf};

/// A tree of files, read as if its root were `/`.
pub trait FileTree {
    /// The content of a regular file.
    ///
    /// # Errors
    /// Whatever keeps it from being read; a directory or a FIFO is an error and never blocks.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The entries of a directory, in any order.
    ///
    /// # Errors
    /// Whatever keeps it from being listed.
    fn list(&self, path: &Path) -> io::Result<Vec<(PathBuf, Entry)>>;
}

/// What an entry of a directory is, symbolic links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A regular file.
    File,
    /// A link that leads nowhere.
    Dangling,
    /// A directory, a FIFO, a device or a socket.
    Other,
}

/// The text of the files that were read, for showing lines.
#[derive(Debug, Default)]
pub struct Sources {}
