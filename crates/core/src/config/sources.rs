//! The files of a configuration: where they come from, and their text for messages.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use fnv::FnvHashMap;

use crate::problem::Place;

/// The largest file that is read, in bytes.
const MAX_FILE_SIZE: u64 = 64 << 20;

/// How many symbolic links one path may go through: as many as in Linux.
const MAX_LINKS: usize = 40;

/// A tree of files, read as if its root were `/`.
pub trait FileTree {
    /// The content of a regular file; a relative path begins at the root.
    ///
    /// # Errors
    /// Whatever keeps it from being read; a directory or a FIFO is an error and never blocks, and
    /// so is a file of more than 64 MiB.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The entries of a directory, in any order, each as `path` with its name added.
    ///
    /// # Errors
    /// Whatever keeps it from being listed.
    fn list(&self, path: &Path) -> io::Result<Vec<(PathBuf, EntryKind)>>;

    /// The target of a symbolic link, as it is written.
    ///
    /// # Errors
    /// Whatever keeps it from being read, such as not being a link.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;
}

/// What an entry of a directory is, symbolic links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file; also what can't be looked at, as reading it tells why.
    File,
    /// A link that leads nowhere.
    Dangling,
    /// A directory.
    Directory,
    /// A FIFO, a device or a socket.
    Other,
}

/// The machine's files, or those below a directory that stands for the root.
///
/// With a root, symbolic links and `..` stay inside it, as after chroot(2): an absolute target
/// begins at the root. A user who can rename files in the tree while it is read can still lead a path
/// out of it: a root prefix is a convenience for administrators, not a jail.
#[derive(Clone, Debug)]
pub struct DiskTree {
    root: Option<PathBuf>,
}

impl DiskTree {
    /// The tree below `root`, or the machine's own.
    pub fn new(root: Option<PathBuf>) -> Self {
        let root = root.filter(|root| root != Path::new("/"));
        Self { root }
    }

    /// Where a file of the tree lies on disk, by a path without symbolic links.
    ///
    /// # Errors
    /// If it is not there, or can't be reached.
    pub fn locate(&self, path: &Path) -> io::Result<PathBuf> {
        self.resolve(path)?.canonicalize()
    }

    /// Where a path of the tree lies on disk, symbolic links followed.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let Some(root) = &self.root else {
            return Ok(Path::new("/").join(path));
        };
        let mut pending: Vec<OsString> = reversed_names(path);
        let mut inside = PathBuf::new();
        let mut links = 0;
        while let Some(name) = pending.pop() {
            if name == ".." {
                inside.pop();
                continue;
            }
            let next = inside.join(&name);
            let on_disk = root.join(&next);
            if on_disk.is_symlink() {
                links += 1;
                if links > MAX_LINKS {
                    return Err(io::Error::from_raw_os_error(libc::ELOOP));
                }
                let target = fs::read_link(&on_disk)?;
                if target.is_absolute() {
                    inside = PathBuf::new();
                }
                pending.extend(reversed_names(&target));
            } else {
                inside = next;
            }
        }
        Ok(root.join(inside))
    }
}

/// Whether a link leads nowhere, as far as looking at its target tells.
fn is_nowhere(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ELOOP)
}

/// The names of a path, last first: what a walk takes from the end.
fn reversed_names(path: &Path) -> Vec<OsString> {
    let names = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    names.collect()
}

impl FileTree for DiskTree {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        // Without O_NONBLOCK the open of a FIFO waits for a writer.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(self.resolve(path)?)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        // Room for all at once: else it is read in small steps. Files of /proc have no size.
        let size = usize::try_from(metadata.len().min(MAX_FILE_SIZE)).unwrap_or(0);
        let mut text = Vec::with_capacity(size + 1);
        // One byte more than allowed tells a file that is too large, even one that grows.
        file.take(MAX_FILE_SIZE + 1).read_to_end(&mut text)?;
        if text.len() as u64 > MAX_FILE_SIZE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(text)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(PathBuf, EntryKind)>> {
        let classify = |entry: fs::DirEntry| {
            let inside = path.join(entry.file_name());
            let kind = match entry.file_type() {
                Ok(kind) if kind.is_symlink() => {
                    let target = self.resolve(&inside).and_then(fs::metadata);
                    target.map(|target| target.file_type())
                }
                kind => kind,
            };
            let entry = match kind {
                Ok(kind) if kind.is_file() => EntryKind::File,
                Ok(kind) if kind.is_dir() => EntryKind::Directory,
                Ok(_) => EntryKind::Other,
                Err(error) if is_nowhere(&error) => EntryKind::Dangling,
                Err(_) => EntryKind::File,
            };
            (inside, entry)
        };
        let entries = fs::read_dir(self.resolve(path)?)?;
        entries.map(|entry| entry.map(classify)).collect()
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        fs::read_link(self.resolve(parent)?.join(name))
    }
}

