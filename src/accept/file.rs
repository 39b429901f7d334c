//! Files that are read whole, and again when they have changed.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;

/// A version of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Who may read it is part of it.
    changed: (i64, i64),
}

impl Identity {
    /// The version that the file behind this path has now.
    ///
    /// # Errors
    /// If there is no such file, or it can't be reached.
    pub(super) fn now(path: &Path) -> Result<Self, Errno> {
        let metadata = std::fs::metadata(path);
        metadata
            .map(|metadata| Self::of(&metadata))
            .map_err(|error| errno(&error))
    }

    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// The content of a regular file of at most so many bytes, and its version. The null device is an
/// empty file.
///
/// # Errors
/// If it can't be read, is something that could block, or is larger.
pub(super) fn read(path: &Path, most: u64) -> Result<(Identity, Vec<u8>), Errno> {
    let file: File = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|error| errno(&error))?;
    let metadata = file.metadata().map_err(|error| errno(&error))?;
    if metadata.is_dir() {
        return Err(Errno::EISDIR);
    }
    let is_null = metadata.file_type().is_char_device() && metadata.rdev() == libc::makedev(1, 3);
    if !metadata.is_file() && !is_null {
        return Err(Errno::EINVAL);
    }
    let mut content = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut content)
        .map_err(|error| errno(&error))?;
    if content.len() as u64 > most {
        return Err(Errno::EFBIG);
    }
    Ok((Identity::of(&metadata), content))
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}
