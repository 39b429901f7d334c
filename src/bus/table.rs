//! The table of bans on its way into the file that helpers read.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::bans::table::{BUCKET, BUCKETS, Header, SIZE, SLOT, Slot, find, place, slots};
use crate::bans::{Ban, Change, Ipv6Prefix, Origin, Subject};

/// The file.
#[derive(Debug)]
pub(super) struct Table {
    file: File,
    header: Header,
}

impl Table {
    /// A new one with these bans, in place of what is at `path`.
    ///
    /// # Errors
    /// If it can't be written.
    pub(super) fn create<'a>(
        path: &Path,
        prefix: Ipv6Prefix,
        bans: impl Iterator<Item = &'a Ban>,
    ) -> io::Result<Self> {
        let temporary = path.with_extension("new");
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // All may read it: helpers run as any user.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&temporary)?;
        let random = RandomState::new();
        let key = [random.hash_one(1), random.hash_one(2)];
        let header = Header { key, prefix };
        file.set_len(SIZE)?;
        file.write_all_at(&header.encode(), 0)?;
        let table = Self { file, header };
        for ban in bans {
            table.set(ban)?;
        }
        fs::rename(&temporary, path)?;
        Ok(table)
    }

    /// The bans in the table that a predecessor has left at `path`; none where there is no table
    /// of this boot that can be read.
    pub(super) fn left(path: &Path) -> Option<(Ipv6Prefix, Vec<Slot>)> {
        let file = File::open(path).ok()?;
        let mut header = [0; Header::SIZE];
        file.read_exact_at(&mut header, 0).ok()?;
        let header = Header::decode(&header)?;
        let mut bans = Vec::new();
        for number in 0..BUCKETS {
            let mut bucket = [0; BUCKET];
            file.read_exact_at(&mut bucket, Header::nth_bucket(number))
                .ok()?;
            bans.extend(slots(&bucket).flatten());
        }
        Some((header.prefix, bans))
    }

    /// Follows the list; `ban` gives what it says of someone.
    ///
    /// # Errors
    /// If it can't be written.
    pub(super) fn follow<'a>(
        &self,
        change: &Change,
        ban: impl Fn(Subject) -> Option<&'a Ban>,
    ) -> io::Result<()> {
        for &subject in &change.removed {
            let (start, bucket) = self.bucket(subject)?;
            if let Some(slot) = find(&bucket, subject) {
                self.file.write_all_at(&[0; SLOT], at(start, slot))?;
            }
        }
        match change.set.and_then(|(subject, _)| ban(subject)) {
            Some(ban) => self.set(ban),
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

/// Where the slot with this number is in the bucket that begins at `start`.
fn at(start: u64, slot: usize) -> u64 {
    start + (slot * SLOT) as u64
}
