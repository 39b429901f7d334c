//! Banner files: what is sent to clients before, or instead of, a server.

use std::sync::Arc;

use nix::errno::Errno;
use xinetd_core::bytes::ByteString;

use super::file::{Identity, read};

/// A banner's size at most; xinetd has no bound.
pub(crate) const MAX_SIZE: u64 = 1024 * 1024;

/// A file whose content is kept until the file changes.
#[derive(Debug)]
pub(super) struct Banner {
    file: ByteString,
    kept: Option<(Identity, Arc<[u8]>)>,
}

impl Banner {
    /// The banner in `file`.
    pub(super) fn new(file: ByteString) -> Self {
        Self { file, kept: None }
    }

    /// Where it is.
    pub(super) fn file(&self) -> &ByteString {
        &self.file
    }

    /// What the file holds now.
    ///
    /// # Errors
    /// If it can't be read, is no regular file (a FIFO would block), or has more than
    /// [`MAX_SIZE`] bytes.
    pub(super) fn content(&mut self) -> Result<Arc<[u8]>, Errno> {
        let path = self.file.as_path();
        if let Some((identity, content)) = &self.kept
            && Identity::now(path).is_ok_and(|now| now == *identity)
        {
            return Ok(Arc::clone(content));
        }
        let (identity, content) = read(path, MAX_SIZE)?;
        let content: Arc<[u8]> = content.into();
        self.kept = Some((identity, Arc::clone(&content)));
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::{Path, PathBuf};

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("banner-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn banner(path: &Path) -> Banner {
        Banner::new(path.as_os_str().to_owned().into())
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let folder = scratch("change");
        let path = folder.join("banner");
        fs::write(&path, "one").unwrap();
        let mut banner = banner(&path);
        assert_eq!(&*banner.content().unwrap(), b"one");
        assert!(Arc::ptr_eq(
            &banner.content().unwrap(),
            &banner.content().unwrap()
        ));
        fs::write(&path, "other").unwrap();
        assert_eq!(&*banner.content().unwrap(), b"other");
        fs::remove_file(&path).unwrap();
        assert_eq!(banner.content(), Err(Errno::ENOENT));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_could_block_or_grow_is_refused() {
        let folder = scratch("kinds");
        let fifo = folder.join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(banner(&fifo).content(), Err(Errno::EINVAL));
        assert_eq!(banner(&folder).content(), Err(Errno::EISDIR));
        let huge = folder.join("huge");
        File::create(&huge).unwrap().set_len(MAX_SIZE + 1).unwrap();
        assert_eq!(banner(&huge).content(), Err(Errno::EFBIG));
        fs::remove_dir_all(folder).unwrap();
    }
}
