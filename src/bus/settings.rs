//! The `[bans]` section of [`options::FILE`] that is in force.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use xinetd_core::bans::BanOptions;
use xinetd_core::config::DiskTree;
use xinetd_core::options;

/// What is in force: the file's section, or the last one that could be read.
#[derive(Debug)]
pub(super) struct Settings {
    path: PathBuf,
    /// The file that was read last; none where there was none.
    stamp: Option<Stamp>,
    in_force: BanOptions,
    /// Why the file can't be read, in words.
    problem: Option<String>,
}

/// What changes with a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Settings {
    /// Reads the file at `path`; where it can't be read, `last_good` is in force.
    pub(super) fn open(path: &Path, last_good: Option<&BanOptions>) -> Self {
        let mut this = Self {
            path: path.to_owned(),
            stamp: None,
            in_force: last_good.cloned().unwrap_or_default(),
            problem: None,
        };
        this.read(Stamp::of(path));
        this
    }

    /// Reads the file again if it has changed; true if something else is in force now.
    pub(super) fn refresh(&mut self) -> bool {
        let stamp = Stamp::of(&self.path);
        if stamp == self.stamp {
            return false;
        }
        let before = self.in_force.clone();
        self.read(stamp);
        before != self.in_force
    }

    /// What is in force.
    pub(super) fn in_force(&self) -> &BanOptions {
        &self.in_force
    }

    /// Why the file can't be read, in words, if it can't.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    fn read(&mut self, stamp: Option<Stamp>) {
        self.stamp = stamp;
        let file = self.path.display();
        match options::Options::read_at(&DiskTree::new(None), &self.path).bans() {
            Ok(options) => {
                if self.problem.take().is_some() {
                    log::info!("{file}: its [bans] section is in force again");
                }
                self.in_force = options;
            }
            Err(why) => {
                log::error!(
                    "{file}: {why}; bans go by the last [bans] section that could be read; \
                     `xinetdctl check` shows what to mend"
                );
                self.problem = Some(why);
            }
        }
    }
}

impl Stamp {
    /// The one of the file at `path`; none where there is none, or where it can't be told.
    fn of(path: &Path) -> Option<Self> {
        let found: io::Result<fs::Metadata> = fs::metadata(path);
        found.ok().map(|file| Self {
            inode: (file.dev(), file.ino()),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}
