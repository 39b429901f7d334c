//! Files in memory (memfd_create(2)), one of which is written without a system call (mmap(2)).

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{Ordering, compiler_fence};

use memmap2::MmapMut;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// How much of it there is at least, in bytes.
const SMALLEST: u64 = 4096;

/// A file in memory with these bytes, which is read from its beginning and close-on-exec.
///
/// # Errors
/// If there is no descriptor or memory for it.
pub(crate) fn with_bytes(name: &CStr, bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// The file, and its bytes in this process's memory. It only grows.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    file: File,
    bytes: MmapMut,
}

impl MemoryFile {
    /// A new one, all zeros and close-on-exec.
    ///
    /// # Errors
    /// If there is no descriptor or memory for it.
    pub(crate) fn create(name: &CStr) -> io::Result<Self> {
        let file = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC)?);
        Self::new(file)
    }

    /// One that another process has made and writes no more.
    ///
    /// # Errors
    /// If it is no file in memory, or if there is no memory for it.
    pub(crate) fn open(kept: OwnedFd) -> io::Result<Self> {
        Self::new(File::from(kept))
    }

    fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len().max(SMALLEST);
        let bytes = map(&file, length)?;
        Ok(Self { file, bytes })
    }

    /// The file itself, to be passed on.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// What is in it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes `bytes` at `offset`, their first `head` last of all: a process that is killed in
    /// between leaves the old head there.
    ///
    /// # Errors
    /// If the file has to grow, and there is no memory for it.
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8], head: usize) -> io::Result<()> {
        let end = offset + bytes.len();
        if end > self.bytes.len() {
            let length = end.next_power_of_two() as u64;
            self.bytes = map(&self.file, length)?;
        }
        let place = &mut self.bytes[offset..end];
        let head = head.min(bytes.len());
        place[head..].copy_from_slice(&bytes[head..]);
        compiler_fence(Ordering::SeqCst);
        place[..head].copy_from_slice(&bytes[..head]);
        Ok(())
    }

    /// Has zeros in this range, as far as the file goes.
    pub(crate) fn clear(&mut self, offset: usize, length: usize) {
        let end = offset.saturating_add(length).min(self.bytes.len());
        if let Some(range) = self.bytes.get_mut(offset..end) {
            range.fill(0);
        }
    }
}

/// Maps the first `length` bytes of a file, which it has then, memory included: a write to it
/// can't fail afterwards.
fn map(file: &File, length: u64) -> io::Result<MmapMut> {
    let end = libc::off_t::try_from(length).map_err(io::Error::other)?;
    fallocate(file, FallocateFlags::empty(), 0, end)?;
    // SAFETY: nothing else changes the file while it is mapped, or makes it shorter: its
    // descriptor is close-on-exec, and systemd, which keeps another one, does neither.
    unsafe { MmapMut::map_mut(file) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_there_for_the_next_process_also_where_it_had_to_grow() {
        let mut file = MemoryFile::create(c"test").unwrap();
        file.write(10, b"abc", 1).unwrap();
        file.write(100_000, b"far", 3).unwrap();
        file.clear(11, 1);
        let next = MemoryFile::open(file.file().try_clone().unwrap().into()).unwrap();
        assert_eq!(&next.bytes()[9..14], b"\0a\0c\0");
        assert_eq!(&next.bytes()[100_000..100_003], b"far");
        file.clear(0, usize::MAX);
        assert!(file.bytes().iter().all(|&byte| byte == 0));
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let (end, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(MemoryFile::open(end.into()).is_err());
    }
}
