//! The table of bans on its way into the file that helpers read.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use xinetd_core::bans::table::{BUCKET, BUCKETS, Header, SIZE, SLOT, Slot, find, place, slots};
use xinetd_core::bans::{Ban, BootId, Ipv6Prefix, Origin, Subject, TableChange};

/// It names the peers of all services, which other users have no right to know: helpers that may not open it are
/// given it by the coordinator.
const MODE: u32 = 0o600;

/// The file, which is there from the first ban on: without it, helpers know that no address is banned.
#[derive(Debug)]
pub(super) struct Table {
    path: PathBuf,
    boot: BootId,
    prefix: Ipv6Prefix,
    open: Option<OpenTable>,
}

impl Table {
    /// The one at `path` with these bans and no others; a new one in its place where that is of another
    /// boot or has another prefix.
    ///
    /// Helpers hold it open: as long as it stays the same file they need no coordinator to read it.
    ///
    /// # Errors
    /// If it can't be written.
    pub(super) fn take_over<'a>(
        path: &Path,
        boot: BootId,
        prefix: Ipv6Prefix,
        bans: impl Iterator<Item = &'a Ban>,
    ) -> io::Result<Self> {
        let bans: HashMap<u128, &Ban> = bans.map(|ban| (ban.subject.to_bits(), ban)).collect();
        let mut this = Self {
            path: path.to_owned(),
            boot,
            prefix,
            open: None,
        };
        if let Some(open) = OpenTable::again(path, boot, prefix) {
            open.keep(|slot| bans.contains_key(&slot.address))?;
            for ban in bans.into_values() {
                open.set(ban)?;
            }
            this.open = Some(open);
        } else if bans.is_empty() {
            remove(path)?;
        } else {
            this.create(bans.into_values())?;
        }
        Ok(this)
    }

    /// The one at `path` that can't be written yet: helpers see none, or that of before.
    pub(super) fn unwritten(path: &Path, boot: BootId, prefix: Ipv6Prefix) -> Self {
        Self {
            path: path.to_owned(),
            boot,
            prefix,
            open: None,
        }
    }

    /// Whether what helpers find at its path is what was written last, as far as the header and the size tell: another
    /// program may have changed, replaced or removed it.
    pub(super) fn is_intact(&self) -> bool {
        let found = fs::symlink_metadata(&self.path);
        let Some(OpenTable {
            file,
            header: known,
        }) = &self.open
        else {
            return found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        };
        let (Ok(found), Ok(open)) = (found, file.metadata()) else {
            return false;
        };
        (found.dev(), found.ino()) == (open.dev(), open.ino())
            && open.len() == SIZE
            && header(file).as_ref() == Some(known)
    }

    /// Removes it: no address is banned.
    ///
    /// # Errors
    /// As unlink(2).
    pub(super) fn remove(&mut self) -> io::Result<()> {
        self.open = None;
        remove(&self.path)
    }

    /// The bans in the table that a predecessor has left at `path`; none where there is no table
    /// of this boot.
    ///
    /// # Errors
    /// If there is one that can't be read.
    pub(super) fn left(path: &Path, boot: BootId) -> io::Result<Option<(Ipv6Prefix, Vec<Slot>)>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let header = header(&file).ok_or_else(|| io::Error::other("it is no table of bans"))?;
        if header.boot != boot {
            return Ok(None);
        }
        let mut bans = Vec::new();
        for number in 0..BUCKETS {
            let mut bucket = [0; BUCKET];
            file.read_exact_at(&mut bucket, Header::nth_bucket(number))
                .map_err(|_| io::Error::other("it is cut off"))?;
            bans.extend(slots(&bucket).flatten());
        }
        Ok(Some((header.prefix, bans)))
    }

    /// Keeps a copy of what can't be read, to be looked at, and tells where. The file itself stays until another one
    /// takes its place: helpers that have it open see by its end that it counts no more.
    ///
    /// # Errors
    /// If it can't be copied.
    pub(super) fn put_aside(path: &Path) -> io::Result<PathBuf> {
        let aside = path.with_extension("bad");
        remove(&aside)?;
        let mut options = OpenOptions::new();
        let mut copy = options
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&aside)?;
        let copied = File::open(path).and_then(|file| io::copy(&mut file.take(SIZE), &mut copy));
        copied.map(|_| aside)
    }

    /// Follows the list; `ban` gives what it says of a subject.
    ///
    /// # Errors
    /// If it can't be written.
    pub(super) fn follow<'a>(
        &mut self,
        change: &TableChange,
        ban: impl Fn(Subject) -> Option<&'a Ban>,
    ) -> io::Result<()> {
        let set = change.set.and_then(|(subject, _)| ban(subject));
        match &self.open {
            Some(open) => {
                for &subject in &change.removed {
                    open.remove(subject)?;
                }
                set.map_or(Ok(()), |ban| open.set(ban))
            }
            None if set.is_some() => self.create(set.into_iter()),
            None => Ok(()),
        }
    }

    /// Makes it with these bans, whole or not at all.
    fn create<'a>(&mut self, bans: impl Iterator<Item = &'a Ban>) -> io::Result<()> {
        let temporary = self.path.with_extension("new");
        remove(&temporary)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&temporary)?;
        let random = RandomState::new();
        let header = Header {
            boot: self.boot,
            key: [random.hash_one(1), random.hash_one(2)],
            prefix: self.prefix,
        };
        file.set_len(SIZE)?;
        file.write_all_at(&header.encode(), 0)?;
        let open = OpenTable { file, header };
        for ban in bans {
            open.set(ban)?;
        }
        fs::rename(&temporary, &self.path)?;
        self.open = Some(open);
        Ok(())
    }
}

