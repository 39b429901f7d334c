//! The bans of the machine, as a helper sees them: it looks each client up in the coordinator's
//! table, by one read of 2 KiB. Nothing is kept, watched or waited for; where there is no table
//! there are no bans.

use std::fs::File;
use std::net::IpAddr;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use crate::bans::table::{self, BUCKET, Header};
use crate::bans::{Subject, Until};

use super::clock::Moment;

/// The table, once there is one.
#[derive(Debug)]
pub(crate) struct Bans {
    path: PathBuf,
    open: Option<(File, Header)>,
}

impl Bans {
    /// Those in the table at `path`, which may come later.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    /// When the ban of `peer` ends, if it is banned now.
    pub(crate) fn until(&mut self, peer: IpAddr, now: Moment) -> Option<Until> {
        let (file, header) = self.table()?;
        let subject = Subject::of(peer, header.prefix);
        let mut bucket = [0; BUCKET];
        file.read_exact_at(&mut bucket, header.bucket(subject))
            .ok()?;
        table::until(&bucket, subject, now.0)
    }

    fn table(&mut self) -> Option<&(File, Header)> {
        // One that was deleted has been replaced, or is to count no more.
        let stale = |file: &File| file.metadata().map_or(0, |file| file.nlink()) == 0;
        if self.open.as_ref().is_none_or(|(file, _)| stale(file)) {
            self.open = self.read();
        }
        self.open.as_ref()
    }

    fn read(&self) -> Option<(File, Header)> {
        let file = File::open(&self.path).ok()?;
        let mut header = [0; Header::SIZE];
        file.read_exact_at(&mut header, 0).ok()?;
        Some((file, Header::decode(&header)?))
    }
}