/// A tree in memory: for tests, and for text that comes from elsewhere.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    nodes: BTreeMap<PathBuf, Node>,
}

#[derive(Clone, Debug)]
enum Node {
    File(Vec<u8>),
    Other(EntryKind),
}

impl MemoryTree {
    /// The tree with one file more, by its absolute path.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>, text: impl Into<Vec<u8>>) -> Self {
        self.nodes.insert(path.into(), Node::File(text.into()));
        self
    }

    /// The tree with something in it that is no file and can't be read.
    #[must_use]
    pub fn entry(mut self, path: impl Into<PathBuf>, entry: EntryKind) -> Self {
        self.nodes.insert(path.into(), Node::Other(entry));
        self
    }
}

impl FileTree for MemoryTree {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.nodes.get(&Path::new("/").join(path)) {
            Some(Node::File(text)) => Ok(text.clone()),
            Some(Node::Other(_)) => Err(io::Error::other("not a regular file")),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(PathBuf, EntryKind)>> {
        let directory = Path::new("/").join(path);
        let mut entries = BTreeMap::new();
        for (node_path, node) in &self.nodes {
            let Ok(rest) = node_path.strip_prefix(&directory) else {
                continue;
            };
            let mut names = rest.components();
            let Some(name) = names.next() else {
                return Err(io::ErrorKind::NotADirectory.into());
            };
            let entry = match node {
                Node::File(_) if names.next().is_none() => EntryKind::File,
                Node::Other(entry) if names.next().is_none() => *entry,
                _ => EntryKind::Directory,
            };
            entries.insert(path.join(name), entry);
        }
        if entries.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(entries.into_iter().collect())
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        // A tree in memory has no links.
        let is_there = self.nodes.contains_key(&Path::new("/").join(path));
        Err(match is_there {
            true => io::ErrorKind::InvalidInput.into(),
            false => io::ErrorKind::NotFound.into(),
        })
    }
}

/// The text of the files that were read, for showing lines.
#[derive(Debug, Default)]
pub struct Sources {
    files: FnvHashMap<Arc<Path>, Source>,
}

#[derive(Debug)]
struct Source {
    text: Arc<[u8]>,
    /// The offsets at which lines begin: found on the first question, as most files have none.
    lines: OnceLock<Vec<usize>>,
}

impl Sources {
    /// Keeps the text of a file, and returns it for reading.
    pub fn insert(&mut self, path: Arc<Path>, text: Vec<u8>) -> Arc<[u8]> {
        let text: Arc<[u8]> = text.into();
        let source = Source {
            text: Arc::clone(&text),
            lines: OnceLock::new(),
        };
        self.files.insert(path, source);
        text
    }

    /// The line of a place, without its line feed.
    pub fn line(&self, place: &Place) -> Option<&[u8]> {
        let source = self.files.get(&place.file)?;
        let lines = source.lines.get_or_init(|| {
            let feeds = source.text.iter().enumerate();
            let after = feeds.filter(|(_, byte)| **byte == b'\n');
            std::iter::once(0)
                .chain(after.map(|(offset, _)| offset + 1))
                .collect()
        });
        let index = usize::try_from(place.line).ok()?.checked_sub(1)?;
        let start = *lines.get(index)?;
        let end = match lines.get(index + 1) {
            Some(next) => next - 1,
            None => source.text.len(),
        };
        source.text.get(start..end)
    }
}
