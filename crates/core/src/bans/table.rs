//! The table of bans: a file in which a helper finds a peer by one read.
//!
//! It is a hash table of [`BUCKETS`] buckets with `SLOTS` slots each, behind one page with the
//! [`Header`]. The coordinator alone writes, slot by slot; helpers read while it does. A helper that meets
//! a slot that is written at that moment sees the old or the new one, or a mixture that is no client's.
//! The hash is keyed at random, so that no client can choose addresses that fill one bucket.

use std::hash::Hasher;
use std::time::Duration;

use super::boot::BootId;
use super::list::Until;
use super::peer::{Ipv6Prefix, Subject};

/// The buckets of a table.
pub const BUCKETS: u64 = 1024;
/// The slots of a bucket: four times as many as there are on average when the list is full.
pub(crate) const SLOTS: usize = 64;
/// The bytes of a slot.
pub const SLOT: usize = 32;
/// The bytes of a bucket.
pub const BUCKET: usize = SLOTS * SLOT;
/// Where the first bucket begins.
const START: u64 = 4096;
/// The bytes of a whole table; what is not in use takes no room.
pub const SIZE: u64 = START + BUCKETS * BUCKET as u64;

const MAGIC: [u8; 16] = *b"xinetd-bans\0\0\0\0\x02";
const FOREVER: u64 = u64::MAX;
const USED: u8 = 1;
const ADMINISTRATOR: u8 = 2;

/// What a table begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The boot whose clock the ends of bans are for.
    pub boot: BootId,
    /// The key of the hash.
    pub key: [u64; 2],
    /// What counts of IPv6 addresses.
    pub prefix: Ipv6Prefix,
}

impl Header {
    /// Its bytes.
    pub const SIZE: usize = 49;

    /// As it stands in the file.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..16].copy_from_slice(&MAGIC);
        bytes[16..32].copy_from_slice(&self.boot.to_bytes());
        bytes[32..40].copy_from_slice(&self.key[0].to_le_bytes());
        bytes[40..48].copy_from_slice(&self.key[1].to_le_bytes());
        bytes[48] = self.prefix.bits();
        bytes
    }

    /// The one that stands in a file; none if that is no table of this format.
    pub fn decode(bytes: &[u8; Self::SIZE]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<16>()?;
        let (boot, rest) = rest.split_first_chunk::<16>()?;
        let (first, rest) = rest.split_first_chunk::<8>()?;
        let (second, rest) = rest.split_first_chunk::<8>()?;
        let prefix = Ipv6Prefix::new(*rest.first()?)?;
        (*magic == MAGIC).then_some(Self {
            boot: BootId::from_bytes(*boot),
            key: [u64::from_le_bytes(*first), u64::from_le_bytes(*second)],
            prefix,
        })
    }

    /// Where in the file the bucket of `subject` begins.
    pub fn bucket(&self, subject: Subject) -> u64 {
        #[expect(
            deprecated,
            reason = "std has no other hash whose key can be given, and this one will not change"
        )]
        let mut hasher = std::hash::SipHasher::new_with_keys(self.key[0], self.key[1]);
        hasher.write(&subject.to_bits().to_be_bytes());
        Self::nth_bucket(hasher.finish() % BUCKETS)
    }

    /// Where in the file the bucket with this number begins.
    pub fn nth_bucket(number: u64) -> u64 {
        START + number * BUCKET as u64
    }
}

/// One slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// [`Subject::to_bits`].
    pub address: u128,
    /// When the ban ends, to the microsecond.
    pub until: Until,
    /// Whether an administrator wanted it.
    pub administrator: bool,
}

impl Slot {
    /// As it stands in the file.
    pub fn encode(&self) -> [u8; SLOT] {
        let mut bytes = [0; SLOT];
        let until = match self.until {
            Until::At(end) => u64::try_from(end.as_micros()).unwrap_or(FOREVER),
            Until::Forever => FOREVER,
        };
        bytes[..16].copy_from_slice(&self.address.to_be_bytes());
        bytes[16..24].copy_from_slice(&until.to_le_bytes());
        bytes[24] = USED | if self.administrator { ADMINISTRATOR } else { 0 };
        bytes
    }

    /// The one that stands in a file; none if it is empty.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (address, rest) = bytes.split_first_chunk::<16>()?;
        let (until, rest) = rest.split_first_chunk::<8>()?;
        let flags = *rest.first()?;
        (flags & USED != 0).then_some(Self {
            address: u128::from_be_bytes(*address),
            until: match u64::from_le_bytes(*until) {
                FOREVER => Until::Forever,
                end => Until::At(Duration::from_micros(end)),
            },
            administrator: flags & ADMINISTRATOR != 0,
        })
    }
}

/// The slots of a bucket.
pub fn slots(bucket: &[u8; BUCKET]) -> impl Iterator<Item = Option<Slot>> {
    bucket.chunks_exact(SLOT).map(Slot::decode)
}

/// When the ban of `subject`, whose bucket this is, ends, if it is banned now.
pub fn until(bucket: &[u8; BUCKET], subject: Subject, now: Duration) -> Option<Until> {
    let address = subject.to_bits();
    slots(bucket)
        .flatten()
        .find(|slot| slot.address == address && !slot.until.is_past(now))
        .map(|slot| slot.until)
}

/// Whether a whole table, as its file holds it, has a ban that has not ended.
pub fn has_bans(table: &[u8], now: Duration) -> bool {
    let start = usize::try_from(START).unwrap_or(usize::MAX);
    let slots = table.get(start..).unwrap_or_default().chunks_exact(SLOT);
    slots
        .filter_map(Slot::decode)
        .any(|slot| !slot.until.is_past(now))
}

/// Which slot of its bucket `subject` has.
pub fn find(bucket: &[u8; BUCKET], subject: Subject) -> Option<usize> {
    let address = subject.to_bits();
    slots(bucket).position(|slot| slot.is_some_and(|slot| slot.address == address))
}

/// The slot of its bucket that `subject` has or gets: a free one, or where there is none, that of the
/// ban that ends first.
pub fn place(bucket: &[u8; BUCKET], subject: Subject) -> usize {
    let free = || slots(bucket).position(|slot| slot.is_none());
    let first = || {
        let ends = slots(bucket).map(|slot| slot.map(|slot| slot.until));
        let least = ends.enumerate().min_by_key(|(_, until)| *until);
        least.map_or(0, |(index, _)| index)
    };
    find(bucket, subject).or_else(free).unwrap_or_else(first)
}