/// A table that is there.
#[derive(Debug)]
struct OpenTable {
    file: File,
    header: Header,
}

impl OpenTable {
    /// The one at `path`, if it can go on as it is.
    fn again(path: &Path, boot: BootId, prefix: Ipv6Prefix) -> Option<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(path).ok()?;
        let header = header(&file)?;
        let found = file.metadata().ok()?;
        let is_right = header.boot == boot && header.prefix == prefix;
        let is_whole = found.len() == SIZE && found.mode() & 0o777 == MODE;
        (is_right && is_whole).then_some(Self { file, header })
    }

    /// Empties all slots but these.
    fn keep(&self, is_kept: impl Fn(Slot) -> bool) -> io::Result<()> {
        for number in 0..BUCKETS {
            let start = Header::nth_bucket(number);
            let mut bucket = [0; BUCKET];
            self.file.read_exact_at(&mut bucket, start)?;
            for (index, slot) in slots(&bucket).enumerate() {
                if slot.is_some_and(|slot| !is_kept(slot)) {
                    self.file.write_all_at(&[0; SLOT], at(start, index))?;
                }
            }
        }
        Ok(())
    }

    fn remove(&self, subject: Subject) -> io::Result<()> {
        let (start, bucket) = self.bucket(subject)?;
        match find(&bucket, subject) {
            Some(slot) => self.file.write_all_at(&[0; SLOT], at(start, slot)),
            None => Ok(()),
        }
    }

    fn set(&self, ban: &Ban) -> io::Result<()> {
        let (start, bucket) = self.bucket(ban.subject)?;
        let slot = Slot {
            address: ban.subject.to_bits(),
            until: ban.until,
            administrator: ban.origin == Origin::Administrator,
        };
        let offset = at(start, place(&bucket, ban.subject));
        self.file.write_all_at(&slot.encode(), offset)
    }

    fn bucket(&self, subject: Subject) -> io::Result<(u64, [u8; BUCKET])> {
        let start = self.header.bucket(subject);
        let mut bucket = [0; BUCKET];
        self.file.read_exact_at(&mut bucket, start)?;
        Ok((start, bucket))
    }
}

/// Removes a file that need not be there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn header(file: &File) -> Option<Header> {
    let mut header = [0; Header::SIZE];
    file.read_exact_at(&mut header, 0).ok()?;
    Header::decode(&header)
}

/// Where the slot with this number is in the bucket that begins at `start`.
fn at(start: u64, slot: usize) -> u64 {
    start + (slot * SLOT) as u64
}
