//! What the generator has written, read while it is not at work.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use xinetd_core::installed::{SEEN, STAMP};
use xinetd_core::translate::SpecDirectory;

use super::record::Record;

/// The pause before it is looked again whether the generator has come to its end.
const PAUSE: Duration = Duration::from_millis(20);

/// How often it is looked: half a minute.
const LOOKS: u32 = 1500;

/// The mark of the generator that all is written.
pub(super) struct ReloadStamp {
    /// Where the generator leaves it.
    new: PathBuf,
    /// Where it is from the moment when this program has seen it.
    seen: PathBuf,
}

impl ReloadStamp {
    /// That of the services of this machine.
    pub(super) fn usual() -> Self {
        Self::within(SpecDirectory::usual().path())
    }

    fn within(directory: &Path) -> Self {
        Self {
            new: directory.join(STAMP),
            seen: directory.join(SEEN),
        }
    }

    /// Whether a reload has come that this program has not seen yet.
    pub(super) fn is_new(&self) -> bool {
        self.new.exists()
    }

    /// What is wanted, once the generator is not at work; a reload that comes later has a new stamp.
    ///
    /// # Errors
    /// In words, if the generator does not come to an end or its files can't be read.
    pub(super) fn wanted(&self) -> Result<Record, String> {
        self.settled(LOOKS, Record::wanted)
    }

    fn settled<T>(&self, looks: u32, mut read: impl FnMut() -> io::Result<T>) -> Result<T, String> {
        for _ in 0..looks {
            // First of all: a reload from now on starts us once more.
            match fs::rename(&self.new, &self.seen) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(format!("{}: {error}", self.new.display()));
                }
                _ => {}
            }
            // Each reload removes the directory first, and what is read meanwhile is a part.
            let generation = || fs::metadata(&self.seen).ok().map(|file| file.ino());
            let before = generation();
            let wanted = read();
            if before.is_some() && generation() == before {
                return wanted.map_err(|error| format!("the units can't be read: {error}"));
            }
            thread::sleep(PAUSE);
        }
        Err(format!(
            "{} does not come: `systemctl daemon-reload` has the generator write it",
            self.new.display()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of its own, in which the generator has not been at work yet.
    fn stamp(name: &str) -> (PathBuf, ReloadStamp) {
        let directory = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let stamp = ReloadStamp::within(&directory);
        (directory, stamp)
    }

    #[test]
    fn what_is_read_while_the_generator_works_is_read_again() {
        let (directory, stamp) = stamp("generated-again");
        fs::write(&stamp.new, "").unwrap();
        let mut reads = 0;
        let read = stamp.settled(2, || {
            reads += 1;
            if reads == 1 {
                // The next reload removes all, and is over after this look.
                fs::remove_file(&stamp.seen).unwrap();
                fs::write(&stamp.new, "").unwrap();
            }
            Ok(reads)
        });
        assert_eq!(read, Ok(2));
        assert!(!stamp.is_new());
        fs::write(&stamp.new, "").unwrap();
        assert!(stamp.is_new(), "one that comes later is not lost");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_generator_that_never_ends_is_said_with_what_helps() {
        let (directory, stamp) = stamp("generated-never");
        let error = stamp.settled(1, || Ok(())).unwrap_err();
        assert!(error.contains("systemctl daemon-reload"), "{error}");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn files_that_can_not_be_read_are_told_from_a_stamp_that_can_not_be_moved() {
        let (directory, stamp) = stamp("generated-broken");
        fs::write(&stamp.new, "").unwrap();
        let broken = || Err::<(), _>(io::ErrorKind::InvalidData.into());
        let error = stamp.settled(1, broken).unwrap_err();
        assert!(error.starts_with("the units can't be read: "), "{error}");
        fs::write(&stamp.new, "").unwrap();
        fs::remove_file(&stamp.seen).unwrap();
        fs::create_dir(&stamp.seen).unwrap();
        let error = stamp.settled(1, || Ok(())).unwrap_err();
        let path = stamp.new.display().to_string();
        assert!(error.starts_with(&format!("{path}: ")), "{error}");
        fs::remove_dir_all(directory).unwrap();
    }
}
